"""The guard: nothing answers that is not in the table, nobody gets what is another role's, no page is forged."""

import re

import pytest

from app.policy import ALL, POLICY
from app.ui.page import ISLANDS
from tests.app.conftest import PASSWORD
from tests.app.test_routes import every_route

ROLES = (*ALL, None)


@pytest.fixture(scope="module")
def browsers(world):
    """One browser for each role, and one with nobody signed in."""
    return {role: world.sign_in(role) if role else world.browser() for role in ROLES}


def test_every_rule_of_the_table_stands_for_a_route(world):
    """A rule without a route would be a hole that waits for one."""
    answered = {(method, re.sub(r":\w+", "", path)) for method, path in every_route(world.client.app.app)}

    dead = [
        (method, rule.path)
        for rule in POLICY
        for method in rule.methods
        if (method, rule.path) not in answered and not rule.path.endswith(":path}")
    ]

    assert dead == []


@pytest.mark.parametrize(
    "path",
    [
        "/app/gradio_api/queue/join",
        "/app/gradio_api/upload",
        "/app/gradio_api/file=/etc/passwd",
        "/app/gradio_api/heartbeat/abc",
        "/app/monitoring/summary",
        "/app/config",
        "/docs",
        "/redoc",
        "/app//",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_in_the_table_is_not_there(browsers, path, method):
    """Gradio's queue, uploads and files, the library's own documentation: nobody gets an answer."""
    assert browsers["clinician"].request(method, path).status_code == 404
    assert browsers[None].request(method, path).status_code == 401


def test_a_follower_of_a_link_reads_a_page_and_not_json(browsers):
    """Whoever opens another role's page gets a sentence and a way back."""
    answer = browsers["clinician"].get("/admin/", headers={"accept": "text/html"})

    assert answer.status_code == 403
    assert "Your role may not do this." in answer.text
    assert 'href="/"' in answer.text


def test_a_refusal_of_somebody_signed_in_stands_in_the_record(world, browsers):
    """Trying doors is something a person did."""
    browsers["researcher"].get("/api/studies")

    entry = world.entries("access.refused")[0]

    assert (entry["actor"]["role"], entry["route"], entry["outcome"]) == (
        "researcher",
        "/api/studies",
        "failure",
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "https://testserver", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"x-csrf-token": ""}, 403),
        ({"x-csrf-token": "guessed"}, 403),
        ({"x-csrf-token": "비밀"}, 403),
    ],
)
def test_a_change_needs_our_own_page(browsers, headers, status):
    """Origin, fetch metadata and the session's token must all fit before anything is changed."""
    encoded = {name: value.encode() for name, value in headers.items()}

    answer = browsers["admin"].patch("/api/session", json={"theme": "dark"}, headers=encoded)

    assert answer.status_code == status


def test_a_token_reads_without_a_session_and_changes_only_with_its_scope(world, browsers):
    """Programs carry a token: read-only unless it says otherwise, and no token makes another."""
    owner = browsers["clinician"]
    wanted = {"days": 1, "password": PASSWORD}
    secrets = {
        scope: owner.post("/api/tokens", json={**wanted, "label": scope, "scope": scope}).json()["secret"]
        for scope in ("read", "write")
    }
    program = world.browser()
    bearer = {scope: {"authorization": f"Bearer {secret}"} for scope, secret in secrets.items()}
    upload = {"files": 1, "bytes": 1}

    assert program.get("/api/studies", headers=bearer["read"]).status_code == 200
    assert program.post("/api/uploads", json=upload, headers=bearer["read"]).status_code == 403
    assert program.post("/api/uploads", json=upload, headers=bearer["write"]).status_code == 201
    assert (
        program.post("/api/tokens", json={"label": "more", **wanted}, headers=bearer["write"]).status_code
        == 403
    )
    assert program.get("/api/studies", headers={"authorization": "Bearer dfm_wrong"}).status_code == 401


def test_an_unknown_host_is_not_answered(browsers):
    """A name that points here without being ours (DNS rebinding) gets nothing."""
    assert browsers["clinician"].get("/api/studies", headers={"host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("mount", ISLANDS)
def test_a_page_carries_a_nonce_on_every_script_and_the_strict_headers(browsers, mount):
    """No script runs that we did not write, nothing is sent elsewhere, nothing is kept by the browser."""
    role = {"/app/": "clinician", "/research/": "researcher", "/admin/": "admin", "/audit/": "auditor"}[mount]

    answer = browsers[role].get(mount, headers={"accept": "text/html"})

    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy).group(1)
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert answer.status_code == 200
    assert "unsafe-eval" not in policy
    assert "script-src 'self' 'nonce-" in policy
    assert len(scripts) > 2
    assert all(f'nonce="{nonce}"' in script for script in scripts)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_failure_nobody_foresaw_shows_a_number_and_no_message(world, browsers, monkeypatch, capfd):
    """The text of an exception may hold what it was about: neither the reader nor the log gets it."""
    from app.api import studies as api

    def broken(*_args, **_more):
        raise RuntimeError("HONG^Gildong 1961-03-14")

    monkeypatch.setattr(api.worklist, "listed", broken)

    answer = browsers["clinician"].get("/api/studies")

    error = answer.json()["error"]
    assert answer.status_code == 500
    assert re.fullmatch(r"[0-9a-f]{6}", error["reference"])
    assert error["reference"] in error["sentence"]
    assert "Gildong" not in answer.text + "".join(capfd.readouterr())
