"""The power goes at any moment of a reader's work, on a simulated disk; nothing acknowledged is lost.

Twenty cuts belong to `make test`, a thousand to `make prove`. What is proved: SQLite of this machine as our
settings drive it, and our own files, lose nothing on a disk that does what it says. What is not: real disks.
"""

import random
import tempfile
from pathlib import Path

import pytest

from app.settings import Settings
from app.wiring import SYSTEM, open_services
from storage import engines
from storage.audit.log import standing
from storage.errors import NotDurable
from tests.app.conftest import open_world
from tests.fault.disk import Disk, Trace, recorded
from tests.fault.ward import CHEAP, Reader, complaints


def worked(folder: Path, rounds: int) -> Trace:
    """A new installation in which somebody works; what was done to its folder."""
    folder.mkdir(mode=0o700)
    with recorded(folder) as trace:
        with open_world(folder) as world:
            reader = Reader(world, world.sign_in("clinician"), trace)
            reader.told()
            for number in range(rounds):
                reader.round(number)
    return trace


def recorded_only(folder: Path, *, lies: bool = False) -> Trace:
    """A new installation that records twelve events, for the controls: they need no pages."""
    folder.mkdir(mode=0o700)
    with recorded(folder, lies=lies) as trace:
        services = open_services(Settings(data_dir=folder, decoders=1), passwords=CHEAP)
        for _ in range(12):
            with services.database.write(SYSTEM) as tx:
                tx.record("system.read")
            with services.database.read(SYSTEM) as tx:
                now = standing(tx.session)
            trace.acknowledged(size=now.size, root=now.root)
        services.close()
    return trace


def cuts(trace: Trace, count: int, seed: int, since: str = "") -> list[tuple[int, list[str]]]:
    """After so many cuts, each at a random step: where, and what was missing or broken.

    since: only after the first step of this kind
    """
    chance, disk, found = random.Random(seed), Disk(trace), []
    first = next((at for at, step in enumerate(trace.steps) if step.what == since), -1) + 1
    for at in sorted(chance.randint(first, len(trace.steps)) for _ in range(count)):
        disk.advance(at)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "data"
            disk.write_out(folder, chance, leftovers=chance.random() < 0.5)
            try:
                missing = complaints(folder, disk.told)
            except Exception as error:
                missing = [f"does not start: {type(error).__name__}: {error}"]
        found.append((at, missing))
    return found


def check(trace: Trace, count: int, seed: int) -> None:
    """So many cuts, and not one complaint."""
    bad = [(at, missing) for at, missing in cuts(trace, count, seed) if missing]
    print(f"\n{count} cuts in {len(trace.steps)} steps, {len(bad)} with a loss")
    assert not bad, bad[:5]


def test_twenty_power_cuts_lose_nothing(tmp_path):
    """From the first start on: it starts again, every acknowledged event, file, report and paper is there, once."""
    trace = worked(tmp_path / "data", 1)
    assert sum(step.what == "told" for step in trace.steps) == 10

    check(trace, 20, seed=20)


@pytest.mark.slow
def test_a_thousand_power_cuts_lose_nothing(tmp_path):
    """The same fifty times as often, over six studies."""
    check(worked(tmp_path / "data", 6), 1000, seed=1000)


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_with_less_than_full_the_same_cuts_lose(tmp_path, monkeypatch, level):
    """A check that finds nothing there would find nothing anywhere; the application refuses to start so."""
    lossy = tuple(one.replace("synchronous=FULL", f"synchronous={level}") for one in engines.SQLITE_PRAGMAS)
    monkeypatch.setattr(engines, "SQLITE_PRAGMAS", lossy)
    with pytest.raises(NotDurable):
        recorded_only(tmp_path / "refused")
    monkeypatch.setattr("storage.database.refuse_lossy", lambda session: None)

    found = cuts(recorded_only(tmp_path / "data"), 4, seed=8, since="told")

    assert any(missing for _, missing in found)


def test_a_disk_that_only_says_it_has_written_loses(tmp_path):
    """The same for the keys and the sealed files, which SQLite knows nothing of."""
    found = cuts(recorded_only(tmp_path / "data", lies=True), 2, seed=4, since="told")

    assert all(missing for _, missing in found)


def test_a_folder_that_its_parent_does_not_know_of_is_lost(tmp_path, monkeypatch):
    """The story of a defect: what was synced in a new folder went with the folder, the auditor's key among it."""
    monkeypatch.setattr(
        "storage.audit.keys.make_folder", lambda path: path.mkdir(parents=True, exist_ok=True)
    )

    found = cuts(recorded_only(tmp_path / "data"), 4, seed=8, since="told")

    assert any("entry 0: does not continue the chain" in one for _, missing in found for one in missing)
