"""Whether every file that a row names is there, opens with its patient's key, and is what its name says."""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from storage.database import Tx
from storage.errors import NotFound, Unreadable
from storage.files import FileStore
from storage.rows import FileRow, PatientKeyRow


@dataclass(frozen=True, slots=True)
class FilesChecked:
    """How many files and bytes of plaintext were read, and the digests of those that are not as they were."""

    files: int
    bytes: int
    broken: tuple[str, ...]


def check_files(tx: Tx, store: FileStore) -> FilesChecked:
    """Read every file of every patient who was not erased, chunk by chunk."""
    files = total = 0
    broken = []
    query = (
        sa.select(FileRow.patient_id, FileRow.sha256, FileRow.size, PatientKeyRow.wrapped)
        .join(PatientKeyRow, PatientKeyRow.patient_id == FileRow.patient_id)
        .order_by(FileRow.patient_id, FileRow.sha256)
    )
    for patient_id, sha256, size, wrapped in tx.session.execute(query).all():
        digest, length = hashlib.sha256(), 0
        try:
            key = tx.keyring.patient_key(patient_id, wrapped)
            for chunk in store.chunks(key, patient_id, sha256):
                digest.update(chunk)
                length += len(chunk)
        except (NotFound, Unreadable):
            length = -1
        files, total = files + 1, total + max(0, length)
        if (length, digest.hexdigest()) != (size, sha256):
            broken.append(sha256)
    return FilesChecked(files, total, tuple(broken))
