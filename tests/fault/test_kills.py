"""Web and workers are killed at random moments while a reader works; nothing acknowledged is lost.

Five kills on each database belong to `make test`, fifty to `make prove`.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.auth import Caller
from app.demo import drawn_files, load
from app.settings import Settings
from app.wiring import SYSTEM, open_services
from storage import answers, reports, studies, tokens, users
from storage.audit.search import find
from tests.browser.house import ROOT, House
from tests.conftest import free_port

PATIENCE_SECONDS = 180


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """An installation with drawn studies, web and one worker."""
    port = free_port()
    chosen = {"data_dir": str(tmp_path / "data"), "port": str(port), "pace_ms": "20", "decoders": "1"}
    if request.param == "postgresql":
        chosen["database_url"] = request.getfixturevalue("postgres").new_database()
    environment = {f"DRAGONFLY_{name.upper()}": value for name, value in chosen.items()}
    opened = House(Settings(**chosen), f"http://127.0.0.1:{port}", environment)
    opened.found()
    try:
        yield opened
    finally:
        opened.close()


@dataclass
class Reader:
    """Asks, edits and notes only what the server acknowledged."""

    address: str
    secret: str
    study_id: str
    view: dict
    report_id: str
    asked: list[str] = field(default_factory=list)
    saved: dict[int, str] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Until told to stop; a server that is down is asked again."""
        headers = {"authorization": f"Bearer {self.secret}"}
        with httpx.Client(base_url=self.address, headers=headers, timeout=30) as client:
            turn = 0
            while not self.ended.is_set():
                turn += 1
                try:
                    self._edit(client, turn)
                    if turn % 15 == 0:
                        self._ask(client)
                except httpx.HTTPError:
                    pass
                self.ended.wait(0.15)

    def _edit(self, client: httpx.Client, turn: int) -> None:
        now = client.get(f"/api/studies/{self.study_id}/report")
        if now.status_code != 200:
            return
        text = f"Line {turn}."
        body = {"version": now.json()["version"], "sections": {"findings": text}}
        kept = client.put(f"/api/reports/{self.report_id}", json=body)
        if kept.status_code == 200:
            self.saved[kept.json()["version"]] = text

    def _ask(self, client: httpx.Client) -> None:
        body = {"question": "Is the heart enlarged?", "view": self.view}
        asked = client.post(f"/api/studies/{self.study_id}/questions", json=body)
        if asked.status_code == 202:
            self.asked.append(asked.json()["answer_id"])


def opened_reader(house: House) -> Reader:
    """Drawn studies of one clinician, a report begun, and a token to work with."""
    services = open_services(house.settings)
    services.settings.scratch.mkdir(exist_ok=True, mode=0o700)
    with services.database.read(SYSTEM) as tx:
        user = next(one for one in users.everyone(tx) if one.username == "dr.lee")
    caller = Caller(user=user, csrf=None, digest=None, ip="")
    load(services, caller, drawn_files())
    with services.database.write(caller.actor) as tx:
        line = next(one for one in studies.worklist(tx, user.id) if one.study.modality != "CT")
        picture = studies.series(tx, line.study)[0].instances[0]
        report = reports.create(tx, line.study, {"sections": {"findings": []}})
        secret, _ = tokens.add(tx, user.id, label="test", lifetime=timedelta(days=1), scope="write")
    services.close()
    view = {"instance_id": picture.id, "frame": 0}
    return Reader(house.address, secret, line.study.id, view, report.id)


def kill_often(house: House, reader: Reader, kills: int, seed: int) -> None:
    """Kill worker and web in turn, each at a random moment, and start it again."""
    chance = random.Random(seed)
    parts = {"work": house.start("work"), "serve": house.start("serve")}
    house.wait_for_web()
    house.wait_for_worker(parts["work"])
    thread = threading.Thread(target=reader.work)
    thread.start()
    try:
        for number in range(kills):
            done = len(reader.saved)
            _until(lambda done=done: len(reader.saved) > done and reader.asked)
            time.sleep(chance.uniform(0, 2))
            verb = "work" if number % 2 == 0 else "serve"
            house.kill(parts[verb])
            parts[verb] = house.start(verb)
            if verb == "work":
                house.wait_for_worker(parts[verb])
            else:
                house.wait_for_web()
    finally:
        reader.ended.set()
        thread.join()


def _until(holds) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def check(house: House, reader: Reader) -> None:
    """Every acknowledged question has one answer, every acknowledged text is a version, the record verifies."""
    services = open_services(house.settings)
    database = services.database

    def waiting() -> list[str]:
        with database.read(SYSTEM) as tx:
            return answers.unfinished(tx)

    _until(lambda: not waiting())
    with database.read(SYSTEM) as tx:
        study = studies.get(tx, reader.study_id, None)
        for answer_id in reader.asked:
            kept = answers.get(tx, study, answer_id)
            assert kept.state == "done" and kept.answer, (kept.state, kept.failure, kept.attempt)
            assert len(find(tx.session, action="answer.finished", object_id=answer_id)) == 1
        for version, text in reader.saved.items():
            content = reports.content_of(tx, study, reader.report_id, version)
            assert [one["text"] for one in content["sections"]["findings"]] == [text]
    services.close()
    house.close()
    command = [sys.executable, "-m", "app", "verify"]
    verdict = subprocess.run(command, cwd=ROOT, env={**os.environ, **house.environment}, capture_output=True)
    assert verdict.returncode == 0, verdict.stdout.decode()


def test_five_kills_lose_nothing(house):
    """What was acknowledged is there, once, and the log is clean."""
    reader = opened_reader(house)

    kill_often(house, reader, 5, seed=5)

    check(house, reader)


@pytest.mark.slow
def test_fifty_kills_lose_nothing(house):
    """The same, ten times as long."""
    reader = opened_reader(house)

    kill_often(house, reader, 50, seed=50)

    check(house, reader)
