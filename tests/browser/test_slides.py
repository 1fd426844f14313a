"""Slides in a real browser: opened, moved, magnified, drawn upon, asked about; by mouse, touch and keyboard."""

import re
import time
from itertools import count
from pathlib import Path

import psutil
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from app.drawn_slide import write_drawn_slide
from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.mirax_slides import mirax

REAL = Path(__file__).parents[1] / "data" / "cmu_small_region.svs"
SIDE = 6144
SEEDS = count(1)
DETAILS = {
    "kind": "pathology",
    "patient_name": "Walker Ann",
    "patient_id": "PATH-91",
    "sex": "F",
    "study_date": "2026-11-20",
    "description": "Colon biopsy",
    "specimen": "S-26-114",
    "block": "A1",
    "stain": "H&E",
}


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A drawn slide of 6144 pixels a side at half a micrometre; another one for each test, so another study."""
    write_drawn_slide(tmp_path / "drawn.tif", SIDE, seed=next(SEEDS))
    return tmp_path / "drawn.tif"


def opened(page: Page, file: Path, username: str = "dr.lee") -> str:
    """Signed in, the slide uploaded and on the screen; returns the study's id."""
    pages.sign_in(page, username)
    study_id = pages.upload(page, file, details=DETAILS)
    pages.open_study(page, study_id)
    return study_id


def settled(page: Page) -> dict[str, float]:
    """Where the slide has come to rest."""
    before = pages.viewer(page, "place()")
    for _ in range(100):
        page.wait_for_timeout(120)
        now = pages.viewer(page, "place()")
        if now == before:
            return now
        before = now
    raise AssertionError("The slide did not come to rest.")


