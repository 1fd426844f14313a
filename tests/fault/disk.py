"""A disk that remembers in which order bytes were written and made durable, so that the power can be cut anywhere.

SQLite is watched through its own border to the operating system: a VFS that hands every call to SQLite's usual
one and notes writes, truncations, syncs and deletions. It is registered in the very library that Python's
`sqlite3` uses, so that `storage.database.Database` runs on it unchanged. Files that Python writes (keys, sealed
pictures) are watched at `os.fsync`, `os.replace`, `os.rename`, `os.unlink` and `os.mkdir`.

After a cut a file holds what was synced before it, and of what was written since nothing, or random sectors of
512 bytes; a folder holds the names of its last sync, and of what was done to it since nothing, or the first so
many steps. A file that was never synced is empty. Not covered: a disk that spoils neighbouring sectors, and
files that Python writes in place (there are none).
"""

import os
import random
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.fault.sqlite_vfs import watched

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done; `what` says how the rest is read."""

    what: str
    path: str
    facts: tuple[Any, ...] = ()


@dataclass
class Trace:
    """Everything that was done to one folder, in order."""

    root: str
    steps: list[Step] = field(default_factory=list)
    full: str = ""
    """What the names end in of the databases and journals that cannot be written any more."""
    lies: bool = False
    """Whether it is a disk that says "durable" and does nothing: the control of the check itself."""

    def holds(self, path: str) -> bool:
        """Whether a path lies in the folder that is watched."""
        return path.startswith(self.root + "/")

    def note(self, what: str, path: str, *facts: Any) -> int:
        """Add a step; returns how many there are."""
        if not (self.lies and what in ("sync", "file", "folder")):
            self.steps.append(Step(what, path, facts))
        return len(self.steps)

    def acknowledged(self, **facts: Any) -> None:
        """Somebody was told that this is done."""
        self.steps.append(Step("told", self.root, (facts,)))


@contextmanager
def recorded(root: Path, *, lies: bool = False) -> Iterator[Trace]:
    """Note what is done to this folder, which is there and durable already."""
    trace = Trace(str(root.resolve()), lies=lies)
    with watched(trace), _python_watched(trace):
        yield trace


@contextmanager
def _python_watched(trace: Trace) -> Iterator[None]:
    real = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink", "mkdir")}

    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        path, kind = str(Path(f"/proc/self/fd/{number}").readlink()), os.fstat(number)
        if not trace.holds(path) and path != trace.root:
            real["fsync"](number)
        elif stat.S_ISDIR(kind.st_mode):
            before = len(trace.steps)
            real["fsync"](number)
            trace.note("folder", path, before)
        else:
            data = Path(path).read_bytes()
            real["fsync"](number)
            trace.note("file", path, kind.st_ino, data)

    def move(name: str) -> Any:
        def moved(source: Any, target: Any, **more: Any) -> None:
            old, new = str(Path(source).absolute()), str(Path(target).absolute())
            number = Path(old).stat().st_ino if trace.holds(old) else 0
            real[name](source, target, **more)
            if trace.holds(new):
                trace.note("move", new, old, number)

        return moved

    def unlink(path: Any, **more: Any) -> None:
        real["unlink"](path, **more)
        if not more.get("dir_fd") and trace.holds(str(Path(path).absolute())):
            trace.note("drop", str(Path(path).absolute()))

    def mkdir(path: Any, *more: Any, **named: Any) -> None:
        real["mkdir"](path, *more, **named)
        if trace.holds(str(Path(path).absolute())):
            trace.note("mkdir", str(Path(path).absolute()))

    os.fsync, os.replace, os.rename = fsync, move("replace"), move("rename")  # type: ignore[assignment]
    os.unlink, os.mkdir = unlink, mkdir  # type: ignore[assignment]
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)


@dataclass
class _Data:
    """A file of SQLite: what is durable, and what was written since, each with the number of its step."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Step]] = field(default_factory=list)
    is_there: bool = False

    def sync(self, before: int) -> None:
        """Everything up to this step is durable, for those who wrote later it is not."""
        for number, step in self.pending:
            if number < before:
                _apply(self.durable, step)
        self.pending = [one for one in self.pending if one[0] >= before]
        self.is_there = True


@dataclass
class _Folder:
    names: dict[str, Any] = field(default_factory=dict)
    pending: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """Names to what they stand for, None when they were taken away; one dictionary is one step."""


