"""Files named by their SHA-256, written once, sealed under the patient's key.

The name is the digest of the plaintext; the folder is the patient's id, so that the same picture of two
patients is two files under two keys and erasing one leaves the other.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from storage.errors import DiskFull, NotFound, Unreadable
from storage.rows import FileRow
from storage.sealing import seal_file, unseal_range

if TYPE_CHECKING:
    from storage.database import Tx


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it was stored: digest and size (bytes) of its plaintext."""

    sha256: str
    size: int


class FileStore:
    """The folder of sealed files."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def add(self, tx: "Tx", patient_id: str, source: BinaryIO) -> StoredFile:
        """Seal a stream to disk, durable before the row that names it commits.

        raises: DiskFull, with nothing left behind
        """
        folder = self.root / patient_id
        part = folder / f".part-{os.urandom(8).hex()}"
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
            with part.open("xb") as target:
                sha256, size = seal_file(tx.patient_key(patient_id), source, target, patient_id.encode())
                target.flush()
                os.fsync(target.fileno())
            if not (folder / sha256).exists():
                part.replace(folder / sha256)
                _sync_folder(folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull() from error
            raise
        finally:
            part.unlink(missing_ok=True)
        if tx.session.get(FileRow, (patient_id, sha256)) is None:
            tx.session.add(FileRow(patient_id=patient_id, sha256=sha256, size=size, created_at=tx.now))
        return StoredFile(sha256, size)

    def chunks(self, key: bytes, patient_id: str, sha256: str) -> Iterator[bytes]:
        """The plaintext, chunk by chunk, each verified before it is handed out."""
        with self._open(patient_id, sha256) as source:
            yield from unseal_range(key, source, patient_id.encode())

    def read(self, key: bytes, patient_id: str, sha256: str) -> bytes:
        """The whole plaintext, checked against its name; raises Unreadable, NotFound."""
        data = b"".join(self.chunks(key, patient_id, sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Unreadable(sha256=sha256)
        return data

    def read_range(self, key: bytes, patient_id: str, sha256: str, first: int, last: int) -> bytes:
        """Plaintext bytes first..last, inclusive, without reading the rest."""
        with self._open(patient_id, sha256) as source:
            return b"".join(unseal_range(key, source, patient_id.encode(), first, last))

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what a killed process left half-written; returns how many."""
        parts = [part for part in self.root.glob("*/.part-*") if part.stat().st_mtime < before.timestamp()]
        for part in parts:
            part.unlink(missing_ok=True)
        return len(parts)

    def _open(self, patient_id: str, sha256: str) -> BinaryIO:
        try:
            return (self.root / patient_id / sha256).open("rb")
        except FileNotFoundError as error:
            raise NotFound(sha256=sha256) from error


def _sync_folder(folder: Path) -> None:
    # Some file systems refuse to sync a folder; the file itself is already durable.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