def center_of_stage(page: Page) -> tuple[float, float]:
    box = page.locator("#viewer .stage").bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_slide_is_read_with_the_mouse(house: House, watcher: Watcher, drawn: Path) -> None:
    """Magnified by button, moved by dragging, a region drawn, asked about, and shown again from the answer."""
    page = watcher.person(house.address)
    study_id = opened(page, drawn)
    whole = settled(page)

    page.click("[data-lens='20']")
    at_20 = settled(page)
    x, y = center_of_stage(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 200, y - 100, steps=8)
    page.mouse.up()
    moved = settled(page)

    # 10 µm by 0.5 µm to the pixel: 20× is pixel for pixel.
    assert at_20["zoom"] == pytest.approx(1, rel=1e-3) and whole["zoom"] < 0.3
    assert moved["x"] - at_20["x"] == pytest.approx(200, abs=30)
    assert moved["y"] - at_20["y"] == pytest.approx(100, abs=30)
    expect(page.locator("[data-lens='20']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".bottom-left")).to_have_text("20×")
    bar = page.locator(".scale-line").bounding_box()
    words = page.locator(".slide-scale").inner_text()
    assert bar and int(re.sub(r"\D", "", words)) * 2 == pytest.approx(bar["width"], abs=2), words

    box = draw_region(page, (-150, -100), (150, 100))
    asked = pages.ask(page, "How many glands are there?")
    asked.wait_until("done")
    view = asked.kept()["view"]

    assert box[2:] == pytest.approx([300, 200], abs=2)
    assert view["box"] == box
    assert [(one["um_per_pixel"], one["width"]) for one in view["pictures"]] == [
        (0.5, box[2]),
        (1.0, round(box[2] / 2)),
    ]
    (mark,) = pages.get(page, f"/api/studies/{study_id}/marks")["marks"]
    assert mark["points"] == [box[:2], [box[0] + box[2], box[1] + box[3]]]
    page.keyboard.press("r")
    page.locator("article.exchange .answer-meta .link").click()
    settled(page)
    left, top, width, _ = pages.viewer(page, "visible()")
    assert left <= box[0] and top <= box[1] and left + width >= box[0] + box[2]
    assert width < 3 * box[2]
    boxes = pages.viewer(page, "boxes()")
    assert boxes and all(
        box[0] - 1 <= one["x"] and one["x"] + one["width"] <= box[0] + box[2] + 1 for one in boxes
    )
    page.reload()
    pages.wait_for_room(page)
    assert pages.viewer(page, "drawn()") == [box]


def draw_region(page: Page, start: tuple[int, int], end: tuple[int, int]) -> list[float]:
    """With the region tool, around the middle of the stage; returns what the viewer keeps."""
    x, y = center_of_stage(page)
    before = len(pages.viewer(page, "drawn()"))
    page.click("[data-tool=region]")
    with page.expect_response(
        lambda answer: answer.url.endswith("/marks") and answer.request.method == "POST"
    ):
        page.mouse.move(x + start[0], y + start[1])
        page.mouse.down()
        page.mouse.move(x + end[0], y + end[1], steps=6)
        page.mouse.up()
    drawn = pages.viewer(page, "drawn()")
    assert len(drawn) == before + 1
    return drawn[-1]


def test_a_slide_is_read_with_the_keyboard(house: House, watcher: Watcher, drawn: Path) -> None:
    """Every step without a pointer: magnify, move, take what is visible as a region, remove it, see all keys."""
    page = watcher.person(house.address)
    opened(page, drawn)
    page.locator("#viewer .stage").focus()

    page.keyboard.press("4")
    at_10 = settled(page)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    moved = settled(page)
    visible = pages.viewer(page, "visible()")
    with page.expect_response(
        lambda answer: answer.url.endswith("/marks") and answer.request.method == "POST"
    ):
        page.keyboard.press("v")
    taken = pages.viewer(page, "drawn()")
    page.keyboard.press("Delete")
    removed = pages.viewer(page, "drawn()")
    page.keyboard.press("?")

    assert at_10["zoom"] == pytest.approx(0.5, rel=1e-3)
    # 120 screen pixels at half of one pixel each
    assert (moved["x"] - at_10["x"], moved["y"] - at_10["y"]) == (
        pytest.approx(240, abs=3),
        pytest.approx(240, abs=3),
    )
    assert (taken, removed) == ([visible], [])
    expect(page.locator("dialog .keys")).to_contain_text("40×")
    page.keyboard.press("Escape")
    page.locator("#viewer .stage").focus()
    page.keyboard.press("Home")
    assert settled(page)["zoom"] < 0.3


def test_a_slide_is_read_by_touch(house: House, watcher: Watcher, drawn: Path) -> None:
    """One finger moves it, two magnify, and one draws a region once that tool is chosen."""
    page = watcher.person(house.address, width=820, height=1180, has_touch=True)
    opened(page, drawn)
    page.locator("[data-lens='10']").tap()
    before = settled(page)
    touch = page.context.new_cdp_session(page)
    x, y = center_of_stage(page)

    swipe(touch, [(x, y)], [(x - 120, y)])
    moved = settled(page)
    swipe(touch, [(x - 40, y), (x + 40, y)], [(x - 120, y), (x + 120, y)])
    pinched = settled(page)
    page.locator("[data-tool=region]").tap()
    with page.expect_response(
        lambda answer: answer.url.endswith("/marks") and answer.request.method == "POST"
    ):
        swipe(touch, [(x - 80, y - 60)], [(x + 80, y + 60)])
    (box,) = pages.viewer(page, "drawn()")

    assert moved["x"] - before["x"] > 100
    assert pinched["zoom"] > 2 * before["zoom"]
    assert box[2] * pinched["zoom"] == pytest.approx(160, abs=4)
    small = [
        one.get_attribute("data-tool") or one.get_attribute("data-lens")
        for one in page.locator(".toolbar .tool").all()
        if (found := one.bounding_box()) and min(found["width"], found["height"]) < 40
    ]
    assert small == []


def swipe(touch, start: list[tuple[float, float]], end: list[tuple[float, float]], steps: int = 8) -> None:
    """Fingers from where they are put down to where they are lifted."""
    at = lambda share: [  # noqa: E731
        {"x": a[0] + (b[0] - a[0]) * share, "y": a[1] + (b[1] - a[1]) * share, "id": n}
        for n, (a, b) in enumerate(zip(start, end, strict=True))
    ]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at(0)})
    for step in range(1, steps + 1):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": at(step / steps)})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_two_slides_of_a_case_are_looked_at_side_by_side(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    """By specimen and block in the rail; beside each other they are moved and magnified together until let go."""
    files = [tmp_path / "one.tif", tmp_path / "two.tif"]
    for file in files:
        write_drawn_slide(file, 3072, seed=next(SEEDS))
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.park")
    pages.send(page, *files)
    own = page.locator("dialog.details figure")
    for n, (specimen, block) in enumerate([("S-26-200", "B2"), ("S-26-199", "A10")]):
        own.nth(n).locator("[data-own=specimen]").fill(specimen)
        own.nth(n).locator("[data-own=block]").fill(block)
    pages.fill_details(page, DETAILS | {"specimen": "", "block": "", "patient_id": "PATH-96"})
    link = page.locator("section.upload a[href*='/app/study']").first
    link.wait_for(timeout=pages.LONG_MS)
    pages.open_study(page, str(link.get_attribute("href")).split("id=")[1])
    rail = page.locator(".rail-own").inner_text()
    page.locator("select.besides").select_option("0")
    expect(page.locator("[data-tool=slide_link]")).to_be_enabled()

    page.click("[data-lens='10']")
    first = settled(page)
    second = pages.viewer(page, "besides()")
    page.locator("#viewer .stage").first.press("ArrowRight")
    moved = settled(page)
    followed = pages.viewer(page, "besides()")
    page.locator("#viewer .stage").nth(1).press("ArrowDown")
    back = settled(page)
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "slides-side-by-side.png")
    page.locator("#viewer .stage").first.press("y")
    page.locator("#viewer .stage").first.press("ArrowLeft")
    alone = settled(page)
    stays = pages.viewer(page, "besides()")

    assert rail.index("S-26-199") < rail.index("A10") < rail.index("S-26-200") < rail.index("B2")
    assert second == pytest.approx(first, abs=2) and first["zoom"] == pytest.approx(0.5, rel=1e-3)
    # 120 screen pixels at half of one pixel each, in both
    assert (moved["x"] - first["x"], followed["x"] - second["x"]) == (
        pytest.approx(240, abs=3),
        pytest.approx(240, abs=3),
    )
    assert back["y"] - moved["y"] == pytest.approx(240, abs=3)
    assert alone["x"] - back["x"] == pytest.approx(-240, abs=3)
    assert stays["x"] == pytest.approx(followed["x"], abs=3)
    assert not pages.viewer(page, "linked()")


def test_a_folder_of_a_slide_is_one_slide(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """An MRXS folder chosen as a folder: one slide is asked about, the picture beside it is not sent, and it opens."""
    folder = tmp_path / "case"
    (folder / "slide 7").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "slide 7.mrxs", "JPEG")
    for name, data in mirax().items():
        (folder / "slide 7" / name).write_bytes(data)
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.park")
    page.locator(".picker input[name=look_first]").set_checked(False)
    page.locator(".picker input[type=file]").nth(1).set_input_files(str(folder))
    form = page.locator("dialog.details")
    form.wait_for(timeout=pages.LONG_MS)
    asked = form.locator("figure").count()
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "slide-folder-details.png")
    pages.fill_details(page, DETAILS | {"patient_id": "PATH-97"})
    link = page.locator("section.upload a[href*='/app/study']").first
    link.wait_for(timeout=pages.LONG_MS)
    pages.open_study(page, str(link.get_attribute("href")).split("id=")[1])
    page.click("[data-lens='40']")

    assert asked == 1
    assert settled(page)["zoom"] == pytest.approx(1, rel=1e-3)
    assert page.locator(".upload-refused li").count() == 0
    assert page.evaluate("document.querySelector('.rail-own img').naturalWidth") > 0
    page.screenshot(path=RESULTS / "slide-folder.png")


def test_a_real_slide_shows_its_scale_and_its_lens(house: House, watcher: Watcher) -> None:
    """The Aperio sample: 0.499 µm to the pixel through a 20× lens; the label is nowhere on the page."""
    page = watcher.person(house.address, locale="ko-KR")
    opened(page, REAL)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.click("[data-lens='20']")

    assert settled(page)["zoom"] == pytest.approx(1, rel=1e-3)
    assert "µm" in page.locator(".slide-scale").inner_text()
    assert not any(re.search("label|macro|thumbnail", url) for url in asked)
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "real-slide.png")


def test_a_reading_plan_becomes_a_draft_that_cites_its_fields(
    house: House, watcher: Watcher, drawn: Path
) -> None:
    """Fields proposed, numbered on the slide, one left out, read one after another; the microscopy names each."""
    page = watcher.person(house.address)
    opened(page, drawn)
    page.click("#tab-report")
    page.click("[data-action=propose]")
    page.locator(".plan-fields li").first.wait_for(timeout=pages.LONG_MS)
    proposed = page.locator(".plan-fields li").count()
    numbers = [one["number"] for one in pages.viewer(page, "boxes()")]
    while page.locator(".plan-fields li").count() > 2:
        page.locator(".plan-fields li").last.locator(".small-button").click()
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "slide-plan.png")

    page.click("form.report-form button[type=submit]")
    page.wait_for_selector("[data-section=diagnosis][contenteditable]", timeout=3 * pages.LONG_MS)

    assert 2 < proposed <= 8 and numbers == [str(n + 1) for n in range(proposed)]
    microscopy = pages.section(page, "microscopy")
    assert "[1]." in microscopy and "[2]." in microscopy and "[3]" not in microscopy
    assert pages.section(page, "diagnosis")
    assert "S-26-114" in pages.section(page, "specimen")
    assert page.locator("[data-section=findings]").count() == 0
    page.screenshot(path=RESULTS / "slide-draft.png")


LARGE = 60_000
FEW_MB = 300


@pytest.mark.slow
@pytest.mark.parametrize("which", ["real", "large"])
def test_a_large_slide_opens_fast_and_stays_small(
    house: House, watcher: Watcher, tmp_path: Path, which: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Moved over for a while at every magnification, the page's process keeps below 300 MB; times are printed.

    Then a reading plan runs over it, and the draft's microscopy cites its fields.
    """
    file = REAL
    if which == "large":
        file = tmp_path / "large.tif"
        write_drawn_slide(file, LARGE, seed=next(SEEDS))
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    study_id = pages.upload(page, file, details=DETAILS)
    seconds = []
    for _ in range(3):
        started = time.monotonic()
        pages.open_study(page, study_id)
        seconds.append(round(time.monotonic() - started, 2))
    for lens in ("2.5", "10", "40", "20", "5"):
        page.click(f"[data-lens='{lens}']")
        for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft") * 3:
            page.locator("#viewer .stage").press(key)
            page.wait_for_timeout(60)
        settled(page)
    used = page_megabytes(page)

    chosen, cited = fields_drafted(page, 2)

    with capsys.disabled():
        print(f"\n{which} slide: open {seconds} s, page process {used} MB of its own; fields cited {cited}")
    assert used < FEW_MB
    assert chosen and cited == [str(n + 1) for n in range(chosen)]


def fields_drafted(page: Page, keep: int) -> tuple[int, list[str]]:
    """Propose fields, keep so many at most, have a draft written: how many were read, and which its microscopy cites."""
    page.click("#tab-report")
    page.click("[data-action=propose]")
    page.locator(".plan-fields li").first.wait_for(timeout=pages.LONG_MS)
    while page.locator(".plan-fields li").count() > keep:
        page.locator(".plan-fields li").last.locator(".small-button").click()
    chosen = page.locator(".plan-fields li").count()
    page.click("form.report-form button[type=submit]")
    page.wait_for_selector("[data-section=diagnosis][contenteditable]", timeout=3 * pages.LONG_MS)
    return chosen, sorted(set(re.findall(r"\[(\d+)\]\.", pages.section(page, "microscopy"))))


def page_megabytes(page: Page) -> int:
    """Memory that only the largest of the browser's page processes holds."""
    browser = page.context.browser
    assert browser
    found = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    pids = [one["id"] for one in found if one["type"] == "renderer"]
    return max(psutil.Process(pid).memory_full_info().uss for pid in pids) >> 20
