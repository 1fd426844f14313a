"""Files are whole or not there, unreadable without the key, and noticed when cut."""

import errno
import hashlib
from io import BytesIO

import pytest

from storage import patients
from storage.errors import DiskFull, NotFound, Unreadable
from storage.files import FileStore
from storage.sealing import CHUNK_BYTES

DATA = bytes(range(256)) * (CHUNK_BYTES * 2 // 256) + b"tail"


@pytest.fixture
def stored(database, clinician, tmp_path):
    store = FileStore(tmp_path / "files")
    with database.write(clinician) as tx:
        patient_id = patients.add(tx, clinician.id, {"name": "A", "patient_id": "1"})
        file = store.add(tx, patient_id, BytesIO(DATA))
        key = tx.patient_key(patient_id)
        tx.record("study.added")
    return store, patient_id, file, key


def test_a_file_comes_back_whole_and_in_ranges(stored):
    """A slide can be read in pieces without opening all of it."""
    store, patient_id, file, key = stored

    assert file.sha256 == hashlib.sha256(DATA).hexdigest() and file.size == len(DATA)
    assert store.read(key, patient_id, file.sha256) == DATA
    middle = CHUNK_BYTES - 3
    assert store.read_range(key, patient_id, file.sha256, middle, middle + 9) == DATA[middle : middle + 10]
    assert store.read_range(key, patient_id, file.sha256, len(DATA) - 4, len(DATA) - 1) == b"tail"


def test_the_disk_holds_no_plaintext(stored, tmp_path):
    """Whoever takes the disk takes noise."""
    _, patient_id, file, _ = stored

    kept = (tmp_path / "files" / patient_id / file.sha256).read_bytes()

    assert DATA[:64] not in kept


@pytest.mark.parametrize("cut", [1, 100, CHUNK_BYTES + 28, 2 * (CHUNK_BYTES + 28)])
def test_a_cut_file_is_noticed(stored, tmp_path, cut):
    """At any place, chunk borders included."""
    store, patient_id, file, key = stored
    path = tmp_path / "files" / patient_id / file.sha256
    path.write_bytes(path.read_bytes()[:-cut])

    with pytest.raises(Unreadable):
        store.read(key, patient_id, file.sha256)


def test_a_full_disk_leaves_nothing_half_written(database, clinician, tmp_path):
    """The reader is told; no fragment stays."""
    store = FileStore(tmp_path / "files")

    class Full(BytesIO):
        def read(self, size=-1):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(DiskFull), database.write(clinician) as tx:
        patient_id = patients.add(tx, clinician.id, {"name": "A"})
        store.add(tx, patient_id, Full(b""))

    assert list((tmp_path / "files").glob("*/*")) == []


def test_an_absent_file_is_not_found(stored):
    """Not an error 500."""
    store, patient_id, _, key = stored

    with pytest.raises(NotFound):
        store.read(key, patient_id, "0" * 64)
