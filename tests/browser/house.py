"""A whole installation for the browser tests: web and workers as processes of their own, people, a folder."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from argon2 import PasswordHasher

from app.queue import prepare
from app.settings import Settings
from app.wiring import SYSTEM, open_database
from storage import users, workers
from storage.users import Passwords

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
PEOPLE = {
    "dr.lee": "clinician",
    "dr.park": "clinician",
    "dr.choi": "clinician",
    "dr.han": "clinician",
    "dr.second": "clinician",
    "res.one": "researcher",
    "res.two": "researcher",
    "admin": "admin",
    "auditor": "auditor",
}
PACE_MS = 600
"""Slow enough that stop, refresh and kill fall inside an answer; each test asserts that they did."""


@dataclass
class House:
    """Settings of an installation and the processes that serve it."""

    settings: Settings
    address: str
    environment: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def found(self) -> None:
        """Tables, keys and people."""
        database = open_database(self.settings)
        prepare(database.engine)
        cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        for username, role in PEOPLE.items():
            with database.write(SYSTEM) as tx:
                users.add(
                    tx, cheap, username=username, display_name=username.title(), role=role, password=PASSWORD
                )
        database.close()

    def start(self, verb: str) -> subprocess.Popen[bytes]:
        """`serve` or `work`, as an operator starts them; what they say is kept in the folder."""
        log = (self.settings.data_dir / f"{verb}-{len(self.running)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", "app", verb],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        self.running.append(process)
        return process

    def wait_for_web(self, seconds: float = 120) -> None:
        """Until the web process answers."""
        _until(self._answers, seconds, "The web process did not start.")

    def wait_for_worker(self, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
        """Until this worker has given a sign of life."""
        _until(lambda: process.pid in self._pids(), seconds, "The worker did not start.")

    def _answers(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.settings.port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _pids(self) -> set[int]:
        database = open_database(self.settings)
        with database.read(SYSTEM) as tx:
            found = {int(one.facts["pid"]) for one in workers.heard_of(tx)}
        database.close()
        return found

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """As a power cut would end it."""
        process.send_signal(signal.SIGKILL)
        process.wait(20)

    def close(self) -> None:
        """Stop everything that still runs."""
        for process in self.running:
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill(process)


def _until(holds, seconds: float, complaint: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, complaint
        time.sleep(0.3)
