"""Checkpoints in a file that only grows: all of them, once, in order, and the verifier takes it as a witness."""

import os

import pytest

from storage.audit.kept import KeptCheckpoints
from storage.errors import ChainBroken
from storage.verifier import CLEAN, TAMPERED, WITNESSED, verify


@pytest.fixture
def kept(tmp_path):
    return KeptCheckpoints(tmp_path / "checkpoints.txt")


def caught_up(kept, database, clinician):
    with database.read(clinician) as tx:
        return kept.catch_up(tx.session)


def grow(database, clinician, times=1):
    for _ in range(times):
        with database.write(clinician) as tx:
            tx.record("study.read")
        database.seal_log()


def test_every_checkpoint_is_written_once_and_synced(kept, database, clinician, monkeypatch):
    """Those that came while the mount was away as well; nothing to write touches nothing."""
    synced, real = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    grow(database, clinician, 2)
    assert caught_up(kept, database, clinician) == 2
    grow(database, clinician, 3)
    before = len(synced)

    assert caught_up(kept, database, clinician) == 3
    assert caught_up(kept, database, clinician) == 0

    assert len(synced) == before + 1
    sizes = [int(WITNESSED.search(line)[2]) for line in kept.path.read_bytes().splitlines()]
    assert sizes == [3, 4, 5, 6, 7]
    assert kept.path.stat().st_mode & 0o077 == 0


def test_a_torn_line_is_left_and_written_again(kept, database, clinician):
    """Nobody can take it back from such a file, and the next line must not be glued to it."""
    grow(database, clinician)
    caught_up(kept, database, clinician)
    whole = kept.path.read_bytes()
    kept.path.write_bytes(whole[:60])

    assert caught_up(kept, database, clinician) == 1

    assert kept.path.read_bytes() == whole[:60] + b"\n" + whole


def test_the_verifier_takes_it_as_a_witness(kept, database, clinician, tmp_path):
    """It proves the length and the content; a log that was cut and sealed anew contradicts it."""
    grow(database, clinician, 2)
    caught_up(kept, database, clinician)
    log = tmp_path / "log.jsonl"
    log.write_bytes(b"".join(database.export_log(clinician)))
    public = database.audit_keys.public_pem

    verdict = verify(log, public, witness=kept.path)
    assert verdict.status == CLEAN and "saw this log 2 times" in " ".join(verdict.lines)
    text = kept.path.read_text()
    kept.path.write_text(text.replace(" 4:", " 400:"))
    assert verify(log, public, witness=kept.path).status == TAMPERED


def test_a_log_that_is_shorter_than_the_file_is_told(kept, database, clinician):
    """An old copy was restored, or the tail was cut: nothing is written over it."""
    grow(database, clinician)
    caught_up(kept, database, clinician)
    kept.path.write_text(kept.path.read_text().replace(" 3:", " 900:"))
    grow(database, clinician)

    with pytest.raises(ChainBroken, match="900"):
        caught_up(kept, database, clinician)


def test_a_log_that_follows_another_goes_on_in_the_same_file(kept, database, clinician, tmp_path):
    """Numbers begin again with the new log, and the lines of the old one stay."""
    grow(database, clinician, 2)
    caught_up(kept, database, clinician)
    database.renew_log(clinician, "rotation", tmp_path / "closed")
    database.seal_log()

    assert caught_up(kept, database, clinician) == 1
    assert len({WITNESSED.search(line)[1] for line in kept.path.read_bytes().splitlines()}) == 2
