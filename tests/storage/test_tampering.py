"""What an owner of the database can try, and what the verifier says to it (the table of the manual)."""

import hashlib
import hmac
import json
import sqlite3

import pytest
import sqlalchemy as sa

from storage.audit.keys import AuditKeys, evolve
from storage.audit.log import rebuild_index, stamp
from storage.audit.merkle import Frontier, leaf_hash
from storage.audit.search import find, verify_rows
from storage.database import Actor, Database
from storage.errors import ChainBroken, KeyMissing
from storage.sealing import Keyring
from storage.verifier import CLEAN, TAMPERED, main, verify

OWNER = Actor(id="owner", role="system")


@pytest.fixture
def log(database, clinician, clock):
    """Entries 0 to 9 sealed by a checkpoint, 10 to 14 not yet."""
    for number in range(13):
        clock.advance(seconds=3)
        with database.write(clinician) as tx:
            tx.record("study.read", object_type="study", object_id=f"{number:032x}")
        if number == 7:
            database.seal_log()
    with database.engine.begin() as connection:
        _drop_triggers(connection)
    return database


def _drop_triggers(connection):
    """The attacker owns the database."""
    if connection.dialect.name == "sqlite":
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all()
        for (name,) in names:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return
    for table in ("audit_event", "audit_checkpoint", "audit_head"):
        connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")


def rewrite(database, change, key=None):
    """Change the entries and rebuild tree, chain and head over them, as an attacker would, with a key if stolen."""
    with database.engine.begin() as connection:
        run = lambda sql, **values: connection.execute(sa.text(sql), values)  # noqa: E731
        rows = [list(row) for row in run("SELECT seq, epoch, body, mac FROM audit_event ORDER BY seq").all()]
        change(rows)
        tree, mac = Frontier(), b"\x00" * 32
        run("DELETE FROM audit_event")
        for seq, epoch, body, old in rows:
            leaf = leaf_hash(body)
            forged = hmac.new(key or b"?", mac + seq.to_bytes(8, "big") + leaf, hashlib.sha256).digest()
            mac = forged if key else old
            run("INSERT INTO audit_event VALUES (:s, :e, :b, :m)", s=seq, e=epoch, b=body, m=mac)
            tree.add(leaf)
        run("UPDATE audit_head SET size = :s, front = :f, mac = :m", s=tree.size, f=tree.packed(), m=mac)


def edit(seq):
    def change(rows):
        rows[seq][2] = rows[seq][2].replace(b"study.read", b"study.seen")

    return change


def backdate(rows):
    body = json.loads(rows[12][2])
    body["time"] = "2026-11-24T08:00:01.000000Z"
    rows[12][2] = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def swap(rows):
    rows[4][2], rows[5][2] = rows[5][2], rows[4][2]


def drop_and_renumber(rows):
    del rows[4]
    for seq, row in enumerate(rows):
        row[0] = seq
        row[2] = row[2].replace(f'"seq":{seq + 1},'.encode(), f'"seq":{seq},'.encode())


def verdicts(database):
    """With the public key alone, and with the escrowed first key."""
    public = database.audit_keys.public_pem
    first = bytes.fromhex(database.audit_keys.escrow.read_text())
    with database.read(OWNER) as tx:
        return (
            verify_rows(tx.session, public).status,
            verify_rows(tx.session, public, first).status,
        )


@pytest.mark.parametrize(
    ("attack", "with_public", "with_first"),
    [
        (lambda rows: None, CLEAN, CLEAN),
        (edit(3), TAMPERED, TAMPERED),
        (swap, TAMPERED, TAMPERED),
        (drop_and_renumber, TAMPERED, TAMPERED),
        (edit(12), CLEAN, TAMPERED),
        (backdate, TAMPERED, TAMPERED),
        (lambda rows: rows.pop(), CLEAN, CLEAN),
    ],
    ids=[
        "nothing",
        "edit sealed",
        "swap",
        "delete",
        "edit unsealed",
        "backdate unsealed",
        "cut unsealed tail",
    ],
)
def test_attacks_with_all_rights_are_found(log, attack, with_public, with_first):
    """What is missed is named too: only an outside anchor finds a cut of entries that no checkpoint covers."""
    rewrite(log, attack)

    assert verdicts(log) == (with_public, with_first)


def test_a_thief_of_todays_key_cannot_rewrite_yesterday(log):
    """The stolen key fits only what came after the last checkpoint."""
    stolen = next(log.audit_keys.folder.glob("chain-*.key")).read_bytes()

    rewrite(log, edit(3), stolen)

    assert verdicts(log) == (TAMPERED, TAMPERED)


def test_an_anchor_finds_a_cut_tail_and_an_old_backup(log):
    """Size and tree hash stand on every printed report."""
    with log.read(OWNER) as tx:
        entries = [
            body for (body,) in tx.session.execute(sa.text("SELECT body FROM audit_event ORDER BY seq"))
        ]
    tree = Frontier()
    for body in entries:
        tree.add(leaf_hash(bytes(body)))
    anchor = {tree.size: tree.root().hex()}

    with log.read(OWNER) as tx:
        assert verify_rows(tx.session, log.audit_keys.public_pem, anchors=anchor).status == CLEAN
    rewrite(log, lambda rows: rows.pop())

    with log.read(OWNER) as tx:
        verdict = verify_rows(tx.session, log.audit_keys.public_pem, anchors=anchor)
    assert verdict.status == TAMPERED and "entry 14: missing" in verdict.lines[0]


