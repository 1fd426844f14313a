"""Three planes through a drawn CT in a real browser: what they show is what numpy finds; mouse, touch and keyboard."""

import re
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dicom.windowing import Window, apply_window, to_gray
from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.browser.test_pages import PREFER
from tests.samples import dicom_bytes, stack_of

SLICES, ROWS, COLUMNS = 30, 72, 80
SPACING = (2.0, 1.0, 1.0)
ORIGIN = (-10.0, -20.0, 5.0)
STUDIES = count(500)
AXIAL, CORONAL, SAGITTAL = 0, 1, 2


def drawn_body() -> np.ndarray:
    """An egg of soft tissue with a spine behind, a vessel that slants and noise, so that no two planes are alike."""
    k, j, i = np.mgrid[:SLICES, :ROWS, :COLUMNS].astype(float)
    body = ((k - 15) / 17) ** 2 + ((j - 36) / 28) ** 2 + ((i - 40) / 34) ** 2 < 1
    values = np.where(body, 40.0, -1000.0)
    values[(j - 56) ** 2 + (i - 40) ** 2 < 36] = 700
    values[(j - 30 - k / 2) ** 2 + (i - 30 - k / 3) ** 2 < 9] = 300
    noise = np.random.default_rng(3).integers(-30, 30, values.shape)
    return (values + noise).astype(np.int16)


BODY = drawn_body()


def mpr(page: Page, call: str):
    return pages.viewer(page, call)


def settled(page: Page) -> None:
    """Until every plane is the one that is asked for."""
    page.wait_for_function("() => document.querySelector('#viewer').__dfm.settled()", timeout=pages.LONG_MS)


def opened(page: Page, folder: Path, files: list[bytes] | None = None, look: list[str] | None = None) -> str:
    """Signed in, a study of the drawn body uploaded and open; returns the study's id.

    look: language and theme of the person, who keeps them
    """
    study = str(next(STUDIES))
    files = files or stack_of(BODY, spacing=SPACING, origin=ORIGIN, study=study, RescaleType="HU")
    paths = []
    for n, data in enumerate(files):
        paths.append(folder / f"{study}-{n}.dcm")
        paths[-1].write_bytes(data)
    pages.sign_in(page, "dr.choi" if look else "dr.lee")
    if look:
        assert page.evaluate(PREFER, look) == 200
    study_id = pages.upload(page, *paths)
    pages.open_study(page, study_id)
    return study_id


def to_planes(page: Page) -> None:
    page.click("[data-tool=planes]")
    page.wait_for_selector("#viewer.mpr[data-ready]", timeout=pages.LONG_MS)
    settled(page)


def voxel(page: Page) -> tuple[int, int, int]:
    """Slice, row and column under the crosshair."""
    found = mpr(page, "voxel()")
    assert np.allclose(found, np.rint(found), atol=1e-6)
    return tuple(round(value) for value in found)


def values(page: Page, n: int) -> np.ndarray:
    found = mpr(page, f"values({n})")
    return np.array(found["values"]).reshape(found["rows"], found["columns"])


def pane(page: Page, name: str) -> dict[str, float]:
    box = page.locator(f"[data-plane={name}]").bounding_box()
    assert box
    return box


def test_planes_are_read_with_the_mouse(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Crosshair, wheel, window, slab, turn and zoom; values and grays of every plane equal numpy's."""
    page = watcher.person(house.address)
    study_id = opened(page, tmp_path)
    to_planes(page)
    assert voxel(page) == (15, 36, 40)
    check_planes(page)
    RESULTS.mkdir(exist_ok=True)
    page.screenshot(path=RESULTS / "planes.png")

    box = pane(page, "axial")
    page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
    settled(page)
    clicked = voxel(page)
    x, y = mpr(page, "place(0)")

    assert clicked[0] == 15 and clicked[1] > 36 and clicked[2] < 40
    # The crosshair stands where was clicked, on the nearest voxel.
    voxel_px = box["height"] / ROWS
    assert abs(x - box["width"] * 0.4) < voxel_px and abs(y - box["height"] * 0.6) < voxel_px
    check_planes(page)

    box = pane(page, "coronal")
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.wheel(0, 120)
    settled(page)
    assert voxel(page) == (clicked[0], clicked[1] + 3, clicked[2]) and mpr(page, "active()") == "coronal"
    check_planes(page)

    page.select_option("[data-choice=slab]", "10")
    page.select_option("[data-choice=how]", "max")
    settled(page)
    check_planes(page, slab_mm=10, how=np.max)
    page.select_option("[data-choice=how]", "mean")
    settled(page)
    check_planes(page, slab_mm=10, how=np.mean)
    page.select_option("[data-choice=slab]", "0")

    page.click(".mpr [data-tool=window]")
    before = mpr(page, "getWL()")
    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 60, steps=4)
    page.mouse.up()
    after = mpr(page, "getWL()")
    settled(page)
    assert after["width"] > before["width"] and after["center"] < before["center"]
    check_planes(page)

    page.mouse.move(box["x"] + 80, box["y"] + 80)
    page.mouse.down(button="right")
    page.mouse.move(box["x"] + 80, box["y"] + 20, steps=4)
    page.mouse.up(button="right")
    assert mpr(page, "zoom(1)") > 1.2 and mpr(page, "zoom(0)") == 1

    page.click(".mpr [data-tool=stack]")
    page.wait_for_selector("#viewer[data-ready]:not(.mpr)", timeout=pages.LONG_MS)
    entries = {
        one["action"]
        for one in pages.get(signed_in_auditor(house, watcher), "/api/audit?limit=500")["entries"]
    }
    assert "study.read" in entries and study_id


