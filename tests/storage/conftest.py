"""A database of each kind with one clinician, one patient and the keys they need."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from storage import users
from storage.audit.keys import AuditKeys
from storage.database import Actor, Database
from storage.migrate import migrate
from storage.sealing import Keyring

SYSTEM = Actor(id="tests", role="system")
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def passwords() -> users.Passwords:
    return users.Passwords(CHEAP)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/test.db"
    return request.getfixturevalue("postgres").new_database()


@pytest.fixture
def database(database_url: str, tmp_path: Path, clock: Clock) -> Iterator[Database]:
    keys = AuditKeys.create(tmp_path / "audit")
    database = Database(database_url, Keyring(b"k" * 32), keys, clock)
    migrate(database.engine)
    database.open(SYSTEM)
    yield database
    database.close()


@pytest.fixture
def clinician(database: Database, passwords: users.Passwords) -> Actor:
    with database.write(SYSTEM) as tx:
        user = users.add(
            tx,
            passwords,
            username="Dr.Lee",
            display_name="이서연",
            role="clinician",
            password="correct horse battery",
        )
    return Actor(id=user.id, role="clinician")
