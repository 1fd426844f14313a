"""Every page in both languages, both themes and on a tablet: words for everything, nothing cut off, nothing refused."""

import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page
from pydicom.data import get_testdata_file

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House

OF_PERSON = {
    "dr.choi": ("/app/", "/app/study?id={study}", "/app/paper", "/app/account", "/app/about"),
    "res.one": ("/research/", "/research/about"),
    "admin": ("/admin/", "/admin/erasures", "/admin/system", "/admin/about"),
    "auditor": ("/audit/", "/audit/emergencies", "/audit/paper", "/audit/about"),
}
LOOKS = {"en-light": ("en", "light", 1440, 900), "ko-dark-tablet": ("ko", "dark", 820, 1180)}
KEY = re.compile(r"\b(?:ui|login|preset)\.[a-z_.]+")
PREFER = pages.PREFER


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("username", OF_PERSON)
def test_pages_look_as_they_should(house: House, watcher: Watcher, username: str, look: str) -> None:
    """In the person's language and theme, with a heading, wholly worded, without a sideways scroll."""
    language, theme, width, height = LOOKS[look]
    page = watcher.person(house.address, width=width, height=height, has_touch=width < 1000)
    pages.sign_in(page, username)
    assert page.evaluate(PREFER, [language, theme]) == 200
    study = ""
    if username == "dr.choi":
        page.goto("/app/")
        page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)
        study = pages.upload(page, Path(get_testdata_file("MR_small.dcm")))

    for address in OF_PERSON[username]:
        page.goto(address.format(study=study))
        page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)
        if "study" in address:
            pages.wait_for_room(page)
        name = re.sub(r"\W+", "-", address.split("?")[0]).strip("-")
        RESULTS.mkdir(exist_ok=True)
        page.screenshot(path=RESULTS / f"page-{name}-{look}.png")
        looked_at(page, language, dark=theme == "dark" or "study" in address)


def looked_at(page: Page, language: str, *, dark: bool) -> None:
    """What holds for every page."""
    assert page.evaluate("document.documentElement.lang") == language
    assert page.locator(".dfm main").count() == 1
    assert page.locator(".dfm h1").count() == 1
    words = page.locator("body").inner_text()
    assert KEY.findall(words) == [], "a key stands where a word should"
    if language == "ko":
        assert re.search("[가-힣]", words)
    # A pixel may be lost to rounding.
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 1
    assert (brightness(page) < 128) is dark


def brightness(page: Page) -> float:
    """Of the lower right corner of the screen, which belongs to the page and not to a picture."""
    from PIL import Image, ImageStat

    shown = Image.open(io.BytesIO(page.screenshot())).convert("L")
    corner = shown.crop((shown.width - 40, shown.height - 20, shown.width, shown.height))
    return float(ImageStat.Stat(corner).median[0])