def test_nothing_is_written_on_top_of_a_bent_log(log, clinician):
    """A new entry would bury the damage; the application stops writing instead."""
    with log.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_event WHERE seq = 14")

    with pytest.raises(ChainBroken), log.write(clinician) as tx:
        tx.record("study.read")


def test_a_forged_checkpoint_is_found(log):
    """Signed by somebody else's key."""
    forger = AuditKeys.create(log.audit_keys.folder.parent / "forger")
    with log.engine.begin() as connection:
        body = connection.exec_driver_sql("SELECT body FROM audit_checkpoint").scalar_one()
        connection.execute(sa.text("UPDATE audit_checkpoint SET sig = :s"), {"s": forger.sign(bytes(body))})

    assert verdicts(log) == (TAMPERED, TAMPERED)


def test_a_clock_set_back_is_told_and_not_taken_for_tampering(database, clinician, clock):
    """The entry says itself how far behind it is; an hour of such entries verifies and is shown to the auditor."""
    clock.advance(hours=-1)
    for _ in range(2):
        clock.advance(seconds=1)
        with database.write(clinician) as tx:
            tx.record("study.read")

    with database.read(clinician) as tx:
        newest, older = find(tx.session, action="study.read")
        verdict = verify_rows(tx.session, database.audit_keys.public_pem)
    assert (older["clock_back_s"], newest["clock_back_s"]) == (3599, 3598)
    assert newest["time"] == stamp(clock.now)
    assert verdict.status == CLEAN and "behind an earlier entry 2 times, first in entry 2" in verdict.lines[2]


def test_searching_can_be_built_again_from_the_entries(database, clinician):
    """The index is a convenience; the entries are the record."""
    with database.write(clinician) as tx:
        tx.record("study.read", object_type="study", object_id="x")
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_index")

    with database.write(clinician) as tx:
        assert rebuild_index(tx.session) == 3
        tx.record("audit.read")

    with database.read(clinician) as tx:
        assert [entry["object"]["id"] for entry in find(tx.session, object_id="x")] == ["x"]


def test_another_site_key_or_lost_chain_keys_are_noticed_at_the_start(
    database, database_url, tmp_path, clock
):
    """Before anything is written that nobody could read, or chained with a key of another log."""
    other = Database(database_url, Keyring(b"o" * 32), database.audit_keys, clock)
    with pytest.raises(KeyMissing):
        other.open(OWNER)
    lost = Database(database_url, database.keyring, AuditKeys.create(tmp_path / "new"), clock)
    database.seal_log()
    with pytest.raises(KeyMissing):
        lost.open(OWNER)
    for one in (other, lost):
        one.close()


def test_an_export_of_the_application_is_sealed_to_its_end(database, clinician, tmp_path):
    """The public key alone proves all of it, because a checkpoint is signed before."""
    file = tmp_path / "log.jsonl"
    file.write_bytes(b"".join(database.export_log(clinician)))

    verdict = verify(file, database.audit_keys.public_pem)

    assert verdict.status == CLEAN and verdict.lines[0].startswith(
        "3 entries, sealed by signed checkpoints up to entry 3"
    )


def test_keys_interrupted_while_made_are_finished_not_replaced(tmp_path):
    """The first key that the auditor may have taken already stays the first key."""
    folder = tmp_path / "audit"
    AuditKeys.create(folder)
    first = (folder / "escrow" / "first-chain.key").read_text()
    (folder / "signing.pem").unlink()
    (folder / "chain-0.key").unlink()

    again = AuditKeys.create(folder)

    assert again.chain(0).hex() == first.strip()
    again.sign(b"")
    (folder / "chain-1.key").write_bytes(evolve(again.chain(0)))
    (folder / "signing.pem").unlink()
    with pytest.raises(KeyMissing):
        AuditKeys.create(folder)


def test_a_running_sqlite_database_and_its_copy_are_verified_as_they_are(tmp_path, clock):
    """One command, no export needed; a head or table that is gone is no clean bill."""
    from storage.migrate import migrate

    keys = AuditKeys.create(tmp_path / "audit")
    database = Database(f"sqlite:///{tmp_path}/live.db", Keyring(b"k" * 32), keys, clock)
    migrate(database.engine)
    database.open(OWNER)
    call = [str(tmp_path / "live.db"), "--public", str(tmp_path / "audit" / "public.pem")]
    call += ["--first-key", str(keys.escrow)]

    assert main(call) == CLEAN
    database.close()
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "live.db").read_bytes())
    assert main([str(copy), *call[1:]]) == CLEAN
    connection = sqlite3.connect(copy)
    for trigger in ("audit_event_no_update", "audit_head_no_delete"):
        connection.execute(f"DROP TRIGGER {trigger}")
    connection.execute("UPDATE audit_event SET body = 5")
    connection.commit()
    assert main([str(copy), *call[1:]]) == TAMPERED
    connection.execute("DELETE FROM audit_head")
    connection.commit()
    connection.close()
    assert main([str(copy), *call[1:]]) == 2
