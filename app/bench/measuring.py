"""What the measurements share: how long something takes, and by how much this process grew."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import psutil

Line = tuple[str, str]


def seconds(work: Callable[[], Any]) -> float:
    """Seconds that a piece of work takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def grown() -> Iterator[list[int]]:
    """By how many bytes this process grew at most while the block ran, looked at a hundred times a second."""
    process = psutil.Process()
    before = process.memory_info().rss
    most, done = [0], Event()

    def watch() -> None:
        while not done.wait(0.01):
            most[0] = max(most[0], process.memory_info().rss - before)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        most[0] = max(most[0], process.memory_info().rss - before)
        done.set()
        watcher.join()
