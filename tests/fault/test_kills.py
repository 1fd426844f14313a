"""Web and workers are killed in the middle of every kind of work; nothing acknowledged is lost, nothing left half.

A kill on each database, one of either process, belongs to `make test`, five hundred over all phases to `make prove`.
After each one: everything acknowledged is there, files and rows agree, the record verifies.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from app.settings import Settings
from app.wiring import SYSTEM, open_services
from storage import answers
from storage.audit.search import find
from storage.backup.checking import check_files
from tests.browser.house import ROOT, House
from tests.conftest import free_port
from tests.fault.busy import PHASES, Reader, opened_reader
from tests.fault.ward import CHEAP, complaints_of, orphans, record_complaints

PATIENCE_SECONDS = 300
RESTART_SECONDS = 10
SAMPLE = {"sqlite": ("sign",), "postgresql": ("infer",)}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An installation with drawn studies, web and one worker."""
    port = free_port()
    chosen = {"data_dir": str(tmp_path / "data"), "port": str(port), "pace_ms": "20", "decoders": "1"}
    # One reader works here for five hundred kills, which is more than a person's day.
    chosen |= {"scope_gate": "off", "quota_uploads": "0", "quota_answers": "0", "quota_waiting": "0"}
    if request.param == "postgresql":
        chosen["database_url"] = request.getfixturevalue("postgres").new_database()
    environment = {f"DRAGONFLY_{name.upper()}": value for name, value in chosen.items()}
    opened = House(Settings(**chosen), f"http://127.0.0.1:{port}", environment)
    opened.found()
    try:
        yield opened
    finally:
        opened.close()


class Killer:
    """Kills the part that does what the reader waits for, starts it again, and looks."""

    def __init__(self, house: House, reader: Reader, seed: int):
        self.house, self.reader, self.chance = house, reader, random.Random(seed)
        self.services = open_services(house.settings, passwords=CHEAP)
        self.parts = {"work": house.start("work"), "serve": house.start("serve")}
        self.restarts: dict[str, list[float]] = {"work": [], "serve": []}
        self.worked: dict[str, list[float]] = {"work": [], "serve": []}
        self.inside: dict[str, int] = dict.fromkeys(PHASES, 0)
        self.checked = 0
        house.wait_for_web()
        house.wait_for_worker(self.parts["work"])

    def kill_in(self, phase: str) -> None:
        """Once, at a random moment of this phase."""
        reader = self.reader
        reader.target = phase
        reader.may.set()
        until(lambda: reader.phase == phase or reader.failure)
        time.sleep(self.chance.uniform(0, reader.typical_seconds(phase)))
        self.inside[phase] += reader.phase == phase
        verb = PHASES[phase]
        self.house.kill(self.parts[verb])
        reader.may.clear()
        began = time.monotonic()
        self.parts[verb] = self.house.start(verb)
        if verb == "work":
            self.house.wait_for_worker(self.parts[verb], PATIENCE_SECONDS)
        else:
            self.house.wait_for_web(PATIENCE_SECONDS)
        self.restarts[verb].append(time.monotonic() - began)
        self.worked[verb].append(processor_seconds(self.parts[verb].pid))
        until(lambda: not reader.phase or reader.failure)
        self.check_now()
        kills = sum(map(len, self.restarts.values()))
        print(f"{kills} kills, {len(reader.told)} acknowledged, nothing lost", flush=True)

    def check_now(self) -> None:
        """What was acknowledged since the last look is there, once; files and rows agree; the record verifies."""
        assert self.reader.failure is None, self.reader.failure
        database, files = self.services.database, self.services.files
        # The start sweeps what was left over; while nobody uploads nothing may stay.
        end = time.monotonic() + RESTART_SECONDS
        while time.monotonic() < end:
            with database.read(SYSTEM) as tx:
                left = orphans(tx, files)
            if not left:
                break
            time.sleep(0.2)
        assert not left, left
        told, self.checked = self.reader.told[self.checked :], len(self.reader.told)
        with database.read(SYSTEM) as tx:
            assert check_files(tx, files).broken == ()
            found = [one for fact in told for one in complaints_of(tx, fact)]
        assert not found, found
        assert record_complaints(database, self.reader.told) == []

    def end(self) -> None:
        """Everything that was asked is answered, once, and all of it is looked at again."""
        self.reader.target, self.checked = "", 0
        until(lambda: not self._unfinished())
        self.check_now()
        with self.services.database.read(SYSTEM) as tx:
            for fact in self.reader.told:
                for answer_id in fact.get("asked", []):
                    done = find(tx.session, action="answer.finished", object_id=answer_id)
                    assert len([one for one in done if one["outcome"] == "success"]) == 1, fact
        self.services.close()

    def _unfinished(self) -> list[str]:
        with self.services.database.read(SYSTEM) as tx:
            return answers.unfinished(tx)


def processor_seconds(pid: int) -> float:
    """What a process has used of a processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(holds) -> None:
    """Wait, but not for ever."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def kill_in_all(house: House, folder: Path, phases: tuple[str, ...], seed: int) -> Killer:
    """A kill in each of these phases, one after another."""
    reader = opened_reader(house, folder)
    killer = Killer(house, reader, seed)
    thread = threading.Thread(target=reader.work)
    thread.start()
    try:
        for phase in phases:
            killer.kill_in(phase)
        reader.may.set()
        killer.end()
    finally:
        reader.ended.set()
        thread.join()
    house.close()
    command = [sys.executable, "-m", "app", "verify"]
    verdict = subprocess.run(command, cwd=ROOT, env={**os.environ, **house.environment}, capture_output=True)
    assert verdict.returncode == 0, verdict.stdout.decode()
    for verb, seconds in killer.restarts.items():
        middle, used = median(seconds or [0]), median(killer.worked[verb] or [0])
        print(
            f"\n{verb}: {len(seconds)} kills, back after {middle:.1f} s, of which {used:.1f} s of processor time"
        )
    print(
        f"{sum(killer.inside.values())} of {len(phases)} kills while the work was under way: {killer.inside}"
    )
    return killer


def test_a_kill_in_some_phases_loses_nothing(house, tmp_path):
    """What was acknowledged is there, once, no file is left over, and the log is clean."""
    kind = "postgresql" if house.settings.database_url else "sqlite"

    kill_in_all(house, tmp_path, SAMPLE[kind], seed=5)


@pytest.mark.slow
def test_five_hundred_kills_lose_nothing(house, tmp_path):
    """Two hundred and fifty on each database, over all phases in turn; the middle one back within ten seconds of processor time."""
    phases = tuple(PHASES) * 32
    killer = kill_in_all(house, tmp_path, phases[:250], seed=500)

    assert sum(killer.inside.values()) > 125
    # Of its own processor time: how long that takes depends on who else uses the machine, and is printed.
    for seconds in killer.worked.values():
        assert median(seconds) <= RESTART_SECONDS
