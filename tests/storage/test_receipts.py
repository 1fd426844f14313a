"""One entry, or a beginning of the record, proved by a line and the public key alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from storage.audit.log import standing
from storage.audit.receipts import TILE, continuation, of_closed, receipt
from storage.audit.search import find
from storage.errors import ChainBroken, NotFound
from storage.verifier import CANNOT_TELL, CLEAN, TAMPERED, main, verify_lines

VERIFIER = Path(__file__).parents[2] / "storage" / "verifier.py"


@pytest.fixture
def record(database, clinician, clock):
    """Six hundred entries, so that two whole blocks and a piece are there, with several checkpoints."""
    for _ in range(6):
        clock.advance(seconds=70)
        with database.write(clinician) as tx:
            for number in range(100):
                tx.record("study.read", object_type="study", object_id=f"{number:032x}")
    return database


def judged(database, line, **more):
    return verify_lines(iter(line.splitlines(keepends=True)), database.audit_keys.public_pem, **more)


def test_any_entry_is_proved_by_its_receipt(record, clinician):
    """The first, those around the edge of a block, and the newest; the sentence says which, and when it was signed."""
    for seq in (0, 1, TILE - 1, TILE, 2 * TILE, 600):
        line = receipt(record, clinician, seq)

        verdict = judged(record, line)
        assert verdict.status == CLEAN and len(json.loads(line)["proof"]) <= 10
        assert (
            verdict.lines[0].startswith(f"Entry {seq}, ")
            and f"of {verdict.entries} entries, signed at 2026-11-24T08:07" in verdict.lines[0]
        )
        assert verdict.entries > seq
    with pytest.raises(NotFound):
        receipt(record, clinician, 100_000)


def test_giving_one_is_an_entry_itself(record, clinician):
    """And the receipt stands in a record that holds it."""
    line = receipt(record, clinician, 5)

    with record.read(clinician) as tx:
        body = tx.session.execute(
            sa.text("SELECT body FROM audit_event ORDER BY seq DESC LIMIT 1")
        ).scalar_one()
    entry = json.loads(bytes(body))
    assert (entry["action"], entry["object"]["id"]) == ("audit.receipt", "5")
    assert json.loads(line)["checkpoint"]["size"] == entry["seq"] + 1


def test_every_flipped_bit_of_a_receipt_is_found(record, clinician):
    """Entry, hashes, checkpoint, signature and the writing of it."""
    line = receipt(record, clinician, 300)

    for place in range(len(line)):
        bent = bytearray(line)
        bent[place] ^= 1 << place % 8
        assert judged(record, bytes(bent)).status == TAMPERED, place
    assert judged(record, line + line).status == TAMPERED


def test_a_beginning_on_paper_is_proved_to_be_continued(record, clinician):
    """Whoever holds size and tree hash of a report needs neither the log of then nor that of now."""
    with record.read(clinician) as tx:
        then = standing(tx.session)
    line = continuation(record, clinician, then.size)

    verdict = judged(record, line, anchors={then.size: then.root})
    assert verdict.status == CLEAN
    assert (
        f"The first {then.size} entries, as the anchor has them, stand in log {then.log}" in verdict.lines[0]
    )
    assert judged(record, line, anchors={then.size: "ab" * 32}).status == TAMPERED
    assert judged(record, line).status == CANNOT_TELL
    assert judged(record, line, anchors={then.size: then.root, 3: "ab" * 32}).status == CANNOT_TELL
    for size in (0, 10_000):
        with pytest.raises(NotFound):
            continuation(record, clinician, size)
    for size in (1, TILE, 2 * TILE + 3):
        assert json.loads(continuation(record, clinician, size))["size"] == size


def test_nothing_is_given_that_would_not_hold(record, clinician):
    """An entry that somebody bent in the database has no path to what was signed; mended, it has one again."""
    change = sa.text("UPDATE audit_event SET body = :body WHERE seq = 7")
    with record.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER audit_event_no_update")
        else:
            connection.exec_driver_sql("ALTER TABLE audit_event DISABLE TRIGGER USER")
        body = bytes(connection.execute(sa.text("SELECT body FROM audit_event WHERE seq = 7")).scalar_one())
        connection.execute(change, {"body": body.replace(b"success", b"succeSs")})

    for seq in (7, 8):
        with pytest.raises(ChainBroken):
            receipt(record, clinician, seq)
    with record.engine.begin() as connection:
        connection.execute(change, {"body": body})
    assert judged(record, receipt(record, clinician, 7)).status == CLEAN


def test_the_single_file_checks_a_receipt(record, clinician, tmp_path):
    """Alone, with the public key; a first key or a witness has nothing to say about one entry."""
    file, public = tmp_path / "receipt.json", record.audit_keys.folder / "public.pem"
    file.write_bytes(receipt(record, clinician, 12))
    call = [str(file), "--public", str(public)]

    done = subprocess.run([sys.executable, "-I", str(VERIFIER), *call], capture_output=True, text=True)

    assert done.returncode == CLEAN and done.stdout.startswith("clean\nEntry 12, study.read at "), done
    assert main([*call, "--first-key", str(record.audit_keys.escrow)]) == CANNOT_TELL
    file.write_bytes(file.read_bytes().replace(b"study.read", b"study.seen"))
    assert main(call) == TAMPERED


def test_a_closed_log_gives_receipts_out_of_its_file(record, clinician, tmp_path):
    """Years later, in the name of the log that it stood in; the open log notes that it was given."""
    with record.read(clinician) as tx:
        then = standing(tx.session)
    file = record.renew_log(clinician, "rotation", tmp_path / "closed").file

    line = of_closed(record, clinician, file, 12)
    onward = of_closed(record, clinician, file, then.size, continues=True)

    assert f"stands in log {then.log} of " in judged(record, line).lines[0]
    assert judged(record, onward, anchors={then.size: then.root}).status == CLEAN
    with record.read(clinician) as tx:
        newest, _ = find(tx.session, action="audit.receipt")
    assert (newest["of_log"], newest["object"]["type"], newest["log"] == then.log) == (
        then.log,
        "size",
        False,
    )
    for number in (-1, 100_000):
        with pytest.raises(NotFound):
            of_closed(record, clinician, file, number)
    file.write_bytes(file.read_bytes().replace(b'"success"', b'"succeSs"', 1))
    with pytest.raises(ChainBroken):
        of_closed(record, clinician, file, 12)
    file.write_bytes(b"no log")
    with pytest.raises(ChainBroken):
        of_closed(record, clinician, file, 12)
