"""A slide read field by field: proposed on its tissue, described one after another, cited in the draft."""

import threading
from typing import ClassVar

import numpy as np
import pytest

from app import jobs
from app.drawn_slide import write_drawn_slide
from model.answers import Completion
from model.scripted import ScriptedEngine
from storage import answers
from storage.database import Actor
from tests.app.test_reading import signed
from tests.app.test_slides import taken_in
from tests.samples import slide

WORKER = Actor(id="w", role="worker")


class Sees(ScriptedEngine):
    """Notes what it is shown, and says how many times it was asked."""

    def __init__(self, fails_at: int = 0) -> None:
        super().__init__()
        self.shown: list[list[tuple[int, ...]]] = []
        self.prompts: list[str] = []
        self.means: list[list[float]] = []
        self.fails_at = fails_at

    def answer(self, pictures, prompt, sampling, **more):
        self.shown.append([one.shape for one in pictures])
        self.means.append([round(float(channel), 1) for channel in np.asarray(pictures[0]).mean((0, 1))])
        self.prompts.append(prompt)
        if len(self.prompts) == self.fails_at:
            raise MemoryError
        self.words = (f"Cells of kind {len(self.prompts)} are seen. ", "No gland is seen.")
        for piece in super().answer(pictures, prompt, sampling, **more):
            yield piece
            if isinstance(piece, Completion):
                return


def work(world, engine, rounds=20):
    """Every answer whose turn it is, one after another, as the queue gives them out."""
    queue = world.client.app.app.state.queue
    worker = jobs.Worker(world.services, queue, engine, WORKER)
    for _ in range(rounds):
        with world.services.database.read(WORKER) as tx:
            waiting = answers.unfinished(tx)
        begun = [one.workflow_id for one in queue.work_of(waiting) if one.status == "ENQUEUED"]
        if not begun:
            return
        asked = jobs.begin(worker, begun[0])
        if asked is None:
            return
        jobs.answer(worker, asked, lambda *_: None, threading.Event())


