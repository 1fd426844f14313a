"""Files are whole or not there, unreadable without the key, and noticed when cut."""

import errno
import hashlib
from io import BytesIO

import pytest
import sqlalchemy as sa

from storage import patients
from storage.errors import DiskFull, KeyExposed, KeyMissing, NotFound, Unreadable
from storage.files import FileStore, StoredFile
from storage.rows import FileRow
from storage.sealing import CHUNK_BYTES, HEADER_BYTES, SEALED_MORE, Keyring

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


def test_a_chunk_of_another_file_of_the_patient_is_noticed(stored, database, clinician, tmp_path):
    """Same patient, same place in the file: still not this file's, in a range as in the whole."""
    store, patient_id, file, key = stored
    other = store.keep(key, patient_id, BytesIO(bytes(len(DATA))))
    mine, foreign = (tmp_path / "files" / patient_id / one.sha256 for one in (file, other))
    chunk = slice(HEADER_BYTES, HEADER_BYTES + CHUNK_BYTES + SEALED_MORE)
    data, strange = bytearray(mine.read_bytes()), foreign.read_bytes()

    data[chunk] = strange[chunk]
    mine.write_bytes(data)
    with pytest.raises(Unreadable):
        store.read_range(key, patient_id, file.sha256, 0, 9)
    mine.write_bytes(strange)
    with pytest.raises(Unreadable):
        store.read_range(key, patient_id, file.sha256, 0, 9)


def test_the_same_file_again_heals_a_damaged_one(stored, tmp_path):
    """Uploading once more is all a reader has to do."""
    store, patient_id, file, key = stored
    path = tmp_path / "files" / patient_id / file.sha256
    path.write_bytes(path.read_bytes()[:-5])

    assert store.keep(key, patient_id, BytesIO(DATA)) == file

    assert store.read(key, patient_id, file.sha256) == DATA
    assert [one.name for one in path.parent.iterdir()] == [file.sha256]


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
def test_any_size_comes_back_even_from_a_slow_stream(stored, size):
    """A socket hands out less than asked for; empty files and whole chunks are no special case."""
    store, patient_id, _, key = stored
    data = (b"ab" * size)[:size]

    class Slow(BytesIO):
        def read(self, wanted=-1):
            return super().read(min(wanted, 70_000))

    file = store.keep(key, patient_id, Slow(data))

    assert file.size == size and store.read(key, patient_id, file.sha256) == data


def test_the_site_key_is_made_once_and_kept_from_others(tmp_path):
    """Readable by its owner alone; a file that is no key is named as missing."""
    path = tmp_path / "keys" / "site.key"

    first = Keyring.create(path)

    assert Keyring.create(path) == first and repr(first) == "Keyring(…)"
    assert path.stat().st_mode & 0o777 == 0o400
    (tmp_path / "other").write_text("not hexadecimal")
    with pytest.raises(KeyExposed):
        Keyring.load(tmp_path / "other")
    (tmp_path / "other").chmod(0o600)
    for wrong in (tmp_path / "other", tmp_path / "absent"):
        with pytest.raises(KeyMissing):
            Keyring.load(wrong)


def test_a_thousand_files_are_noted_at_once_and_once(stored, database, clinician):
    """Some noted before, some twice in one list: a row for each, and two statements for all."""
    _, patient_id, file, _ = stored
    files = [StoredFile(f"{n:064x}", n) for n in range(1000)]
    statements = []
    store = stored[0]
    for one in files:
        (store.root / patient_id / one.sha256).touch()
    with database.write(clinician) as tx:
        store.note(tx, patient_id, *files[:10])
        tx.record("study.added")

    @sa.event.listens_for(database.engine, "before_cursor_execute")
    def note(connection, cursor, statement, *_):
        statements.append(statement)

    with database.write(clinician) as tx:
        store.note(tx, patient_id, file, *files, *files)
        tx.record("study.added")
        tx.session.flush()
        count = tx.session.execute(sa.select(sa.func.count()).select_from(FileRow)).scalar()

    assert count == 1001
    assert sum("files" in one and one.startswith("SELECT files") for one in statements) <= 2
