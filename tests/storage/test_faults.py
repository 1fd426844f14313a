"""Full disks, absent databases, hanging writers: a plain error, nothing half-done, and it goes on afterwards."""

import multiprocessing
import os
import random
import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from storage import patients, uploads
from storage.audit.keys import AuditKeys
from storage.audit.search import verify_rows
from storage.database import Actor, Database, make_engine
from storage.errors import DatabaseAway, DiskFull, NotFound
from storage.migrate import migrate
from storage.sealing import Keyring

SYSTEM = Actor(id="tests", role="system")


def verdict_of(database):
    first = bytes.fromhex(database.audit_keys.escrow.read_text())
    with database.read(SYSTEM) as tx:
        return verify_rows(tx.session, database.audit_keys.public_pem, first)


@pytest.fixture
def sqlite(tmp_path, clock):
    keys = AuditKeys.create(tmp_path / "audit")
    database = Database(f"sqlite:///{tmp_path}/small.db", Keyring(b"k" * 32), keys, clock)
    migrate(database.engine)
    database.open(SYSTEM)
    yield database
    database.close()


def test_a_full_disk_is_a_plain_error_and_passes(sqlite):
    """What was acknowledged stays, the log verifies while full, and writing goes on once there is room."""

    def limit(pages):
        with sqlite.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with sqlite.engine.connect() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit(used + 4)
    kept = 0
    with pytest.raises(DiskFull):
        for _ in range(200):
            with sqlite.write(SYSTEM) as tx:
                tx.record("study.read")
            kept += 1

    assert kept > 0 and verdict_of(sqlite).entries == kept + 1
    limit(used + 1000)
    with sqlite.write(SYSTEM) as tx:
        tx.record("study.read")
    assert verdict_of(sqlite).status == 0


def test_a_full_disk_under_the_keys_is_the_same_plain_error(sqlite, clock, monkeypatch):
    """The next chain key is written before a checkpoint commits; without room for it nothing commits."""

    def full(*_):
        raise OSError(28, "No space left on device")

    clock.advance(minutes=2)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(DiskFull), sqlite.write(SYSTEM) as tx:
            tx.record("study.read")

    with sqlite.write(SYSTEM) as tx:
        tx.record("study.read")
    assert verdict_of(sqlite).entries == 2


def test_a_database_that_is_away_is_named_so(tmp_path, clock):
    """The page says that saving is off instead of showing a driver's error."""
    url = "postgresql+psycopg://nobody@127.0.0.1:9/none?connect_timeout=2"
    database = Database(url, Keyring(b"k" * 32), AuditKeys.create(tmp_path / "audit"), clock)

    with pytest.raises(DatabaseAway), database.write(SYSTEM):
        pass
    with pytest.raises(DatabaseAway), database.read(SYSTEM) as tx:
        tx.session.execute(sa.text("SELECT 1"))
    database.close()


def test_a_locked_sqlite_file_is_named_so(sqlite, tmp_path):
    """Somebody opened the file with another program and holds it."""
    holder = make_engine(f"sqlite:///{tmp_path}/small.db")
    with holder.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with sqlite.engine.connect() as mine:
            mine.exec_driver_sql("PRAGMA busy_timeout=50")
        with pytest.raises(DatabaseAway), sqlite.write(SYSTEM) as tx:
            tx.record("study.read")
        connection.rollback()
    holder.dispose()


def _write_for_ever(url, folder, told):
    database = Database(url, Keyring(b"k" * 32), AuditKeys(folder))
    while True:
        with database.write(SYSTEM) as tx:
            tx.record("study.read", object_type="study", object_id="x")
        database.seal_log()
        told.send(tx.positions[0].seq)


