"""The second factor and the list of sessions, by keyboard alone, in both languages and themes."""

from datetime import UTC, datetime
from time import sleep

from playwright.sync_api import Page, expect

from storage.factors import STEP_SECONDS, code_at, step_of
from tests.app.test_second_factor import secret_of
from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import PASSWORD, House
from tests.browser.test_pages import PREFER, looked_at


def code_after(secret: bytes, last: int) -> tuple[str, int]:
    """A code that was not used yet and is still taken when the clock goes on while it is typed."""
    while (step := max(step_of(datetime.now(UTC)), last + 1)) > step_of(datetime.now(UTC)) + 1:
        sleep(STEP_SECONDS / 10)
    return code_at(secret, step), step


def pressed_on(page: Page, name: str) -> None:
    """By Tab to the button of this name, then Enter: what is reached so can be reached without a mouse."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"No way by keyboard to {name!r}.")


def test_a_second_factor_is_set_up_and_asked_for_by_keyboard(house: House, watcher: Watcher) -> None:
    """Set up on the page of the account, asked for at the door and in the dialog; a session elsewhere is ended."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.second")
    page.goto("/app/account")
    page.wait_for_selector(".dfm[data-ready]")
    pressed_on(page, "Set up")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.locator(".factor-qr").wait_for()
    secret = secret_of(page.locator(".factor-key").inner_text())
    page.screenshot(path=RESULTS / "account-scan-en.png")
    looked_at(page, "en", dark=False)
    code, last = code_after(secret, 0)
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    expect(page.locator(".factor-codes li")).to_have_count(10)
    page.screenshot(path=RESULTS / "account-codes-en.png")
    looked_at(page, "en", dark=False)

    other = watcher.person(house.address, width=820, height=1180)
    other.goto("/login")
    other.fill("#username", "dr.second")
    other.fill("#password", PASSWORD)
    other.keyboard.press("Enter")
    other.locator("#code").wait_for()
    other.screenshot(path=RESULTS / "account-door-en.png")
    code, _ = code_after(secret, last)
    other.keyboard.type(code)
    other.keyboard.press("Enter")
    other.wait_for_selector(".dfm[data-ready]")
    assert other.evaluate(PREFER, ["ko", "dark"]) == 200
    other.goto("/app/account")
    other.wait_for_selector(".dfm[data-ready]")
    expect(other.locator(".card:not([data-quotas]) tbody tr")).to_have_count(2)
    other.screenshot(path=RESULTS / "account-sessions-ko-dark.png")
    looked_at(other, "ko", dark=True)
    pressed_on(other, "다른 모든 세션 종료")
    expect(other.locator(".card:not([data-quotas]) tbody tr")).to_have_count(1)
    pressed_on(other, "복구 코드 새로 만들기")
    expect(other.locator("dialog input[name=code]")).to_be_visible()
    other.screenshot(path=RESULTS / "account-confirm-ko-dark.png")
    looked_at(other, "ko", dark=True)
    page.reload()
    page.wait_for_url("**/login?**")
