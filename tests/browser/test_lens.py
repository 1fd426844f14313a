"""What files tell of the patient, on the page, before anything of them is kept; decided upon by keyboard."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_pages import KEY, LOOKS, PREFER, looked_at
from tests.samples import dicom_bytes

WORDS = {"en": "by which somebody could be known", "ko": "개인을 알아볼 수 있는"}


def still(folder: Path, study: str) -> Path:
    """An ultrasound picture with a line of writing in its band."""
    values = np.random.default_rng(7).integers(40, 160, (300, 400)).astype(np.uint8)
    values[6:22, 20:200:6] = 255
    file = folder / f"{study}.dcm"
    header = {"name": "QUARKFEATHER^Zebulon", "patient_id": f"QX-{study}", "OperatorsName": "Lee^A"}
    file.write_bytes(dicom_bytes(values, modality="US", study=study, **header))
    return file


@pytest.mark.parametrize("look", LOOKS)
def test_what_files_tell_is_seen_and_decided_before_it_is_kept(
    house: House, watcher: Watcher, tmp_path: Path, look: str
) -> None:
    """Attributes and no values, the picture beside itself with the band blanked; Escape takes the files back, and
    the second button keeps them under a pseudonym."""
    language, theme, width, height = LOOKS[look]
    page = watcher.person(house.address, width=width, height=height)
    pages.sign_in(page, "dr.choi")
    assert page.evaluate(PREFER, [language, theme]) == 200
    page.goto("/app/")
    page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)
    file, dialog = still(tmp_path, "91" if language == "en" else "92"), page.locator("dialog.lens")
    before = pages.get(page, "/api/studies")["total"]

    pages.send(page, file, look_first=True)
    expect(dialog).to_contain_text(WORDS[language], timeout=pages.LONG_MS)
    for picture in dialog.locator("img").all():
        picture.evaluate("image => image.decode()")
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / f"lens-{look}.png")
    words = dialog.inner_text()
    shown = dialog.locator("img").count()
    page.keyboard.press("Escape")
    expect(page.locator("section.upload")).to_have_count(0, timeout=pages.LONG_MS)
    looked_at(page, language, dark=theme == "dark")
    taken_back = pages.get(page, "/api/studies")["total"]

    pages.send(page, file, look_first=True)
    dialog.wait_for(timeout=pages.LONG_MS)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    link = page.locator("section.upload a[href*='/app/study']").first
    link.wait_for(timeout=pages.LONG_MS)
    study_id = str(link.get_attribute("href")).split("id=")[1]
    study = pages.get(page, f"/api/studies/{study_id}")["study"]

    assert KEY.findall(words) == []
    assert all(one in words for one in ("PatientName", "PatientID", "OperatorsName")) and shown == 2
    assert not any(one in words for one in ("QUARKFEATHER", "Zebulon", "QX-"))
    assert taken_back == before
    assert study["patient_name"] == study["patient_id"] and study["patient_id"].startswith("P-")
