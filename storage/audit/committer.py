"""Many callers, one commit: whoever comes while a commit is under way goes into the next, all together.

A commit waits for the disk, and under the lock of the log's head everybody else waits with it. Entries that
belong to no change need not wait one after the other: one wait serves all who came meanwhile. Nobody is told
"done" before the commit that holds their entries is on the disk.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Entry = dict[str, Any]


@dataclass(eq=False)
class _Waiting:
    entries: list[Entry]
    is_done: bool = False
    error: BaseException | None = None
    positions: list[Any] = field(default_factory=list)


class Committer:
    """The first who finds nobody committing commits for all who wait; the others find it done."""

    def __init__(self, commit: Callable[[list[Entry]], Sequence[Any]]):
        """commit: writes entries and returns where each of them stands; what it raises is told to all of them."""
        self._commit = commit
        self._list, self._turn = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting] = []

    def add(self, entries: list[Entry]) -> tuple[Any, ...]:
        """Where the entries stand, as soon as they are committed; raises what the commit raised."""
        mine = _Waiting(entries)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if not mine.is_done:
                self._commit_all()
        if mine.error is not None:
            raise mine.error
        return tuple(mine.positions)

    def _commit_all(self) -> None:
        with self._list:
            together, self._waiting = self._waiting, []
        try:
            positions = iter(self._commit([entry for one in together for entry in one.entries]))
            for one in together:
                one.positions = [next(positions) for _ in one.entries]
        except BaseException as error:
            for one in together:
                one.error = error
        finally:
            for one in together:
                one.is_done = True
