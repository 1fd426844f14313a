"""How many requests one caller may send: a bucket that fills steadily and is emptied by each request.

Per process and in memory: what it guards is this process. Who is refused is told when to come again.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

SECONDS_AT_ONCE = 10
"""A series of five hundred pictures is asked for in a moment, and then nothing for minutes."""
MOST = 20_000
"""Callers remembered; one that is forgotten starts with a full bucket, so a mass of them gains only that."""


class Rates:
    """Buckets by caller; a rate of 0 lets everything through."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic):
        self._rate, self._room, self._clock = per_second, per_second * SECONDS_AT_ONCE, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """0 where the request may pass, else the seconds after which the next one may."""
        if not self._rate:
            return 0.0
        now = self._clock()
        left, seen = self._buckets.pop(caller, (float(self._room), now))
        left = min(self._room, left + (now - seen) * self._rate)
        passes = left >= 1
        self._buckets[caller] = (left - 1 if passes else left, now)
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)
        return 0.0 if passes else (1 - left) / self._rate
