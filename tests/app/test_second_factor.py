"""The second factor over the real routes: set up, asked at the door and before signing, lost and taken off."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from app.cli import main
from storage.factors import code_at, step_of
from storage.pdf.drawing import qr_modules, qr_svg
from tests.app.conftest import PASSWORD, open_world
from tests.app.test_reading import drafted


def secret_of(spelled):
    """The bytes of a secret that is shown in groups of letters."""
    import base64

    plain = spelled.replace(" ", "")
    return base64.b32decode(plain + "=" * (-len(plain) % 8))


def code_now(world, secret):
    """What an authenticator shows; the clock goes on, so that each is a new one."""
    world.clock.advance(seconds=90)
    return code_at(secret, step_of(world.clock()))


def enrol(world, browser):
    """Set up as the page does; secret and recovery codes."""
    begun = browser.post("/api/account/factor", json={"password": PASSWORD})
    assert begun.status_code == 201, begun.text
    secret = secret_of(begun.json()["secret"])
    done = browser.post("/api/account/factor/confirm", json={"code": code_now(world, secret)})
    assert done.status_code == 200, done.text
    return secret, done.json()["recovery"]


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page).group(1)


def at_the_door(world, user, target="/"):
    """The right password; the browser and the answer to it."""
    browser = world.browser()
    data = {"username": user.username, "password": PASSWORD, "next": target}
    return browser, browser.post("/login", data={**data, "csrf": hidden(browser.get("/login").text, "csrf")})


def send_code(browser, code):
    form = browser.get("/login/code?next=/app/study").text
    data = {"code": code, "csrf": hidden(form, "csrf"), "next": hidden(form, "next")}
    return browser.post("/login/code", data=data)


def test_with_a_second_factor_the_password_alone_opens_nothing(own_world):
    """Password, then code, then the page that was wanted; the code that was used opens no second browser."""
    user = own_world.person("clinician")
    secret, _ = enrol(own_world, own_world.sign_in("clinician", user))

    browser, answer = at_the_door(own_world, user, "/app/study")
    before = browser.get("/api/session").status_code
    half = {"cookie": f"__Host-dragonfly={browser.cookies['__Host-dragonfly-half']}"}
    misused = own_world.browser().get("/api/session", headers=half).status_code
    code = code_now(own_world, secret)
    entered = send_code(browser, code)
    again, _ = at_the_door(own_world, user)

    assert answer.headers["location"] == "/login/code?next=%2Fapp%2Fstudy"
    assert (before, misused) == (401, 401)
    assert (entered.status_code, entered.headers["location"]) == (303, "/app/study")
    assert browser.get("/api/session").json()["second_factor"] is True
    assert "__Host-dragonfly-half" not in browser.cookies
    assert send_code(again, code).status_code == 401
    assert own_world.entries("factor.checked")[0]["outcome"] == "failure"


def test_the_page_for_the_code_is_nobodys_without_a_password(world):
    """No session that waits: back to the beginning. A foreign form gets nowhere."""
    browser = world.browser()

    assert browser.get("/login/code").headers["location"] == "/login"
    assert browser.post("/login/code", data={"code": "123456", "csrf": "guessed"}).status_code == 403


def test_wrong_codes_wait_and_too_late_is_from_the_beginning(own_world):
    """After three wrong codes the next is not looked at; after five minutes the password is asked again."""
    user = own_world.person("clinician")
    secret, _ = enrol(own_world, own_world.sign_in("clinician", user))
    browser, _ = at_the_door(own_world, user)

    tried = [send_code(browser, "000000").status_code for _ in range(4)]
    own_world.clock.advance(minutes=6)
    late = browser.get("/login/code")

    assert tried == [401, 401, 401, 429]
    assert late.headers["location"] == "/login"
    browser, _ = at_the_door(own_world, user)
    assert send_code(browser, code_now(own_world, secret)).status_code == 303


@pytest.mark.parametrize("language", ["en", "ko"])
def test_where_the_site_demands_it_the_door_sets_it_up(tmp_path, language):
    """Nobody of the role gets in without; key and QR code stay the same until they are confirmed; codes are shown once."""
    with open_world(tmp_path, second_factor="auditor") as world:
        user = world.person("auditor")
        world.sign_in("clinician")
        browser, _ = at_the_door(world, user)
        first, second = browser.get("/login/code").text, browser.get("/login/code").text
        spelled = re.search(r"<code>([A-Z2-7 ]+)</code>", first).group(1)

        entered = send_code(browser, code_now(world, secret_of(spelled)))

        assert spelled in second and "<svg" in second
        assert entered.status_code == 200
        assert len(re.findall(r"<li><code>[A-Z2-7-]+</code></li>", entered.text)) == 10
        assert browser.get("/api/audit").status_code == 200
        browser.headers["x-csrf-token"] = browser.get("/api/session").json()["csrf"]
        kept = browser.post(
            "/api/account/factor/remove",
            json={"password": PASSWORD, "code": code_now(world, secret_of(spelled))},
        )
        assert (kept.status_code, kept.json()["error"]["code"]) == (409, "app.factor_demanded")


def test_signing_asks_for_the_code_as_well(own_world, sent):
    """Who sits down at an open page and has seen the password signs nothing."""
    browser = own_world.sign_in("clinician")
    _, report = drafted(own_world, browser, sent)
    secret, _ = enrol(own_world, browser)
    address = f"/api/reports/{report['id']}"
    lines = browser.get(f"{address}/checklist").json()["checklist"]
    body = {
        "version": report["version"],
        "password": PASSWORD,
        "acknowledged": [line["code"] for line in lines if line["level"] == "warn"],
    }

    answers = [
        browser.post(f"{address}/sign", json={**body, "code": code})
        for code in ("", "000000", code_now(own_world, secret))
    ]

    found = [(one.status_code, one.json().get("error", {}).get("code")) for one in answers]
    assert found == [(403, "app.code_needed"), (403, "app.wrong_code"), (200, None)]


def test_lost_and_found(own_world):
    """A recovery code lets in once; new ones end the old; the administrator takes a lost factor off, and all sessions with it."""
    user = own_world.person("clinician")
    mine = own_world.sign_in("clinician", user)
    secret, codes = enrol(own_world, mine)
    browser, _ = at_the_door(own_world, user)
    used = [send_code(browser, codes[0]).status_code]
    browser, _ = at_the_door(own_world, user)
    used.append(send_code(browser, codes[0]).status_code)
    left = mine.get("/api/account/factor").json()
    renewed = mine.post(
        "/api/account/factor/recovery", json={"password": PASSWORD, "code": code_now(own_world, secret)}
    )
    admin = own_world.sign_in("admin")
    listed = {one["id"]: one["second_factor"] for one in admin.get("/api/users").json()}
    refused = admin.post(f"/api/users/{user.id}/factor/remove", json={"password": "wrong wrong wrong"})
    taken = admin.post(f"/api/users/{user.id}/factor/remove", json={"password": PASSWORD})

    assert used == [303, 401]
    assert left == {"enrolled": True, "recovery_left": 9, "demanded": False}
    assert len(set(renewed.json()["recovery"]) - set(codes)) == 10
    assert listed[user.id] is True
    assert (refused.status_code, taken.status_code) == (403, 200)
    assert mine.get("/api/session").status_code == 401
    assert at_the_door(own_world, user)[1].headers["location"] == "/app/"


def test_people_end_their_sessions_and_nobody_elses(world):
    """Where one is signed in, with device, address and time; one, all others, or by the administrator all."""
    user = world.person("researcher")
    mine, second, third = (world.sign_in("researcher", user) for _ in range(3))
    other, admin = world.sign_in("researcher"), world.sign_in("admin")
    listed = mine.get("/api/account/sessions").json()["sessions"]
    (foreign,) = other.get("/api/account/sessions").json()["sessions"]
    named = {one["id"] for one in second.get("/api/account/sessions").json()["sessions"] if one["here"]}

    assert len(listed) == 3 and sum(one["here"] for one in listed) == 1
    assert all(one["ip"] == "testclient" and one["opened_at"] for one in listed)
    assert mine.delete(f"/api/account/sessions/{foreign['id']}").status_code == 404
    assert mine.delete(f"/api/account/sessions/{named.pop()}").status_code == 200
    assert [one.get("/api/session").status_code for one in (mine, second, third)] == [200, 401, 200]
    assert mine.delete("/api/account/sessions").json() == {"ended": 1}
    assert [one.get("/api/session").status_code for one in (mine, third)] == [200, 401]
    assert admin.post(f"/api/users/{user.id}/sign-out").json() == {"ended": 1}
    assert [one.get("/api/session").status_code for one in (mine, other)] == [401, 200]


def test_a_program_does_not_change_how_its_owner_signs_in(world):
    """A token that may write sets up, renews and removes no second factor."""
    owner = world.sign_in("clinician")
    made = owner.post(
        "/api/tokens", json={"label": "p", "scope": "write", "days": 1, "password": PASSWORD}
    ).json()
    bearer = {"authorization": f"Bearer {made['secret']}"}
    body = {"password": PASSWORD, "code": "000000"}

    for path in ("", "/confirm", "/recovery", "/remove"):
        answer = world.browser().post(f"/api/account/factor{path}", json=body, headers=bearer)
        assert answer.status_code == 403


def test_the_drawn_code_is_the_code(world):
    """Every dark module of the QR code is drawn, inside of a quiet zone of four, and nothing else is."""
    modules = np.array(qr_modules("otpauth://totp/x"), bool)

    drawn = ElementTree.fromstring(qr_svg("otpauth://totp/x"))

    side = len(modules) + 8
    seen = np.zeros((side, side), bool)
    for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1", drawn[1].get("d")):
        seen[int(y), int(x) : int(x) + int(length)] = True
    assert drawn.get("viewBox") == f"0 0 {side} {side}"
    assert (seen[4:-4, 4:-4] == modules).all() and seen.sum() == modules.sum()


def test_the_server_takes_off_what_the_last_administrator_lost(tmp_path, monkeypatch, capsys):
    """By the command line, in the record; without a second factor, and for nobody, it says so."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path))
    with open_world(tmp_path) as world:
        user = world.person("admin", "chief")
        enrol(world, world.sign_in("admin", user))

    assert main(["user", "factor-off", "Chief"]) == 0
    assert main(["user", "factor-off", "chief"]) != 0
    assert main(["user", "factor-off", "nobody"]) != 0
    assert "no such user" in capsys.readouterr().err
    with open_world(tmp_path) as world:
        assert at_the_door(world, user)[1].headers["location"] == "/admin/"
        assert world.entries("factor.removed")[0]["actor"]["id"] == "system"
