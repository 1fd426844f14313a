"""What goes to the model is what was chosen, picture by picture, and can be looked at afterwards."""

import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app import jobs
from dicom.render import montage
from model.scripted import ScriptedEngine
from storage import answers
from tests.app.test_worker import WORKER
from tests.samples import dicom_bytes

SIZE = (20, 30)
RNG = np.random.default_rng(3)


class Sees(ScriptedEngine):
    """Keeps what it is shown."""

    def answer(self, pictures, prompt, sampling, **more):
        self.shown = [np.array(one) for one in pictures]
        yield from super().answer(pictures, prompt, sampling, **more)


class Study:
    """Four slices of a reader, and the means to ask about them."""

    def __init__(self, world, sent):
        self.world, self.browser = world, world.sign_in("clinician")
        number = int(RNG.integers(1 << 30))
        files = [
            dicom_bytes(
                RNG.integers(0, 800, SIZE).astype(np.int16),
                study=f"88{number}",
                patient_id=f"S-{number}",
                number=n,
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                ImagePositionPatient=[0, 0, 2.0 * n],
                PixelSpacing=[0.8, 0.4],
                WindowCenter=400,
                WindowWidth=800,
            )
            for n in range(1, 5)
        ]
        self.id = sent(self.browser, *files)["studies"][0]["study_id"]
        series = self.browser.get(f"/api/studies/{self.id}").json()["series"][0]["series_id"]
        frames = self.browser.get(f"/api/series/{series}/manifest").json()["frames"]
        self.views = [{"instance_id": one["instance_id"], "frame": 0} for one in frames]

    def ask(self, view):
        return self.browser.post(
            f"/api/studies/{self.id}/questions", json={"question": "What?", "view": view}
        )

    def answered(self, view):
        """The answer once a worker gave it, and what that worker was shown."""
        asked = self.ask(view)
        assert asked.status_code == 202, asked.text
        engine, queue = Sees(), self.world.client.app.app.state.queue
        worker = jobs.Worker(self.world.services, queue, engine, WORKER)
        with self.world.services.database.read(WORKER) as tx:
            assert asked.json()["answer_id"] in answers.unfinished(tx)
        begun = jobs.begin(worker, asked.json()["answer_id"])
        jobs.answer(worker, begun, lambda *_: None, threading.Event())
        return self.browser.get(f"/api/answers/{asked.json()['answer_id']}").json(), engine.shown

    def rendered(self, view):
        """The server's own picture of a view."""
        asked = {n: v for n, v in view.items() if n in ("center", "width", "function", "invert")}
        address = f"/api/instances/{view['instance_id']}/frames/{view['frame']}/rendered.png"
        return png(self.browser.get(address, params=asked).content)


def png(data):
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


@pytest.fixture
def study(world, sent):
    return Study(world, sent)


def test_several_windows_of_one_slice_are_several_pictures(study):
    """In their order, each as the server renders it, and each to be had again as it was sent."""
    windows = [(400, 800, "LINEAR"), (100, 50, "LINEAR_EXACT"), (300, 200, "SIGMOID")]
    sources = [
        {**study.views[1], "center": center, "width": width, "function": function}
        for center, width, function in windows
    ]

    answer, shown = study.answered({**study.views[1], "sources": sources})

    assert len(shown) == 3
    for number, source in enumerate(sources):
        assert (shown[number] == study.rendered(source)).all()
        again = study.browser.get(f"/api/answers/{answer['id']}/pictures/{number}.png")
        assert (png(again.content) == shown[number]).all()
    kept = answer["view"]["sources"]
    assert [(one["center"], one["width"], one["function"]) for one in kept] == windows
    assert kept[0]["sent"] == {"width": 30, "height": 20, "mm_per_pixel": [0.8, 0.4]}
    assert study.browser.get(f"/api/answers/{answer['id']}/pictures/3.png").status_code == 404
    assert study.browser.get(f"/api/answers/{answer['id']}/pdf").content.startswith(b"%PDF")


