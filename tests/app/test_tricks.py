"""Tricks to reach what is another's, by somebody signed in: of paths, headers, sessions, and of ids inside a body."""

import re

import pytest

from app.policy import POLICY
from tests.app.conftest import open_world, settled, upload
from tests.app.holdings import MARKER, holdings, of_owner
from tests.app.test_reading import study_with_picture
from tests.app.test_routes import QUERIES
from tests.samples import ct_series

UNSAFE = [(method, rule.path) for rule in POLICY for method in rule.methods if method != "GET" and rule.roles]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """An application of its own: what waits in it would be found by other tests."""
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture(scope="module")
def held(world):
    """The owner's things."""
    return holdings(world)


@pytest.fixture(scope="module")
def other(world):
    """A second clinician."""
    return world.sign_in("clinician")


@pytest.fixture(scope="module")
def own(other, held):
    """A study of the second clinician, and what is open of it."""
    return study_with_picture(other, sent_by, *ct_series(3, study="79"))


def sent_by(browser, *files):
    """An upload once it is read."""
    return settled(browser, upload(browser, *files))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"x-csrf-token": "guessed"},
        {"x-csrf-token": ""},
    ],
    ids=lambda one: "-".join(f"{k}={v}" for k, v in one.items()),
)
def test_no_change_is_made_for_a_page_of_somebody_else(world, held, headers):
    """Every route that changes something, in the owner's own session: a foreign page cannot use it."""
    browsers = {
        "clinician": held.browser,
        **{r: world.sign_in(r) for r in ("admin", "auditor", "researcher")},
    }
    roles = {(method, rule.path): rule.roles[0] for rule in POLICY if rule.roles for method in rule.methods}

    answers = {
        (method, path): browsers[roles[method, path]].request(
            method, held.path(method, path), headers=headers, json={}
        )
        for method, path in UNSAFE
    }

    assert len(answers) > 30
    codes = {key: (one.status_code, one.json()["error"]["code"]) for key, one in answers.items()}
    assert set(codes.values()) == {(403, "app.foreign_origin")}


