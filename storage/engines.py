"""Engines for both databases, set so that what is acknowledged survives a power cut."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from storage.durable import make_folder
from storage.errors import NotDurable

# secure_delete: the key of an erased patient must not stay readable in a free page.
SQLITE_PRAGMAS = (
    "busy_timeout=30000",
    "foreign_keys=ON",
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "trusted_schema=OFF",
)
SQLITE_FULL = 2
POSTGRESQL_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


def make_engine(url: str) -> sa.Engine:
    """An engine for SQLite (WAL, FULL) or PostgreSQL, shared by the tables and the job engine."""
    if url.startswith("sqlite"):
        path = sa.make_url(url).database
        if path:
            make_folder(Path(path).parent)
    engine = sa.create_engine(url, pool_size=20, max_overflow=0, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            connection.isolation_level = "IMMEDIATE"
            for pragma in SQLITE_PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")

    return engine


def refuse_lossy(session: Session) -> None:
    """Raise NotDurable when the database as it is set now may lose what it acknowledged."""
    ask = session.connection().exec_driver_sql
    if session.get_bind().dialect.name == "sqlite":
        found = {"synchronous": ask("PRAGMA synchronous").scalar_one()}
        lossy = {name for name, value in found.items() if int(value) < SQLITE_FULL}
    else:
        found = {name: ask(f"SHOW {name}").scalar_one() for name in POSTGRESQL_DURABLE}
        lossy = {name for name, value in found.items() if value == "off"}
    for name in sorted(lossy):
        raise NotDurable(setting=f"{name} = {found[name]}")
