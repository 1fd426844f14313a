"""What a hospital asks of the record and its patients, done on the pages by the people whose task it is."""

from pathlib import Path

from playwright.sync_api import Page, expect
from pydicom.data import get_testdata_file

from app.papers import CODE
from app.wiring import SYSTEM, open_database
from storage import reports, studies, users
from storage.database import Actor
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


def test_a_paper_is_dropped_and_its_code_scanned(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Genuine, superseded, altered, unknown; whoever scans the code signs in and lands at the answer."""
    reader = watcher.person(house.address)
    pages.sign_in(reader, "dr.lee")
    study_id = pages.upload(reader, Path(get_testdata_file("MR_small.dcm")))
    report_id = signed_report(house, "dr.lee", study_id)
    address = f"{house.address}/api/reports/{report_id}/pdf"
    first = reader.request.get(address).body()
    reader.goto("/app/paper")
    reader.wait_for_selector(".dfm[data-ready]")

    dropped(reader, tmp_path, first, "genuine")
    at_the_page(reader, "genuine-en", language="en", dark=False)
    bent = bytearray(first)
    bent[len(first) // 2] ^= 1
    dropped(reader, tmp_path, bytes(bent), "altered")
    at_the_page(reader, "altered-en", language="en", dark=False)
    dropped(reader, tmp_path, b"%PDF-1.7", "unknown")
    addendum(house, "dr.lee", study_id, report_id)
    assert reader.evaluate(PREFER, ["ko", "dark"]) == 200
    reader.set_viewport_size({"width": 820, "height": 1180})
    reader.reload()
    reader.wait_for_selector(".dfm[data-ready]")
    dropped(reader, tmp_path, first, "superseded")
    at_the_page(reader, "superseded-ko-dark", language="ko", dark=True)
    dropped(reader, tmp_path, reader.request.get(address).body(), "genuine")

    scanned = CODE.search(first.decode("latin-1"))
    assert scanned
    other = watcher.person(house.address)
    other.goto(scanned[0])
    other.fill("#username", "auditor")
    other.fill("#password", PASSWORD)
    other.click("button[type=submit]")
    expect(other.locator("[data-verdict]")).to_have_attribute("data-verdict", "code_superseded")
    assert other.evaluate(PREFER, ["en", "light"]) == 200
    other.reload()
    other.wait_for_selector(".dfm[data-ready]")
    expect(other.locator("[data-verdict]")).to_have_attribute("data-verdict", "code_superseded")
    at_the_page(other, "code-en", language="en", dark=False)


def dropped(page: Page, folder: Path, data: bytes, verdict: str) -> None:
    """Give the page a file and wait for what it says."""
    (folder / "paper.pdf").write_bytes(data)
    page.locator("#paper-file").set_input_files(str(folder / "paper.pdf"))
    expect(page.locator(f"[data-verdict={verdict}]")).to_be_visible()


def signed_report(house: House, username: str, study_id: str) -> str:
    """A report of a person's own words, signed."""
    database = open_database(house.settings)
    with database.read(SYSTEM) as tx:
        user = next(one for one in users.everyone(tx) if one.username == username)
    with database.write(Actor(id=user.id, role="clinician")) as tx:
        study = studies.get(tx, study_id, user.id)
        said = {"sections": {"findings": [{"text": "Clear.", "origin": "person", "answer_id": None}]}}
        report = reports.create(tx, study, said)
        reports.sign(tx, study, report.id, 1, [])
    database.close()
    return report.id


def addendum(house: House, username: str, study_id: str, report_id: str) -> None:
    """Something added after signing."""
    database = open_database(house.settings)
    with database.read(SYSTEM) as tx:
        user = next(one for one in users.everyone(tx) if one.username == username)
    with database.write(Actor(id=user.id, role="clinician")) as tx:
        reports.add_addendum(tx, studies.get(tx, study_id, user.id), report_id, "Compared with 2025.")
    database.close()
