"""On PostgreSQL the application's login adds to the record and can change nothing in it, whatever it tries."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.cli import main
from app.commands.running import run_migrations
from app.doctor import examine
from app.settings import Settings
from app.wiring import SYSTEM, bring_up_to_date, open_database, open_services
from storage.audit.search import verify_rows
from storage.errors import SchemaOld, StorageError
from storage.privileges import INSUFFICIENT_PRIVILEGE, rights_of
from tests.app.conftest import open_world, settled, upload
from tests.fault.disk import Trace
from tests.fault.ward import Reader, picture

pytestmark = pytest.mark.postgres
SCRIPT = Path(__file__).parents[2] / "deploy" / "postgresql.sql"
ROLES = ("ward_app", "ward_migrator", "ward_owner")
ESCAPES = {
    "update": "UPDATE audit_event SET body = ''",
    "delete": "DELETE FROM audit_event",
    "truncate": "TRUNCATE audit_event",
    "disable the trigger": "ALTER TABLE audit_event DISABLE TRIGGER audit_event_kept",
    "drop the table": "DROP TABLE audit_event",
    "play a replica": "SET session_replication_role = replica",
    "replace the function": "CREATE OR REPLACE FUNCTION kept_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN OLD; END $$",
    "drop the trigger": "DROP TRIGGER audit_event_kept ON audit_event",
    "call a program": "COPY audit_event TO PROGRAM 'cat'",
    "stand before it": "CREATE TEMP TABLE audit_event (seq int)",
    "become the owner": "SET ROLE ward_owner",
    "a second head": "INSERT INTO audit_head SELECT * FROM audit_head",
    "cut the head": "DELETE FROM audit_head",
    "another checkpoint": "UPDATE audit_checkpoint SET size = size + 1",
    "another past": "UPDATE report_versions SET author_id = ''",
    "another schema": "UPDATE alembic_version SET version_num = ''",
}


def new_database(postgres):
    """A database with its three roles, as an administrator makes them; the settings of its application."""
    name = sa.make_url(postgres.new_database()).database
    roles = [
        word
        for what, role in zip(("app", "migrator", "owner"), ROLES, strict=True)
        for word in ("-v", f"{what}={role}")
    ]
    place = postgres.url("postgres").replace("+psycopg", "")
    for _ in range(2):
        subprocess.run(
            ["psql", "-q", place, "-v", f"database={name}", *roles, "-f", str(SCRIPT)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    url = postgres.url(name)
    return {
        "database_url": url.replace("dragonfly@", "ward_app@"),
        "database_owner_url": url.replace("dragonfly@", "ward_migrator@"),
    }


@pytest.fixture(scope="module")
def urls(postgres):
    return new_database(postgres)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("ward")


@pytest.fixture(scope="module")
def settings(urls, home):
    """Migrated by the owner's login; what web and workers know, which is not that login."""
    bring_up_to_date(Settings(data_dir=home, **urls))
    return Settings(data_dir=home, decoders=1, database_url=urls["database_url"])


def test_nothing_starts_before_the_owner_migrated(postgres, tmp_path):
    """The application's login may make no table, and says what is to be done instead."""
    urls = new_database(postgres)

    with pytest.raises(SchemaOld, match="dragonfly-med migrate"):
        open_database(Settings(data_dir=tmp_path, database_url=urls["database_url"]))
    assert run_migrations(Settings(data_dir=tmp_path, **urls), None) == 0
    open_database(Settings(data_dir=tmp_path, database_url=urls["database_url"])).close()


def test_the_whole_application_works_with_the_lesser_login(settings, home):
    """A study from its upload to its signed paper and its erasure, the queue included, and the record verifies."""
    with open_world(home, database_url=settings.database_url) as world:
        reader = Reader(world, world.sign_in("clinician"), Trace(str(home)))
        reader.round(1)
        study = reader.browser.get("/api/studies").json()["studies"][0]["study_id"]
        asked = reader.browser.post(f"/api/studies/{study}/erasure", json={"reason": "court_order"})
        assert asked.status_code in (200, 201, 202), asked.text
        admin = world.sign_in("admin")
        (request,) = admin.get("/api/erasures").json()["erasures"]
        done = admin.post(
            f"/api/erasures/{request['id']}/confirm", json={"password": "correct horse battery"}
        )
        assert done.status_code == 200, done.text
        database = world.services.database
        first = bytes.fromhex(database.audit_keys.escrow.read_text())
        with database.read(SYSTEM) as tx:
            assert verify_rows(tx.session, database.audit_keys.public_pem, first).status == 0


@pytest.mark.parametrize("way", ESCAPES)
def test_every_escape_is_refused(settings, way):
    """With the login of the application and nothing between it and the database."""
    engine = sa.create_engine(settings.url, poolclass=sa.NullPool)
    with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError) as refused:
        connection.exec_driver_sql(ESCAPES[way])

    assert refused.value.orig.sqlstate == INSUFFICIENT_PRIVILEGE


