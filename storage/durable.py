"""Files that are there whole or not at all, even when the power goes."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from storage.errors import KeyExposed


def file_sha256(path: Path) -> str:
    """Digest of a file, which is read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_once(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a small file whole and durable; when it is there already, it stays as it is."""
    if path.exists():
        return
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def refuse_exposed(path: Path) -> None:
    """Raise KeyExposed when everybody on this machine may read or write a key; a file that is not there is not."""
    with suppress(OSError):
        if path.stat().st_mode & 0o007:
            raise KeyExposed(file=path.name)


def replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put a small file in the place of another; whoever reads sees one or the other, whole."""
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        write_once(part, data, mode)
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """A folder (0700) that is still there after a power cut, and its parents."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True, mode=0o700)
    # What is written and synced inside is lost with the folder itself until the folder above knows of it.
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    # Some file systems refuse to sync a folder; the file itself is already durable.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time in this folder; a process that dies lets go."""
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
