"""Every route of the running application, Gradio's own included, tried by everybody.

What each person gets stands in `routes.csv` (ours) and `routes_of_pages.csv` (Gradio's, four times over): the status,
and for a refusal its code, so that `404 storage.not_found` of somebody else's study is told from a route that is not
there. A route that is in neither fails, and so does a line without a route.
"""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from app.leaving import ROUTES
from app.policy import PAGES, rule_for
from tests.app.conftest import PASSWORD, open_world
from tests.app.holdings import MARKER, Holdings, holdings
from tests.app.test_slides import DETAILS

HERE = Path(__file__).parent
WHO = ("nobody", "researcher", "auditor", "other", "owner", "admin")
"""In the order in which they try; `other` is a second clinician. The administrator ends what the owner asked for."""
RESIDENTS = {"/app": "owner", "/research": "researcher", "/admin": "admin", "/audit": "auditor"}
REVIEWED = (
    "/reports",
    "/reports/{report_id}",
    "/reports/{report_id}/reviews",
    "/pairs.jsonl",
    "/export.jsonl",
    "/export.csv",
)
KNOWN_BY_OFFICE = {
    *(("researcher", f"/api/review{rest}") for rest in REVIEWED),
    ("auditor", "/api/audit"),
    ("auditor", "/api/audit/export"),
    ("auditor", "/api/emergencies"),
    ("auditor", "/api/emergencies/{emergency_id}"),
}
"""Who judges a report knows it by its id, and the record names everything by its id; neither tells a name."""
LAST = ("/login", "/logout")
STREAM = "/api/answers/{answer_id}/stream"
"""Lasts until a worker ends the answer; its owner reads it in `test_real_server.py`."""


def every_route(app: Any, prefix: str = "") -> Any:
    """Method and path of everything the application could answer, Gradio's applications included."""
    for route in app.routes:
        if isinstance(route, Mount):
            if getattr(route.app, "routes", None):
                yield from every_route(route.app, prefix + route.path)
            else:
                yield "GET", f"{prefix}{route.path}/{{path:path}}"
        elif isinstance(route, Route):
            yield from ((method, prefix + route.path) for method in route.methods or ())
        elif hasattr(route, "original_router"):
            yield from every_route(route.original_router, prefix)
        else:
            yield "ANY", prefix + getattr(route, "path", str(route))


