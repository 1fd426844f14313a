"""Sharing a patient and taking it back; an emergency access with its bar and its review; each by whose task it is."""

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import PASSWORD, House
from tests.browser.test_pages import PREFER, looked_at
from tests.samples import ct_series

REASON = "Unconscious in the shock room, nobody answers the telephone."


def seen(page: Page, name: str, *, language: str = "en", dark: bool = False) -> None:
    """A picture of the screen, what holds for every page, and no barrier that axe finds."""
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / f"access-{name}.png")
    looked_at(page, language, dark=dark)
    found = Axe().run(page)
    told = [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found.response["violations"]
    ]
    assert told == []


def ready(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    """A CT of a patient whom no other test knows."""
    made = []
    for number, data in enumerate(ct_series(3, study="4242", patient_id="AC-4242", name="ACCESS^Ann")):
        made.append(tmp_path / f"{number}.dcm")
        made[-1].write_bytes(data)
    return made


def test_a_patient_is_shared_opened_by_a_colleague_and_taken_back(
    house: House, watcher: Watcher, slices: list[Path]
) -> None:
    """A team that an administrator made, then a colleague by name; taken back, the colleague's page finds nothing."""
    admin = watcher.person(house.address)
    pages.sign_in(admin, "admin")
    teams = admin.locator("[data-part=teams]")
    teams.locator("input").fill("Chest")
    teams.get_by_role("button", name="Add team").click()
    teams.locator("[data-team=Chest]").click()
    admin.locator("dialog").get_by_label("Dr.Han").check()
    seen(admin, "team-members-en", dark=True)  # behind a dialog it is dark
    admin.locator("dialog").get_by_role("button", name="Save").click()
    expect(teams.locator("tbody")).to_contain_text("Dr.Han")
    seen(admin, "teams-en")

    owner, colleague = watcher.person(house.address), watcher.person(house.address, width=820, height=1180)
    pages.sign_in(owner, "dr.lee")
    study = pages.upload(owner, *slices)
    pages.open_study(owner, study)
    owner.locator("[data-action=access]").click()
    dialog = owner.locator("dialog.access")
    dialog.locator("select").select_option(label="Chest (Dr.Han)")
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.locator("[data-share]")).to_have_count(1)
    dialog.locator("select").select_option(label="Dr.Choi")
    dialog.get_by_role("button", name="Share", exact=True).click()
    expect(dialog.locator("[data-share]")).to_have_count(2)
    seen(owner, "shared-en", dark=True)

    pages.sign_in(colleague, "dr.choi")
    assert colleague.evaluate(PREFER, ["ko", "light"]) == 200
    ready(colleague, "/app/")
    colleague.locator("[data-filter=way] [data-value=member]").click()
    expect(colleague.locator("tr[data-study]")).to_have_count(1)
    expect(colleague.locator("td.col-state")).to_contain_text("Dr.Lee 공유")
    seen(colleague, "list-ko", language="ko")
    pages.open_study(colleague, study)
    expect(colleague.locator(".strip [data-action=copy], .strip .erase")).to_have_count(0)
    seen(colleague, "member-ko", language="ko", dark=True)

    dialog.get_by_role("button", name="Take back from Dr.Choi").click()
    expect(dialog.locator("[data-share]")).to_have_count(1)
    colleague.reload()
    expect(colleague.locator(".toast-error")).to_be_visible()
    expect(colleague.locator("#viewer")).to_have_count(0)
    assert colleague.evaluate(PREFER, ["en", "light"]) == 200


def test_a_patient_is_opened_in_an_emergency_and_the_case_is_reviewed(
    house: House, watcher: Watcher, slices: list[Path]
) -> None:
    """From the button on the worklist over the bar with the time left to the verdict of an auditor."""
    owner, doctor, auditor = (watcher.person(house.address) for _ in range(3))
    pages.sign_in(owner, "dr.lee")
    study = pages.upload(owner, *slices)
    pages.sign_in(doctor, "dr.park")
    doctor.locator("[data-action=emergency]").click()
    sheet = doctor.locator("dialog.signing")
    sheet.locator("input[name=number]").fill("AC-4242")
    sheet.locator("textarea").fill(REASON)
    sheet.locator("input[name=password]").fill("not the password")
    sheet.locator("button[type=submit]").click()
    expect(sheet.locator("[role=alert]")).to_be_visible()
    seen(doctor, "emergency-ask-en", dark=True)
    sheet.locator("input[name=password]").fill(PASSWORD)
    sheet.locator("button[type=submit]").click()
    expect(doctor.locator("tr[data-study]")).to_have_count(1)
    expect(doctor.locator("td.col-state")).to_contain_text("emergency, until")
    seen(doctor, "emergency-list-en")
    assert "AC-4242" not in doctor.url
    pages.open_study(doctor, study)
    bar = doctor.locator(".emergency-bar")
    expect(bar.get_by_role("timer")).to_have_text(re.compile(r"^(59:\d\d|60:00) left$"))
    expect(doctor.locator(".composer")).to_be_hidden()
    seen(doctor, "emergency-room-en", dark=True)
    doctor.set_viewport_size({"width": 820, "height": 1180})
    seen(doctor, "emergency-room-tablet", dark=True)
    bar.get_by_role("button", name="End now").click()
    expect(doctor.locator("h1")).to_have_text("The emergency access is over")
    expect(doctor.locator("body")).not_to_contain_text("ACCESS")
    seen(doctor, "emergency-over-en", dark=True)

    pages.sign_in(auditor, "auditor")
    notice = auditor.locator(".emergency-notice a")
    expect(auditor.locator(".emergency-notice")).to_contain_text("waiting for a review: 1")
    seen(auditor, "auditor-en")
    notice.click()
    case = auditor.locator(".case[data-verdict=none]")
    expect(case).to_contain_text(REASON)
    case.locator("summary").click()
    expect(case.locator(".followed")).to_contain_text("study.read")
    seen(auditor, "review-en")
    case.get_by_label("not justified").check()
    case.locator("textarea").fill("The owner was on duty.")
    case.get_by_role("button", name="Keep the verdict").click()
    expect(auditor.locator(".case[data-verdict=unjustified]")).to_contain_text("The owner was on duty.")
    auditor.set_viewport_size({"width": 820, "height": 1180})
    assert auditor.evaluate(PREFER, ["ko", "dark"]) == 200
    ready(auditor, "/audit/emergencies")
    seen(auditor, "reviewed-ko", language="ko", dark=True)
    assert auditor.evaluate(PREFER, ["en", "light"]) == 200
