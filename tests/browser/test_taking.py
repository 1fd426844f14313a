"""What carries much away asks for the password, by keyboard and in both languages; what a person uses is shown."""

import json

from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.conftest import Watcher
from tests.browser.house import PASSWORD, House
from tests.browser.test_access import ready, seen
from tests.browser.test_account import pressed_on
from tests.browser.test_pages import LOOKS, PREFER


def test_an_export_is_confirmed_and_downloaded_by_keyboard(house: House, watcher: Watcher) -> None:
    """In Korean, dark: a wrong password is told and nothing leaves; the right one begins the download, once."""
    language, theme, width, height = LOOKS["ko-dark-tablet"]
    page = watcher.person(house.address, width=width, height=height)
    pages.sign_in(page, "auditor")
    assert page.evaluate(PREFER, [language, theme]) == 200
    ready(page, "/audit/")
    pressed_on(page, page.get_by_text("내보내기").first.inner_text())
    dialog = page.locator("dialog.signing")
    seen(page, "take-ko", language=language, dark=True)

    page.keyboard.type("wrong wrong wrong")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("비밀번호")
    page.keyboard.type(PASSWORD)
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    first = taken.value.path().read_bytes().splitlines()[0]

    assert taken.value.suggested_filename == "audit-log.jsonl"
    assert json.loads(first)
    expect(dialog).to_have_count(0)
    assert page.request.get("/api/audit/export").status == 403


def test_the_account_shows_what_is_used(house: House, watcher: Watcher) -> None:
    """Files, uploads and answers beside the most of each; who reads no studies has no such part."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    ready(page, "/app/account")
    seen(page, "quotas-en")

    assert _numbers(page)[1:] == ["of 500", "of 100", "of 2000"]
    assert _numbers(page)[0].endswith("of 1.00 TB")
    other = watcher.person(house.address)
    pages.sign_in(other, "auditor")
    ready(other, "/audit/account")
    assert other.locator("[data-quotas]").count() == 0


def _numbers(page: Page) -> list[str]:
    told = page.locator("[data-quotas] tbody td:last-child").all_inner_texts()
    return [one if "TB" in one else one.split(" ", 1)[1] for one in told]
