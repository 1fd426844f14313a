"""MRXS slides: a folder of files that call each other by name, sent as files or as a ZIP, kept and read as one slide."""

import zipfile
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from app.wiring import SYSTEM
from storage import studies
from tests.app.conftest import settled, upload
from tests.mirax_slides import mirax

DETAILS = {"patient_name": "Walker Ann", "patient_id": "PATH-41", "kind": "pathology", "stain": "PAS"}


@pytest.fixture(scope="module")
def browser(world):
    return world.sign_in("clinician")


def sent(browser, files, slide="0"):
    """Send the files of a slide by their names; the upload once it was read."""
    named = {number: f"{slide}/{name}" for number, name in enumerate(files)}
    announced = {"files": len(files), "bytes": sum(map(len, files.values())), "parts": named}
    address = f"/api/uploads/{browser.post('/api/uploads', json=announced).json()['upload_id']}"
    for number, data in enumerate(files.values()):
        answer = browser.put(f"{address}/files/{number}", content=data)
        assert answer.status_code == 200, answer.text
    browser.post(f"{address}/finish", json={})
    return settled(browser, address.rsplit("/", 1)[1]), address


def described(browser, address):
    """Say whose it is; its study."""
    browser.post(f"{address}/details", json=DETAILS)
    found = settled(browser, address.rsplit("/", 1)[1])
    assert found["state"] == "done", found
    return browser.get(f"/api/studies/{found['studies'][0]['study_id']}").json()


def zipped(files, folder="case 7"):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{folder}.mrxs", photo_with_label())
        for name, data in files.items():
            archive.writestr(f"{folder}/{name}", data)
    return out.getvalue()


def photo_with_label():
    out = BytesIO()
    Image.new("RGB", (32, 32), "yellow").save(out, "JPEG")
    return out.getvalue()


def test_its_files_become_one_slide(world, browser):
    """Size, levels and lens as the index says; a tile holds what lies there, also when its copy is made anew."""
    found, address = sent(browser, mirax())
    assert found["state"] == "needs_details" and len(found["pictures"]) == 1
    (series,) = described(browser, address)["series"]
    told = browser.get(f"/api/series/{series['series_id']}/slide").json()
    tile = f"/api/series/{series['series_id']}/tiles/10/0/0"

    world.services.copies.sweep()
    shown = np.asarray(Image.open(BytesIO(browser.get(tile).content)))

    assert (told["format"], told["objective"], told["um_per_pixel"]) == ("MRXS", 40, [0.25, 0.25])
    assert [one["width"] for one in told["levels"]] == [1024, 512, 256]
    assert (series["slide"], series["count"], series["stain"]) == (True, 1, "PAS")
    assert np.abs(shown[324:380, 196:252].astype(int) - [24, 40, 128]).max() <= 6
    small = np.asarray(Image.open(BytesIO(browser.get(series["thumbnail_url"]).content)).convert("RGB"))
    assert small.shape == (160, 160, 3) and np.abs(small[85, 35].astype(int) - [24, 64, 128]).max() <= 8


def test_a_file_of_a_slide_is_no_picture_of_its_own(world, browser):
    """It may be gigabytes of a format that nobody asked for: only the slide is given out, and counted once."""
    _, address = sent(browser, mirax(cell=128))
    case = described(browser, address)
    with world.services.database.read(SYSTEM) as tx:
        series = studies.series(tx, studies.get(tx, case["study"]["study_id"], None))
    whole, *parts = series[0].instances

    status = [browser.get(f"/api/instances/{one.id}/frames/0/rendered.png").status_code for one in parts]

    assert status == [404] * 3 and case["study"]["instances"] == 1
    assert browser.get(f"/api/instances/{whole.id}/frames/0/rendered.png").status_code == 200


def test_a_zip_of_it_is_the_same_slide_and_its_picture_stays_behind(world, browser):
    """The slide is read from the archive; the picture beside it, which may show the label, is no picture of the case."""
    upload_id = upload(browser, zipped(mirax(cell=32)))
    found = settled(browser, upload_id)

    case = described(browser, f"/api/uploads/{upload_id}")

    assert [(one["width"], one["slide"]) for one in found["pictures"]] == [(1024, True)]
    assert [one["slide"] for one in case["series"]] == [True]


@pytest.mark.parametrize("name", ["../../dragonfly.sqlite", "/etc/passwd", "Data0007.dat", "slide.mrxs", ""])
def test_an_index_that_leads_elsewhere_is_refused(browser, name):
    """Whatever it names that is no file of the slide: the reader would follow it anywhere on the disk."""
    found, _ = sent(browser, mirax(data_name=name))
    archived = settled(browser, upload(browser, zipped(mirax(data_name=name))))

    assert found["state"] == "refused" and archived["state"] == "refused"
    assert [one["code"] for one in found["refused"]] == ["dicom.damaged"]


def test_only_names_of_such_slides_are_taken(browser):
    """A name that is a path, or of another kind, is refused at the door."""
    for part in ("0/../x.dat", "0/x/y.dat", "x/Index.dat", "0/evil.ini", "0/slide.mrxs", "0/Index.dat\n"):
        told = {"files": 1, "bytes": 10, "parts": {"0": part}}
        assert browser.post("/api/uploads", json=told).status_code == 422, part


def test_an_incomplete_slide_is_refused(browser):
    """Without its index, or without a data file that the index names."""
    whole = mirax()

    for missing in ("Slidedat.ini", "Index.dat", "Data0001.dat"):
        found, _ = sent(browser, {name: data for name, data in whole.items() if name != missing})
        assert [one["code"] for one in found["refused"]] == ["dicom.damaged"], missing
