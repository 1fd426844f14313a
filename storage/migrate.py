"""Bring a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect
from sqlalchemy.exc import ProgrammingError

from storage.errors import SchemaOld
from storage.privileges import INSUFFICIENT_PRIVILEGE

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Run every migration that this database has not seen, in one transaction, one process at a time.

    raises: SchemaOld when there are some, and this login may not make or alter tables
    """
    if is_current(engine):
        return
    try:
        _upgrade(engine)
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", "") == INSUFFICIENT_PRIVILEGE:
            raise SchemaOld() from error
        raise


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            # Python's driver opens no transaction for DDL by itself: half a schema could stay.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7302191)")
        command.upgrade(_config(connection), "head")


def is_current(engine: Engine) -> bool:
    """Whether the database has every migration."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        done = MigrationContext.configure(connection).get_current_revision()
    return done == ScriptDirectory.from_config(_config(None)).get_current_head()


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