def test_an_erasure_rewrites_the_table_of_keys(settings):
    """VACUUM FULL only warns whoever does not own the table; here it moves the table to another file."""
    database = open_database(settings)
    where = sa.text("SELECT pg_relation_filenode('patient_keys')")
    with database.engine.connect() as connection:
        before = connection.execute(where).scalar_one()

    database.scrub()

    with database.engine.connect() as connection:
        assert connection.execute(where).scalar_one() != before
    database.close()


def test_the_owner_closes_the_log_and_the_application_goes_on(settings, urls, home, tmp_path):
    """Emptying the tables of the record is beyond the application's login, also by its own program."""
    services = open_services(settings)
    with pytest.raises(StorageError, match="InsufficientPrivilege"):
        services.database.renew_log(SYSTEM, "rotation", tmp_path)
    owner = open_database(Settings(data_dir=home, **urls), as_owner=True)
    renewed = owner.renew_log(SYSTEM, "rotation", tmp_path)
    owner.close()
    told: list[int] = []

    def write():
        with services.database.write(SYSTEM) as tx:
            tx.record("system.read")
        told.append(tx.positions[0].seq)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    services.close()
    assert renewed.verdict == "clean" and told == [1]


def test_the_doctor_says_whose_the_tables_are(settings, urls, home, database_of_one_login):
    """A login that owns everything is a line to be fixed, not a secret."""
    mine = next(one for one in examine(settings) if one.what == "database login")
    other = next(one for one in examine(database_of_one_login) if one.what == "database login")

    assert mine.ok and "can change nothing" in mine.found
    assert not other.ok and "owns the tables" in other.found and "postgresql.sql" in other.fix
    engine = sa.create_engine(urls["database_owner_url"], poolclass=sa.NullPool)
    assert rights_of(engine).owns_the_record


@pytest.fixture
def database_of_one_login(postgres, tmp_path):
    return Settings(data_dir=tmp_path, database_url=postgres.new_database())


@pytest.mark.slow
def test_a_real_worker_answers_with_the_lesser_login(settings, home):
    """The engine of the queue in a process of its own, listening and notifying, makes nothing and alters nothing."""
    environment = {
        **os.environ,
        "DRAGONFLY_DATA_DIR": str(home),
        "DRAGONFLY_DATABASE_URL": settings.database_url,
        "PYTHONPATH": str(SCRIPT.parents[1]),
    }
    with open_world(home, database_url=settings.database_url) as world:
        reader = Reader(world, world.sign_in("clinician"), Trace(str(home)))
        study = settled(reader.browser, upload(reader.browser, picture(7)))["studies"][0]["study_id"]
        series = reader.browser.get(f"/api/studies/{study}").json()["series"][0]["series_id"]
        frame = reader.browser.get(f"/api/series/{series}/manifest").json()["frames"][0]
        view = {"instance_id": frame["instance_id"], "frame": 0}
        asked = reader.browser.post(
            f"/api/studies/{study}/questions", json={"question": "Clear?", "view": view}
        )
        worker = subprocess.Popen([sys.executable, "-m", "app", "work"], env=environment, cwd=home)
        try:
            ends = time.monotonic() + 180
            while (state := _state(reader, asked)) != "done":
                assert time.monotonic() < ends and worker.poll() is None, state
                time.sleep(0.5)
        finally:
            worker.terminate()
            worker.wait(60)


def _state(reader, asked):
    return reader.browser.get(f"/api/answers/{asked.json()['answer_id']}").json()["state"]


def test_a_backup_is_made_by_the_lesser_login_and_brought_back_by_the_owner(postgres, tmp_path, monkeypatch):
    """Into an empty database with its roles; the application then works with the lesser login there."""
    for name, value in ({"data_dir": str(tmp_path / "data")} | new_database(postgres)).items():
        monkeypatch.setenv(f"DRAGONFLY_{name.upper()}", value)
    assert main(["migrate"]) == 0
    monkeypatch.delenv("DRAGONFLY_DATABASE_OWNER_URL")
    assert main(["backup-key", str(tmp_path / "backup.key")]) == 0
    recipient = (tmp_path / "backup.key").read_text().split()[3]
    assert main(["backup", str(tmp_path / "copies"), "--to", recipient]) == 0
    data, keys = sorted((tmp_path / "copies").iterdir())
    shutil.rmtree(tmp_path / "data")
    for name, value in new_database(postgres).items():
        monkeypatch.setenv(f"DRAGONFLY_{name.upper()}", value)

    assert main(["restore", str(data), str(keys), "--identity", str(tmp_path / "backup.key")]) == 0

    monkeypatch.delenv("DRAGONFLY_DATABASE_OWNER_URL")
    database = open_database(Settings())
    with database.write(SYSTEM) as tx:
        tx.record("system.read")
    found = rights_of(database.engine)
    database.close()
    assert (found.owns_the_record, found.can_scrub) == (False, True)
    assert main(["verify"]) == 0
