"""Emergency readings while the record cannot be written: noted, synced, and taken in as soon as it can; bent, it is told."""

import os
from datetime import timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa

from storage.audit.search import find, verify_rows
from storage.audit.spool import Spool
from storage.audit.witness import FileWitness
from storage.database import Database
from storage.errors import ChainBroken, DatabaseAway, SpoolBroken, SpoolFull
from storage.verifier import CANNOT_TELL, CLEAN, TAMPERED, verify


@pytest.fixture
def spool(database, tmp_path):
    one = Spool(tmp_path / "spool", database.audit_keys, room_bytes=16_384)
    one.prepare()
    database.spool = one
    return one


@pytest.fixture
def unwritable(database, database_url):
    """The same database as somebody finds it who may read only; a full disk is tried in tests/fault."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        reading = Database(
            f"sqlite:///file:{url.database}?mode=ro&uri=true",
            database.keyring,
            database.audit_keys,
            database.clock,
        )
    else:
        chosen = url.update_query_dict({"options": "-c default_transaction_read_only=on"})
        reading = Database(
            chosen.render_as_string(False), database.keyring, database.audit_keys, database.clock
        )
    reading.spool = database.spool
    yield reading
    reading.close()


def read_one(database, actor, cause="e" * 32, number=0):
    with database.look(actor) as tx:
        tx.record("study.read", subject="p" * 64, object_type="study", object_id=str(number), cause=cause)


def record_of(database, actor, action):
    with database.read(actor) as tx:
        return find(tx.session, action=action)[::-1]


def test_only_an_emergency_is_answered_without_the_record(spool, database, unwritable, clinician):
    """Everybody else is refused as before, and nothing of theirs is noted."""
    with pytest.raises(DatabaseAway):
        read_one(unwritable, clinician, cause=None)
    with pytest.raises(DatabaseAway), unwritable.look(clinician) as tx:
        tx.record("study.read", cause="e" * 32)
        tx.record("study.listed")
    assert spool.is_empty

    read_one(unwritable, clinician)

    assert not spool.is_empty and len(spool.look().entries) == 1
    spool_of, unwritable.spool = unwritable.spool, None
    with pytest.raises(DatabaseAway):
        read_one(unwritable, clinician)
    unwritable.spool = spool_of


def test_they_come_into_the_record_in_order_with_their_own_times(
    spool, database, unwritable, clinician, clock, tmp_path
):
    """Marked as spooled; the record verifies and the auditor is told how many; a second taking finds nothing."""
    for number in range(3):
        read_one(unwritable, clinician, number=number)
        clock.advance(minutes=5)

    assert spool.take_in(database, clinician) == 3

    entries = record_of(database, clinician, "study.read")
    assert [one["object"]["id"] for one in entries] == ["0", "1", "2"]
    assert [one["spooled"]["time"][11:16] for one in entries] == ["08:00", "08:05", "08:10"]
    assert {one["time"][11:16] for one in entries} == {"08:15"} and [
        one["spooled"]["place"] for one in entries
    ] == [0, 1, 2]
    with database.read(clinician) as tx:
        within = find(tx.session, action="study.read", until=clock.now - timedelta(minutes=7))
    assert [one["object"]["id"] for one in within] == ["1", "0"]
    (taken,) = record_of(database, clinician, "spool.taken_in")
    assert (taken["outcome"], taken["count"], taken["object"]["id"]) == (
        "success",
        3,
        entries[0]["spooled"]["spool"],
    )
    assert spool.is_empty and spool.take_in(database, clinician) == 0
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(database.export_log(clinician)))
    verdict = verify(log, database.audit_keys.public_pem)
    assert verdict.status == CLEAN and any(line.startswith("3 emergency readings") for line in verdict.lines)


def test_what_was_written_is_synced_before_anybody_is_shown_it(spool, unwritable, clinician, monkeypatch):
    """And a file that cannot be synced answers nobody."""
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    read_one(unwritable, clinician)
    assert len(synced) == 1

    def broken(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(DatabaseAway):
        read_one(unwritable, clinician)
    spool.path.unlink()
    with pytest.raises(DatabaseAway):
        read_one(unwritable, clinician)


def test_when_its_room_is_used_up_nothing_more_is_shown(spool, unwritable, clinician):
    """What it holds stays whole; its size never changes, so that a full disk cannot stop it."""
    before, kept = spool.path.stat().st_size, 0
    with pytest.raises(SpoolFull):
        for number in range(100):
            read_one(unwritable, clinician, number=number)
            kept += 1

    assert 5 < kept < 100 and len(spool.look().entries) == kept
    assert spool.path.stat().st_size == before == 16_384


def test_what_died_between_record_and_file_is_not_taken_in_twice(
    spool, database, unwritable, clinician, monkeypatch
):
    """The record says what it has; readings that came afterwards are taken in all the same."""
    read_one(unwritable, clinician, number=0)
    with monkeypatch.context() as patched:
        patched.setattr(
            "storage.audit.spool.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        with pytest.raises(OSError, match="No space"):
            spool.take_in(database, clinician)
    read_one(unwritable, clinician, number=1)

    assert Spool(spool.path.parent, database.audit_keys, 16_384).take_in(database, clinician) == 1

    assert [one["object"]["id"] for one in record_of(database, clinician, "study.read")] == ["0", "1"]


@pytest.mark.parametrize("way", ["bend", "swap", "drop", "add"])
def test_a_spool_that_was_bent_is_told_and_kept(spool, database, unwritable, clinician, way, tmp_path):
    """What is whole goes in, an entry says that the rest is not, and the file is put aside."""
    ends = [spool.look().end]
    for number in range(3):
        read_one(unwritable, clinician, number=number)
        ends.append(spool.look().end)
    data = bytearray(spool.path.read_bytes())
    first, second, third = (bytes(data[a:b]) for a, b in pairwise(ends))
    if way == "bend":
        data[ends[1] + 40] ^= 1
    elif way == "swap":
        data[ends[1] : ends[3]] = third + second
    elif way == "drop":
        data[ends[1] : ends[3]] = third + bytes(len(second))
    else:
        data[ends[3] : ends[3] + len(first)] = first
    spool.path.write_bytes(data)
    whole = 3 if way == "add" else 1

    with pytest.raises(SpoolBroken):
        read_one(unwritable, clinician)
    assert spool.look().broken and spool.take_in(database, clinician) == whole

    (taken,) = record_of(database, clinician, "spool.taken_in")
    assert (taken["outcome"], taken["count"], taken["broken"]) == ("failure", whole, True)
    assert len(list(spool.path.parent.glob("*.broken"))) == 1 and spool.is_empty
    with database.read(clinician) as tx:
        verdict = verify_rows(tx.session, database.audit_keys.public_pem)
    assert any("before it came into the log" in line for line in verdict.lines)


def test_a_spool_that_was_emptied_is_noticed_by_who_wrote_it(spool, database, unwritable, clinician):
    """An end that was taken off leaves no trace in the file; the process that wrote it knows how many there were."""
    read_one(unwritable, clinician)
    end = spool.look().end
    read_one(unwritable, clinician)
    data = bytearray(spool.path.read_bytes())
    data[end:] = bytes(len(data) - end)
    spool.path.write_bytes(data)

    assert spool.take_in(database, clinician) == 1

    (taken,) = record_of(database, clinician, "spool.taken_in")
    assert (taken["outcome"], taken["missing"], taken["broken"]) == ("failure", 1, False)


def test_a_record_that_does_not_continue_is_no_reason_to_spool(spool, database, clinician):
    """A bent record must stop everybody, in an emergency too: what follows could not be proved."""
    with database.engine.begin() as connection:
        on = "" if connection.dialect.name == "sqlite" else " ON audit_head"
        connection.exec_driver_sql(f"DROP TRIGGER audit_head_on_update{on}")
        connection.execute(sa.text("UPDATE audit_head SET mac = :mac"), {"mac": b"?" * 32})
    with pytest.raises(ChainBroken):
        read_one(database, clinician)

    assert spool.is_empty


def test_the_witness_knows_of_readings_that_were_removed(spool, database, unwritable, clinician, tmp_path):
    """Whole spools and their ends; what merely waits is not called tampering, and what came into the record is well."""
    lines, log = tmp_path / "witness.txt", tmp_path / "log.jsonl"
    unwritable._witness = FileWitness(lines)
    read_one(unwritable, clinician)
    end = spool.look().end
    read_one(unwritable, clinician)

    def judged():
        log.write_bytes(b"".join(database.export_log(clinician)))
        return verify(log, database.audit_keys.public_pem, witness=lines)

    assert judged().status == CANNOT_TELL and "wait, or were removed" in judged().lines[0]
    kept = spool.path.read_bytes()
    spool.path.write_bytes(kept[:end] + bytes(len(kept) - end))
    Spool(spool.path.parent, database.audit_keys, 16_384).take_in(database, clinician)
    assert judged().status == TAMPERED and "of 2 emergency readings" in judged().lines[0]
    lines.write_text(lines.read_text().splitlines()[0] + "\n")
    assert judged().status == CLEAN
