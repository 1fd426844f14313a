"""Marks on pictures: kept for their reader, measured on the server, moved and removed, each with its entry."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from app import marking
from app.wiring import SYSTEM
from storage import studies
from storage.marks import Mark
from tests.app.conftest import settled
from tests.app.test_uploads import DETAILS
from tests.corpus import file_named
from tests.samples import ct_series, dicom_bytes, photo

RNG = np.random.default_rng(11)
VALUES = RNG.integers(-800, 1200, (32, 24)).astype(np.int16)


class Case:
    """A reader and one picture."""

    def __init__(self, browser, received):
        self.browser = browser
        self.study_id = received["studies"][0]["study_id"]
        self.path = f"/api/studies/{self.study_id}/marks"
        series = self.browser.get(f"/api/studies/{self.study_id}").json()["series"][0]["series_id"]
        frames = self.browser.get(f"/api/series/{series}/manifest").json()["frames"]
        self.instance_id = frames[0]["instance_id"]

    def post(self, tool, points=(), **more):
        body = {"tool": tool, "instance_id": self.instance_id, "frame": 0, "points": points, **more}
        return self.browser.post(self.path, json=body)

    def draw(self, tool, points=(), **more):
        answer = self.post(tool, points, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def kept(self):
        return self.browser.get(self.path).json()["marks"]


def opened(world, sent, *files):
    browser = world.sign_in("clinician")
    return Case(browser, sent(browser, *files))


def scan(**elements):
    return dicom_bytes(
        VALUES,
        study=f"77{RNG.integers(1 << 30)}",
        RescaleSlope=2,
        RescaleIntercept=-10,
        WindowCenter=40,
        WindowWidth=400,
        **elements,
    )


def test_marks_are_kept_and_removed(world, sent):
    """A length drawn on a slice is there after a reload, for its reader alone."""
    case = opened(world, sent, *ct_series(1))

    mark = case.draw("length", [[1, 2], [3, 4]])
    kept = case.kept()
    other = world.sign_in("clinician").get(case.path)
    case.browser.delete(f"{case.path}/{mark['id']}")

    assert kept == [mark]
    assert mark["points"] == [[1, 2], [3, 4]]
    assert mark["measured"] == {"unit": "mm", "scale": "patient", "length": pytest.approx(0.5 * 8**0.5)}
    assert other.status_code == 404
    assert case.kept() == []


def test_statistics_are_those_of_numpy_in_the_unit_of_the_header(world, sent):
    """A box and an ellipse in HU, after slope and intercept, whatever the browser would have said."""
    case = opened(world, sent, scan(PixelSpacing=[0.8, 0.4]))
    hounsfield = VALUES.astype(np.int64) * 2 - 10

    box = case.draw("box", [[4, 6], [14, 20]])["measured"]
    ellipse = case.draw("ellipse", [[2, 4], [22, 28]])["measured"]
    probe = case.draw("probe", [[3.5, 7.2]])["measured"]

    part = hounsfield[6:20, 4:14]
    assert (box["mean"], box["deviation"]) == (pytest.approx(part.mean()), pytest.approx(part.std()))
    assert (box["minimum"], box["maximum"], box["pixels"]) == (part.min(), part.max(), 140)
    assert (box["width"], box["height"], box["area"]) == pytest.approx((4.0, 11.2, 44.8))
    y, x = np.mgrid[:32, :24] + 0.5
    part = hounsfield[((x - 12) / 10) ** 2 + ((y - 16) / 12) ** 2 <= 1]
    assert (ellipse["mean"], ellipse["pixels"]) == (pytest.approx(part.mean()), part.size)
    assert ellipse["area"] == pytest.approx(np.pi * 10 * 0.4 * 12 * 0.8)
    assert (probe["value"], probe["values_unit"]) == (hounsfield[7, 3], "HU")


def test_a_length_says_which_value_of_the_header_made_it_millimetres(world, sent):
    """At the patient, at the detector, in a region of an ultrasound; without any of them it is in pixels."""
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.01
    region.RegionLocationMinX0 = region.RegionLocationMinY0 = 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 23, 15
    drawn = {}
    for name, elements in {
        "patient": {"PixelSpacing": [0.5, 0.5]},
        "detector": {"modality": "DX", "ImagerPixelSpacing": [0.2, 0.2]},
        "none": {"modality": "DX"},
        "ultrasound": {"modality": "US", "SequenceOfUltrasoundRegions": [region]},
    }.items():
        case = opened(world, sent, scan(**elements))
        drawn[name] = case.draw("length", [[0, 0], [10, 0]])["measured"]
        if name == "ultrasound":
            drawn["outside"] = case.draw("length", [[0, 0], [10, 30]])["measured"]

    assert {name: (one["unit"], one["scale"]) for name, one in drawn.items()} == {
        "patient": ("mm", "patient"),
        "detector": ("mm", "detector"),
        "none": ("px", None),
        "ultrasound": ("mm", "ultrasound"),
        "outside": ("px", None),
    }
    assert [drawn[n]["length"] for n in ("patient", "detector", "none", "ultrasound")] == pytest.approx(
        [5, 2, 10, 2]
    )


def test_a_mark_that_is_moved_takes_the_place_of_the_first(world, sent):
    """One change, with both entries; nobody moves what is not there."""
    case = opened(world, sent, *ct_series(1))
    first = case.draw("angle", [[4, 0], [0, 0], [0, 4]])

    second = case.draw("angle", [[4, 0], [0, 0], [4, 4]], replaces=first["id"])
    again = case.post("angle", [[4, 0], [0, 0], [4, 4]], replaces=first["id"])

    assert (first["measured"]["degrees"], second["measured"]["degrees"]) == pytest.approx((90, 45))
    assert case.kept() == [second]
    assert again.status_code == 404
    added, removed = world.entries("mark.added")[0], world.entries("mark.removed")[0]
    assert added["object"]["id"] == second["id"] and removed["object"]["id"] == first["id"]
    assert added["kind"] == "angle" and "measured" not in added and "points" not in added


def test_a_key_image_keeps_the_window_it_was_marked_in(world, sent):
    """No points and nothing measured; the paper of the report shows it as it was seen."""
    case = opened(world, sent, *ct_series(1))
    view = {"center": 40.0, "width": 80.0, "function": "SIGMOID", "invert": True}

    mark = case.draw("key", view=view)

    assert mark["view"] == {**view, "overlays": False, "supplemental": False}
    assert (mark["points"], mark["measured"]) == ([], {})
    assert case.kept() == [mark]


@pytest.mark.parametrize(
    ("tool", "points", "more", "status"),
    [
        ("length", [[0, 0]], {}, 422),
        ("angle", [[0, 0], [1, 1]], {}, 422),
        ("key", [[0, 0]], {}, 422),
        ("freehand", [[0, 0], [1, 1]], {}, 422),
        ("length", [[0, 0], [1e9, 1]], {}, 422),
        ("length", [[0, 0], [1, 1]], {"frame": 7}, 422),
        ("length", [[0, 0], [1, 1]], {"instance_id": "0" * 32}, 404),
    ],
)
def test_what_is_no_mark_is_refused(world, sent, tool, points, more, status):
    """Nothing of it is kept."""
    case = opened(world, sent, *ct_series(1))

    answer = case.post(tool, points, **more)

    assert answer.status_code == status
    assert answer.json()["error"]["sentence"]
    assert case.kept() == []


def test_a_picture_without_header_is_measured_by_what_a_person_stated(world, sent):
    """Half a micrometre to the pixel; color has no statistics of one channel, its probe tells three."""
    browser = world.sign_in("clinician")
    waiting = sent(browser, photo(seed=5))
    upload_id = waiting["pictures"][0]["thumbnail_url"].split("/")[3]
    browser.post(f"/api/uploads/{upload_id}/details", json=DETAILS)
    case = Case(browser, settled(browser, upload_id))

    box = case.draw("box", [[0, 0], [20, 10]])["measured"]
    probe = case.draw("probe", [[2.5, 1.5]])["measured"]

    assert (box["width"], box["area"], box["scale"]) == (pytest.approx(0.01), pytest.approx(5e-5), "person")
    assert "mean" not in box
    assert probe["rgb"] == np.random.default_rng(5).integers(0, 256, (64, 96, 3), np.uint8)[1, 2].tolist()


def test_a_mark_that_an_earlier_version_kept_still_tells_its_shape(world, sent):
    """Nothing was measured when it was drawn; its length follows from header and points."""
    case = opened(world, sent, *ct_series(1))
    old = {"points": [[0, 0], [3, 4]], "label": "Length"}
    mark = Mark(id="1", instance_id=case.instance_id, frame=0, kind="length", geometry=old, author_id="1")

    with world.services.database.read(SYSTEM) as tx:
        found = marking.measures(
            mark, studies.instance_of(tx, studies.get(tx, case.study_id, None), case.instance_id)
        )

    assert found == {"unit": "mm", "scale": "patient", "length": 2.5}
    assert marking.in_words(found) == "2.5 mm"


def test_what_lies_over_a_picture_is_for_its_reader(world, sent):
    """A PNG that is clear but where the file draws; nobody else gets it."""
    data = file_named("examples_overlay.dcm")
    case = opened(world, sent, data)
    address = f"/api/instances/{case.instance_id}/frames/0/laid.png"

    mine = case.browser.get(address, params={"overlays": True})
    alpha = np.asarray(Image.open(BytesIO(mine.content)))[..., 3]

    assert (mine.status_code, mine.headers["content-type"]) == (200, "image/png")
    assert (alpha > 0).sum() == 222
    assert world.sign_in("clinician").get(address).status_code == 404
    assert case.browser.get(address.replace("frames/0", "frames/9")).status_code == 404


def test_every_window_of_the_file_is_offered_with_its_curve(world, sent):
    """Two windows and their function for the choice, the first one with each frame."""
    case = opened(
        world,
        sent,
        dicom_bytes(
            VALUES,
            study="7793",
            modality="MR",
            WindowCenter=[10, 20],
            WindowWidth=[30, 40],
            VOILUTFunction="SIGMOID",
        ),
    )
    series = case.browser.get(f"/api/studies/{case.study_id}").json()["series"][0]["series_id"]
    manifest = case.browser.get(f"/api/series/{series}/manifest").json()

    assert [(w["center"], w["width"], w["function"]) for w in manifest["windows"]] == [
        (10, 30, "SIGMOID"),
        (20, 40, "SIGMOID"),
    ]
    assert manifest["frames"][0]["window"]["function"] == "SIGMOID"
    assert not any(one.get("table") for one in manifest["windows"])


def test_a_picture_without_a_window_is_offered_the_one_it_is_shown_with(world, sent):
    """All of its range, as an exact window: LINEAR would leave out half a value at either end."""
    case = opened(world, sent, dicom_bytes(VALUES, study="7794", modality="DX"))
    series = case.browser.get(f"/api/studies/{case.study_id}").json()["series"][0]["series_id"]
    (window,) = case.browser.get(f"/api/series/{series}/manifest").json()["windows"]

    assert window["function"] == "LINEAR_EXACT"
    low, high = np.percentile(VALUES, [0.5, 99.5])
    assert (window["center"], window["width"]) == pytest.approx(((low + high) / 2, high - low))
