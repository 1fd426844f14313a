"""What the application's login may do on PostgreSQL: use what is kept, and to the record only add.

Made for three roles (deploy/postgresql.sql): one that owns the tables and cannot sign in, one that migrates, and the
application's. Triggers refuse changes of the record, but whoever owns a table can take them off; the application's
login cannot. On SQLite there are no roles, and one login for everything is possible here as well: then it owns all.
"""

from dataclasses import dataclass

import sqlalchemy as sa

ADDED = ("audit_event", "audit_checkpoint", "audit_index", "report_versions", "addenda")
"""Rows come and stay as they are."""
MOVED = ("audit_head", "reports")
"""Rows come with a migration or a change, and move on; none goes."""
READ = ("alembic_version", "closed_papers", "dbos_migrations")
"""Written by migrating and by closing a log, which are the owner's."""
SCRUBBED = "patient_keys"
"""Rewritten whole after an erasure (VACUUM FULL), which only its owner may: the application's."""
JOBS = "dbos"
INSUFFICIENT_PRIVILEGE = "42501"
"""PostgreSQL's code for what a login may not do."""


@dataclass(frozen=True, slots=True)
class Rights:
    """Of the login that the application uses."""

    owns_the_record: bool
    can_scrub: bool


def statements(tables: dict[str, list[str]], role: str) -> list[str]:
    """What the owner says after each migration, about the tables of each schema."""
    name = _quoted(role)
    lines = []
    for schema, found in tables.items():
        lines += [f"GRANT USAGE ON SCHEMA {_quoted(schema)} TO {name}"]
        for table in found:
            place = f"{_quoted(schema)}.{_quoted(table)}"
            lines += [f"REVOKE ALL ON {place} FROM {name}", f"GRANT {_granted(table)} ON {place} TO {name}"]
        for what in ("SEQUENCES", "FUNCTIONS"):
            right = "USAGE, SELECT" if what == "SEQUENCES" else "EXECUTE"
            lines.append(f"GRANT {right} ON ALL {what} IN SCHEMA {_quoted(schema)} TO {name}")
    return lines


def grant(engine: sa.Engine, role: str) -> None:
    """As the owner: give this role what it needs and take away what it does not."""
    with engine.begin() as connection:
        here = connection.execute(sa.text("SELECT current_schema()")).scalar_one()
        look = sa.inspect(connection)
        tables = {schema: look.get_table_names(schema) for schema in (here, JOBS)}
        for line in statements(tables, role):
            connection.exec_driver_sql(line)
        # Giving a table away wants its new owner to have this right for the moment.
        schema, name = _quoted(here), _quoted(role)
        connection.exec_driver_sql(f"GRANT CREATE ON SCHEMA {schema} TO {name}")
        connection.exec_driver_sql(f"ALTER TABLE {schema}.{SCRUBBED} OWNER TO {name}")
        connection.exec_driver_sql(f"REVOKE CREATE ON SCHEMA {schema} FROM {name}")


def rights_of(engine: sa.Engine) -> Rights:
    """Of whoever this engine signs in as; on SQLite the owner of the file owns everything."""
    if engine.dialect.name == "sqlite":
        return Rights(owns_the_record=True, can_scrub=True)
    with engine.connect() as connection:
        owns = sa.text("SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = to_regclass(:name)")
        record, keys = (
            bool(connection.execute(owns, {"name": name}).scalar()) for name in ("audit_event", SCRUBBED)
        )
    return Rights(record, keys)


def _granted(table: str) -> str:
    if table in READ:
        return "SELECT"
    if table in ADDED:
        return "SELECT, INSERT"
    if table == "audit_head":
        return "SELECT, UPDATE"
    return "SELECT, INSERT, UPDATE" if table in MOVED else "SELECT, INSERT, UPDATE, DELETE"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
