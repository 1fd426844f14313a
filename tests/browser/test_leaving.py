"""What leaves the treating side, on the page: a copy without identity, and what a clinician releases to researchers."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from dicom.drawn import dicom_of
from model.demo.phantoms import draw_phantom
from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_pages import KEY, LOOKS, PREFER

NAME = "QUARKFEATHER"


def film(folder: Path) -> Path:
    """A drawn chest with a name in its header and burned into its band, which the header admits."""
    picture = Image.fromarray(draw_phantom("chest", 17).pixels[..., 0])
    ImageDraw.Draw(picture).text((8, 8), NAME, fill=255)
    header = {
        "PatientName": f"{NAME}^Ann",
        "PatientID": "QX-88",
        "StudyInstanceUID": "2.25.88001",
        "SeriesInstanceUID": "2.25.88001.1",
        "SOPInstanceUID": "2.25.88001.1.1",
        "StudyDate": "20261103",
        "BodyPartExamined": "CHEST",
        "WindowCenter": 128,
        "WindowWidth": 256,
    }
    ds = pydicom.dcmread(io.BytesIO(dicom_of(np.asarray(picture), "DX", header)))
    ds.BurnedInAnnotation = "YES"
    file = folder / "film.dcm"
    ds.save_as(file)
    return file


def test_a_copy_leaves_without_identity_and_a_picture_after_somebody_looked(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    """The ZIP holds no name; the release shows the very picture with its band black, and then researchers have it."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    study_id = pages.upload(page, film(tmp_path))
    pages.open_study(page, study_id)

    page.click("[data-action=copy]")
    page.locator("dialog.copy select").select_option("shift")
    page.locator("dialog.copy input[name=keep_characteristics]").check()
    shots(page, "copy", "dialog.copy")
    page.click("[data-action=take]")
    shots(page, "take", "dialog.signing")
    with page.expect_download() as taken:
        pages.confirm(page)
    archive = zipfile.ZipFile(taken.value.path())
    copies = [archive.read(one) for one in archive.namelist()]
    expect(page.locator("dialog.copy")).to_have_count(0)

    pages.draft_report(page, "Cough", "None", beyond=True)
    pages.sign(page)
    report_id = pages.get(page, f"/api/studies/{study_id}/report")["id"]
    address = f"/api/review/reports/{report_id}/pictures/0.png"
    researcher = watcher.person(house.address)
    pages.sign_in(researcher, "res.one")
    withheld = researcher.request.get(address).status
    page.click("[data-action=releases]")
    dialog = page.locator("dialog.release")
    dialog.locator("img").evaluate("image => image.decode()")
    preview = page.request.get(f"/api/studies/{study_id}/releases/picture.png").body()
    shots(page, "release", "dialog.release")
    give = dialog.locator("button[data-item=pictures]")
    give.focus()
    page.keyboard.press("Enter")
    expect(give).to_have_count(0, timeout=pages.LONG_MS)
    released = researcher.request.get(address)

    assert [one.endswith((".dcm", ".json")) for one in archive.namelist()] == [True, True]
    assert not any(NAME.encode() in one for one in copies)
    assert (withheld, released.status) == (403, 200)
    assert released.body() == preview
    shown = np.asarray(Image.open(io.BytesIO(preview)).convert("L"))
    assert (shown[: round(0.12 * len(shown))] == 0).all() and shown.std() > 10


def shots(page: Page, name: str, selector: str) -> None:
    """The open dialog on a desk and on a tablet, nothing cut off; afterwards as it was."""
    RESULTS.mkdir(exist_ok=True)
    for _, _, width, height in LOOKS.values():
        page.set_viewport_size({"width": width, "height": height})
        page.screenshot(path=RESULTS / f"{name}-{width}.png")
        box = page.locator(selector).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
        assert KEY.findall(page.locator(selector).inner_text()) == []
    page.set_viewport_size({"width": 1440, "height": 900})


def test_the_dialogs_speak_korean(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """On a tablet, dark: the copy is explained and its choices are worded."""
    language, theme, width, height = LOOKS["ko-dark-tablet"]
    page = watcher.person(house.address, width=width, height=height, has_touch=True)
    pages.sign_in(page, "dr.park")
    assert page.evaluate(PREFER, [language, theme]) == 200
    page.goto("/app/")
    pages.open_study(page, pages.upload(page, film(tmp_path)))

    page.click("[data-action=copy]")
    dialog = page.locator("dialog.copy")

    expect(dialog).to_contain_text("가명 사본 내보내기")
    page.screenshot(path=RESULTS / "copy-ko.png")
    assert KEY.findall(dialog.inner_text()) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
