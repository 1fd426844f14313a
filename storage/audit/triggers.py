"""The database's own refusals: no update, no delete, no replace, no gap in what was recorded.

They stop mistakes and injected SQL; the proof against an owner of the database is the chain.
SQLite's `INSERT OR REPLACE` deletes the old row without firing delete triggers, so inserting demands
the next number. PostgreSQL skips plain triggers for replicas, so they are ENABLE ALWAYS.
"""

KEPT = ("audit_event", "audit_checkpoint")


def statements(dialect: str) -> list[str]:
    """DDL for one of the two databases."""
    return _sqlite() if dialect == "sqlite" else _postgresql()


def _sqlite() -> list[str]:
    refusals = [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in KEPT
        for verb in ("update", "delete")
    ]
    return [
        *refusals,
        "CREATE TRIGGER audit_event_next BEFORE INSERT ON audit_event "
        "WHEN NEW.seq <> (SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_event) "
        "BEGIN SELECT RAISE(ABORT, 'audit_event continues without gaps'); END",
        "CREATE TRIGGER audit_checkpoint_next BEFORE INSERT ON audit_checkpoint "
        "WHEN NEW.size <= (SELECT COALESCE(MAX(size), 0) FROM audit_checkpoint) "
        "BEGIN SELECT RAISE(ABORT, 'audit_checkpoint only grows'); END",
        "CREATE TRIGGER audit_head_no_delete BEFORE DELETE ON audit_head "
        "BEGIN SELECT RAISE(ABORT, 'audit_head stays'); END",
        "CREATE TRIGGER audit_head_one BEFORE INSERT ON audit_head "
        "WHEN EXISTS (SELECT 1 FROM audit_head) BEGIN SELECT RAISE(ABORT, 'audit_head is one row'); END",
    ]


def _postgresql() -> list[str]:
    ddl = [
        "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE FUNCTION audit_next() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.seq <> (SELECT COALESCE(MAX(seq) + 1, 0) FROM audit_event) THEN "
        "RAISE EXCEPTION 'audit_event continues without gaps'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER audit_event_next BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_next()",
        "ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_next",
    ]
    for table in (*KEPT, "audit_head"):
        verbs = "DELETE" if table == "audit_head" else "UPDATE OR DELETE"
        ddl += [
            f"CREATE TRIGGER {table}_kept BEFORE {verbs} ON {table} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
            f"CREATE TRIGGER {table}_not_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_not_emptied",
        ]
    return ddl
