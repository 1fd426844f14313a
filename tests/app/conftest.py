"""The whole web application over a database and a folder of its own, and people who are signed in to it."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from app.settings import Settings
from app.web import create_app
from app.wiring import SYSTEM, Services, open_services
from storage import users
from storage.audit.search import find
from storage.database import utc_now

PASSWORD = "correct horse battery"
HOST = "testserver"
_NUMBERS = count(1)


class Clock:
    """The time of day, and as much later as it is told."""

    def __init__(self) -> None:
        self.later = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.later

    def advance(self, **amount: float) -> None:
        self.later += timedelta(**amount)


UNHURRIED = {
    **dict.fromkeys(("rate_per_session", "rate_per_address"), 0),
    **dict.fromkeys(("quota_uploads", "quota_waiting", "quota_answers"), 0),
}
"""Hundreds of tests ask as one caller within a second, or day; the limits have tests of their own."""


@dataclass
class World:
    """A running web application."""

    services: Services
    client: TestClient
    clock: Clock

    def browser(self, **headers: str) -> TestClient:
        """Another browser, nobody signed in."""
        return TestClient(
            self.client.app, base_url=f"https://{HOST}", headers=headers, follow_redirects=False
        )

    def person(self, role: str, username: str = "") -> users.User:
        """A new person."""
        with self.services.database.write(SYSTEM) as tx:
            return users.add(
                tx,
                self.services.passwords,
                username=username or f"{role}{next(_NUMBERS)}",
                display_name=role.title(),
                role=role,
                password=PASSWORD,
            )

    def sign_in(self, role: str, user: users.User | None = None) -> TestClient:
        """A browser in which somebody of this role is signed in; its changes carry the token of its session."""
        user = user or self.person(role)
        browser = self.browser()
        form = browser.get("/login")
        csrf = re.search(r'name="csrf" value="([^"]+)"', form.text).group(1)
        answer = browser.post(
            "/login", data={"username": user.username, "password": PASSWORD, "csrf": csrf, "next": "/"}
        )
        assert answer.status_code == 303, answer.text
        browser.headers["x-csrf-token"] = browser.get("/api/session").json()["csrf"]
        return browser

    def entries(self, action: str, **wanted: Any) -> list[dict[str, Any]]:
        """What the record holds of an action, newest first."""
        with self.services.database.read(SYSTEM) as tx:
            return find(tx.session, action=action, **wanted)


def confirmed(browser: TestClient, target: str) -> Any:
    """The answer of an export that was confirmed with the password first."""
    assert browser.post("/api/grants", json={"target": target, "password": PASSWORD}).status_code == 201
    return browser.get(target)


@contextmanager
def open_world(folder: Path, **settings: Any) -> Iterator[World]:
    """A web application in a folder, started and stopped."""
    clock = Clock()
    # The slices of most tests are one even gray, which the gate refuses; its own tests turn it on.
    chosen = Settings(
        **{
            "data_dir": folder,
            "allowed_hosts": HOST,
            "decoders": 1,
            "scope_gate": "off",
            **UNHURRIED,
            **settings,
        }
    )
    cheap = users.Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    services = open_services(chosen, clock=clock, passwords=cheap)
    with TestClient(
        create_app(chosen, services), base_url=f"https://{HOST}", follow_redirects=False
    ) as client:
        yield World(services, client, clock)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One application for all tests that do not turn its clock; each brings people of its own."""
    with open_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """An application for one test alone."""
    with open_world(tmp_path) as opened:
        yield opened


def upload(browser: TestClient, *files: bytes, study_id: str | None = None, finish: bool = True) -> str:
    """Send files as the page does; returns the upload's id."""
    announced = browser.post("/api/uploads", json={"files": len(files), "bytes": sum(map(len, files))})
    assert announced.status_code == 201, announced.text
    upload_id: str = announced.json()["upload_id"]
    for number, data in enumerate(files):
        answer = browser.put(f"/api/uploads/{upload_id}/files/{number}", content=data)
        assert answer.status_code == 200, answer.text
    if finish:
        answer = browser.post(f"/api/uploads/{upload_id}/finish", json={"study_id": study_id})
        assert answer.status_code == 202, answer.text
    return upload_id


def settled(browser: TestClient, upload_id: str, seconds: float = 60) -> dict[str, Any]:
    """The upload once it is read."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found: dict[str, Any] = browser.get(f"/api/uploads/{upload_id}").json()
        if found["state"] not in ("receiving", "reading"):
            return found
        time.sleep(0.05)
    raise AssertionError("The upload was not read in time.")


@pytest.fixture
def sent() -> Callable[..., dict[str, Any]]:
    """Upload files and wait until they are read."""
    return lambda browser, *files, **more: settled(browser, upload(browser, *files, **more))
