"""A warning of the gate on the page: read, turned back from, gone beyond; a refusal that nobody goes beyond."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect
from pydicom.data import get_testdata_file

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_pages import LOOKS, PREFER
from tests.samples import dicom_bytes

SENTENCE = {
    "en": "The model was not made for this kind of picture.",
    "ko": "모델의 대상이 아닌 종류의 영상입니다.",
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_warning_is_the_readers_to_decide_by_keyboard(house: House, watcher: Watcher, look: str) -> None:
    """Enter turns back, and nothing was asked; the other button asks. The question stays typed until it is asked."""
    language, theme, width, height = LOOKS[look]
    page = watcher.person(house.address, width=width, height=height)
    pages.sign_in(page, "dr.choi")
    assert page.evaluate(PREFER, [language, theme]) == 200
    page.goto("/app/")
    study_id = pages.upload(page, Path(get_testdata_file("MR_small.dcm")))
    pages.open_study(page, study_id)
    asked = f"/api/studies/{study_id}/answers"
    before = len(pages.get(page, asked)["answers"])
    question, dialog = page.locator("textarea.question"), page.locator("dialog.beyond")

    question.fill("What is seen?")
    question.press("Enter")
    expect(dialog).to_contain_text(SENTENCE[language], timeout=pages.LONG_MS)
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / f"gate-{look}.png")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    turned_back = len(pages.get(page, asked)["answers"])
    still_typed = question.input_value()
    question.press("Enter")
    dialog.wait_for(timeout=pages.LONG_MS)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("article.exchange")).to_have_count(before + 1, timeout=pages.LONG_MS)

    assert (turned_back, still_typed) == (before, "What is seen?")
    assert len(pages.get(page, asked)["answers"]) == before + 1


def test_a_blank_picture_is_refused_with_its_reason(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """No button leads on; the sentence says what to choose instead."""
    file = tmp_path / "blank.dcm"
    file.write_bytes(dicom_bytes(np.full((64, 64), 40, np.int16), study="77", name="BLANK^Slice"))
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.park")
    study_id = pages.upload(page, file)
    pages.open_study(page, study_id)

    page.fill("textarea.question", "What is seen?")
    page.press("textarea.question", "Enter")

    expect(page.locator(".toast-error p").first).to_contain_text("one even brightness", timeout=pages.LONG_MS)
    expect(page.locator("dialog.beyond")).to_have_count(0)
    assert pages.get(page, f"/api/studies/{study_id}/answers")["answers"] == []
