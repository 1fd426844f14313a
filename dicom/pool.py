"""Who gets a limited process, and how long anybody waits for one.

Three kinds of asking. Who looks sits in front of a screen and goes first, waits no longer than one file may take, and is
then told that all are busy. What arrives (uploads) never takes the last process. What fills a volume takes the last one
only while nobody looks. And a file that is being decoded never takes the last process besides: however slow it is, it
holds up its own reader and no other.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from dicom.errors import Busy
from dicom.guard import Limits
from dicom.process import Died, Process

Kind = Literal["looking", "arriving", "filling"]
LOOKED_SECONDS = 1.0
"""After somebody looked, for how long more is expected of them."""


@dataclass(eq=False)
class _Waiting:
    kind: Kind
    key: str | None
    given: threading.Event = field(default_factory=threading.Event)
    process: Process | None = None


class Pool:
    """Limited processes, kept warm; safe to use from several threads."""

    def __init__(self, workers: int, limits: Limits):
        self.limits, self.workers = limits, workers
        self.idle: list[Process] = [Process(limits) for _ in range(workers)]
        """Those nobody has, the one that rests longest first."""
        self._busy: dict[Process, _Waiting] = {}
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self.closed = False

    def close(self) -> None:
        """End every process; one that is at work ends when its answer is there."""
        with self._lock:
            self.closed = True
            resting, self.idle = self.idle, []
            for asking in self._waiting:
                asking.given.set()
            self._waiting.clear()
        for process in resting:
            process.kill()

    @contextmanager
    def process(self, kind: Kind = "looking", key: str | None = None) -> Iterator[Process]:
        """A process of one's own; one that holds the file of this key before others.

        raises: Busy for who looks and waited as long as a file may take
        """
        process = self._taken(kind, key)
        try:
            yield process
        finally:
            self._give_back(process)

    def _taken(self, kind: Kind, key: str | None) -> Process:
        asking = self._ask(kind, key)
        process = asking.process
        if process is None:
            raise RuntimeError("The decoder is closed.")
        if process.is_alive:
            return process
        # Somebody else ended it while it rested, which is no fault of this file.
        process.kill()
        fresh = Process(self.limits)
        with self._lock:
            self._busy[fresh] = self._busy.pop(process)
        return fresh

    def _ask(self, kind: Kind, key: str | None) -> _Waiting:
        asking = _Waiting(kind, key)
        with self._lock:
            if self.closed:
                return asking
            if kind == "looking":
                self._looked_at = time.monotonic()
            # Behind those of its kind, and who looks before the others.
            ahead = [n for n, one in enumerate(self._waiting) if one.kind == "looking"]
            place = (ahead[-1] + 1 if ahead else 0) if kind == "looking" else len(self._waiting)
            self._waiting.insert(place, asking)
            self._deal()
        # What fills looks again by itself when the one who looked has gone.
        patience = {"looking": float(self.limits.wall_seconds), "filling": LOOKED_SECONDS / 4}.get(kind)
        while not asking.given.wait(patience):
            with self._lock:
                if asking in self._waiting and kind == "looking":
                    self._waiting.remove(asking)
                    raise Busy(seconds=self.limits.wall_seconds)
                self._deal()
        return asking

    def _deal(self) -> None:
        """Give idle processes to those who wait, in order; who may not have one now lets the others pass."""
        for asking in list(self._waiting):
            process = self._for(asking)
            if process is not None:
                self._waiting.remove(asking)
                self.idle.remove(process)
                self._busy[process] = asking
                asking.process = process
                asking.given.set()

    def _for(self, asking: _Waiting) -> Process | None:
        if not self.idle or (len(self.idle) == 1 and self._must_leave_one(asking)):
            return None
        return next((one for one in self.idle if asking.key in one.holds), self.idle[0])

    def _must_leave_one(self, asking: _Waiting) -> bool:
        """Whether the last idle process is not for this one; where there is one process only, all share it."""
        if self.workers == 1:
            return False
        if asking.kind == "arriving":
            # Counted over all processes: one that is being replaced is on nobody's hands, and comes back.
            return sum(one.kind == "arriving" for one in self._busy.values()) >= self.workers - 1
        if asking.kind == "filling":
            return time.monotonic() - self._looked_at < LOOKED_SECONDS
        return asking.key is not None and any(one.key == asking.key for one in self._busy.values())

    def _give_back(self, process: Process) -> None:
        if process.is_alive and not self.closed:
            self._rest(process)
            return
        process.kill()
        if not self.closed:
            # Whoever comes next takes one that is warm; this one's successor joins them when it is.
            threading.Thread(target=self._replace, args=[process], name="decoder", daemon=True).start()

    def _replace(self, died: Process) -> None:
        process = Process(self.limits)
        # One that cannot start is put back all the same: the next who takes it tries again and is told.
        with contextlib.suppress(Died):
            process.wait_until_ready()
        self._rest(process, instead_of=died)

    def _rest(self, process: Process, instead_of: Process | None = None) -> None:
        with self._lock:
            self._busy.pop(instead_of or process, None)
            if not self.closed:
                self.idle.append(process)
                self._deal()
                return
        process.kill()