class Case:
    """A drawn slide in the worklist of somebody."""

    number: ClassVar[int] = 0

    def __init__(self, world, tmp_path):
        Case.number += 1
        write_drawn_slide(tmp_path / "slide", 6144, seed=Case.number)
        self.browser = world.sign_in("clinician")
        study = taken_in(self.browser, (tmp_path / "slide").read_bytes())
        self.study_id, self.series_id = study["study"]["study_id"], study["series"][0]["series_id"]
        self.instance_id = self.browser.get(f"/api/series/{self.series_id}/slide").json()["instance_id"]

    def proposed(self, **choice):
        return self.browser.get(f"/api/series/{self.series_id}/fields", params=choice).json()

    def view(self, box=None, **more):
        return {"instance_id": self.instance_id, "frame": 0, "box": box, **more}

    def draft(self, boxes, **more):
        body = {
            "indication": "Polyp.",
            "view": self.view(),
            "fields": [self.view(box) for box in boxes],
            **more,
        }
        answer = self.browser.post(f"/api/studies/{self.study_id}/report", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()["answer_ids"]

    def report(self):
        return self.browser.get(f"/api/studies/{self.study_id}/report").json()

    def states(self, ids):
        return [self.browser.get(f"/api/answers/{one}").json()["state"] for one in ids]


@pytest.fixture
def case(world, tmp_path):
    return Case(world, tmp_path)


def texts(report, section):
    return [one["text"] for one in report["sections"][section]]


def test_a_question_about_a_region_shows_exactly_that_region(world, browser_case):
    """Cell (3, 5) of a slide of cells at 0.5 µm: two pictures of it, and the answer says which."""
    browser, study_id, view = browser_case
    view = {**view, "box": [192, 320, 64 * 2, 64]}

    work(world, Sees())  # whatever other tests left waiting in this world
    asked = browser.post(f"/api/studies/{study_id}/questions", json={"question": "What?", "view": view})
    engine = Sees()
    work(world, engine)
    found = browser.get(f"/api/answers/{asked.json()['answer_id']}").json()

    # 128 by 64 pixels at 0.5 µm; at 1 µm only 32 pixels are left of the height, too few.
    assert engine.shown == [[(64, 128, 3)]]
    # Two cells side by side: red (24 + 32) / 2, green 40.
    assert engine.means == [[28.0, 40.0, 128.0]]
    assert found["view"]["box"] == [192, 320, 128, 64]
    assert found["view"]["pictures"] == [{"width": 128, "height": 64, "um_per_pixel": 0.5}]
    assert found["state"] == "done"
    paper = browser.get(f"/api/answers/{asked.json()['answer_id']}/pdf")
    assert paper.content.startswith(b"%PDF")


@pytest.fixture
def browser_case(world):
    browser = world.sign_in("clinician")
    study = taken_in(browser, slide())
    series_id = study["series"][0]["series_id"]
    instance_id = browser.get(f"/api/series/{series_id}/slide").json()["instance_id"]
    return browser, study["study"]["study_id"], {"instance_id": instance_id, "frame": 0}


def test_a_region_beside_the_slide_is_cut_to_it(world, browser_case):
    """What a hostile or hasty browser sends never reaches the reader of the file."""
    browser, study_id, view = browser_case

    for box in ([-5e8, -5e8, 1e9, 1e9], [2000, 2000, 10, 10], [10, 10, -50, 0]):
        asked = browser.post(f"/api/studies/{study_id}/captions", json={"view": {**view, "box": box}})
        x, y, w, h = browser.get(f"/api/answers/{asked.json()['answer_id']}").json()["view"]["box"]
        assert 0 <= x < x + w <= 1024 and 0 <= y < y + h <= 1024
    work(world, Sees())


def test_fields_are_proposed_on_the_tissue(case):
    """At 10× a field of 1024 pixels is a millimetre, 2048 pixels of this slide; at 20× half of that."""
    at_10, at_20 = case.proposed(magnification=10, most=3), case.proposed(magnification=20, most=6)

    assert 0.15 < at_10["tissue"] < 0.5
    assert {tuple(one["box"][2:]) for one in at_10["fields"]} == {(2048, 2048)}
    assert len(at_20["fields"]) == 6
    assert {tuple(one["box"][2:]) for one in at_20["fields"]} == {(1024, 1024)}
    assert all(one["coverage"] >= 0.5 for one in at_20["fields"])
    assert (at_20["magnification"], at_20["finest_um"]) == (20, 0.5)


def test_a_plan_is_read_field_by_field_and_the_draft_cites_them(world, case):
    """Each field in turn at its resolutions, every sentence with its number; then the diagnosis over all of them."""
    boxes = [one["box"] for one in case.proposed(magnification=20, most=3)["fields"]]

    ids = case.draft(boxes, macroscopy="A brown polyp of 8 mm.")
    before = case.states(ids)
    engine = Sees()
    work(world, engine)
    report = case.report()

    assert before == ["waiting"] * 4
    assert case.states(ids) == ["done"] * 4
    assert engine.shown[:3] == [[(1024, 1024, 3), (512, 512, 3), (128, 128, 3)]] * 3
    assert texts(report, "specimen") == ["S-26-114, A1, H&E"]
    assert texts(report, "macroscopy") == ["A brown polyp of 8 mm."]
    assert texts(report, "microscopy") == [
        "Cells of kind 1 are seen [1].",
        "No gland is seen [1].",
        "Cells of kind 2 are seen [2].",
        "No gland is seen [2].",
        "Cells of kind 3 are seen [3].",
        "No gland is seen [3].",
    ]
    assert texts(report, "diagnosis") == ["Cells of kind 4 are seen.", "No gland is seen."]
    assert [one["answer_id"] for one in report["sections"]["microscopy"]] == [
        ids[0],
        ids[0],
        ids[1],
        ids[1],
        ids[2],
        ids[2],
    ]
    assert "Field 2: Cells of kind 2 are seen." in engine.prompts[3]
    assert [case.browser.get(f"/api/answers/{one}").json()["view"].get("field") for one in ids] == [
        1,
        2,
        3,
        None,
    ]


def test_a_stop_ends_the_plan_and_keeps_what_was_read(world, case):
    """Stopped before the second field: the first one stands in the draft, nothing waits any more."""
    ids = case.draft([one["box"] for one in case.proposed(most=3)["fields"]])
    work(world, Sees(), rounds=1)

    assert case.browser.post(f"/api/answers/{ids[1]}/stop").status_code == 200
    work(world, Sees())

    assert case.states(ids) == ["done", "stopped", "stopped", "stopped"]
    assert texts(case.report(), "microscopy") == ["Cells of kind 1 are seen [1].", "No gland is seen [1]."]


def test_a_field_that_fails_ends_the_plan(world, case):
    """A diagnosis over fields of which one is missing would look whole and not be."""
    ids = case.draft([one["box"] for one in case.proposed(most=3)["fields"]])

    work(world, Sees(fails_at=2))

    assert case.states(ids) == ["done", "failed", "stopped", "stopped"]


def test_a_second_plan_takes_the_place_of_the_first(world, case):
    """Drafted anew, the microscopy holds the new fields and not the old ones before them."""
    box = case.proposed(most=1)["fields"][0]["box"]
    case.draft([box, box])
    work(world, Sees())

    case.draft([box])
    work(world, Sees())

    assert texts(case.report(), "microscopy") == ["Cells of kind 1 are seen [1].", "No gland is seen [1]."]


def test_a_slide_report_is_edited_checked_signed_and_printed(world, case):
    """The model's cited sentences stay the model's through an edit; the paper has the four sections."""
    case.draft([case.proposed(most=1)["fields"][0]["box"]])
    work(world, Sees())
    report = case.report()
    written = " ".join(texts(report, "microscopy"))

    saved = case.browser.put(
        f"/api/reports/{report['id']}",
        json={
            "version": report["version"],
            "sections": {"microscopy": f"{written} Margins are free.", "diagnosis": ""},
        },
    ).json()
    codes = [
        line["code"]
        for line in case.browser.get(f"/api/reports/{report['id']}/checklist").json()["checklist"]
    ]
    case.browser.put(
        f"/api/reports/{report['id']}",
        json={"version": saved["version"], "sections": {"diagnosis": "Tubular adenoma."}},
    )
    answer = signed(case.browser, case.report())

    assert [one["origin"] for one in saved["sections"]["microscopy"]] == ["model", "model", "person"]
    assert "check.empty_diagnosis" in codes and "check.empty_microscopy" not in codes
    assert answer.status_code == 200, answer.text
    assert case.browser.get(f"/api/reports/{report['id']}/pdf").content.startswith(b"%PDF")


def test_a_slide_without_a_resolution_says_so(world):
    """Fields are pixels of the scan; no magnification is claimed."""
    browser = world.sign_in("clinician")
    study = taken_in(browser, slide(um_per_pixel=None, cell=20))
    found = browser.get(f"/api/series/{study['series'][0]['series_id']}/fields").json()

    assert (found["magnification"], found["finest_um"]) == (None, None)
    assert [one["box"] for one in found["fields"]] == [[0, 0, 1024, 1024]]
