"""A worker whose answers come from a model server, as readers and administrators see it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app import jobs
from app.doctor import examine
from app.settings import Settings
from app.wiring import open_answerer
from tests.app.test_worker import WORKER, asked
from tests.model.serving import house, words

ROOT = Path(__file__).parents[2]
NAME = "dragonfly-med-v1-0123456789abcdef"
CARD = {
    "name": "Dragonfly-Med v1",
    "architecture": "v1",
    "fingerprint": "0123456789abcdef" * 4,
    "revision": "",
    "demonstration": False,
    "licence": "see the checkpoint's own licence",
    "languages": ["en"],
    "modalities": [],
    "crops_per_picture": 29,
    "visual_positions": 867,
    "served_name": NAME,
    "ends": ["<|eot_id|>", "<|end_of_text|>"],
    "crop_px": 224,
    "patch_px": 32,
}


@pytest.fixture
def folder(tmp_path):
    """What lies in an exported folder for a worker: its card."""
    made = tmp_path / "served"
    made.mkdir()
    (made / "card.json").write_text(json.dumps(CARD))
    return made


def hand(world, answerer):
    return jobs.Worker(world.services, world.client.app.app.state.queue, answerer, WORKER)


def test_what_was_not_told_is_kept_as_unknown(world, sent, folder):
    """The answer is kept with its boxes; of v1's close crops nobody claims that they were or were not kept."""
    browser, address, answer_id = asked(world, sent)
    with house(NAME, words("No ", "cyst.")) as server:
        worker = hand(world, open_answerer(Settings(model_server=server.url, model_path=folder)))

        jobs.answer(worker, jobs.begin(worker, answer_id), lambda *_: None, threading.Event())

    found = browser.get(address).json()
    kept = {
        level: {box["kept"] for box in found["boxes"] if box["level"] == level} for level in ("low", "high")
    }
    assert (found["state"], found["text"]) == ("done", "No cyst.")
    assert kept == {"low": {True}, "high": {None}} and len(found["boxes"]) == 29
    assert found["model"]["fingerprint"] == CARD["fingerprint"]


def test_a_server_that_breaks_is_told_to_the_reader(world, sent, folder):
    """With its cause, in the reader's language; half an answer is no answer."""
    browser, address, answer_id = asked(world, sent)
    noted = []

    def reply(handler, body):
        handler.begin()
        handler.event(b"{oops")

    with house(NAME, reply) as server:
        answerer = open_answerer(Settings(model_server=server.url, model_path=folder))
        worker = jobs.Worker(world.services, world.client.app.app.state.queue, answerer, WORKER, noted.append)
        jobs.answer(worker, jobs.begin(worker, answer_id), lambda *_: None, threading.Event())

    found = browser.get(address).json()
    assert (found["state"], found["failure"]["code"]) == ("failed", "model.server_broke_off")
    assert "model server" in found["failure"]["sentence"] and noted == ["model.server_broke_off"]


def test_a_worker_process_without_torch_answers(own_world, sent, folder, tmp_path):
    """The whole worker: queue, signs of life and all, where the library that computes is missing."""
    browser, address, _ = asked(own_world, sent)
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "from app import worker; from app.settings import Settings; worker.run(Settings())"
    )
    with house(NAME, words("No ", "cyst.")) as server:
        named = {
            "DRAGONFLY_DATA_DIR": str(tmp_path),
            "DRAGONFLY_MODEL_SERVER": server.url,
            "DRAGONFLY_MODEL_PATH": str(folder),
        }
        process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **named})
        try:
            end = time.monotonic() + 120
            while browser.get(address).json()["state"] in ("waiting", "running") and time.monotonic() < end:
                time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            left = process.wait(60)
        finally:
            process.kill()

    found = browser.get(address).json()
    assert (left, found["state"], found["text"]) == (0, "done", "No cyst.")


def test_the_doctor_looks_at_the_server_instead_of_the_device(folder, tmp_path):
    """Serving the model it should, serving another, not there; and it says how to start it."""

    def line(url):
        settings = Settings(model_server=url, model_path=folder, data_dir=tmp_path / "data")
        lines = {one.what: one for one in examine(settings)}
        assert not {"device", "weights"} & set(lines)
        return lines["model server"]

    with house(NAME, words("x")) as right, house("other", words("x")) as wrong:
        fine, another = line(right.url), line(wrong.url)
    away = line(right.url)

    assert fine.ok and CARD["fingerprint"][:16] in fine.found
    assert (another.ok, another.found) == (False, "ServerServesAnother")
    assert (away.ok, away.found) == (False, "ServerUnreachable") and "deploy/README" in away.fix
