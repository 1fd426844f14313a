"""Writing both archives: keys first, then files and database of the same moment."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from storage.audit.canonical import canonical
from storage.audit.keys import evolve
from storage.audit.log import stamp
from storage.backup.archive import FORMAT, MANIFEST, PUBLIC, Writer, writing
from storage.backup.databases import Snapshot, snapshot
from storage.database import Actor, Database, new_id
from storage.durable import file_sha256, sync_folder
from storage.errors import ArchiveBroken
from storage.files import FileStore
from storage.rows import AuditHeadRow, FileRow, PatientKeyRow

KEYS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Saved:
    """What was written: both archives, and how many files and bytes of pictures they hold."""

    data: Path
    keys: Path
    files: int
    bytes: int
    entries: int


def save(
    database: Database, files: FileStore, target: Path, recipient: Any, actor: Actor, scratch: Path
) -> Saved:
    """Both archives in the folder `target`, whole or not at all; readers and writers go on meanwhile.

    scratch: a folder on an encrypted disk, for the copy that SQLite makes
    raises: ArchiveBroken when a file is missing, ProgramMissing, DiskFull of the target as OSError
    """
    backup_id = new_id()
    with database.write(actor) as tx:
        head = tx.session.get_one(AuditHeadRow, 1)
        # Under the lock: the next checkpoint would destroy it.
        chain = head.epoch, database.audit_keys.chain(head.epoch)
        tx.record("backup.started", object_type="backup", object_id=backup_id)
        made = stamp(tx.now)
    database.seal_log()  # so that the public key alone proves all of the copy
    stem = f"dragonfly-{made[:19].replace('-', '').replace(':', '')}Z"
    with _room(scratch) as room, snapshot(database.engine, room) as moment:
        log, size, epoch = moment.connection.execute(
            sa.select(AuditHeadRow.log, AuditHeadRow.size, AuditHeadRow.epoch)
        ).one()
        facts = {
            "format": FORMAT,
            "id": backup_id,
            "made": made,
            "database": moment.kind,
            "site": database.keyring.pseudonym("site"),
            "log": log,
            "size": size,
        }
        keys = target / f"{stem}-keys.age"
        data = target / f"{stem}-data.age"
        with _written(keys) as file, writing(file, recipient) as archive:
            _save_keys(archive, facts, database, moment)
        with _written(data) as file, writing(file, recipient) as archive:
            count, total = _save_data(archive, facts, database, files, moment, _moved_on(chain, epoch))
    with database.write(actor) as tx:
        tx.record(
            "backup.finished",
            object_type="backup",
            object_id=backup_id,
            output_sha256=file_sha256(data),
            keys_sha256=file_sha256(keys),
            bytes=data.stat().st_size,
            files=count,
        )
    return Saved(data, keys, count, total, size)


def _save_keys(archive: Writer, facts: dict[str, Any], database: Database, moment: Snapshot) -> None:
    archive.add_bytes(MANIFEST, canonical({**facts, "part": "keys"}))
    archive.add_bytes(PUBLIC, database.audit_keys.public_pem)
    archive.add_bytes("site.key", database.keyring.text())
    archive.add_stream("patient-keys", _wrapped_keys(moment.connection))
    archive.seal(database.audit_keys.sign)


def _wrapped_keys(connection: sa.Connection) -> Iterator[bytes]:
    query = sa.select(PatientKeyRow.patient_id, PatientKeyRow.wrapped, PatientKeyRow.created_at)
    with connection.execution_options(yield_per=KEYS_AT_ONCE).execute(query) as rows:
        for patient_id, wrapped, created_at in rows:
            yield json.dumps([patient_id, wrapped.hex(), stamp(created_at)]).encode() + b"\n"


def _save_data(
    archive: Writer,
    facts: dict[str, Any],
    database: Database,
    files: FileStore,
    moment: Snapshot,
    chain: tuple[int, bytes],
) -> tuple[int, int]:
    archive.add_bytes(MANIFEST, canonical({**facts, "part": "data"}))
    archive.add_bytes(PUBLIC, database.audit_keys.public_pem)
    archive.add_bytes("audit/signing.pem", (database.audit_keys.folder / "signing.pem").read_bytes())
    archive.add_bytes(f"audit/chain-{chain[0]}.key", chain[1])
    count = total = 0
    # A patient whose key is gone has no files either.
    query = (
        sa.select(FileRow.patient_id, FileRow.sha256)
        .join(PatientKeyRow, PatientKeyRow.patient_id == FileRow.patient_id)
        .order_by(FileRow.patient_id, FileRow.sha256)
    )
    with moment.connection.execution_options(yield_per=KEYS_AT_ONCE).execute(query) as rows:
        for patient_id, sha256 in rows:
            try:
                file: BinaryIO = (files.root / patient_id / sha256).open("rb")
            except FileNotFoundError as error:
                if _has_key(database, patient_id):
                    raise ArchiveBroken(reason="a file is missing", sha256=sha256) from error
                continue  # erased since the moment of the copy
            with file:
                size = os.fstat(file.fileno()).st_size
                archive.add(f"files/{patient_id}/{sha256}", size, file)
            count, total = count + 1, total + size
    archive.add_stream("database", moment.dump())
    archive.seal(database.audit_keys.sign)
    return count, total


def _has_key(database: Database, patient_id: str) -> bool:
    with database.read(Actor(id="system", role="system")) as tx:
        return tx.session.get(PatientKeyRow, patient_id) is not None


def _moved_on(chain: tuple[int, bytes], epoch: int) -> tuple[int, bytes]:
    """The chain key of the copy's own moment: checkpoints may have been signed since it was read."""
    have, key = chain
    for _ in range(have, epoch):
        key = evolve(key)
    return epoch, key


@contextmanager
def _room(scratch: Path) -> Iterator[Path]:
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    room = Path(tempfile.mkdtemp(prefix="backup-", dir=scratch))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file that has its name only once it is whole and durable."""
    part = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)
