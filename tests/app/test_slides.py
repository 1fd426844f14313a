"""Slides: taken in by their content, opened by tiles, and asked about by region."""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import slides
from dicom.slides import Slide
from tests.app.conftest import settled, upload
from tests.samples import photo, slide

REAL = Path(__file__).parents[1] / "data" / "cmu_small_region.svs"
DETAILS = {
    "patient_name": "Walker Ann",
    "patient_id": "PATH-77",
    "birth_date": "1960-02-03",
    "sex": "F",
    "study_date": "2026-11-20",
    "kind": "pathology",
    "specimen": "S-26-114",
    "block": "A1",
    "stain": "H&E",
}


def taken_in(browser, *files, **more):
    """Upload slides, say whose they are; the study as the page gets it."""
    upload_id = upload(browser, *files)
    assert settled(browser, upload_id)["state"] == "needs_details"
    assert browser.post(f"/api/uploads/{upload_id}/details", json=DETAILS | more).status_code == 202
    found = settled(browser, upload_id)
    assert found["state"] == "done", found
    return browser.get(f"/api/studies/{found['studies'][0]['study_id']}").json()


def picture(answer):
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(BytesIO(answer.content)).convert("RGB"))


@pytest.fixture(scope="module")
def browser(world):
    return world.sign_in("clinician")


@pytest.fixture(scope="module")
def case(browser):
    """A study of one drawn slide."""
    return taken_in(browser, slide())


def test_a_slide_becomes_a_study(browser, case):
    """One series for the slide, with block and stain; the manifest says how large it is and where its tiles are."""
    (series,) = case["series"]
    found = browser.get(f"/api/series/{series['series_id']}/slide").json()

    assert (case["study"]["modality"], case["study"]["patient_id"]) == ("SM", "PATH-77")
    assert (series["slide"], series["description"], series["specimen"]) == (True, "A1 H&E", "S-26-114")
    assert (found["width"], found["height"], found["tile"], found["depth"]) == (1024, 1024, 512, 10)
    assert found["um_per_pixel"] == pytest.approx([0.5, 0.5])
    assert (found["block"], found["stain"], found["um_source"]) == ("A1", "H&E", "file")


def test_its_tiles_hold_what_lies_there(browser, case):
    """Cell (3, 5) is (24, 40, 128), in the deepest tiles and in the overview, but for the losses of JPEG."""
    tiles = f"/api/series/{case['series'][0]['series_id']}/tiles"

    deepest = picture(browser.get(f"{tiles}/10/0/0"))
    overview = picture(browser.get(f"{tiles}/8/0/0"))

    assert (deepest.shape, overview.shape) == ((512, 512, 3), (256, 256, 3))
    assert np.abs(deepest[324:380, 196:252].astype(int) - [24, 40, 128]).max() <= 4
    assert np.abs(overview[83:93, 51:61].astype(int) - [24, 40, 128]).max() <= 6
    assert browser.get(f"{tiles}/10/0/0").headers["cache-control"].startswith("private")


@pytest.mark.parametrize("place", ["11/0/0", "10/2/0", "10/0/-1", "9/1/0", "-1/0/0"])
def test_there_is_no_tile_beside_the_slide(browser, case, place):
    """An address that was made up gets a sentence."""
    answer = browser.get(f"/api/series/{case['series'][0]['series_id']}/tiles/{place}")

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "dicom.not_an_image"


def test_nobody_else_sees_a_tile(world, case):
    """Neither manifest nor tile nor thumbnail of somebody else's slide, whatever their role."""
    base = f"/api/series/{case['series'][0]['series_id']}"
    addresses = [f"{base}/slide", f"{base}/tiles/10/0/0", f"{base}/tiles/3/0/0", f"{base}/thumbnail"]

    for role, status in (("clinician", 404), ("researcher", 403), ("admin", 403), ("auditor", 403)):
        other = world.sign_in(role)
        assert {other.get(address).status_code for address in addresses} == {status}
    assert {world.browser().get(address).status_code for address in addresses} == {401}


def test_opening_a_slide_is_an_entry_in_the_record_and_a_tile_is_not(world, browser, case):
    """Who looked at it is told once, not a thousand times."""
    series_id = case["series"][0]["series_id"]
    before = len(world.entries("study.read", object_id=series_id))

    browser.get(f"/api/series/{series_id}/slide")
    for column in (0, 1):
        browser.get(f"/api/series/{series_id}/tiles/10/{column}/0")

    assert len(world.entries("study.read", object_id=series_id)) == before + 1


def test_the_file_lies_sealed_and_its_copy_only_while_it_is_read(world, browser):
    """On the disk stands no pixel of it in the open once its copy is wiped; the next tile makes it anew."""
    data = slide(cell=16)
    case = taken_in(browser, data)
    tile = f"/api/series/{case['series'][0]['series_id']}/tiles/10/1/1"
    first = browser.get(tile).content
    copies = world.services.settings.slide_copies

    held = [file for file in copies.rglob("0000") if file.read_bytes() == data]
    world.services.copies.sweep()

    assert len(held) == 1
    assert list(copies.iterdir()) == []
    clear = [
        file
        for file in world.services.settings.data_dir.rglob("*")
        if file.is_file() and data[1000:1064] in file.read_bytes()
    ]
    assert clear == []
    assert browser.get(tile).content == first


@pytest.fixture(scope="module")
def real(browser):
    """The one series of a study of the Aperio sample."""
    return taken_in(browser, REAL.read_bytes(), each=[{"n": 0, "block": "B7"}])["series"][0]


