"""A database as it stood at one moment, without the patients' keys, and the way back into an empty one.

SQLite gives a copy of itself; PostgreSQL is asked by its own programs (pg_dump, pg_restore), whose archive its
administrators know. Both are read in the moment of one snapshot, whatever is written meanwhile.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import sqlalchemy as sa

from storage.errors import ArchiveBroken, NotEmpty, ProgramMissing

BLOCK_BYTES = 1 << 20
PROGRAMS = Path("/usr/lib/postgresql")


class Snapshot:
    """One moment: a connection that reads it, and the stream that brings it back."""

    def __init__(self, connection: sa.Connection, url: sa.URL, copy: Path | None, name: str = ""):
        self.connection, self._url, self._copy, self._name = connection, url, copy, name

    @property
    def kind(self) -> str:
        """sqlite or postgresql."""
        return self._url.get_backend_name()

    def dump(self) -> Iterator[bytes]:
        """The database without a single patient's key; nothing else can be read from a SQLite copy after it."""
        if self._copy is not None:
            self.connection.rollback()
            yield from _without_keys(self._copy)
            return
        where, environment = _libpq(self._url)
        command = [*_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges"]
        command += ["--exclude-table-data=public.patient_keys", f"--snapshot={self._name}", where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            while block := process.stdout.read(BLOCK_BYTES):
                yield block
        if process.returncode:
            raise ArchiveBroken(reason="pg_dump failed", status=process.returncode)


@contextmanager
def snapshot(engine: sa.Engine, scratch: Path) -> Iterator[Snapshot]:
    """This moment of a database that goes on being written to.

    scratch: an empty folder on an encrypted disk, for the copy that SQLite makes
    """
    if engine.dialect.name == "sqlite":
        copy = scratch / "copy.db"
        _copied(Path(str(engine.url.database)), copy)
        reading = sa.create_engine(f"sqlite:///{copy}", poolclass=sa.NullPool)
        with reading.connect() as connection:
            yield Snapshot(connection, engine.url, copy)
        return
    with engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
        name = connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar_one()
        yield Snapshot(connection, engine.url, None, name)
        connection.rollback()


def is_empty(url: str) -> bool:
    """Whether there is nothing yet: no file, or a database without a table of anybody's."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(str(parsed.database))
        return not any(path.parent.glob(f"{path.name}*"))
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            found = connection.execute(
                sa.text(
                    "SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace "
                    "WHERE relkind IN ('r', 'p', 'v', 'm', 'S') "
                    "AND nspname NOT LIKE 'pg!_%' ESCAPE '!' AND nspname <> 'information_schema'"
                )
            ).scalar_one()
        return int(found) == 0
    finally:
        engine.dispose()


@contextmanager
def filling(url: str) -> Iterator[BinaryIO]:
    """Where the stream of `dump` goes to make the database again; PostgreSQL takes all of it or nothing.

    raises: NotEmpty, ArchiveBroken
    """
    if not is_empty(url):
        raise NotEmpty(place="database")
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(str(parsed.database))
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        return
    where, environment = _libpq(parsed)
    command = [*_program("pg_restore"), "--single-transaction", "--exit-on-error", "--no-owner"]
    command += ["--no-privileges", "--dbname", where]
    # What it says about a line it cannot take may hold the line.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError):  # it ended: its status says so
            yield process.stdin  # type: ignore[misc]
            process.stdin.close()
    except BaseException:
        process.kill()
        raise
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        status = process.wait()
    if status:
        raise ArchiveBroken(reason="pg_restore failed", status=status)


def _copied(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    reading = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)
    writing = sqlite3.connect(target)
    try:
        # All pages at once: in steps, every change meanwhile would begin it anew.
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode=DELETE")
    finally:
        reading.close()
        writing.close()


def _without_keys(copy: Path) -> Iterator[bytes]:
    connection = sqlite3.connect(copy)
    try:
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("DELETE FROM patient_keys")
        connection.commit()
    finally:
        connection.close()
    with copy.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _libpq(url: sa.URL) -> tuple[str, dict[str, str]]:
    """The address for PostgreSQL's own programs; a password goes where no list of programs shows it."""
    environment = dict(os.environ)
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    plain = url.set(drivername="postgresql", password=None)
    return plain.render_as_string(hide_password=False), environment


def _program(name: str) -> list[str]:
    # The newest first: an older pg_dump refuses a newer server.
    places = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda one: _number(one.parts[-3]))
    found = str(places[-1]) if places else shutil.which(name)
    if found is None:
        raise ProgramMissing(program=name)
    return [found]


def _number(version: str) -> int:
    return int(version) if version.isdigit() else 0