def test_a_part_and_a_whole_of_two_slices(study):
    """A box of one of them is cut from its native pixels; the other is sent whole."""
    part = {**study.views[0], "box": [4, 5, 10, 8]}

    answer, shown = study.answered({**study.views[0], "sources": [part, study.views[2]]})

    assert (shown[0] == study.rendered(study.views[0])[5:13, 4:14]).all()
    assert (shown[1] == study.rendered(study.views[2])).all()
    assert [one["sent"]["width"] for one in answer["view"]["sources"]] == [10, 30]


def test_a_montage_is_one_picture_of_all(study):
    """Four slices in two rows, each where it belongs, and the answer says how large the whole was."""
    answer, shown = study.answered({**study.views[0], "sources": study.views, "montage": True})
    before = len(study.world.entries("answer.read", object_id=answer["id"]))

    assert [one.shape for one in shown] == [(40, 60, 3)]
    for n, view in enumerate(study.views):
        top, left = n // 2 * 20, n % 2 * 30
        assert (shown[0][top : top + 20, left : left + 30] == study.rendered(view)).all()
    assert answer["view"]["sent"] == {"width": 60, "height": 40, "mm_per_pixel": None}
    again = study.browser.get(f"/api/answers/{answer['id']}/pictures/0.png")
    assert (png(again.content) == shown[0]).all()
    # A picture of the patient was looked at: it stands in the record, as everything that was seen.
    assert len(study.world.entries("answer.read", object_id=answer["id"])) == before + 1


def test_the_open_picture_is_sent_where_nothing_else_is_chosen(study):
    """Its box cut, and the size that was sent told."""
    answer, shown = study.answered({**study.views[3], "box": [1.5, 2.9, 6, 4]})

    assert (shown[0] == study.rendered(study.views[3])[2:6, 1:7]).all()
    assert answer["view"]["sent"] == {"width": 6, "height": 4, "mm_per_pixel": [0.8, 0.4]}


def test_a_draft_is_written_over_the_chosen_pictures(study):
    """The report keeps which they were, and its paper shows them."""
    body = {"indication": "Cough", "history": "", "view": {**study.views[0], "sources": study.views[:3]}}

    begun = study.browser.post(f"/api/studies/{study.id}/report", json=body)
    report = study.browser.get(f"/api/studies/{study.id}/report").json()

    assert begun.status_code in (200, 201, 202), begun.text
    paper = study.browser.get(f"/api/reports/{report['id']}/pdf")
    assert paper.content.startswith(b"%PDF")


def test_nobody_sends_another_studys_picture(study, world, sent):
    """Neither another reader's nor another study's of the same reader; too many are refused in words."""
    other = Study(world, sent)

    foreign = study.ask({**study.views[0], "sources": [study.views[0], other.views[0]]})
    many = study.ask({**study.views[0], "sources": study.views * 4})
    beyond = study.ask({**study.views[0], "sources": [{**study.views[0], "frame": 5}]})
    answer, _ = study.answered(study.views[0])

    assert foreign.status_code == 404
    assert many.json()["error"]["code"] == "app.too_many_pictures"
    assert beyond.json()["error"]["code"] == "app.invalid"
    assert other.browser.get(f"/api/answers/{answer['id']}/pictures/0.png").status_code == 404


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (8, 8)), (2, (8, 16)), (3, (16, 16)), (5, (16, 24)), (9, (24, 24))]
)
def test_cells_of_a_montage_fill_rows(count, shape):
    """As many columns as the root of their number, rounded up."""
    pictures = [np.full((8, 8, 3), n + 1, np.uint8) for n in range(count)]

    whole = montage(pictures)

    assert whole.shape[:2] == shape
    assert [int(whole[n // (shape[1] // 8) * 8, n % (shape[1] // 8) * 8, 0]) for n in range(count)] == list(
        range(1, count + 1)
    )


def test_a_montage_of_large_pictures_stays_within_its_limit():
    """Scaled down together; a smaller one stands in the middle of its cell."""
    whole = montage([np.full((1500, 1500, 3), 9, np.uint8)] * 3 + [np.full((100, 300, 3), 7, np.uint8)])

    assert whole.shape == (2048, 2048, 3)
    cell = whole[1024:, 1024:, 0]
    assert cell[512, 512] == 7 and cell[0, 0] == 0