def table(name: str) -> dict[tuple[str, str], dict[str, str]]:
    """A table by method and path."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return {(row.pop("method"), row.pop("path")): row for row in csv.DictReader(file)}


def bodies(held: Holdings) -> dict[tuple[str, str], Any]:
    """What is sent along, valid each time: a body that is refused first would hide who may send it."""
    view, item = held.view, held.release
    return {
        ("POST", "/api/uploads"): {"files": 1, "bytes": 1},
        ("POST", "/api/uploads/{upload_id}/details"): DETAILS,
        ("PATCH", "/api/studies/{study_id}"): {"urgent": True},
        ("POST", "/api/studies/{study_id}/access"): {"colleague_id": held.colleague},
        ("POST", "/api/studies/{study_id}/marks"): {
            "tool": "probe",
            "instance_id": view["instance_id"],
            "points": [[1, 1]],
        },
        ("POST", "/api/studies/{study_id}/questions"): {"question": "Clear?", "view": view},
        ("POST", "/api/studies/{study_id}/captions"): {"view": view},
        ("POST", "/api/studies/{study_id}/report"): {"view": view},
        ("PUT", "/api/reports/{report_id}"): {"version": 1, "sections": {}},
        ("POST", "/api/reports/{report_id}/preliminary"): {"version": 1},
        ("POST", "/api/reports/{report_id}/sign"): {"version": 1, "password": PASSWORD},
        ("POST", "/api/reports/{report_id}/addenda"): {"text": "More.", "password": PASSWORD},
        ("POST", "/api/studies/{study_id}/releases"): {"item": item},
        ("POST", "/api/studies/{study_id}/erasure"): {"reason": "court_order"},
        ("POST", "/api/erasures/{erasure_id}/confirm"): {"password": "wrong wrong wrong"},
        ("POST", "/api/holds"): {"number": "QF-99", "reason": "investigation"},
        ("POST", "/api/emergencies"): {
            "number": "QF-0",
            "reason": "Unconscious in the shock room.",
            "password": PASSWORD,
        },
        ("POST", "/api/emergencies/{emergency_id}/review"): {"verdict": "justified", "note": "Seen."},
        ("POST", "/api/teams"): {"name": "Tried"},
        ("PATCH", "/api/teams/{team_id}"): {"members": [held.user.id]},
        ("POST", "/api/review/reports/{report_id}/reviews"): {"rating": 3},
        ("POST", "/api/users"): {
            "username": "tried",
            "display_name": "T",
            "role": "admin",
            "password": PASSWORD,
        },
        ("PATCH", "/api/users/{user_id}"): {"display_name": "Renamed"},
        ("POST", "/api/tokens"): {"label": "tried", "days": 1, "password": PASSWORD},
        ("POST", "/api/grants"): {"target": "/api/audit/export", "password": PASSWORD},
        ("POST", "/api/papers/check"): {"sha256": "0" * 64},
        ("PATCH", "/api/session"): {"theme": "dark"},
        ("POST", "/api/account/factor"): {"password": PASSWORD},
        ("POST", "/api/account/factor/recovery"): {"password": PASSWORD},
        ("POST", "/api/account/factor/remove"): {"password": PASSWORD},
        ("POST", "/api/account/factor/confirm"): {"code": "000000"},
        ("POST", "/api/users/{user_id}/factor/remove"): {"password": PASSWORD},
    }


QUERIES = {
    **dict.fromkeys(
        ("/api/series/{series_id}/plane", "/api/series/{series_id}/plane.png"),
        "?at=0,0,2.5&right=1,0,0&down=0,1,0",
    ),
    "/api/uploads/{upload_id}/parts/{number}": "?offset=0",
    "/api/audit/receipt": "?seq=0",
    "/api/audit/continuation": "?size=1",
}


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
    """Every answer of every route of ours, by who asked; and how the owner's things looked before and after others tried."""
    answers, before, after = {}, {}, {}
    routes = sorted({(m, p.replace(":path}", "}")) for m, p in every_route(world.client.app.app)}, key=_turn)
    ours = [(m, p) for m, p in routes if m in ("GET", "POST", "PUT", "PATCH", "DELETE") and not _is_page(p)]
    sent = bodies(held)
    for who in WHO:
        browser = held.browser if who == "owner" else _browser(world, who)
        if who == "researcher":
            before = _looked(held, ours)
        if who == "owner":
            after = _looked(held, ours)
        for method, path in ours:
            if (path, who) == (STREAM, "owner"):
                continue
            address = held.path(method, path) + QUERIES.get(path, "")
            if path in ROUTES:
                browser.post("/api/grants", json={"target": address, "password": PASSWORD})
            body = sent.get((method, path), None if method == "GET" else {})
            answers[method, path, who] = browser.request(method, address, json=body)
    return answers, before, after


def _turn(route: tuple[str, str]) -> tuple[Any, ...]:
    """Looking first, then changes, then what ends one thing, then what ends all of them, then what ends the session."""
    method, path = route
    ends = method == "DELETE"
    return path in LAST, ends, method != "GET", -path.count("/") if ends else 0, path, method


def _is_page(path: str) -> bool:
    return path.startswith(tuple(PAGES))


def _browser(world: Any, who: str) -> Any:
    if who == "nobody":
        return world.browser()
    return world.sign_in("clinician" if who == "other" else who)


def _looked(held: Holdings, routes: list[tuple[str, str]]) -> dict[str, tuple[str, bytes]]:
    """The owner's things as the owner sees them."""
    paths = [
        p
        for m, p in routes
        if m == "GET" and re.search(r"\{(study|series|instance|answer|report|upload)_id", p)
    ]
    # With whom a patient could be shared is no thing of the owner's: it grows with the house.
    left_out = (".zip", "/pdf", "/stream", "/access")
    own = [p for p in paths if not p.startswith("/api/review") and not p.endswith(left_out)]
    found = {path: held.browser.get(held.path("GET", path) + QUERIES.get(path, "")) for path in own}
    # A refusal carries a reference of its own each time.
    return {path: (told(one), one.content if one.is_success else b"") for path, one in found.items()}


