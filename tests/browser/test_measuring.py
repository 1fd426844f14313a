"""Measuring in a real browser: every tool by mouse, touch and keyboard, each value checked against numpy and geometry."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pydicom.dataset import Dataset

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_pages import PREFER
from tests.browser.test_slides import swipe
from tests.samples import dicom_bytes

ROW_MM, COLUMN_MM = 0.8, 0.5
NUMBERS = itertools.count(1)
SIZE = (96, 128)


class Picture:
    """A CT of known values in somebody's reading room."""

    def __init__(self, page: Page, folder: Path, frames: int = 1):
        self.page, self.number = page, next(NUMBERS)
        rng = np.random.default_rng(self.number)
        self.values = [rng.integers(-500, 1500, SIZE).astype(np.int16) for _ in range(frames)]
        files = []
        for number, values in enumerate(self.values, 1):
            files.append(folder / f"{number}.dcm")
            files[-1].write_bytes(
                dicom_bytes(
                    values,
                    study=f"551{self.number}",
                    number=number,
                    patient_id=f"M-{self.number}",
                    ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                    ImagePositionPatient=[0, 0, 2.5 * number],
                    PixelSpacing=[ROW_MM, COLUMN_MM],
                    RescaleSlope=1,
                    RescaleIntercept=-100,
                    WindowCenter=300,
                    WindowWidth=1000,
                )
            )
        pages.sign_in(page, "dr.lee")
        self.study_id = pages.upload(page, *files)
        pages.open_study(page, self.study_id)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a pixel of the picture lies on the screen."""
        left, top = pages.viewer(self.page, f"toCanvas({x}, {y})")
        box = self.page.locator("#viewer .stage").bounding_box()
        assert box
        return box["x"] + left, box["y"] + top

    def kept(self) -> list[dict[str, Any]]:
        return pages.get(self.page, f"/api/studies/{self.study_id}/marks")["marks"]

    def saving(self):
        """Until the server has kept a mark."""
        return self.page.expect_response(
            lambda answer: answer.url.endswith("/marks") and answer.request.method == "POST"
        )

    def tool(self, name: str) -> None:
        self.page.locator(f"#viewer [data-tool={name}]").click()

    def check(self, mark: dict[str, Any], frame: int = 0) -> None:
        """The server's numbers follow from its points by geometry and numpy, and stand on the screen."""
        found, points = mark["measured"], np.array(mark["points"], float)
        in_mm = points * (COLUMN_MM, ROW_MM)
        hounsfield = self.values[frame].astype(int) - 100
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
        if mark["tool"] == "length":
            assert found["length"] == pytest.approx(np.hypot(*(in_mm[1] - in_mm[0])))
            assert (found["unit"], found["scale"]) == ("mm", "patient")
        elif mark["tool"] == "angle":
            one, other = in_mm[0] - in_mm[1], in_mm[2] - in_mm[1]
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            assert found["degrees"] == pytest.approx(np.degrees(np.arccos(cosine)))
        elif mark["tool"] == "probe":
            assert found["value"] == hounsfield[int(points[0][1]), int(points[0][0])]
        else:
            mask = (x >= left) & (x < right) & (y >= top) & (y < bottom)
            if mark["tool"] == "ellipse":
                across, down = (right - left) / 2, (bottom - top) / 2
                mask = ((x - left - across) / across) ** 2 + ((y - top - down) / down) ** 2 <= 1
            inside = hounsfield[mask]
            assert found["pixels"] == inside.size > 0
            assert found["mean"] == pytest.approx(inside.mean())
            assert found["deviation"] == pytest.approx(inside.std())
            assert (found["minimum"], found["maximum"]) == (inside.min(), inside.max())
            area = (right - left) * COLUMN_MM * (bottom - top) * ROW_MM
            assert found["area"] == pytest.approx(area * (np.pi / 4 if mark["tool"] == "ellipse" else 1))


