"""A large slide in a real browser: the connection breaks, the page is closed, and it is gone on with all the same."""

import os
from pathlib import Path

from playwright.sync_api import expect

from app.drawn_slide import write_drawn_slide
from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_slides import DETAILS

PART = 16 << 20


def test_a_large_slide_is_gone_on_with_after_a_break_and_after_a_reload(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    """The second part is cut once, the page closed in the third; the same file chosen again sends only what is missing."""
    slide, other = tmp_path / "large.tif", tmp_path / "other.tif"
    write_drawn_slide(slide, 2048, seed=901)
    os.truncate(slide, 5 * PART)
    other.write_bytes(bytes(100))
    first = watcher.person(house.address)
    pages.sign_in(first, "dr.choi")
    asked: list[int] = []

    def on_part(route) -> None:
        offset = int(route.request.url.split("offset=")[1].split("&")[0])
        asked.append(offset)
        if offset == PART and asked.count(PART) == 1:
            route.abort("connectionreset")
        elif offset < 2 * PART or len(asked) > 4:
            route.continue_()

    first.context.route("**/parts/0?*", on_part)
    pages.send(first, slide)
    expect(first.locator(".upload-title")).to_contain_text("connection is away", timeout=pages.LONG_MS)
    while 2 * PART not in asked:
        first.wait_for_timeout(100)
    first.close()
    context = watcher.contexts[0]
    page = context.new_page()
    page.goto("/app/")
    waiting = page.locator(".upload-waiting")
    expect(waiting).to_contain_text("32.0 MB of 80.0 MB")
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "upload-waiting.png")

    waiting.locator("input[type=file]").set_input_files(str(other))
    expect(page.locator(".toast")).to_contain_text("not the files that are missing")
    waiting.locator("input[type=file]").set_input_files(str(slide))
    pages.fill_details(page, DETAILS | {"patient_id": "PATH-95"})
    page.locator("section.upload a[href*='/app/study']").first.wait_for(timeout=pages.LONG_MS)

    # 0, then the cut one twice, then the one that hung and was asked for again, and the last two.
    assert [one // PART for one in asked] == [0, 1, 1, 2, 2, 3, 4]
    assert pages.get(page, "/api/uploads") == {"uploads": []}
    # The browser notes the break that was made here; anything else it notes is a fault.
    watcher.faults[:] = [one for one in watcher.faults if "ERR_CONNECTION_RESET" not in one]
