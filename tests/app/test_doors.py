"""The whole table of routes once more, walked by who has the patients shared and by who opened them in an emergency.

A member reaches what `routes.csv` says and nothing else, an emergency reader only looks; when the share was taken back
and the emergency is over, both find nothing, on every route.
"""

import re

import pytest

from app.leaving import ROUTES
from app.policy import PAGES
from tests.app.conftest import PASSWORD, open_world
from tests.app.holdings import holdings
from tests.app.test_routes import LAST, QUERIES, STREAM, bodies, every_route, table, told

NUMBERS = ("QF-71", "QF-72", "QF-2")
"""Of the owner's patients."""
OF_PATIENTS = re.compile(r"\{(study|series|instance|answer)_id\}|^/api/reports/")
GONE = "404 storage.not_found"


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
def walked(world, held):
    """What the table says and what came, for both; first the one who only looks, so that nothing is changed by it."""
    routes = {(m, p.replace(":path}", "}")) for m, p in every_route(world.client.app.app)}
    ours = sorted(
        (m, p)
        for m, p in routes
        if m in ("GET", "POST", "PUT", "PATCH", "DELETE")
        and not p.startswith(tuple(PAGES))
        and p not in LAST
        and p != STREAM
    )
    answers = {}
    reader = world.person("clinician")
    browser, emergencies = world.sign_in("clinician", reader), []
    for number in NUMBERS:
        asked = {"number": number, "reason": "Bleeding, and nobody answers.", "password": PASSWORD}
        opened = browser.post("/api/emergencies", json=asked)
        assert opened.status_code == 201, opened.text
        emergencies.append(opened.json()["id"])
    answers["emergency"] = _walk(held, browser, ours)
    for one in emergencies:
        assert browser.post(f"/api/emergencies/{one}/end").status_code == 200
    answers["ended"] = _walk(held, browser, [*ours, ("GET", STREAM)])

    member = world.person("clinician")
    browser, shares = world.sign_in("clinician", member), []
    for line in held.browser.get("/api/studies").json()["studies"]:
        place = f"/api/studies/{line['study_id']}/access"
        shared = held.browser.post(place, json={"colleague_id": member.id})
        assert shared.status_code == 201, shared.text
        shares.append(f"{place}/{shared.json()['id']}")
    answers["member"] = _walk(held, browser, ours)
    for one in shares:
        assert held.browser.delete(one).status_code == 200
    answers["taken back"] = _walk(held, browser, [*ours, ("GET", STREAM)])
    return answers


def _walk(held, browser, routes):
    sent, found = bodies(held), {}
    for method, path in routes:
        address = held.path(method, path) + QUERIES.get(path, "")
        if path in ROUTES:
            browser.post("/api/grants", json={"target": address, "password": PASSWORD})
        body = sent.get((method, path), None if method == "GET" else {})
        found[method, path] = told(browser.request(method, address, json=body))
    return found


@pytest.mark.parametrize("who", ["member", "emergency"])
def test_each_gets_of_each_route_what_the_table_says(walked, who):
    """Route by way of seeing, each with things that are there and a body that is valid."""
    expected = table("routes.csv")

    wrong = {key: (got, expected[key][who]) for key, got in walked[who].items() if got != expected[key][who]}

    assert wrong == {}


@pytest.mark.parametrize("who", ["ended", "taken back"])
def test_nothing_is_left_afterwards(walked, who):
    """Every route of a patient's, read or written, answers as if nobody had ever been there."""
    left = {key: got for key, got in walked[who].items() if OF_PATIENTS.search(key[1]) and got != GONE}

    assert sum(1 for key in walked[who] if OF_PATIENTS.search(key[1])) > 40
    assert left == {}


def test_the_table_lets_an_emergency_change_nothing_and_a_member_nothing_of_the_owners():
    """The table itself: what changes something is refused in an emergency, and four things are the owner's alone."""
    rows = table("routes.csv")
    of_patients = {key: row for key, row in rows.items() if OF_PATIENTS.search(key[1])}
    owners = {key for key, row in of_patients.items() if row["member"] == "403 storage.owners_only"}

    assert len(of_patients) > 40
    for (method, path), row in of_patients.items():
        if method != "GET":
            assert row["emergency"] == "403 storage.only_looking", (method, path)
        assert row["emergency"] in ("403 storage.only_looking", row["owner"], "-"), (method, path)
    assert {row["emergency"] for (_, p), row in of_patients.items() if p.endswith(("/pdf", ".zip"))} == {
        "403 storage.only_looking"
    }
    assert {path.removeprefix("/api/studies/{study_id}/") for _, path in owners} == {
        "access",
        "access/{share_id}",
        "deidentified.zip",
        "erasure",
        "releases",
        "releases/picture.png",
    }