def near(point: list[float], wanted: tuple[float, float], by: float = 0.7) -> bool:
    return abs(point[0] - wanted[0]) < by and abs(point[1] - wanted[1]) < by


DRAGGED = [("length", (20, 20), (80, 60)), ("box", (30, 15), (70, 45)), ("ellipse", (90, 70), (40, 30))]


def test_every_tool_with_the_mouse(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Drawn, moved by a corner, listed, gone to, removed, brought back; the same after a reload."""
    page = watcher.person(house.address)
    picture = Picture(page, tmp_path)

    for tool, start, end in DRAGGED:
        picture.tool(tool)
        with picture.saving():
            page.mouse.move(*picture.place(*start))
            page.mouse.down()
            page.mouse.move(*picture.place(*end), steps=5)
            page.mouse.up()
    picture.tool("angle")
    page.mouse.move(*picture.place(100, 20))
    page.mouse.down()
    page.mouse.move(*picture.place(100, 50), steps=5)
    page.mouse.up()
    page.mouse.move(*picture.place(120, 60), steps=5)
    with picture.saving():
        page.mouse.click(*picture.place(120, 60))
    picture.tool("probe")
    with picture.saving():
        page.mouse.click(*picture.place(10.5, 80.5))
    marks = picture.kept()

    assert [mark["tool"] for mark in marks] == ["length", "box", "ellipse", "angle", "probe"]
    for mark, (_, start, end) in zip(marks, DRAGGED, strict=False):
        assert near(mark["points"][0], start) and near(mark["points"][1], end)
    for mark in marks:
        picture.check(mark)
    page.click("#tab-marks")
    expect(page.locator(".measure")).to_have_count(5)
    length = marks[0]["measured"]["length"]
    expect(page.locator(".measure").first).to_contain_text(f"{length:.1f} mm")
    expect(page.locator("svg.marks")).to_contain_text(f"{length:.1f} mm")
    page.screenshot(path=RESULTS / "measuring-mouse.png")

    # Moved by its second corner: the server measures anew, and there is still one of it.
    page.locator("#viewer [data-tool=window]").click()
    with picture.saving():
        page.mouse.move(*picture.place(*marks[0]["points"][1]))
        page.mouse.down()
        page.mouse.move(*picture.place(60, 80), steps=5)
        page.mouse.up()
    moved = next(mark for mark in picture.kept() if mark["tool"] == "length")
    assert near(moved["points"][1], (60, 80)) and moved["measured"]["length"] != length
    picture.check(moved)
    assert len(picture.kept()) == 5

    page.locator(".measure").nth(1).locator("[data-action=remove-mark]").click()
    expect(page.locator(".measure")).to_have_count(4)
    with picture.saving():
        page.locator(".toast button", has_text="Undo").click()
    expect(page.locator(".measure")).to_have_count(5)
    page.reload()
    pages.wait_for_room(page)
    assert {mark["id"] for mark in pages.viewer(page, "marks()")} == {mark["id"] for mark in picture.kept()}


def test_every_tool_with_the_keyboard(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Without a pointer: Enter shows the point and sets it, arrows move it, Delete takes the mark away."""
    page = watcher.person(house.address)
    picture = Picture(page, tmp_path)
    page.locator("#viewer .stage").focus()
    drawn = {"l": 2, "e": 2, "b": 2, "a": 3, "d": 1}

    for key, points in drawn.items():
        page.keyboard.press(key)
        page.keyboard.press("Enter")
        for point in range(points):
            page.keyboard.press("Shift+ArrowRight")
            for _ in range(point + 1):
                page.keyboard.press("ArrowUp" if point == 2 else "ArrowDown")
            if point < points - 1:
                page.keyboard.press("Enter")
        with picture.saving():
            page.keyboard.press("Enter")
        page.keyboard.press("Escape")
    marks = picture.kept()

    assert [mark["tool"] for mark in marks] == ["length", "ellipse", "box", "angle", "probe"]
    # From the middle ten columns to the right and one row down, then ten and two more.
    (first, second) = marks[0]["points"]
    assert [b - a for a, b in zip(first, second, strict=True)] == [10, 2]
    assert first == [SIZE[1] / 2 + 0.5 + 10, SIZE[0] / 2 + 0.5 + 1]
    for mark in marks:
        picture.check(mark)
    expect(page.locator("#viewer [role=status]").first).to_contain_text("Value of a pixel")
    page.keyboard.press("Delete")
    expect(page.locator("svg.marks .mark-words", has_text="°")).to_have_count(1)
    page.wait_for_timeout(300)
    assert [mark["tool"] for mark in picture.kept()] == ["length", "ellipse", "box", "angle"]
    # Escape gives a measurement up; the arrows leaf through slices again.
    page.keyboard.press("l")
    for key in ("Enter", "Enter", "Escape", "Escape"):
        page.keyboard.press(key)
    assert len(picture.kept()) == 4


def test_every_tool_by_touch(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """One finger draws, a second finger zooms and draws nothing; an angle takes two strokes."""
    page = watcher.person(house.address, width=820, height=1180, has_touch=True)
    picture = Picture(page, tmp_path)
    touch = page.context.new_cdp_session(page)

    for tool, start, end in DRAGGED:
        page.locator(f"#viewer [data-tool={tool}]").tap()
        with picture.saving():
            swipe(touch, [picture.place(*start)], [picture.place(*end)])
    page.locator("#viewer [data-tool=angle]").tap()
    swipe(touch, [picture.place(100, 20)], [picture.place(100, 50)])
    with picture.saving():
        swipe(touch, [picture.place(110, 50)], [picture.place(120, 60)])
    page.locator("#viewer [data-tool=probe]").tap()
    with picture.saving():
        page.touchscreen.tap(*picture.place(10.5, 80.5))
    zoom = pages.viewer(page, "zoom()")
    x, y = picture.place(64, 80)
    swipe(touch, [(x - 30, y), (x + 30, y)], [(x - 90, y), (x + 90, y)])
    marks = picture.kept()

    assert [mark["tool"] for mark in marks] == ["length", "box", "ellipse", "angle", "probe"]
    for mark, (_, start, end) in zip(marks, DRAGGED, strict=False):
        assert near(mark["points"][0], start) and near(mark["points"][1], end)
    for mark in marks:
        picture.check(mark)
    assert pages.viewer(page, "zoom()") > 1.5 * zoom
    page.locator("#tab-marks").tap()
    expect(page.locator(".measure")).to_have_count(5)
    page.locator(".measure .tool").first.tap()
    expect(page.locator(".measure")).to_have_count(4)
    page.screenshot(path=RESULTS / "measuring-touch.png", full_page=True)


def test_a_key_image_is_marked_as_it_is_shown(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """By key and by button, with its window; listed with its picture; gone to from another slice; unmarked."""
    page = watcher.person(house.address)
    picture = Picture(page, tmp_path, frames=3)
    page.locator("#viewer .stage").focus()
    page.keyboard.press("2")
    shown = pages.viewer(page, "getWL()")

    with picture.saving():
        page.keyboard.press("k")
    (key,) = picture.kept()
    page.keyboard.press("ArrowDown")
    page.click("#tab-marks")
    page.locator(".key-image").click()
    page.wait_for_function("() => document.querySelector('#viewer').__dfm.index() === 1")

    assert key["tool"] == "key" and key["points"] == []
    assert (key["view"]["center"], key["view"]["width"]) == (shown["center"], shown["width"])
    expect(page.locator(".key-flag")).to_be_visible()
    expect(page.locator("#viewer [data-tool=key]")).to_have_attribute("aria-pressed", "true")
    page.locator("#viewer [data-tool=key]").click()
    expect(page.locator(".key-image")).to_have_count(0)
    page.wait_for_timeout(300)
    assert picture.kept() == []


def test_the_magnifier_makes_a_box_of_native_pixels(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """By mouse, key and touch: the glass shows the pixels, what it showed is the box the question is about."""
    page = watcher.person(house.address, has_touch=True)
    picture = Picture(page, tmp_path)

    picture.tool("magnify")
    page.mouse.move(*picture.place(50, 48))
    expect(page.locator(".glass")).to_be_visible()
    shown = page.evaluate(
        """() => { const glass = document.querySelector('.glass canvas');
                   return [...glass.getContext('2d').getImageData(0, 0, 3, 3).data.slice(0, 1)]; }"""
    )
    with picture.saving():
        page.mouse.click(*picture.place(50, 48))
    page.locator("#viewer .stage").focus()
    page.keyboard.press("m")
    page.keyboard.press("-")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.screenshot(path=RESULTS / "magnifier.png")
    with picture.saving():
        page.keyboard.press("Enter")
    with picture.saving():
        page.touchscreen.tap(*picture.place(100, 60))
    boxes = [mark["points"] for mark in picture.kept()]

    assert boxes[0] == [[18, 16], [82, 80]]
    value = int(picture.values[0][16, 18]) - 100
    assert abs(shown[0] - 255 * min(1, max(0, (value - 299.5) / 999 + 0.5))) <= 1
    assert boxes[1] == [[39, 22], [92, 75]]
    assert [b - a for a, b in zip(*boxes[2], strict=True)] == [53, 53]
    asked = pages.ask(page, "Is there an opacity in this part?")
    asked.wait_until("done")
    left, top = boxes[2][0]
    assert asked.kept()["view"]["box"] == [left, top, 53, 53]


def test_an_ultrasound_is_measured_where_it_says_so(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """The measured region is outlined while measuring, in Korean and by touch; outside of it a length is in pixels."""
    page = watcher.person(house.address, width=820, height=1180, has_touch=True)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = 1, 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 10, 5
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 109, 59
    values = np.full(SIZE, 90, np.uint8)
    data = dicom_bytes(
        values, modality="US", study="5519", patient_id="US-1", SequenceOfUltrasoundRegions=[region]
    )
    (tmp_path / "us.dcm").write_bytes(data)
    pages.sign_in(page, "dr.choi")
    assert page.evaluate(PREFER, ["ko", "dark"]) == 200
    page.goto("/app/")
    page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)
    study_id = pages.upload(page, tmp_path / "us.dcm")
    pages.open_study(page, study_id)
    touch = page.context.new_cdp_session(page)
    place = Picture.place
    holder = type("Held", (), {"page": page})()

    expect(page.locator(".mark-scale")).to_have_count(0)
    page.locator("#viewer [data-tool=length]").tap()
    expect(page.locator(".mark-scale")).to_have_count(1)
    for y in (30, 80):
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            swipe(touch, [place(holder, 20, y)], [place(holder, 70, y)])
    inside, outside = pages.get(page, f"/api/studies/{study_id}/marks")["marks"]

    across = inside["points"][1][0] - inside["points"][0][0]
    down = inside["points"][1][1] - inside["points"][0][1]
    assert inside["measured"]["length"] == pytest.approx(np.hypot(across * 0.2, down * 0.3))
    assert (inside["measured"]["scale"], outside["measured"]["scale"]) == ("ultrasound", None)
    assert outside["measured"]["unit"] == "px"
    page.locator("#tab-marks").tap()
    expect(page.locator(".measure").first).to_contain_text("초음파 영역 기준 mm")
    expect(page.locator(".measure").last).to_contain_text("픽셀: 파일에 축척 정보 없음")
    page.screenshot(path=RESULTS / "ultrasound-ko.png")
    assert page.evaluate(PREFER, ["en", "light"]) == 200
