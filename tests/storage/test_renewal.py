"""A log is closed whole and followed by another that names it; nothing that was proved before is lost."""

import hashlib
import json

import pytest
import sqlalchemy as sa

from storage.audit import papers
from storage.audit.search import find, verify_rows
from storage.database import Actor, Database
from storage.errors import ChainBroken
from storage.verifier import CLEAN, TAMPERED, verify
from tests.storage.test_tampering import _drop_triggers

OPERATOR = Actor(id="operator", role="system")
REPORT = {"object_type": "report", "object_id": "a" * 32}
DIGEST = "1f" * 32


@pytest.fixture
def filled(database, clinician, clock):
    """Entries over several checkpoints, a paper among them, some not sealed yet."""
    for number in range(12):
        clock.advance(seconds=20)
        with database.write(clinician) as tx:
            tx.record("study.read", object_type="study", object_id=f"{number:032x}")
            if number == 5:
                tx.record("report.exported", output_sha256=DIGEST, **REPORT)
    return database


def first_key(database):
    return bytes.fromhex(database.audit_keys.escrow.read_text())


def test_the_closed_log_and_the_new_one_both_verify(filled, clinician, clock, tmp_path):
    """With the public key and with the first key of each; the new one says what it follows, and goes on."""
    old_first = first_key(filled)
    with filled.read(OPERATOR) as tx:
        before = verify_rows(tx.session, filled.audit_keys.public_pem, old_first)
    closed = filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")

    public = filled.audit_keys.public_pem
    outside = verify(closed.file, public, old_first)
    assert (before.status, outside.status, closed.verdict) == (CLEAN, CLEAN, "clean")
    assert outside.entries == before.entries + 1
    clock.advance(minutes=3)
    with filled.write(clinician) as tx:
        tx.record("study.read")
    filled.seal_log()
    with filled.read(OPERATOR) as tx:
        verdict = verify_rows(tx.session, public, first_key(filled))
        (opened,) = find(tx.session, action="log.opened")
    assert (verdict.status, verdict.entries) == (CLEAN, 2)
    assert first_key(filled) != old_first
    assert (opened["seq"], opened["log"], opened["reason"]) == (0, closed.opened, "rotation")
    assert opened["previous"]["log"] == closed.closed != closed.opened
    assert opened["previous"]["file_sha256"] == hashlib.sha256(closed.file.read_bytes()).hexdigest()
    assert f"Tree hash {opened['previous']['root']} at size {outside.entries}." in outside.lines
    assert any(closed.closed in line for line in verdict.lines)
    exported = tmp_path / "new.jsonl"
    exported.write_bytes(b"".join(filled.export_log(OPERATOR)))
    assert verify(exported, public, first_key(filled)).status == CLEAN
    assert verify(exported, public, old_first).status == TAMPERED


def test_processes_that_run_go_on_and_those_that_start_too(filled, clinician, database_url, clock, tmp_path):
    """Nobody is stopped for it; the chain key of the closed log is gone."""
    beside = Database(database_url, filled.keyring, filled.audit_keys, clock)
    with beside.write(clinician) as tx:
        tx.record("study.read")

    filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")

    with beside.write(clinician) as tx:
        tx.record("study.read")
    later = Database(database_url, filled.keyring, filled.audit_keys, clock)
    later.open(OPERATOR)
    with later.read(OPERATOR) as tx:
        assert verify_rows(tx.session, filled.audit_keys.public_pem, first_key(filled)).entries == 2
    assert len(list(filled.audit_keys.folder.glob("chain-*.key"))) == 1
    kept = sorted(one.name for one in filled.audit_keys.escrow.parent.iterdir())
    assert len(kept) == 2 and "first-chain.key" in kept
    beside.close()
    later.close()


def test_the_new_log_refuses_what_the_old_one_refused(filled, tmp_path):
    """The triggers are back: nothing can be updated, deleted or skipped."""
    filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")
    filled.seal_log()

    for sql in (
        "DELETE FROM audit_event",
        "UPDATE audit_event SET body = body",
        "UPDATE audit_head SET size = 0",
        "DELETE FROM audit_checkpoint",
        "INSERT INTO audit_event SELECT seq + 5, epoch, body, mac FROM audit_event",
    ):
        with pytest.raises(sa.exc.DatabaseError), filled.engine.begin() as connection:
            connection.exec_driver_sql(sql)


