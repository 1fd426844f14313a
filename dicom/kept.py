"""Files that a limited process keeps open between two questions, so that a film is parsed once and not for each frame."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from dicom.guard import Limits

Open = Callable[[bytes, Limits], Any]


class Kept:
    """The files asked for last, by the digest of their content; together within a limit, the last one alone if it must."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self._opened: OrderedDict[str, tuple[Any, int]] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._opened

    def keys(self) -> list[str]:
        """Digests of what is open, the one asked for last behind the others."""
        return list(self._opened)

    def forget(self) -> None:
        """Give everything back."""
        self._opened.clear()

    def opened(self, key: str, data: bytes, open_it: Open) -> Any:
        """The open file; a new one is opened from its bytes and kept where it is small enough.

        raises: DicomError subclasses; a file that cannot be opened is not kept
        """
        if key in self._opened:
            self._opened.move_to_end(key)
            return self._opened[key][0]
        found = open_it(data, self.limits)
        if len(data) <= self.limits.kept_alone_bytes:
            self._opened[key] = (found, len(data))
        return found

    def make_room(self, size: int) -> None:
        """Give back what was asked for longest ago, before so many bytes are read."""
        while self._opened and size + sum(one[1] for one in self._opened.values()) > self.limits.kept_bytes:
            self._opened.popitem(last=False)
