"""What every test may ask for: a real PostgreSQL server, one for the whole run."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa


@dataclass(frozen=True)
class Postgres:
    """A running server on loopback; each test takes a database of its own."""

    port: int
    folder: Path
    control: tuple[str, ...] = ()
    """The command that starts it, but for its last word."""

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://dragonfly@127.0.0.1:{self.port}/{name}"

    def restart_at_once(self) -> None:
        """As after a power cut of the database's machine: nothing is finished, and it recovers from its log."""
        subprocess.run(
            [*self.control, "-m", "immediate", "restart"], check=True, capture_output=True, cwd="/"
        )

    def new_database(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return self.url(name)


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of its own in a temporary folder; without one installed the test fails, it is not skipped."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    assert programs, "PostgreSQL is not installed; see deploy/test-packages.sh."
    folder = Path(tempfile.mkdtemp(prefix="dragonfly-pg-"))
    as_user = _owner(folder)
    port = free_port()
    run = lambda *command: subprocess.run(  # noqa: E731
        [*as_user, *map(str, command)], check=True, capture_output=True, cwd="/"
    )
    run(
        programs[-1] / "initdb",
        "-D",
        folder / "data",
        "-U",
        "dragonfly",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=120"
    control = (programs[-1] / "pg_ctl", "-D", folder / "data", "-w", "-o", options, "-l", folder / "log")
    run(*control, "start")
    try:
        yield Postgres(port, folder, (*as_user, *map(str, control)))
    finally:
        run(programs[-1] / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _owner(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: as root, the folder and the server belong to the user postgres."""
    if os.getuid() != 0:
        return []
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return ["runuser", "-u", "postgres", "--"]