def test_processes_killed_while_writing_leave_every_acknowledged_entry(database, database_url):
    """Two processes write and seal at once and are killed in turn; numbers never collide, the log is clean."""
    context, told = multiprocessing.get_context("spawn"), []
    folder = database.audit_keys.folder
    crowd = []
    for _ in range(2):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_write_for_ever, args=(database_url, folder, theirs))
        process.start()
        crowd.append((process, ours))
    for process, ours in crowd:
        for _ in range(5):
            assert ours.poll(60)
            told.append(ours.recv())
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        while ours.poll():
            try:
                told.append(ours.recv())
            except EOFError:
                break

    again = Database(database_url, database.keyring, AuditKeys(folder))
    again.open(SYSTEM)
    verdict = verdict_of(again)
    again.close()
    assert verdict.status == 0, verdict
    assert len(set(told)) == len(told) and max(told) < verdict.entries


def test_keys_made_by_two_processes_at_once_are_one_set(tmp_path):
    """Web and worker come up together on a new machine."""
    made = []
    crowd = [threading.Thread(target=lambda: made.append(AuditKeys.create(tmp_path / "a"))) for _ in range(6)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()

    assert len({one.sign(b"x") for one in made}) == 1 and len({one.chain(0) for one in made}) == 1


def test_an_upload_under_way_is_interrupted_by_a_restart(database, clinician):
    """It never looks as if it still came in; what was refused is kept as codes."""
    with database.write(clinician) as tx:
        first = uploads.begin(tx, files=2, size=100)
        second = uploads.begin(tx, files=1, size=10)
    with database.keep_house(clinician) as tx:
        uploads.advance(tx, second.id, "done", {"refused": [{"n": 0, "code": "dicom.truncated"}]})

    with database.write(SYSTEM) as tx:
        assert uploads.interrupt_unfinished(tx) == 1

    with database.read(clinician) as tx:
        assert uploads.get(tx, first.id, clinician.id).state == "interrupted"
        assert uploads.get(tx, second.id, clinician.id).progress["refused"][0]["code"] == "dicom.truncated"
        with pytest.raises(NotFound):
            uploads.get(tx, first.id, "somebody else")


def test_an_erased_key_is_gone_from_the_file_too(sqlite, passwords, tmp_path):
    """A wrapped key left in a free page could be unwrapped by who has the site key."""
    from storage import users

    with sqlite.write(SYSTEM) as tx:
        user = users.add(
            tx, passwords, username="a", display_name="A", role="clinician", password="long enough x"
        )
        patient = patients.add(tx, user.id, {"patient_id": "T-1"})
        wrapped = tx.session.execute(sa.text("SELECT wrapped FROM patient_keys")).scalar_one()

    with sqlite.write(SYSTEM) as tx:
        patients.erase(tx, patient, "requested")
    sqlite.scrub()

    kept = b"".join(file.read_bytes() for file in tmp_path.glob("small.db*"))
    assert wrapped not in kept


def test_a_clock_that_jumps_about_is_told_and_breaks_nothing(database, clinician, clock, monkeypatch):
    """Steps of a second, jumps of an hour, a leap second, the change to summer time; in another zone of the day."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    chance, behind, latest = random.Random(1), 0, clock.now
    moments = [
        datetime(2026, 12, 31, 23, 59, 59, 900_000, tzinfo=UTC),  # a leap second would follow
        datetime(2027, 1, 1, 0, 0, 0, 100_000, tzinfo=UTC),
        datetime(2027, 3, 14, 6, 59, 59, tzinfo=UTC),  # summer time begins in New York a second later
        datetime(2027, 3, 14, 7, 0, 1, tzinfo=UTC),
        datetime(2027, 11, 7, 5, 30, tzinfo=UTC),  # and its end has this hour twice
        datetime(2027, 11, 7, 6, 30, tzinfo=UTC),
    ]
    try:
        for turn in range(60):
            if turn % 10 == 5:
                clock.now = moments[turn // 10]
            else:
                clock.advance(seconds=chance.choice((-3600, -1, 1, 1, 7, 3600)))
            behind += latest - clock.now > timedelta(seconds=2)
            latest = max(latest, clock.now)
            with database.write(clinician) as tx:
                tx.record("study.read")
    finally:
        monkeypatch.undo()
        time.tzset()

    verdict = verdict_of(database)
    assert verdict.status == 0, verdict
    assert behind > 10 and any(f"earlier entry {behind} times" in line for line in verdict.lines)