def signed_in_auditor(house: House, watcher: Watcher) -> Page:
    page = watcher.person(house.address)
    pages.sign_in(page, "auditor")
    return page


def check_planes(page: Page, slab_mm: float = 0, how=np.mean) -> None:
    """Each plane against the voxels that were uploaded, and its grays against the server's window."""
    k, j, i = voxel(page)
    half = [int(slab_mm / 2 / spacing) for spacing in SPACING]
    part = BODY.astype(float)
    expected = [
        how(part[max(0, k - half[0]) : k + half[0] + 1], axis=0),
        how(part[:, max(0, j - half[1]) : j + half[1] + 1], axis=1)[::-1],
        how(part[:, :, max(0, i - half[2]) : i + half[2] + 1], axis=2)[::-1],
    ]
    shown = mpr(page, "getWL()")
    for n in (AXIAL, CORONAL, SAGITTAL):
        found = values(page, n)
        voxels = found if n == AXIAL else found[::2]
        assert np.abs(voxels - expected[n]).max() <= 0.5
        grays = np.array(mpr(page, f"grays({n})")).reshape(found.shape)
        assert (
            grays == to_gray(apply_window(found, Window(shown["center"], shown["width"])), invert=False)
        ).all()
    if not slab_mm:
        assert mpr(page, "value()") == pytest.approx(BODY[k, j, i], abs=0.5)