def test_papers_of_a_closed_log_are_still_known(filled, clinician, clock, tmp_path):
    """And what was added after it, in whichever log that stands."""
    filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")
    clock.advance(seconds=5)

    with filled.read(OPERATOR) as tx:
        found = papers.left(tx.session, DIGEST)
        assert found is not None and papers.newer(tx.session, found) is None
    with filled.write(clinician) as tx:
        tx.record("report.addendum", **REPORT)
    filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")
    with filled.read(OPERATOR) as tx:
        found = papers.left(tx.session, DIGEST)
        assert papers.newer(tx.session, found).action == "report.addendum"


def test_a_restored_log_says_who_was_ahead(filled, tmp_path):
    """The auditor's newer anchor stands in the first entry, so that the gap is nobody's secret."""
    closed = filled.renew_log(OPERATOR, "restored", tmp_path / "closed", ahead=(812, "ef" * 32))

    with filled.read(OPERATOR) as tx:
        (opened,) = find(tx.session, action="log.opened")
    assert opened["previous"]["ahead"] == {"size": 812, "root": "ef" * 32}
    assert closed.verdict == "clean" and opened["actor"]["id"] == "operator"


def test_a_damaged_log_is_kept_as_it_lies_and_named_so(filled, clinician, tmp_path):
    """Without that reason nothing happens to it; with it work goes on, and the damage is on record."""
    with filled.engine.begin() as connection:
        _drop_triggers(connection)
        connection.exec_driver_sql("DELETE FROM audit_event WHERE seq = 14")
    with pytest.raises(ChainBroken):
        filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")
    assert not list(tmp_path.glob("closed/*"))

    closed = filled.renew_log(OPERATOR, "damaged", tmp_path / "closed")

    lines = [json.loads(line) for line in closed.file.read_bytes().splitlines()]
    assert [one["seq"] for one in lines if "seq" in one] == list(range(14))
    with filled.write(clinician) as tx:
        tx.record("study.read")
    with filled.read(OPERATOR) as tx:
        assert find(tx.session, action="log.opened")[0]["previous"]["verdict"] == "damaged"
        assert verify_rows(tx.session, filled.audit_keys.public_pem, first_key(filled)).status == CLEAN


def test_what_fails_leaves_the_old_log_open(filled, clinician, tmp_path, monkeypatch):
    """A change that does not commit closes nothing, and the next checkpoint is none the wiser."""
    from storage.audit import renewal

    with monkeypatch.context() as patch:
        patch.setattr(renewal, "_keep_papers", lambda *_: (_ for _ in ()).throw(OSError(5, "gone")))
        with pytest.raises(OSError, match="gone"):
            filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")
    old_first = first_key(filled)
    with filled.write(clinician) as tx:
        tx.record("study.read")
    filled.seal_log()
    filled.seal_log()

    with filled.read(OPERATOR) as tx:
        assert verify_rows(tx.session, filled.audit_keys.public_pem, old_first).status == CLEAN
        assert find(tx.session, action="log.closed") == []
    assert list((tmp_path / "closed").iterdir()) == []
    assert filled.renew_log(OPERATOR, "rotation", tmp_path / "closed").verdict == "clean"


def test_a_process_that_died_before_the_escrow_was_put_in_place(
    filled, database_url, clock, tmp_path, monkeypatch
):
    """The next start puts the new first key where the auditor finds it, and keeps the old one."""
    old_first = first_key(filled)
    with monkeypatch.context() as patch:
        patch.setattr(type(filled.audit_keys), "settle", lambda *_: None)
        filled.renew_log(OPERATOR, "rotation", tmp_path / "closed")
    assert first_key(filled) == old_first

    later = Database(database_url, filled.keyring, filled.audit_keys, clock)
    later.open(OPERATOR)

    with later.read(OPERATOR) as tx:
        assert verify_rows(tx.session, later.audit_keys.public_pem, first_key(later)).status == CLEAN
    assert first_key(later) != old_first
    later.close()