def test_the_first_look_needs_no_copy_of_the_slide(world, browser, real):
    """What fills a screen, 1110 by 1484 pixels, is cut from a kept picture, and close to what the slide itself holds."""
    tiles = f"/api/series/{real['series_id']}/tiles"
    world.services.copies.sweep()

    shown = picture(browser.get(f"{tiles}/11/1/1"))
    copies = list(world.services.settings.slide_copies.iterdir())

    own = Slide(REAL).region((1024, 1024, 1024, 1024), (512, 512))
    assert copies == [] and shown.shape == (512, 512, 3)
    # Packed once as a tile, this tissue differs from itself by 3.7; another place differs by 60.
    assert np.abs(shown.astype(int) - own.astype(int)).mean() < 8
    assert picture(browser.get(f"{tiles}/12/1/1")).shape == (512, 512, 3)
    assert list(world.services.settings.slide_copies.iterdir()) != []


def test_a_slide_that_is_opened_is_made_ready_to_be_magnified(world, browser, real):
    """The copy is made while the first look comes from what is kept, not when somebody has magnified already."""
    world.services.copies.sweep()

    browser.get(f"/api/series/{real['series_id']}/slide")

    (copy,) = world.services.settings.slide_copies.rglob("0000")
    assert copy.read_bytes() == REAL.read_bytes()


def test_label_and_macro_of_a_real_slide_are_nowhere(browser, real):
    """Of the Aperio sample nothing that a browser can ask for shows its label or says the name on it."""
    series = real
    manifest = browser.get(f"/api/series/{series['series_id']}/slide").json()
    whole = picture(browser.get(f"/api/series/{series['series_id']}/tiles/9/0/0"))
    thumbnail = picture(browser.get(series["thumbnail_url"]))
    frame = f"/api/instances/{manifest['instance_id']}/frames/0/rendered.png"

    assert (series["description"], manifest["objective"], manifest["format"]) == ("B7 H&E", 20, "aperio")
    assert not re.search("label|macro|CMU|b414003d", str(series) + str(manifest))
    # The label is white paper with black print, 387 by 463; the tissue is pink and taller than wide by a third.
    for shown in (whole, thumbnail, picture(browser.get(frame))):
        assert shown.shape[0] / shown.shape[1] == pytest.approx(2967 / 2220, rel=0.02)
        assert shown[..., 0].mean() > shown[..., 1].mean() + 10


def test_slides_and_pictures_of_one_case(browser):
    """A photograph and two slides: one study, the slides apart, each with its own block and stain."""
    case = taken_in(
        browser,
        photo(3),
        slide(cell=32),
        slide(cell=128),
        each=[{"n": 1, "block": "A1"}, {"n": 2, "block": "A2", "stain": "Ki-67"}],
    )

    assert [(one["slide"], one["block"], one["stain"]) for one in case["series"]] == [
        (False, "", ""),
        (True, "A1", "H&E"),
        (True, "A2", "Ki-67"),
    ]


def test_a_resolution_is_a_persons_only_where_the_file_has_none(browser):
    """What the scanner measured is not overruled by what somebody typed for the whole upload."""
    case = taken_in(browser, slide(cell=40), slide(cell=48, um_per_pixel=None), um_per_pixel=0.25)
    found = [browser.get(f"/api/series/{one['series_id']}/slide").json() for one in case["series"]]

    assert [(one["um_per_pixel"][0], one["um_source"]) for one in found] == [
        (pytest.approx(0.5), "file"),
        (0.25, "person"),
    ]


FACTS = {"levels": [{"width": 60_000, "height": 40_000}], "um_per_pixel": [0.25, 0.25]}


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        # 500 by 250 µm: 1000 x 500, 500 x 250 and 125 x 62 pixels
        ((0, 0, 2000, 1000), [(1000, 500, 0.5), (500, 250, 1.0), (125, 62, 4.0)]),
        # 100 µm: at 4 µm only 25 pixels are left, which show nothing
        ((0, 0, 400, 400), [(200, 200, 0.5), (100, 100, 1.0)]),
        # 5 mm: 10,000 pixels at 0.5 µm are too many, 1250 at 4 µm are not
        ((0, 0, 20_000, 20_000), [(1250, 1250, 4.0)]),
        # the whole slide, 15 by 10 mm: even 4 µm gives 3750; as large as may be
        (None, [(2048, 1365, 7.3242)]),
        # 10 µm: too small for any; what there is
        ((0, 0, 40, 40), [(40, 40, 0.25)]),
    ],
)
def test_a_region_is_shown_at_three_resolutions_where_it_has_the_pixels(box, expected):
    """0.25 µm to the pixel: 0.5, 1 and 4 µm are every 2nd, 4th and 16th pixel."""
    found = slides.planned(FACTS, box)

    assert [(one["width"], one["height"], one["um_per_pixel"]) for one in found] == expected


def test_without_a_resolution_it_is_one_picture():
    """Nothing is said in micrometres that nobody measured."""
    found = slides.planned({**FACTS, "um_per_pixel": None}, (0, 0, 4096, 1024))

    assert found == [{"width": 2048, "height": 512, "um_per_pixel": None}]


def test_a_coarse_scan_is_never_blown_up():
    """At 2 µm to the pixel 0.5 and 1 µm do not exist: they are the scan itself, once."""
    found = slides.planned({**FACTS, "um_per_pixel": [2.0, 2.0]}, (0, 0, 400, 400))

    assert [(one["width"], one["um_per_pixel"]) for one in found] == [(400, 2.0), (200, 4.0)]
