"""A worker that is told to stop, and one that was taken for dead: nobody's answer is lost or cut."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from app import jobs
from app.worker import _Life, state
from model.scripted import ScriptedEngine
from storage.database import Actor
from tests.samples import ct_series

ROOT = Path(__file__).parents[2]
WORKER = Actor(id="w", role="worker")


def asked(world, sent):
    """A reader and a question of theirs that waits."""
    browser = world.sign_in("clinician")
    study_id = sent(browser, *ct_series(1))["studies"][0]["study_id"]
    series = browser.get(f"/api/studies/{study_id}").json()["series"][0]
    frame = browser.get(f"/api/series/{series['series_id']}/manifest").json()["frames"][0]
    view = {"instance_id": frame["instance_id"], "frame": 0}
    answer = browser.post(f"/api/studies/{study_id}/questions", json={"question": "Any cyst?", "view": view})
    assert answer.status_code == 202, answer.text
    return browser, f"/api/answers/{answer.json()['answer_id']}", answer.json()["answer_id"]


def hand(world):
    """A worker's hand, without its process."""
    return jobs.Worker(world.services, world.client.app.app.state.queue, ScriptedEngine(), WORKER)


def test_what_breaks_off_unasked_is_no_answer(world, sent):
    """The model stopped because its worker leaves, not because a reader said so: the next attempt answers."""
    browser, address, answer_id = asked(world, sent)
    worker, leaving = hand(world), threading.Event()
    leaving.set()

    kept = jobs.answer(worker, jobs.begin(worker, answer_id), lambda *_: None, leaving)

    assert kept is False
    assert browser.get(address).json()["state"] == "running"
    assert jobs.answer(worker, jobs.begin(worker, answer_id), lambda *_: None, threading.Event())
    assert browser.get(address).json()["text"] == "The lungs are clear."


def test_a_frozen_worker_that_thaws_ends_nothing(world, sent):
    """While it was frozen another one began anew; what the first brings is refused, success or failure."""
    browser, address, answer_id = asked(world, sent)
    worker = hand(world)
    first = jobs.begin(worker, answer_id)
    second = jobs.begin(worker, answer_id)

    jobs.answer(worker, first, lambda *_: None, threading.Event())
    between = browser.get(address).json()
    jobs.answer(worker, second, lambda *_: None, threading.Event())

    assert (between["state"], between["text"]) == ("running", None)
    assert browser.get(address).json()["state"] == "done"
    assert len(world.entries("answer.finished", object_id=answer_id)) == 2


def test_after_three_deaths_it_is_failed_with_its_cause(world, sent):
    """A question that kills its workers does not go round for ever."""
    browser, address, answer_id = asked(world, sent)
    worker = hand(world)

    begun = [jobs.begin(worker, answer_id) is not None for _ in range(4)]

    assert begun == [True, True, True, False]
    assert browser.get(address).json()["failure"]["code"] == "worker.died"


@pytest.mark.parametrize(("executor", "after"), [("living", "running"), ("w", "failed"), ("dead", "failed")])
def test_what_is_over_is_ended_by_nobody_while_its_worker_lives(world, sent, monkeypatch, executor, after):
    """Stopped, but its worker still says the last token: only that worker, or those who outlive it, may end it."""
    browser, address, answer_id = asked(world, sent)
    worker = hand(world)
    jobs.begin(worker, answer_id)
    over = SimpleNamespace(workflow_id=answer_id, status="CANCELLED", executor_id=executor)
    monkeypatch.setattr(worker.queue, "work_of", lambda _: [over])
    monkeypatch.setattr(state, "worker", worker, raising=False)
    monkeypatch.setattr(state, "stops", {}, raising=False)
    life = _Life(world.services, WORKER, "w", {}, dict)

    life._settle({"w", "living"})
    between = browser.get(address).json()["state"]
    life._settle({"w", "living"})

    assert (between, browser.get(address).json()["state"]) == ("running", after)


def test_a_worker_told_to_stop_hands_over_what_takes_longer_than_its_grace(own_world, sent, tmp_path):
    """It leaves in good order, and what it had begun stands in line again, neither cut nor failed."""
    browser, address, answer_id = asked(own_world, sent)
    code = "from app import worker as w; from app.settings import Settings; w.GRACE_SECONDS = 1; w.run(Settings())"
    named = {"DRAGONFLY_DATA_DIR": str(tmp_path), "DRAGONFLY_PACE_MS": "1000", "OMP_NUM_THREADS": "1"}
    slow = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **named})
    try:
        end = time.monotonic() + 120
        while browser.get(address).json()["state"] != "running" and time.monotonic() < end:
            time.sleep(0.1)
        slow.send_signal(signal.SIGTERM)
        left = slow.wait(60)
    finally:
        slow.kill()

    handed = [one.status for one in own_world.client.app.app.state.queue.work_of([answer_id])]
    answered = jobs.answer(
        hand(own_world), jobs.begin(hand(own_world), answer_id), lambda *_: None, threading.Event()
    )

    assert (left, handed, answered) == (0, ["ENQUEUED"], True)
    assert own_world.entries("worker.stopped") and not own_world.entries("answer.failed")
    found = browser.get(address).json()
    assert (found["state"], found["attempt"], found["text"]) == ("done", 2, "The lungs are clear.")