@pytest.mark.parametrize(
    "path",
    [
        "/app/gradio_api/queue/data?session_hash={answer_id}",
        "/app/gradio_api/heartbeat/{answer_id}",
        "/app/gradio_api/file=/tmp/{study_id}.png",
        "/app/gradio_api/file={study_id}/../../etc/passwd",
        "/app/gradio_api/file=file:///etc/passwd",
        "/app/gradio_api/file=http://127.0.0.1/",
        "/app/gradio_api/proxy=http://127.0.0.1/",
        "/app/gradio_api/stream/{answer_id}/0/0/playlist.m3u8",
        "/app/gradio_api/openapi.json",
        "/app/gradio_api/info",
        "/app/gradio_api/upload_progress?upload_id={upload_id}",
        "/app/openapi.json",
        "/app/config",
        "/app/monitoring/summary",
        "/app/../api/studies/{study_id}",
        "/app/%2e%2e/api/studies/{study_id}",
        "/app/static/%2e%2e/%2e%2e/api/studies/{study_id}",
        "/app/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/app/assets/../../../../app/settings.py",
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2fsettings.py",
        "/static//etc/passwd",
        "//api/studies/{study_id}",
        "/api//studies/{study_id}",
        "/api/studies/{study_id}/",
        "/api/studies/{study_id}/.",
        "/api/studies/{study_id}%00",
        "/api/studies/{study_id}%0a",
        "/api/studies/{study_id};a=b",
        "/API/studies/{study_id}",
        "/api/studies/%7bstudy_id%7d",
        "/api/studies/*",
        "/api/studies/%25",
        "/api/studies/{study_id}?owner_id={user_id}",
        "/api/studies/{study_id}/thumbnail?user_id={user_id}",
        "/api/studies/' OR owner_id = '{user_id}",
        "/api/studies?search={marker}",
        "/api/studies?search=%25&state=&sort=owner_id&cursor=-1",
        "/api/instances/{instance_id}/frames/-1",
        "/api/series/{study_id}/manifest",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_no_spelling_of_an_address_leads_to_somebody_else(held, other, path, method):
    """Paths climbed, doubled, encoded and decorated, and every method: nothing of the owner's, nothing of the machine's."""
    address = path.format(marker=MARKER, **held.ids)

    answer = other.request(method, address)

    assert answer.status_code in (200, 400, 403, 404, 405, 422), answer.text
    assert not any(secret in answer.text for secret in held.secrets)
    assert "root:" not in answer.text and "BaseSettings" not in answer.text
    if answer.status_code == 200:
        assert path.startswith("/api/studies?")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-http-method-override": "DELETE"},
        {"x-original-url": "/health"},
        {"x-rewrite-url": "/health"},
        {"x-forwarded-user": "admin"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-forwarded-host": "evil.example"},
        {"x-user-id": "{user_id}"},
        {"authorization": "Bearer {token_id}"},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
        {"cookie": "__Host-dragonfly={user_id}"},
        {"range": "bytes=0-10"},
        {"if-none-match": "*"},
    ],
    ids=lambda one: next(iter(one)),
)
def test_no_header_makes_somebody_somebody_else(held, other, headers):
    """Nothing that a client can say of itself changes who it is."""
    said = {name: value.format(**held.ids) for name, value in headers.items()}

    answer = other.get(f"/api/studies/{held.ids['study_id']}", headers=said)

    assert answer.status_code in (401, 404)
    assert MARKER not in answer.text


def test_ids_of_another_inside_a_body_are_not_followed(held, other, own):
    """A question, mark, report, plane or upload of one's own that names a picture, mark or study of somebody else's."""
    study_id, view = own
    foreign, ids = held.view, held.ids
    point = {"tool": "probe", "points": [[1, 1]]}
    tries = [
        ("POST", f"/api/studies/{study_id}/questions", {"question": "Whose?", "view": foreign}),
        (
            "POST",
            f"/api/studies/{study_id}/questions",
            {"question": "Whose?", "view": {**view, "sources": [foreign]}},
        ),
        ("POST", f"/api/studies/{study_id}/captions", {"view": foreign}),
        (
            "POST",
            f"/api/studies/{study_id}/captions",
            {"view": {**view, "sources": [view, foreign], "montage": True}},
        ),
        ("POST", f"/api/studies/{study_id}/report", {"view": foreign}),
        ("POST", f"/api/studies/{study_id}/report", {"view": view, "fields": [foreign]}),
        ("POST", f"/api/studies/{study_id}/marks", {**point, "instance_id": foreign["instance_id"]}),
        (
            "POST",
            f"/api/studies/{study_id}/marks",
            {**point, "instance_id": view["instance_id"], "replaces": ids["mark_id"]},
        ),
        ("DELETE", f"/api/studies/{study_id}/marks/{ids['mark_id']}", None),
        ("GET", f"/api/studies/{study_id}/marks/{ids['mark_id']}", None),
    ]

    answers = [other.request(method, path, json=body) for method, path, body in tries]

    assert {one.status_code for one in answers} <= {404, 422}, [
        (one.status_code, one.text) for one in answers
    ]
    assert [
        one["id"] for one in held.browser.get(f"/api/studies/{ids['study_id']}/marks").json()["marks"]
    ] == [ids["mark_id"]]


def test_a_shared_patient_is_no_way_to_the_owners_others(world, held):
    """On a study that is shared, ids of a patient who is not: the same owner's, and still not there."""
    person = world.person("clinician")
    colleague = world.sign_in("clinician", person)
    shared = held.elsewhere["/api/studies/{study_id}/releases"]["study_id"]
    place = f"/api/studies/{shared}"
    assert held.browser.post(f"{place}/access", json={"colleague_id": person.id}).status_code == 201
    series = colleague.get(place).json()["series"][0]["series_id"]
    frame = colleague.get(f"/api/series/{series}/manifest").json()["frames"][0]
    own, foreign = {"instance_id": frame["instance_id"], "frame": 0}, held.view
    probe = {"tool": "probe", "points": [[1, 1]]}
    tries = [
        ("POST", f"{place}/questions", {"question": "Whose?", "view": foreign}),
        ("POST", f"{place}/questions", {"question": "Whose?", "view": {**own, "sources": [own, foreign]}}),
        ("POST", f"{place}/captions", {"view": foreign}),
        ("POST", f"{place}/marks", {**probe, "instance_id": foreign["instance_id"]}),
        ("POST", f"{place}/marks", {**probe, **own, "replaces": held.ids["mark_id"]}),
        ("DELETE", f"{place}/marks/{held.ids['mark_id']}", None),
        ("GET", f"/api/studies/{held.ids['study_id']}", None),
        ("GET", f"/api/answers/{held.ids['answer_id']}", None),
        ("POST", f"/api/answers/{held.ids['answer_id']}/stop", None),
    ]

    answers = [colleague.request(method, path, json=body) for method, path, body in tries]

    assert {(one.status_code, one.json()["error"]["code"]) for one in answers} == {(404, "storage.not_found")}
    assert not any(secret in one.text for one in answers for secret in (MARKER, held.ids["study_id"]))


def test_an_upload_cannot_join_a_study_of_another(held, other):
    """Files sent to somebody else's study end in no study of theirs, and say nothing of it."""
    before = held.browser.get(f"/api/studies/{held.ids['study_id']}").json()["study"]["instances"]

    upload_id = upload(other, *ct_series(1, study="78"), finish=False)
    answer = other.post(f"/api/uploads/{upload_id}/finish", json={"study_id": held.ids["study_id"]})
    after = held.browser.get(f"/api/studies/{held.ids['study_id']}").json()["study"]["instances"]

    assert answer.status_code == 404
    assert before == after == 3


def test_the_same_file_sent_by_two_people_shows_neither_the_other(held, other):
    """One content is one file on the disk; whose patient it is stays with each."""
    found = sent_by(other, *of_owner())

    assert found["duplicates"] == 0
    assert found["studies"][0]["study_id"] != held.ids["study_id"]


def test_nobody_gives_themselves_another_role(world, other):
    """Fields that a form does not have are not taken from a body, and nobody but the administrator changes people."""
    mine = other.get("/api/session").json()["user"]

    other.patch("/api/session", json={"theme": "dark", "role": "admin", "active": False, "user_id": "x"})
    refused = other.patch(f"/api/users/{mine['id']}", json={"role": "admin"})

    assert refused.status_code == 403
    assert other.get("/api/session").json()["user"] == mine


PICTURES = sorted(
    rule.path
    for rule in POLICY
    if rule.roles
    and "GET" in rule.methods
    and re.search(r"\.png$|/thumbnail$|/tiles/|/frames/\{frame\}$|/plane$", rule.path)
)


def test_the_address_of_a_picture_is_no_key_to_it(world, held, other):
    """It opens for its owner's live session and for nothing else: not for a colleague, nobody, or who signed out.

    So an address in a log, a history or a mail gives nothing away, and needs no signature that ends.
    """
    addresses = {path: held.path("GET", path) + QUERIES.get(path, "") for path in PICTURES}
    own = {path: one for path, one in addresses.items() if not path.startswith("/api/review/")}
    mine = world.sign_in("clinician", held.user)

    seen = {path: mine.get(one) for path, one in own.items()}
    again = {path: mine.get(one) for path, one in own.items()}
    mine_after = mine.post("/logout")

    assert len(addresses) == 13 and len(own) == 12
    assert {path: one.status_code for path, one in seen.items() if one.status_code != 200} == {}
    assert all(one.headers["cache-control"] in ("no-store", "private, max-age=600") for one in again.values())
    assert mine_after.headers["clear-site-data"] == '"cache", "storage"'
    for path, address in addresses.items():
        assert other.get(address).status_code == (403 if path.startswith("/api/review/") else 404), path
        assert world.browser().get(address).status_code == 401, path
        assert mine.get(address).status_code == 401, path
    assert not any(re.search(r"(?i)token|sig|key|secret|csrf", address) for address in addresses.values())
