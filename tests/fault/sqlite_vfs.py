"""A VFS in the SQLite library of this process that does as the usual one does, and tells what was written.

source: sqlite3.h, `sqlite3_vfs` and `sqlite3_io_methods` (https://www.sqlite.org/c3ref/vfs.html)
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_int64, c_void_p
from typing import Any, Protocol

OPEN_MAIN_DB, OPEN_MAIN_JOURNAL, OPEN_WAL = 0x100, 0x800, 0x80000
OK, IOERR, FULL = 0, 10, 13
LIBRARY = "libsqlite3.so.0"


class Trace(Protocol):
    """Whoever is told, and says where the disk is full."""

    steps: list[Any]
    full: str

    def holds(self, path: str) -> bool: ...

    def note(self, what: str, path: str, *facts: Any) -> int: ...


WRITE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
TRUNCATE = ctypes.CFUNCTYPE(c_int, c_void_p, c_int64)
SYNC = ctypes.CFUNCTYPE(c_int, c_void_p, c_int)
# Names as bare pointers: SQLite keeps the one it gave, and looks for more behind it.
OPEN = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
DELETE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)


class Methods(ctypes.Structure):
    """`sqlite3_io_methods` up to version 3; what is not watched stays a bare pointer."""

    _fields_ = (
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", WRITE),
        ("truncate", TRUNCATE),
        ("sync", SYNC),
        ("others", c_void_p * 13),
    )


class Opened(ctypes.Structure):
    """`sqlite3_file`: the pointer to its methods comes first."""

    _fields_ = (("methods", POINTER(Methods)),)


class Vfs(ctypes.Structure):
    """`sqlite3_vfs` up to version 3."""

    _fields_ = (
        ("version", c_int),
        ("size_of_file", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", OPEN),
        ("delete", DELETE),
        ("others", c_void_p * 14),
    )


class _Watch:
    """One trace and everything that SQLite keeps pointers to."""

    def __init__(self, trace: Trace):
        self.trace = trace
        self.library = ctypes.CDLL(LIBRARY)
        self.library.sqlite3_vfs_find.restype = POINTER(Vfs)
        self.library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        self.library.sqlite3_vfs_unregister.argtypes = [c_void_p]
        self.usual = self.library.sqlite3_vfs_find(None)
        self.failures: list[BaseException] = []
        self._paths: dict[int, str] = {}
        self._methods: dict[int, Methods] = {}
        self.vfs = Vfs.from_buffer_copy(self.usual.contents)
        self.vfs.name = b"watched"
        self.vfs.open, self.vfs.delete = OPEN(self._guarded(self._open)), DELETE(self._guarded(self._delete))

    def _guarded(self, function: Callable[..., int]) -> Callable[..., int]:
        # What fails here must fail in SQLite: ctypes would print it and answer "all right".
        def called(*arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as error:
                self.failures.append(error)
                return IOERR

        return called

    def _open(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        result: int = self.usual.contents.open(vfs, name, file, flags, out)
        path = _text(name)
        if (
            result != OK
            or not flags & (OPEN_MAIN_DB | OPEN_MAIN_JOURNAL | OPEN_WAL)
            or not self.trace.holds(path)
        ):
            return result
        self._paths[file] = path
        opened = ctypes.cast(file, POINTER(Opened)).contents
        opened.methods = ctypes.pointer(self._watching(opened.methods))
        return result

    def _watching(self, usual: Any) -> Methods:
        """The usual methods with three of ours in their place; made once for each kind of file."""
        address = ctypes.addressof(usual.contents)
        if address not in self._methods:
            methods, before = Methods.from_buffer_copy(usual.contents), usual.contents

            def write(file: int, data: int, size: int, place: int) -> int:
                if self.trace.full and self._paths[file].endswith(self.trace.full):
                    return FULL
                self.trace.note("write", self._paths[file], place, ctypes.string_at(data, size))
                return before.write(file, data, size, place)

            def truncate(file: int, size: int) -> int:
                self.trace.note("truncate", self._paths[file], size)
                return before.truncate(file, size)

            def sync(file: int, flags: int) -> int:
                # What another thread writes while this waits is not covered by it.
                so_far = len(self.trace.steps)
                result: int = before.sync(file, flags)
                if result == OK:
                    self.trace.note("sync", self._paths[file], so_far)
                return result

            methods.write, methods.truncate = WRITE(self._guarded(write)), TRUNCATE(self._guarded(truncate))
            methods.sync = SYNC(self._guarded(sync))
            self._methods[address] = methods
        return self._methods[address]

    def _delete(self, vfs: int, name: int | None, sync_folder: int) -> int:
        result: int = self.usual.contents.delete(vfs, name, sync_folder)
        if result == OK and self.trace.holds(_text(name)):
            self.trace.note("delete", _text(name), sync_folder)
        return result


def _text(name: int | None) -> str:
    return ctypes.string_at(name).decode() if name else ""


_KEPT: list[_Watch] = []
"""A connection that outlives its test still calls them."""


@contextmanager
def watched(trace: Trace) -> Iterator[None]:
    """Every database that is opened meanwhile is watched; raises what went wrong in the watching."""
    watch = _Watch(trace)
    _KEPT.append(watch)
    assert watch.library.sqlite3_vfs_register(ctypes.addressof(watch.vfs), 1) == OK
    try:
        yield
    finally:
        watch.library.sqlite3_vfs_register(ctypes.addressof(watch.usual.contents), 1)
        watch.library.sqlite3_vfs_unregister(ctypes.addressof(watch.vfs))
    if watch.failures:
        raise watch.failures[0]
