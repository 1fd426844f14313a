"""What a reader's day brings: said in a sentence on the page, nothing lost, and the page goes on."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pydicom.data import get_testdata_file

from tests.browser import pages
from tests.browser.conftest import Watcher
from tests.browser.house import House

FILE = Path(get_testdata_file("MR_small.dcm"))
LONG = 50_000


@pytest.fixture
def page(house: House, watcher: Watcher) -> Page:
    """A reader who has opened the study of a small series."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.park")
    pages.open_study(page, pages.upload(page, FILE))
    return page


def test_a_session_that_ends_while_editing_keeps_what_was_typed(page: Page) -> None:
    """The text stays on the page; after signing in in another tab it is saved as it was typed."""
    begin(page)
    page.context.clear_cookies()
    type_into_findings(page, " Typed after the session.")
    notice = page.locator(".notice.amber", has=page.locator("a[href*='/login']"))
    notice.wait_for(timeout=pages.LONG_MS)
    # Whatever else the page asks for of its own accord (its clock, its answers) is refused too.
    page.evaluate("() => window.dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(1_000)
    other = page.context.new_page()
    pages.sign_in(other, "dr.park")

    notice.locator("button").click()

    expect(page.locator(".foot-saved")).to_have_text(pages.SAVED, timeout=pages.LONG_MS)
    assert "Typed after the session." in findings_on_the_server(page)


def test_two_tabs_that_edit_one_report_lose_neither_text(page: Page) -> None:
    """The second to save is shown both texts and chooses; who types on after the other signed is told so."""
    begin(page)
    other = page.context.new_page()
    other.goto(page.url)
    pages.wait_for_room(other)
    other.click("#tab-report")
    other.wait_for_selector("[data-section=impression][contenteditable]", timeout=pages.LONG_MS)
    pages.add_to_section(page, "findings", " From the first.")
    type_into_findings(other, " From the second.")
    difference = other.locator(".conflict-difference")
    difference.wait_for(timeout=pages.LONG_MS)
    shown = difference.inner_text()

    other.locator(".notice-body button").first.click()
    expect(other.locator(".foot-saved")).to_have_text(pages.SAVED, timeout=pages.LONG_MS)
    kept = findings_on_the_server(other)
    pages.sign(other)
    type_into_findings(page, " Too late.")
    late = page.locator(".notice.amber .notice-body p").first

    assert "first" in shown and "second" in shown
    assert "From the second." in kept
    expect(late).to_contain_text("signed", timeout=pages.LONG_MS)
    assert "Too late." in pages.section(page, "findings")
    assert findings_on_the_server(page) == kept


def test_questions_too_long_or_too_many_are_taken_calmly(page: Page) -> None:
    """50,000 characters are refused with the limit and stay typed; a second question waits for the first."""
    cards = page.locator("article.exchange")
    already = cards.count()
    question = page.locator("textarea.question")
    question.focus()
    page.keyboard.insert_text("a" * LONG)
    question.press("Enter")
    said = page.locator(".toast-error p")
    said.first.wait_for(timeout=pages.LONG_MS)
    expect(said.first).to_contain_text(f"{LONG} characters")
    assert len(question.input_value()) == LONG
    expect(cards).to_have_count(already)

    first = pages.caption(page, beyond=True)
    first.wait_until_speaking()
    second = pages.ask(page, "What modality is this?", beyond=True)
    state = first.kept()["state"]

    assert state == "running", "the second question did not fall inside the first answer"
    assert first.wait_until("done") and second.wait_until("done")


def test_the_same_file_again_is_no_second_study(page: Page) -> None:
    """The upload says that it is there already, and the list shows one study of it."""
    page.goto("/app/")
    page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)
    before = page.locator("tr[data-study]").count()

    pages.send(page, FILE)

    expect(page.locator("section.upload")).to_contain_text("already", timeout=pages.LONG_MS)
    assert page.locator("tr[data-study]").count() == before


def begin(page: Page) -> None:
    """A drafted report, open for editing."""
    page.click("#tab-report")
    page.wait_for_selector(
        "#report-indication, [data-section=impression][contenteditable]", timeout=pages.LONG_MS
    )
    if page.locator("#report-indication").count():
        pages.draft_report(page, "Cough", "None", beyond=True)


def type_into_findings(page: Page, words: str) -> None:
    """At the end of the findings, leaving the field as a reader does."""
    section = page.locator("[data-section=findings]")
    section.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(words)
    section.blur()


def findings_on_the_server(page: Page) -> str:
    """The findings as they are kept."""
    report = pages.get(page, f"/api/studies/{page.url.split('id=')[1]}/report")
    return " ".join(row["text"] for row in report["sections"]["findings"])
