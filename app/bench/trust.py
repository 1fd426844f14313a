"""How many entries of the record are committed in a second: one after the other, and together."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from storage.audit.keys import AuditKeys
from storage.database import Actor, Database, Tx
from storage.migrate import migrate
from storage.sealing import Keyring

CALLERS, SECONDS = 8, 4.0
PACED_PER_SECOND = 20
Way = Callable[[Actor], AbstractContextManager[Tx]]


def measure(url: str = "") -> Iterator[tuple[str, str]]:
    """What was measured, and the figure; on SQLite in a folder that is gone afterwards, or on `url`, empty before."""
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        keys = AuditKeys.create(Path(folder) / "audit")
        database = Database(url or f"sqlite:///{folder}/bench.db", Keyring(b"k" * 32), keys)
        actor = Actor(id="bench", role="system")
        migrate(database.engine)
        database.open(actor)
        for callers in (1, CALLERS):
            who = f"{callers} caller{'s' if callers > 1 else ''}"
            alone, _ = _rate(database.write, actor, callers)
            yield f"one commit for each entry, {who}", f"{alone:8.0f} entries/s"
            together, waits = _rate(database.look, actor, callers)
            yield (
                f"together, {who}",
                f"{together:8.0f} entries/s, ratio {together / alone:.1f}, {_told(waits)}",
            )
        yield (
            f"together, {PACED_PER_SECOND} a second from {CALLERS} callers",
            _told(_paced(database.look, actor)),
        )
        database.close()


def _rate(way: Way, actor: Actor, callers: int) -> tuple[float, list[float]]:
    waits: list[float] = []
    end = time.perf_counter() + SECONDS

    def call() -> None:
        while time.perf_counter() < end:
            waits.append(_once(way, actor))

    _together(call, callers)
    return len(waits) / SECONDS, waits


def _paced(way: Way, actor: Actor) -> list[float]:
    waits: list[float] = []
    end = time.perf_counter() + SECONDS

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
