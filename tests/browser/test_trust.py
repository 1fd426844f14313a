"""What a hospital asks of the record and its patients, done on the pages by the people whose task it is."""

from pathlib import Path

from playwright.sync_api import Page, expect
from pydicom.data import get_testdata_file

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import PASSWORD, House
from tests.browser.test_pages import PREFER, looked_at


def at_the_page(page: Page, name: str, *, language: str, dark: bool) -> None:
    """A picture of the screen, and what holds for every page."""
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / f"trust-{name}.png")
    looked_at(page, language, dark=dark)


def test_a_clinician_asks_and_an_administrator_erases(house: House, watcher: Watcher) -> None:
    """From the reading room to the empty list; a hold stops it first; each sees only what is theirs."""
    clinician = watcher.person(house.address)
    pages.sign_in(clinician, "dr.park")
    study = pages.upload(clinician, Path(get_testdata_file("CT_small.dcm")))
    pages.open_study(clinician, study)
    clinician.locator(".strip .erase").click()
    dialog = clinician.locator("dialog.signing")
    dialog.locator("select").select_option("patient_asked")
    at_the_page(clinician, "ask-en", language="en", dark=True)
    dialog.locator("button[type=submit]").click()
    clinician.locator(".toast-done").wait_for()

    admin = watcher.person(house.address, width=820, height=1180, has_touch=True)
    pages.sign_in(admin, "admin")
    assert admin.evaluate(PREFER, ["ko", "dark"]) == 200
    admin.goto("/admin/erasures")
    admin.wait_for_selector(".dfm[data-ready]")
    number = admin.locator("section.card").nth(1).locator("input").first
    number.fill("1CT1")
    admin.locator("section.card").nth(1).locator("button").last.click()
    erase = admin.locator("button.danger").first
    expect(erase).to_be_disabled()
    at_the_page(admin, "held-ko-dark", language="ko", dark=True)
    admin.locator("section.card").nth(1).locator("table button").click()
    expect(erase).to_be_enabled()
    erase.click()
    at_the_page(admin, "confirm-ko-dark", language="ko", dark=True)
    sheet = admin.locator("dialog.signing")
    sheet.locator("input[name=password]").fill("not the password")
    sheet.locator("button[type=submit]").click()
    expect(sheet.locator("[role=alert]")).to_be_visible()
    sheet.locator("input[name=password]").fill(PASSWORD)
    sheet.locator("button[type=submit]").click()
    admin.locator(".toast-done").wait_for()
    expect(admin.locator("button.danger")).to_have_count(0)
    at_the_page(admin, "erased-ko-dark", language="ko", dark=True)
    assert admin.evaluate(PREFER, ["en", "light"]) == 200

    clinician.goto("/app/")
    clinician.wait_for_selector(".dfm[data-ready]")
    expect(clinician.locator(f"a[href*='{study}']")).to_have_count(0)
    clinician.goto(f"/app/study?id={study}")
    expect(clinician.locator(".toast-error")).to_be_visible()
