"""Files named by their SHA-256, written once, sealed under the patient's key.

The name is the digest of the plaintext; the folder is the patient's id, so that the same picture of two
patients is two files under two keys and erasing one leaves the other. Sealing takes as long as the file is
large and happens outside the change that notes it: first `keep`, then `note`. A file that no row names
is left over from an upload that did not finish.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sqlalchemy import select

from storage.durable import make_folder, sync_folder
from storage.errors import DiskFull, NotFound, Unreadable
from storage.rows import FileRow
from storage.sealing import Label, read_label, seal_file, unseal_range

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
        make_folder(root)

    def keep(self, key: bytes, patient_id: str, source: BinaryIO) -> StoredFile:
        """Seal a stream to disk, durable when this returns; the same content again is one file.

        raises: DiskFull, with nothing left behind
        """
        folder = self.root / patient_id
        part = folder / f".part-{os.urandom(8).hex()}"
        try:
            make_folder(folder)
            with part.open("xb") as target:
                sha256, size = seal_file(key, source, target, patient_id.encode())
                target.flush()
                os.fsync(target.fileno())
            # Over the same content, if it is there: should that copy be damaged, this one heals it.
            part.replace(folder / sha256)
            sync_folder(folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull() from error
            raise
        finally:
            part.unlink(missing_ok=True)
        return StoredFile(sha256, size)

    def note(self, tx: "Tx", patient_id: str, *files: StoredFile) -> None:
        """Note kept files among the patient's; once is enough. Raises NotFound for one that was cleared away."""
        query = select(FileRow.sha256).where(FileRow.patient_id == patient_id)
        noted = set(tx.session.execute(query).scalars()) if len(files) > 1 else None
        for file in {one.sha256: one for one in files}.values():
            is_noted = (
                file.sha256 in noted
                if noted is not None
                else tx.session.get(FileRow, (patient_id, file.sha256)) is not None
            )
            if not is_noted:
                # The lock of the change is held: from here on nobody clears it away as left over.
                if not (self.root / patient_id / file.sha256).exists():
                    raise NotFound(object="file")
                tx.session.add(
                    FileRow(patient_id=patient_id, sha256=file.sha256, size=file.size, created_at=tx.now)
                )

    def add(self, tx: "Tx", patient_id: str, source: BinaryIO) -> StoredFile:
        """Keep and note a small file in one go; a large one would hold up everybody's changes."""
        file = self.keep(tx.patient_key(patient_id), patient_id, source)
        self.note(tx, patient_id, file)
        return file

    def chunks(self, key: bytes, patient_id: str, sha256: str) -> Iterator[bytes]:
        """The plaintext, chunk by chunk, each verified before it is handed out; raises Unreadable, NotFound."""
        with self._opened(key, patient_id, sha256) as (label, source):
            yield from unseal_range(label, source)

    def read(self, key: bytes, patient_id: str, sha256: str) -> bytes:
        """The whole plaintext, checked against its name; raises Unreadable, NotFound."""
        data = b"".join(self.chunks(key, patient_id, sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Unreadable(sha256=sha256)
        return data

    def size(self, patient_id: str, sha256: str) -> int:
        """Bytes on the disk, a little more than those of the plaintext; raises NotFound."""
        try:
            return (self.root / patient_id / sha256).stat().st_size
        except FileNotFoundError as error:
            raise NotFound(object="file") from error

    def read_range(self, key: bytes, patient_id: str, sha256: str, first: int, last: int) -> bytes:
        """Plaintext bytes first..last, inclusive, without reading the rest."""
        with self._opened(key, patient_id, sha256) as (label, source):
            return b"".join(unseal_range(label, source, first, last))

    def left_over(self, tx: "Tx", before: datetime) -> list[Path]:
        """Files older than this that no row names, whole or half-written: an upload was broken off."""
        found = []
        for folder in (one for one in self.root.iterdir() if one.is_dir()):
            query = select(FileRow.sha256).where(FileRow.patient_id == folder.name)
            named = set(tx.session.execute(query).scalars())
            found += [one for one in folder.iterdir() if one.name not in named and _is_older(one, before)]
        return found

    def remove_patient(self, patient_id: str) -> None:
        """Remove the files of an erased patient; without the key they are noise already."""
        shutil.rmtree(self.root / patient_id, ignore_errors=True)

    @contextmanager
    def _opened(self, key: bytes, patient_id: str, sha256: str) -> Iterator[tuple[Label, BinaryIO]]:
        try:
            source = (self.root / patient_id / sha256).open("rb")
        except FileNotFoundError as error:
            raise NotFound(object="file") from error
        with source:
            label = read_label(key, source, patient_id.encode())
            if label.sha256 != sha256:
                raise Unreadable(sha256=sha256)
            yield label, source


def _is_older(path: Path, than: datetime) -> bool:
    try:
        return path.stat().st_mtime < than.timestamp()
    except FileNotFoundError:  # half-written a moment ago, and whole under its name now
        return False
