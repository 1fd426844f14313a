"""Signing in and out, and the end of a session."""

import re

import pytest

from tests.app.conftest import PASSWORD, open_world


def form_token(browser):
    return re.search(r'name="csrf" value="([^"]+)"', browser.get("/login").text).group(1)


def test_a_stranger_is_sent_to_sign_in_and_then_to_where_they_wanted(world):
    """A link in a mail leads through the form to the study, and to nothing else on the way."""
    browser, user = world.browser(), world.person("clinician")

    asked = browser.get("/app/study?id=abc", headers={"accept": "text/html"})
    answer = browser.post(
        "/login",
        data={
            "username": user.username,
            "password": PASSWORD,
            "csrf": form_token(browser),
            "next": "/app/study?id=abc",
        },
    )

    assert asked.headers["location"] == "/login?next=%2Fapp%2Fstudy%3Fid%3Dabc"
    assert answer.headers["location"] == "/app/study?id=abc"


def test_nobody_is_led_away_from_this_site(world):
    """A forged link must not turn the sign-in page into a signpost to another one."""
    for target in ("//evil.example/", "https://evil.example/", "/\\evil.example"):
        browser, user = world.browser(), world.person("clinician")

        answer = browser.post(
            "/login",
            data={
                "username": user.username,
                "password": PASSWORD,
                "csrf": form_token(browser),
                "next": target,
            },
        )

        assert answer.headers["location"] == "/app/"


def test_a_wrong_password_is_said_and_recorded(world):
    """The form comes back with a sentence, in the reader's language, and the record says who was tried."""
    browser, user = world.browser(), world.person("clinician")
    data = {"username": user.username, "password": "wrong wrong wrong", "csrf": form_token(browser)}

    answer = browser.post("/login", data=data, headers={"accept-language": "ko-KR"})

    assert answer.status_code == 401
    assert "비밀번호가 올바르지 않습니다" in answer.text
    assert world.entries("session.refused")[0]["object"]["id"] == user.id


def test_the_form_of_another_site_signs_nobody_in(world):
    """Without the token of our own form, a page elsewhere could sign a reader in as somebody else."""
    browser, user = world.browser(), world.person("clinician")

    answer = browser.post("/login", data={"username": user.username, "password": PASSWORD, "csrf": "guessed"})

    assert answer.status_code == 403
    assert browser.get("/api/session").status_code == 401


def test_the_cookie_is_for_this_site_and_no_script(world):
    """The session cannot be read by a script, sent in clear, or sent along from elsewhere."""
    browser, user = world.browser(), world.person("clinician")

    answer = browser.post(
        "/login", data={"username": user.username, "password": PASSWORD, "csrf": form_token(browser)}
    )

    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-dragonfly="))
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "domain" not in cookie.lower()


def test_signing_out_ends_the_session_on_the_server(world):
    """A cookie that was copied before is worth nothing after."""
    browser = world.sign_in("clinician")
    copied = browser.cookies["__Host-dragonfly"]

    answer = browser.post("/logout")

    other = world.browser()
    late = other.get("/api/session", headers={"cookie": f"__Host-dragonfly={copied}"})
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert late.status_code == 401
    assert late.json()["error"]["code"] == "app.signed_out"


def test_a_session_at_rest_ends_and_says_so(own_world):
    """After the idle time the page is told to sign in again, and that what is typed stays."""
    browser = own_world.sign_in("clinician")
    assert browser.get("/api/session").status_code == 200

    own_world.clock.advance(minutes=16)
    answer = browser.get("/api/studies")

    assert answer.status_code == 401
    assert answer.json()["error"]["sentence"].startswith("You are signed out.")


def test_a_session_in_use_lasts_but_not_for_ever(own_world):
    """Use keeps a session alive past the idle time, and never past the longest one."""
    browser = own_world.sign_in("clinician")
    for _ in range(3):
        own_world.clock.advance(minutes=10)
        assert browser.get("/api/session").status_code == 200

    for _ in range(72):
        own_world.clock.advance(minutes=10)
        last = browser.get("/api/session").status_code

    assert last == 401


def test_a_person_who_leaves_is_out_at_once(world):
    """An account that is switched off ends every session it has."""
    user = world.person("clinician")
    browser, admin = world.sign_in("clinician", user), world.sign_in("admin")

    answer = admin.patch(f"/api/users/{user.id}", json={"active": False})

    assert answer.status_code == 200
    assert browser.get("/api/session").status_code == 401


def test_preferences_follow_the_person(world):
    """Language and theme are kept on the server and hold in the next browser."""
    user = world.person("clinician")
    world.sign_in("clinician", user).patch("/api/session", json={"language": "ko", "theme": "dark"})

    session = world.sign_in("clinician", user).get("/api/session").json()

    assert (session["language"], session["theme"]) == ("ko", "dark")


def test_a_page_left_alone_does_not_keep_its_session_alive(own_world):
    """What the page asks by itself every few seconds is no sign of a person."""
    browser = own_world.sign_in("clinician")
    states = []
    for _ in range(4):
        own_world.clock.advance(minutes=5)
        states.append(browser.get("/api/status").status_code)

    assert states == [200, 200, 401, 401]


def test_guessing_gets_slower_and_never_locks_out_for_good(own_world):
    """After three wrong tries each waits longer; the right password works again once the time is over."""
    user = own_world.person("clinician")

    def attempt(password):
        browser = own_world.browser()
        data = {"username": user.username, "password": password, "csrf": form_token(browser)}
        return browser.post("/login", data=data)

    tried = [attempt("wrong wrong wrong").status_code for _ in range(4)]
    own_world.clock.advance(minutes=6)

    assert tried == [401, 401, 401, 429]
    assert attempt(PASSWORD).status_code == 303


@pytest.mark.parametrize(("step", "status"), [(1, 200), (30, 200), (120, 401), (3600, 401), (86_400, 401)])
def test_a_clock_that_is_set_back_prolongs_no_session(tmp_path, step, status):
    """By less than a minute nobody notices; beyond, how old a session is cannot be told, and it is over for good."""
    with open_world(tmp_path) as world:
        browser = world.sign_in("clinician")
        world.clock.advance(seconds=-step)

        assert browser.get("/api/session").status_code == status
        assert len(world.sign_in("clinician").get("/api/account/sessions").json()["sessions"]) == 1
