"""What was seen and may be asked about again: kept by content digest, given up by memory and age."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol


class Kept(Protocol):
    """Something that knows its size."""

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        ...


class Shelf:
    """The least recently used goes first; what lay unused for too long goes in any case.

    Whoever holds a value keeps it: giving it up here only means that the next one makes it anew.
    """

    def __init__(self, age_seconds: float, clock: Callable[[], float] = time.monotonic):
        self._age, self._clock = age_seconds, clock
        self._kept: OrderedDict[bytes, tuple[Kept, float]] = OrderedDict()

    @property
    def nbytes(self) -> int:
        """Memory of everything here."""
        return sum(value.nbytes for value, _ in self._kept.values())

    def values(self) -> list[Kept]:
        """Everything here, the least recently used first."""
        return [value for value, _ in self._kept.values()]

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._kept

    def get(self, digest: bytes) -> Kept | None:
        """The value, now the most recently used; None when it is not here."""
        self.sweep()
        if digest not in self._kept:
            return None
        value, _ = self._kept.pop(digest)
        self._kept[digest] = value, self._clock()
        return value

    def put(self, digest: bytes, value: Kept) -> None:
        """Keep it, as the most recently used."""
        self._kept.pop(digest, None)
        self._kept[digest] = value, self._clock()

    def sweep(self) -> None:
        """Give up what lay unused for too long."""
        oldest = self._clock() - self._age
        while self._kept and next(iter(self._kept.values()))[1] < oldest:
            self._kept.popitem(last=False)

    def give_up(self, held: Callable[[Kept], bool]) -> bool:
        """Give up the least recently used value that nobody holds; False when there is none."""
        for digest, (value, _) in self._kept.items():
            if not held(value):
                del self._kept[digest]
                return True
        return False

    def clear(self) -> None:
        """Give up everything."""
        self._kept.clear()
