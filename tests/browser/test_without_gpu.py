"""A browser without WebGL, as on many virtual desktops: the same picture, tools and layouts, drawn by the processor."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser import pages
from tests.browser.conftest import FLAGS, RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_layouts import press, ready, sent, series, shown
from tests.browser.test_measuring import Picture
from tests.browser.test_showing import STEPS, on_screen
from tests.samples import dicom_bytes

NO_WEBGL = [flag for flag in FLAGS if "gl" not in flag and "swiftshader" not in flag] + [
    "--disable-3d-apis",
    "--disable-gpu",
]


@pytest.fixture
def plain(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Watcher]:
    """A browser that refuses WebGL."""
    browser = chromium.browser_type.launch(executable_path=shutil.which("chromium"), args=NO_WEBGL)
    opened = Watcher(browser, request.node.name)
    yield opened
    opened.close()
    browser.close()
    assert opened.faults == []


def test_a_picture_is_read_without_a_graphics_card(house: House, plain: Watcher, tmp_path: Path) -> None:
    """Shown, windowed, measured by mouse and key, two panes linked."""
    page = plain.person(house.address)
    picture = Picture(page, tmp_path, frames=3)
    assert page.evaluate("document.createElement('canvas').getContext('webgl2')") is None

    picture.tool("box")
    with picture.saving():
        page.mouse.move(*picture.place(30, 15))
        page.mouse.down()
        page.mouse.move(*picture.place(70, 45), steps=5)
        page.mouse.up()
    (mark,) = picture.kept()
    picture.check(mark, frame=1)
    before = pages.viewer(page, "getWL()")
    picture.tool("window")
    pages.drag(page, 60, 30)
    assert pages.viewer(page, "getWL()") != before
    press(page, "i", "ArrowDown")
    assert pages.viewer(page, "index()") == 2 and pages.viewer(page, "inverted()")
    page.screenshot(path=RESULTS / "without-gpu.png")


def test_layouts_and_straight_windows_without_a_graphics_card(
    house: House, plain: Watcher, tmp_path: Path
) -> None:
    """Two series leafed through together; a sigmoid is shown straight, and the corner says so."""
    page = plain.person(house.address)
    pages.sign_in(page, "dr.park")
    places = [2.0 * n for n in range(5)]
    files = [one for n in (1, 2) for one in series(tmp_path, "8901", n, places, patient_id="CPU-1")]
    pages.open_study(page, sent(page, *files))
    press(page, "F2")
    ready(page, 2)
    press(page, "Home")
    assert [one["index"] for one in shown(page)] == [0, 0]

    data = dicom_bytes(
        STEPS,
        modality="MR",
        study="8902",
        patient_id="CPU-2",
        WindowCenter=250,
        WindowWidth=300,
        VOILUTFunction="SIGMOID",
    )
    (tmp_path / "sigmoid.dcm").write_bytes(data)
    pages.open_study(page, sent(page, tmp_path / "sigmoid.dcm"))
    gray = on_screen(page)
    assert "shown straight" in page.locator(".bottom-left").inner_text()
    assert (gray[0], gray[-1]) == (0, 255) and list(gray) == sorted(gray)