class Disk:
    """The state of a disk, moved along a trace and written out as it would be found after a cut."""

    def __init__(self, trace: Trace):
        self.trace, self.at = trace, 0
        self.told: list[dict[str, Any]] = []
        self._data: dict[str, _Data] = {}
        self._gone: dict[str, _Data] = {}
        self._contents: dict[int, bytes] = {}
        self._folders: dict[str, _Folder] = {trace.root: _Folder()}

    def advance(self, to: int) -> None:
        """Do what was done before step `to`."""
        for number in range(self.at, to):
            self._do(number, self.trace.steps[number])
        self.at = max(self.at, to)

    def _do(self, number: int, step: Step) -> None:
        parent, name = os.path.split(step.path)
        if step.what == "told":
            self.told.append(step.facts[0])
        elif step.what in ("write", "truncate"):
            self._data.setdefault(step.path, _Data()).pending.append((number, step))
        elif step.what == "sync":
            file = self._data.setdefault(step.path, _Data())
            if not file.is_there:
                self._sync_folder(parent, number)  # as SQLite does for a journal it has just made
                self._gone.clear()
            file.sync(step.facts[0])
        elif step.what == "delete":
            gone = self._data.pop(step.path, None)
            if gone and gone.is_there and not step.facts[0]:
                self._gone[step.path] = gone  # until the folder is synced it may be there again
        elif step.what == "mkdir":
            self._folders[step.path] = _Folder()
            self._folders[parent].pending.append((number, {name: step.path}))
        elif step.what == "file":
            inode, data = step.facts
            self._contents[inode] = data
            if inode not in self._folders[parent].names.values():
                self._folders[parent].pending.append((number, {name: inode}))
        elif step.what == "move":
            old_parent, old_name = os.path.split(step.facts[0])
            if old_parent == parent:
                self._folders[parent].pending.append((number, {old_name: None, name: step.facts[1]}))
            else:
                self._folders[old_parent].pending.append((number, {old_name: None}))
                self._folders[parent].pending.append((number, {name: step.facts[1]}))
        elif step.what == "drop" and step.path not in self._data:
            self._folders[parent].pending.append((number, {name: None}))
        elif step.what == "folder":
            self._sync_folder(step.path, step.facts[0])

    def _sync_folder(self, path: str, before: int) -> None:
        folder = self._folders.get(path)
        if folder is None:
            return
        for number, change in folder.pending:
            if number < before:
                folder.names.update(change)
        folder.pending = [one for one in folder.pending if one[0] >= before]

    def write_out(self, target: Path, chance: random.Random, *, leftovers: bool) -> None:
        """What lies on the disk after the cut.

        leftovers: whether random sectors and names of what was not synced got there all the same
        """
        self._write_folder(self.trace.root, target, chance, leftovers)
        for path, file in {**self._gone, **self._data}.items():
            if path in self._gone and leftovers and chance.random() < 0.5:
                continue
            found = bytearray(file.durable)
            for _, step in file.pending if leftovers else ():
                _apply_partly(found, step, chance)
            if file.is_there or leftovers:
                (target / os.path.relpath(path, self.trace.root)).write_bytes(found)

    def _write_folder(self, path: str, target: Path, chance: random.Random, leftovers: bool) -> None:
        folder = self._folders[path]
        names = dict(folder.names)
        for _, change in folder.pending[: chance.randint(0, len(folder.pending)) if leftovers else 0]:
            names.update(change)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, thing in names.items():
            if isinstance(thing, str):
                self._write_folder(thing, target / name, chance, leftovers)
            elif thing is not None:
                (target / name).touch(0o600)
                (target / name).write_bytes(self._contents.get(thing, b""))


def _apply(data: bytearray, step: Step) -> None:
    if step.what == "truncate":
        del data[step.facts[0] :]
        data.extend(b"\0" * (step.facts[0] - len(data)))
    else:
        _put(data, *step.facts)


def _put(data: bytearray, place: int, written: bytes) -> None:
    data.extend(b"\0" * (place + len(written) - len(data)))
    data[place : place + len(written)] = written


def _apply_partly(data: bytearray, step: Step, chance: random.Random) -> None:
    if step.what == "truncate":
        if chance.random() < 0.5:
            _apply(data, step)
        return
    place, written = step.facts
    end = place + len(written)
    edges = [place, *range((place // SECTOR + 1) * SECTOR, end, SECTOR), end]
    for first, last in pairwise(edges):
        if chance.random() < 0.5:
            _put(data, first, written[first - place : last - place])
