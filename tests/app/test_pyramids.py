"""DICOM slides: several files taken in as one slide, opened by tiles; their labels nowhere."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app import sections
from app.wiring import SYSTEM
from storage import studies
from tests.app.conftest import settled, upload
from tests.whole_slides import whole_slide


@pytest.fixture(scope="module")
def browser(world):
    return world.sign_in("clinician")


def taken_in(browser, *files):
    """What became of an upload of these files."""
    found = settled(browser, upload(browser, *files))
    assert found["state"] == "done", found
    return found, browser.get(f"/api/studies/{found['studies'][0]['study_id']}").json()


def picture(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(BytesIO(answer.content)).convert("RGB"))


@pytest.fixture(scope="module")
def taken(browser):
    """Three levels with a label, an overview and a thumbnail, sent together."""
    return taken_in(browser, *whole_slide(kinds=("LABEL", "OVERVIEW", "THUMBNAIL")))


def test_the_files_of_a_slide_become_one_slide(world, browser, taken):
    """One series that opens as a slide, named by block and stain; a report on it has the sections of pathology."""
    _, case = taken
    (series,) = case["series"]
    told = browser.get(f"/api/series/{series['series_id']}/slide").json()

    assert (series["slide"], series["count"], case["study"]["patient_id"]) == (True, 1, "PATH-31")
    assert (series["specimen"], series["block"]) == ("S26-114", "S26-114-A")
    assert series["description"] == "S26-114-A hematoxylin stain, eosin stain"
    assert (told["width"], told["height"], told["format"], told["objective"]) == (1024, 1024, "DICOM", 20)
    assert (told["um_per_pixel"], [one["width"] for one in told["levels"]]) == ([0.5, 0.5], [1024, 512, 256])
    with world.services.database.read(SYSTEM) as tx:
        study = studies.get(tx, case["study"]["study_id"], None)
    assert sections.names_for(study) == sections.PATHOLOGY
    assert sections.about_slide(study.facts).startswith("S26-114, S26-114-A, hematoxylin")


def test_its_tiles_hold_what_lies_there(browser, taken):
    """Cell (3, 5) is (24, 40, 128): in a tile of the largest level, in the thumbnail of the series, and in a region."""
    address = f"/api/series/{taken[1]['series'][0]['series_id']}"

    deepest = picture(browser.get(f"{address}/tiles/10/0/0"))
    small = picture(browser.get(f"{address}/thumbnail"))

    assert np.abs(deepest[324:380, 196:252].astype(int) - [24, 40, 128]).max() <= 6
    # 160 pixels for 16 cells: pixel (35, 85) lies in cell (3, 8).
    assert small.shape == (160, 160, 3)
    assert np.abs(small[85, 35].astype(int) - [24, 64, 128]).max() <= 8


def test_label_and_overview_are_refused_by_name(browser, taken):
    """Each with its sentence; of neither is anything kept: no file, no picture."""
    found, _ = taken

    assert [one["code"] for one in found["refused"]] == ["dicom.label_picture"] * 2
    assert [one["n"] for one in found["refused"]] == [3, 4]


def test_a_level_that_comes_later_joins_its_slide(browser):
    """The largest level alone, then the others: the same series, with all of its levels, and the old copy is not shown."""
    files = whole_slide(study="2.25.70", series="2.25.71", cell=32)
    _, first = taken_in(browser, files[2])
    before = browser.get(f"/api/series/{first['series'][0]['series_id']}/slide").json()

    _, then = taken_in(browser, *files[:2])
    after = browser.get(f"/api/series/{then['series'][0]['series_id']}/slide").json()

    assert first["series"][0]["series_id"] == then["series"][0]["series_id"]
    assert [len(one["levels"]) for one in (before, after)] == [1, 3]


def test_slides_that_cannot_be_opened_together_are_refused(browser):
    """Two levels of the same size are no pyramid that the reader knows: a sentence, and the upload goes on."""
    one = whole_slide(study="2.25.80", series="2.25.81", levels=1)[0]
    twin = one.replace(b"2.25.81.1", b"2.25.81.7")

    found = settled(browser, upload(browser, one, twin))

    assert found["state"] in ("refused", "done")
    assert found["refused"] and found["refused"][0]["sentence"]
