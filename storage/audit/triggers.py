"""The database's own refusals: what was recorded or signed cannot be updated, deleted, replaced or skipped.

They stop mistakes and injected SQL; the proof against an owner of the database is the chain.
SQLite's `INSERT OR REPLACE` deletes the old row without firing delete triggers, so inserting demands
the next number. PostgreSQL skips plain triggers for replicas, so they are ENABLE ALWAYS.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

APPEND_ONLY = ("audit_event", "audit_checkpoint", "report_versions", "addenda")
STAYS = ("audit_head", "reports")

SIGNED_CHANGES = (
    "OLD.signed_version IS NOT NULL AND (NEW.version <> OLD.version OR NEW.signed_version <> OLD.signed_version "
    "OR NEW.signed_by <> OLD.signed_by OR NEW.signed_at <> OLD.signed_at OR NEW.signed_version IS NULL "
    "OR NEW.signed_by IS NULL OR NEW.signed_at IS NULL OR NEW.state NOT IN ('final', 'amended'))"
)
HEAD_SHRINKS = "NEW.size < OLD.size OR NEW.epoch < OLD.epoch OR NEW.log <> OLD.log"
# table, what happens to it, when it is refused, what the database then says
CONDITIONS = (
    (
        "audit_event",
        "INSERT",
        "NEW.seq <> (SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_event)",
        "continues without gaps",
    ),
    (
        "audit_checkpoint",
        "INSERT",
        "NEW.size <= (SELECT COALESCE(MAX(size), 0) FROM audit_checkpoint)",
        "only grows",
    ),
    ("audit_head", "INSERT", "EXISTS (SELECT 1 FROM audit_head)", "is one row"),
    ("audit_head", "UPDATE", HEAD_SHRINKS, "only grows"),
    ("reports", "UPDATE", SIGNED_CHANGES, "keeps what was signed"),
    (
        "report_versions",
        "INSERT",
        "EXISTS (SELECT 1 FROM report_versions WHERE report_id = NEW.report_id AND version = NEW.version)",
        "is append-only",
    ),
    (
        "addenda",
        "INSERT",
        "EXISTS (SELECT 1 FROM addenda WHERE report_id = NEW.report_id AND number = NEW.number)",
        "is append-only",
    ),
)


def statements(dialect: str) -> list[str]:
    """DDL for one of the two databases."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


@contextmanager
def lifted(connection: Connection) -> Iterator[None]:
    """Without the refusals of the log's tables, for the one change that closes a log; they are back at its end."""
    run = connection.exec_driver_sql
    if connection.dialect.name == "sqlite":
        known = run(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE 'audit!_%' ESCAPE '!'"
        ).all()
        for name, _ in known:
            run(f'DROP TRIGGER "{name}"')
        yield
        for _, sql in known:
            run(sql)
        return
    known = run(
        "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE NOT tgisinternal AND relname LIKE 'audit!_%%' ESCAPE '!' "
        "AND relnamespace = current_schema()::regnamespace"
    ).all()
    for name, table in known:
        run(f'ALTER TABLE "{table}" DISABLE TRIGGER "{name}"')
    yield
    for name, table in known:
        run(f'ALTER TABLE "{table}" ENABLE ALWAYS TRIGGER "{name}"')


def _sqlite() -> list[str]:
    never = [(table, verb) for table in APPEND_ONLY for verb in ("UPDATE", "DELETE")]
    never += [(table, "DELETE") for table in STAYS]
    return [
        *(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for table, verb in never
        ),
        *(
            f"CREATE TRIGGER {table}_on_{verb.lower()} BEFORE {verb} ON {table} WHEN {refused} "
            f"BEGIN SELECT RAISE(ABORT, '{table} {why}'); END"
            for table, verb, refused, why in CONDITIONS
        ),
    ]


def _postgresql() -> list[str]:
    ddl = [
        "CREATE FUNCTION kept_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is append-only'; END $$"
    ]
    for table in (*APPEND_ONLY, *STAYS):
        verbs = "DELETE" if table in STAYS else "UPDATE OR DELETE"
        ddl += [
            f"CREATE TRIGGER {table}_kept BEFORE {verbs} ON {table} FOR EACH ROW EXECUTE FUNCTION kept_refuse()",
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION kept_refuse()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_not_emptied",
        ]
    for table, verb, refused, why in CONDITIONS:
        name = f"{table}_on_{verb.lower()}"
        ddl += [
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {refused} THEN "
            f"RAISE EXCEPTION '{table} {why}'; END IF; RETURN NEW; END $$",
            f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        ]
    return ddl
