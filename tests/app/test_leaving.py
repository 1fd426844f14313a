"""What carries much away is confirmed with the password: once, for this, in this session, within a minute."""

import pytest

from app.leaving import COOKIE, ROUTES
from tests.app.conftest import PASSWORD, confirmed, open_world
from tests.app.test_routes import every_route

EXPORT = "/api/audit/export?form=fhir"


def grant(browser, target=EXPORT, password=PASSWORD):
    """Ask for one."""
    return browser.post("/api/grants", json={"target": target, "password": password})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An application of its own: its clock is moved."""
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture
def auditor(world):
    return world.sign_in("auditor")


def code(answer):
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def test_every_export_wants_the_password_first(world):
    """Whoever finds a screen open takes nothing along; what the refusal says, says what to do."""
    answered = {path for method, path in every_route(world.client.app.app) if method == "GET"}
    whose = {
        "/api/studies/{study_id}/deidentified.zip": "clinician",
        "/api/review/export.csv": "researcher",
        "/api/review/export.jsonl": "researcher",
        "/api/review/pairs.jsonl": "researcher",
        "/api/audit/export": "auditor",
    }

    assert set(ROUTES) == set(whose) <= answered
    for route, role in whose.items():
        answer = world.sign_in(role).get(route.replace("{study_id}", "0" * 32))
        assert code(answer) == (403, "app.confirm_first")
        assert "password" in answer.json()["error"]["sentence"]
        assert world.entries("access.refused")[0]["route"] == route


def test_a_grant_opens_one_address_once(world, auditor):
    """Given for the password, used up by the download; both stand in the record, the secret in neither."""
    given = grant(auditor)
    first, second = auditor.get(EXPORT), auditor.get(EXPORT)

    cookie = given.headers["set-cookie"]
    secret = cookie.split("=", 1)[1].split(";")[0]
    assert (given.status_code, given.json()) == (201, {"seconds": 60})
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/", "Max-Age=60"))
    assert first.status_code == 200
    assert code(second) == (403, "app.confirm_first")
    entries = [world.entries(action)[0] for action in ("grant.given", "grant.used", "access.refused")]
    assert {one["route"] for one in entries} == {"/api/audit/export"}
    assert secret not in str(entries) and secret not in first.text


@pytest.mark.parametrize("other", ["/api/audit/export", f"{EXPORT}&after=3", "/api/audit/export?form=syslog"])
def test_a_grant_opens_nothing_else(auditor, other):
    """Not even the same export in another form: what was confirmed is what was shown."""
    grant(auditor)

    assert code(auditor.get(other)) == (403, "app.confirm_first")
    assert auditor.get(EXPORT).status_code == 200


def test_anothers_grant_opens_nothing(world, auditor):
    """It belongs to the session that confirmed: neither another person nor the same one elsewhere can use it."""
    user = world.person("auditor")
    here, there = world.sign_in("auditor", user), world.sign_in("auditor", user)
    grant(here)
    secret = here.cookies[COOKIE]

    for stranger in (auditor, there):
        stranger.cookies.set(COOKIE, secret)
        assert code(stranger.get(EXPORT)) == (403, "app.confirm_first")
    assert world.browser(cookie=f"{COOKIE}={secret}").get(EXPORT).status_code == 401
    assert here.get(EXPORT).status_code == 200


def test_a_grant_is_over_after_a_minute_and_with_its_session(world, auditor):
    """A download that begins later is confirmed again."""
    grant(auditor)
    world.clock.advance(seconds=61)

    assert code(auditor.get(EXPORT)) == (403, "app.confirm_first")
    grant(auditor)
    auditor.post("/logout")
    assert auditor.get(EXPORT).status_code == 401


def test_a_later_grant_ends_the_one_before(auditor):
    """One download is confirmed at a time."""
    grant(auditor)
    first = auditor.cookies[COOKIE]
    grant(auditor, "/api/audit/export")

    assert auditor.get("/api/audit/export").status_code == 200
    auditor.cookies.set(COOKIE, first, domain="testserver.local", path="/")
    assert code(auditor.get(EXPORT)) == (403, "app.confirm_first")


@pytest.mark.parametrize(
    ("target", "password", "refused"),
    [
        (EXPORT, "wrong wrong wrong", (403, "app.wrong_password")),
        ("/api/review/export.csv", PASSWORD, (404, "app.not_here")),
        ("/api/session", PASSWORD, (422, "app.invalid")),
        ("//evil.example/api/audit/export", PASSWORD, (422, "app.invalid")),
        ("/api/audit/export/", PASSWORD, (422, "app.invalid")),
    ],
)
def test_no_grant_for_a_wrong_password_or_for_what_is_not_ones_own(auditor, target, password, refused):
    """Nothing is set, and nothing opens."""
    answer = grant(auditor, target, password)

    assert code(answer) == refused
    assert "set-cookie" not in answer.headers
    assert auditor.get(EXPORT).status_code == 403


def test_a_program_takes_exports_with_the_scope_for_it_alone(world, auditor):
    """Making a token asks for the password; what it may take away was decided then, for nobody can be asked later."""
    wanted = {"label": "monthly", "days": 1}
    refused = auditor.post("/api/tokens", json={**wanted, "password": "wrong wrong wrong"})
    answers = {}
    for scope in ("read", "write", "export"):
        made = auditor.post("/api/tokens", json={**wanted, "scope": scope, "password": PASSWORD})
        bearer = {"authorization": f"Bearer {made.json()['secret']}"}
        program = world.browser(**bearer)
        body = {"target": EXPORT, "password": PASSWORD}
        answers[scope] = (program.get(EXPORT), program.post("/api/grants", json=body))

    assert code(refused) == (403, "app.wrong_password")
    assert {scope: answer.status_code for scope, (answer, _) in answers.items()} == {
        "read": 403,
        "write": 403,
        "export": 200,
    }
    assert code(answers["read"][0]) == (403, "app.export_scope")
    assert {asked.status_code for _, asked in answers.values()} == {403}


def test_an_export_that_fails_later_is_confirmed_anew(world):
    """The grant is gone before the study is looked for, so it tells nothing of what is there."""
    browser = world.sign_in("clinician")
    address = f"/api/studies/{'0' * 32}/deidentified.zip?dates=shift"

    assert confirmed(browser, address).status_code == 404
    assert code(browser.get(address)) == (403, "app.confirm_first")
