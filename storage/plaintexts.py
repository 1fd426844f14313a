"""Plaintext copies of sealed files, for readers that need a path: within a quota, wiped as soon as they may be.

A copy is a folder that somebody holds while they read. Who holds it is known by locks of the operating system, so
that several processes share the copies and one that dies holds nothing. What nobody holds is wiped when room is
needed, after a while, at every start and at the end.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import ScratchFull

_WHOLE = ".whole"


class Plaintexts:
    """The folder of copies; one for all processes of an installation.

    quota: bytes of all copies together; two processes that copy at the same moment may each take the last room
    """

    def __init__(self, root: Path, quota: int):
        self.root, self.quota = root, quota
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    @contextmanager
    def hold(self, name: str, size: int, fill: Callable[[Path], None]) -> Iterator[Path]:
        """The copy of this name, made by `fill` into an empty folder if there is none; not wiped while it is held.

        size: bytes it will take
        raises: ScratchFull
        """
        while True:
            with self._locked(name, fcntl.LOCK_SH):
                if (self.root / name / _WHOLE).exists():
                    os.utime(self.root / name / _WHOLE)
                    yield self.root / name
                    return
            # Between the two locks another may have made it, or wiped it: look again.
            with self._locked(name, fcntl.LOCK_EX):
                if not (self.root / name / _WHOLE).exists():
                    self._make(name, size, fill)

    def _make(self, name: str, size: int, fill: Callable[[Path], None]) -> None:
        folder = self.root / name
        _wipe(folder)
        try:
            self._make_room(size)
            folder.mkdir(mode=0o700)
            fill(folder)
            (folder / _WHOLE).touch(mode=0o600)
        except BaseException:
            _wipe(folder)
            (self.root / f"{name}.lock").unlink(missing_ok=True)
            raise

    def _make_room(self, size: int) -> None:
        """Wipe what nobody holds, the longest unused first, until this many bytes are free."""
        used = {one: _bytes_in(one) for one in self._copies()}
        for one in sorted(used, key=_used_at):
            if sum(used.values()) + size <= self.quota:
                return
            if self._wiped(one.name):
                del used[one]
        if sum(used.values()) + size > self.quota:
            raise ScratchFull()

    def sweep(self, unused_seconds: float = 0) -> int:
        """Wipe what nobody holds and nobody asked for during this time; returns how many."""
        before = time.time() - unused_seconds
        return sum(self._wiped(one.name) for one in self._copies() if _used_at(one) <= before)

    def forget(self, name: str) -> None:
        """Take this copy away now, whoever reads it: they keep what is open, and the disk nothing once they close."""
        if not self._wiped(name):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def _copies(self) -> list[Path]:
        return [one for one in self.root.iterdir() if one.is_dir()]

    def _wiped(self, name: str) -> bool:
        with contextlib.suppress(BlockingIOError), self._locked(name, fcntl.LOCK_EX | fcntl.LOCK_NB):
            _wipe(self.root / name)
            (self.root / f"{name}.lock").unlink(missing_ok=True)
            return True
        return False

    @contextmanager
    def _locked(self, name: str, how: int) -> Iterator[None]:
        path = self.root / f"{name}.lock"
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, how)
                # Whoever wiped it meanwhile removed the lock too: this handle would lock nothing.
                if _is_still(handle, path):
                    yield
                    return
            finally:
                os.close(handle)


def _is_still(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _wipe(folder: Path) -> None:
    """Remove a copy; emptied first, because a process that has it open would keep it on the disk."""
    for file in folder.rglob("*") if folder.exists() else ():
        with contextlib.suppress(OSError):
            if file.is_file():
                os.truncate(file, 0)
    shutil.rmtree(folder, ignore_errors=True)


def _bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _used_at(folder: Path) -> float:
    """When it was asked for last; one that is not whole was left by a process that died."""
    try:
        return (folder / _WHOLE).stat().st_mtime
    except FileNotFoundError:
        return 0.0