def told(answer: Any) -> str:
    """Status, and the code of a refusal."""
    if answer.status_code < 400:
        return str(answer.status_code)
    is_json = answer.content and answer.headers["content-type"] == "application/json"
    code = answer.json().get("error", {}).get("code", "-") if is_json else "-"
    return f"{answer.status_code} {code}"


def test_every_route_stands_in_a_table_and_every_line_stands_for_a_route(world):
    """A route that somebody adds, or that a new Gradio brings, is decided on before it can answer."""
    routes = {(m, p.replace(":path}", "}")) for m, p in every_route(world.client.app.app) if m != "OPTIONS"}
    heads = {("HEAD", path) for method, path in routes if method == "GET"}
    tabled = set(table("routes.csv")) | set(_pages())

    assert len(routes) > 400
    assert routes - tabled - heads == set()
    assert tabled - routes == set()


def _pages() -> dict[tuple[str, str], dict[str, str]]:
    rows = table("routes_of_pages.csv")
    return {(m, place + p): row for (m, p), row in rows.items() for place in row["where"].split()}


def test_each_person_gets_of_each_route_what_the_table_says(walked):
    """Route by role by ownership, each route with things that are there and a body that is valid."""
    answers, _, _ = walked
    expected = table("routes.csv")

    wrong = {
        (who, method, path): (told(answer), expected[method, path][who])
        for (method, path, who), answer in answers.items()
        if told(answer) != expected[method, path][who]
    }

    assert wrong == {}


def test_the_table_lets_nobody_to_what_is_somebody_elses():
    """The table itself: a second clinician gets no route with an id of the owner's, and the roles are those of the policy."""
    rows = table("routes.csv")
    owned = {p for _, p in rows if re.search(r"\{(study|series|instance|answer|upload|token)_id\}", p)}
    owned |= {p for _, p in rows if p.startswith("/api/reports/")}

    assert len(owned) > 40
    assert {rows[key]["other"] for key in rows if key[1] in owned} == {"404 storage.not_found"}
    for (method, path), row in rows.items():
        rule = rule_for(method, re.sub(r"\{.*?\}", "0", path))
        assert rule is not None, path
        for who in set(WHO) - {"nobody"}:
            role = "clinician" if who in ("owner", "other") else who
            refused = rule.roles is not None and role not in rule.roles
            assert (row[who] == "403 app.forbidden") == refused, (method, path, who)
        if rule.roles is not None:
            assert row["nobody"] == "401 app.signed_out"


def test_nobody_else_reads_or_changes_anything_of_the_owners(walked, held):
    """No answer to anybody else holds the patient's name or an id of the owner's, and all looks as before they tried."""
    answers, before, after = walked

    told_to_others = [
        (who, method, path, secret)
        for (method, path, who), answer in answers.items()
        if who != "owner"
        for secret in ({MARKER} if (who, path) in KNOWN_BY_OFFICE else held.secrets)
        if secret.encode() in answer.content
    ]

    assert len(before) > 20
    assert told_to_others == []
    assert before == after


def test_each_person_gets_of_gradios_routes_what_the_table_says(world):
    """Of some eighty routes of each of the four applications the pages and their styles answer, to their own role."""
    browsers = {who: _browser(world, who) for who in ("nobody", "researcher", "auditor", "admin")}
    browsers["owner"] = world.sign_in("clinician")
    wrong = {}
    for (method, path), row in _pages().items():
        mount = "/" + path.split("/")[1]
        resident = RESIDENTS[mount]
        stranger = "auditor" if resident == "admin" else "admin"
        address = re.sub(r"\{path:?.*?\}", "page.css", re.sub(r"\{(?!path)[^}]*\}", "0", path))
        for column, who in (("nobody", "nobody"), ("stranger", stranger), ("resident", resident)):
            answer = browsers[who].request(method, address)
            if told(answer) != row[column]:
                wrong[who, method, path] = (told(answer), row[column])

    assert wrong == {}
