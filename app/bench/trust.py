"""How many entries of the record are committed in a second: one after the other, together, and for readers through HTTP."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from app.bench import reading
from app.settings import Settings
from app.wiring import open_services
from storage.database import Actor, Database, Tx

CALLERS, SECONDS = 8, 4.0
READING_SECONDS, WARM_UP_SECONDS = 5.0, 2.0
"""Readers are paced, so that many seconds make few requests: five times as long as the others."""
PACED_PER_SECOND = 20
Way = Callable[[Actor], AbstractContextManager[Tx]]


def measure(url: str = "", seconds: float = SECONDS) -> Iterator[tuple[str, str]]:
    """What was measured, and the figure; on SQLite in a folder that is gone afterwards, or on `url`, empty before."""
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        settings = Settings(data_dir=Path(folder), database_url=url, port=reading.free_port())
        services = open_services(settings)
        try:
            yield from _in_process(services.database, seconds)
            opened, study = reading.prepared(services, CALLERS)
        finally:
            services.close()
        with reading.serving(settings):
            reading.waits(settings.port, opened, study, PACED_PER_SECOND, WARM_UP_SECONDS)
            found = reading.waits(settings.port, opened, study, PACED_PER_SECOND, READING_SECONDS * seconds)
        who = f"through HTTP, {PACED_PER_SECOND} a second from {CALLERS} readers"
        yield f"{who}: a study opened", _told(found)


def _in_process(database: Database, seconds: float) -> Iterator[tuple[str, str]]:
    actor = Actor(id="bench", role="system")
    for callers in (1, CALLERS):
        who = f"{callers} caller{'s' if callers > 1 else ''}"
        alone, _ = _rate(database.write, actor, callers, seconds)
        yield f"one commit for each entry, {who}", f"{alone:8.0f} entries/s"
        together, waits = _rate(database.look, actor, callers, seconds)
        yield f"together, {who}", f"{together:8.0f} entries/s, ratio {together / alone:.1f}, {_told(waits)}"
    paced = f"{PACED_PER_SECOND} a second from {CALLERS} callers"
    yield f"one commit for each entry, {paced}", _told(_paced(database.write, actor, seconds))
    yield f"together, {paced}", _told(_paced(database.look, actor, seconds))


def _rate(way: Way, actor: Actor, callers: int, seconds: float) -> tuple[float, list[float]]:
    waits: list[float] = []
    end = time.perf_counter() + seconds

    def call() -> None:
        while time.perf_counter() < end:
            waits.append(_once(way, actor))

    _together(call, callers)
    return len(waits) / seconds, waits


def _paced(way: Way, actor: Actor, seconds: float) -> list[float]:
    waits: list[float] = []
    end = time.perf_counter() + seconds

    def call() -> None:
        while time.perf_counter() < end:
            took = _once(way, actor)
            waits.append(took)
            time.sleep(max(0.0, CALLERS / PACED_PER_SECOND - took))

    _together(call, CALLERS)
    return waits


def _once(way: Way, actor: Actor) -> float:
    started = time.perf_counter()
    with way(actor) as tx:
        tx.record("study.read", object_type="study", object_id="0" * 32)
    return time.perf_counter() - started


def _together(call: Callable[[], None], callers: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _told(waits: list[float]) -> str:
    ordered = sorted(waits)
    middle, late = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.95))
    return f"half within {middle:.0f} ms, 95 of 100 within {late:.0f} ms"
