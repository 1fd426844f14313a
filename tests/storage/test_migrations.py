"""The schema that migrations make is the schema the code expects, whoever runs them and how often."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

import storage.errors as errors
from storage import access, erasures, factors, patients, sessions, sharing, studies, users
from storage.audit.keys import AuditKeys
from storage.audit.search import verify_rows
from storage.database import Actor, Database, make_engine
from storage.migrate import _config, is_current, migrate
from storage.rows import Base
from storage.sealing import Keyring
from storage.studies import NewInstance, NewSeries, NewStudy
from storage.users import Passwords
from storage.verifier import CLEAN
from tests.storage.conftest import CHEAP

WORDS = Path(__file__).parents[2] / "app" / "words" / "errors_storage.json"


def test_migrations_lead_to_the_tables_of_the_code(database):
    """A column added without a migration fails here, not in a hospital."""
    with database.engine.connect() as connection:
        options = {"compare_type": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)

    assert differences == []


def test_two_processes_that_start_at_once_migrate_once(database_url):
    """Web and worker come up together; the second waits and finds it done."""
    engine, failures = make_engine(database_url), []
    assert not is_current(engine)

    def run():
        try:
            migrate(engine)
        except Exception as error:
            failures.append(error)

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert failures == [] and is_current(engine)
    engine.dispose()


def test_every_error_has_a_sentence_in_both_languages():
    """Each says what to do; a code without words would reach the reader as a code."""
    words = json.loads(WORDS.read_text(encoding="utf-8"))
    kinds, found = [errors.StorageError], set()
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds += kind.__subclasses__()

    assert found == set(words)
    assert all(set(entry) == {"en", "ko"} and all(entry.values()) for entry in words.values())


def test_a_populated_database_of_the_first_schema_is_brought_forward(database_url, tmp_path, clock):
    """People, record and triggers are there afterwards as they were before; the log verifies and goes on."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(_config(connection), "0001")
    old = Database(database_url, Keyring(b"k" * 32), AuditKeys.create(tmp_path / "audit"), clock)
    actor = Actor(id="tests", role="system")
    old.open(actor)
    with old.write(actor) as tx:
        lee = {"username": "dr.lee", "display_name": "이서연", "role": "clinician"}
        user = users.add(tx, Passwords(CHEAP), **lee, password="correct horse battery")
        patient_id = patients.add(tx, user.id, {"patient_id": "T-1", "name": "김하늘"})
    assert not is_current(engine)

    migrate(engine)

    assert is_current(engine)
    with old.write(Actor(id=user.id, role="clinician")) as tx:
        assert patients.identity(tx, patient_id)["name"] == "김하늘"
        assert [one.id for one in users.everyone(tx)] == [user.id]
        erasures.hold(tx, "ab" * 32, "legal_claim")
    with old.read(actor) as tx:
        assert verify_rows(tx.session, old.audit_keys.public_pem).status == CLEAN
    with pytest.raises(DatabaseError), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_event")
    old.close()
    engine.dispose()


def test_who_is_signed_in_stays_so_over_the_upgrade_to_second_factors(database_url, tmp_path, clock):
    """A session of the previous schema is looked up as before, with device and address not known."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(_config(connection), "0003")
    old = Database(database_url, Keyring(b"k" * 32), AuditKeys.create(tmp_path / "audit"), clock)
    actor = Actor(id="tests", role="system")
    old.open(actor)
    with old.write(actor) as tx:
        lee = {"username": "dr.lee", "display_name": "Lee", "role": "clinician"}
        user = users.add(tx, Passwords(CHEAP), **lee, password="correct horse battery")
    times = {name: clock.now.isoformat(sep=" ") for name in ("created_at", "last_seen_at")}
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO sessions (token_sha256, user_id, csrf, created_at, last_seen_at, expires_at) "
                "VALUES (:token, :user, 'c', :created_at, :last_seen_at, :expires_at)"
            ),
            {
                "token": sessions.token_digest("t"),
                "user": user.id,
                "expires_at": (clock.now + timedelta(hours=1)).isoformat(sep=" "),
                **times,
            },
        )

    migrate(engine)

    with old.read(actor) as tx:
        assert sessions.look_up(tx, "t", idle=timedelta(minutes=15)).user.id == user.id
        (listed,) = sessions.of_user(tx, user.id, idle=timedelta(minutes=15))
        assert (listed.device, listed.ip) == ("", "")
        assert not factors.of(tx, user.id).enrolled
    old.close()
    engine.dispose()


def test_a_populated_database_of_the_schema_before_sharing_is_brought_forward(database_url, tmp_path, clock):
    """Each patient stays its owner's and nobody else's; from then on it can be shared and opened in an emergency."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(_config(connection), "0006")
    old = Database(database_url, Keyring(b"k" * 32), AuditKeys.create(tmp_path / "audit"), clock)
    old.open(Actor(id="tests", role="system"))
    with old.write(Actor(id="tests", role="system")) as tx:
        lee, park = (
            users.add(
                tx,
                Passwords(CHEAP),
                username=name,
                display_name=name,
                role="clinician",
                password="correct horse battery",
            )
            for name in ("lee", "park")
        )
    owner, colleague = Actor(id=lee.id, role="clinician"), Actor(id=park.id, role="clinician")
    with old.write(owner) as tx:
        files = [NewInstance(sop_uid="1", file_sha256="ab" * 32, frames=1, facts={})]
        series = NewSeries(key="1", modality="CT", facts={}, instances=files)
        new = NewStudy(study_uid="1.2", modality="CT", facts={}, series=[series])
        patient_id = patients.add(tx, lee.id, {"patient_id": "T-1", "name": "김하늘"})
        study_id, _ = studies.put(tx, lee.id, patient_id, new)

    migrate(engine)

    with old.write(owner) as tx:
        study = studies.get(tx, study_id, lee.id)
        assert study.identity["name"] == "김하늘" and access.grant(tx, park.id, patient_id) is None
        sharing.with_colleague(tx, study, park.id)
    with old.read(colleague) as tx:
        assert studies.get(tx, study_id, park.id, "work").grant == access.Grant(way="member")
        assert verify_rows(tx.session, old.audit_keys.public_pem).status == CLEAN
    old.close()
    engine.dispose()