def test_planes_are_read_with_the_keyboard(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Every step without a pointer, from the button to the way back."""
    page = watcher.person(house.address)
    opened(page, tmp_path)
    page.locator("#viewer .stage").focus()
    page.keyboard.press("x")
    page.wait_for_selector("#viewer.mpr[data-ready]", timeout=pages.LONG_MS)
    settled(page)
    page.locator("[data-plane=axial]").focus()
    start = voxel(page)

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("PageDown")
    moved = voxel(page)
    page.keyboard.press("Tab")
    coronal = mpr(page, "active()")
    page.keyboard.press("PageDown")
    page.keyboard.press("Shift+PageDown")
    deeper = voxel(page)
    page.keyboard.press("Home")
    first = voxel(page)
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("h")
    thick = mpr(page, "slab()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("i")
    inverted = mpr(page, "inverted()")

    # Down through axial planes is towards the feet; a coronal plane further is one further back.
    assert moved == (start[0] - 1, start[1] + 1, start[2] + 1)
    assert coronal == "coronal"
    assert deeper == (moved[0], moved[1] + 11, moved[2])
    assert first == (moved[0], 0, moved[2])
    assert thick == [5, "max"] and inverted is True
    page.keyboard.press("r")
    settled(page)
    assert voxel(page) == start and mpr(page, "inverted()") is False
    page.keyboard.press("Enter")
    expect(page.locator("[data-plane=axial]")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("?")
    expect(page.locator("dialog .keys")).to_contain_text("Thinner, thicker")
    page.keyboard.press("Escape")
    page.locator("[data-plane=axial]").focus()
    page.keyboard.press("x")
    page.wait_for_selector("#viewer[data-ready]:not(.mpr)", timeout=pages.LONG_MS)


def test_turned_planes_stay_straight_and_show_what_the_server_cuts(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    """Turned by 30 degrees in the axial plane: the coronal one follows, the axial stays; letters say where it leans."""
    page = watcher.person(house.address)
    study_id = opened(page, tmp_path)
    to_planes(page)
    page.locator("[data-plane=axial]").focus()
    for _ in range(6):
        page.keyboard.press(".")
    settled(page)

    coronal, axial = mpr(page, "directions(1)"), mpr(page, "directions(0)")

    assert axial["right"] == [1, 0, 0] and axial["down"] == [0, 1, 0]
    assert coronal["right"] == pytest.approx([np.cos(np.pi / 6), np.sin(np.pi / 6), 0])
    assert coronal["down"] == pytest.approx([0, 0, -1])
    assert page.locator("[data-plane=coronal] .plane-right").inner_text() == "LP"
    assert mpr(page, "value()") == pytest.approx(BODY[voxel(page)], abs=0.5)
    page.keyboard.press("Tab")
    seen = mpr(page, "seen()")["plane"]
    series = page.request.get(f"/api/studies/{study_id}").json()["series"][0]["series_id"]
    point = lambda name: ",".join(map(str, seen[name]))  # noqa: E731
    answer = page.request.get(
        f"/api/series/{series}/plane?at={point('at')}&right={point('right')}&down={point('down')}"
    )
    there = np.frombuffer(answer.body(), answer.headers["x-dtype"])
    assert (there == values(page, CORONAL).ravel()).all()
    page.screenshot(path=RESULTS / "planes-turned.png")


def test_planes_are_read_by_touch(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """On a tablet: one finger moves the crosshair, two enlarge, the tools are large enough for a finger."""
    page = watcher.person(house.address, width=820, height=1180, has_touch=True)
    opened(page, tmp_path)
    page.locator("[data-tool=planes]").tap()
    page.wait_for_selector("#viewer.mpr[data-ready]", timeout=pages.LONG_MS)
    settled(page)
    touch = page.context.new_cdp_session(page)
    box = pane(page, "sagittal")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    swipe(touch, [(x, y)], [(x + 30, y - 20)])
    settled(page)
    moved = voxel(page)
    swipe(touch, [(x - 20, y), (x + 20, y)], [(x - 60, y), (x + 60, y)])
    zoom = mpr(page, "zoom(2)")

    assert moved[0] > 15 and moved[1] > 36 and moved[2] == 40
    assert zoom > 2
    small = [
        one.get_attribute("data-tool")
        for one in page.locator(".mpr .toolbar .tool").all()
        if (found := one.bounding_box()) and min(found["width"], found["height"]) < 40
    ]
    assert small == []
    page.screenshot(path=RESULTS / "planes-tablet.png")


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


def test_a_question_about_a_plane_is_about_that_plane(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """It is kept with the answer, brought back from it, and its crops lie on it; in Korean and dark."""
    page = watcher.person(house.address)
    opened(page, tmp_path, look=["ko", "dark"])
    to_planes(page)
    expect(page.locator("[data-plane=sagittal]")).to_have_attribute("aria-label", re.compile("시상면"))
    page.locator("[data-plane=sagittal]").focus()
    page.keyboard.press("ArrowDown")
    page.select_option("[data-choice=slab]", "5")
    page.select_option("[data-choice=how]", "max")
    settled(page)
    seen = mpr(page, "seen()")

    asked = pages.ask(page, "What modality is this?")
    asked.wait_until("done")
    kept = asked.kept()["view"]

    assert kept["plane"] == seen["plane"] and kept["plane"]["how"] == "max"
    page.click("[data-tool=stack]")
    page.wait_for_selector("#viewer[data-ready]:not(.mpr)", timeout=pages.LONG_MS)
    page.locator("article.exchange .answer-meta .link").click()
    page.wait_for_selector("#viewer.mpr[data-ready]", timeout=pages.LONG_MS)
    settled(page)
    assert mpr(page, "active()") == "sagittal" and mpr(page, "slab()") == [5, "max"]
    assert mpr(page, "at()") == pytest.approx(seen["plane"]["at"])
    found = values(page, SAGITTAL)
    boxes = mpr(page, "boxes()")
    assert boxes and all(one["x"] + one["width"] <= found.shape[1] + 1 for one in boxes)
    page.screenshot(path=RESULTS / "planes-ko.png")
    assert page.evaluate(PREFER, ["en", "light"]) == 200


def test_a_series_that_is_no_volume_says_why(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """The button is there, can be reached, and its name is the reason; nothing opens."""
    page = watcher.person(house.address)
    study = str(next(STUDIES))
    opened(
        page,
        tmp_path,
        [dicom_bytes(np.zeros((64, 64), np.int16), study=study, WindowCenter=1, WindowWidth=2)],
    )

    button = page.locator("[data-tool=planes]")

    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_attribute("aria-label", re.compile("three slices"))
    button.click(force=True)
    page.locator("#viewer .stage").focus()
    page.keyboard.press("x")
    expect(page.locator("#viewer.mpr")).to_have_count(0)
