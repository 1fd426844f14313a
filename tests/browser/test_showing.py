"""The picture as its header means it: curves, several windows, drawings, films, stacks; on the screen and for the model."""

import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pydicom import Dataset
from pydicom.data import get_testdata_file

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.corpus import file_named
from tests.samples import dicom_bytes

BLOCK = 16
STEPS = np.repeat(np.repeat(np.arange(64, dtype=np.int16).reshape(8, 8) * 8, BLOCK, axis=0), BLOCK, axis=1)
"""Squares of one value each, 0 to 504: large enough that nothing is mixed in their middles."""


def opened(page: Page, *files: Path, username: str = "dr.park") -> str:
    pages.sign_in(page, username)
    study_id = pages.upload(page, *files)
    pages.open_study(page, study_id)
    return study_id


def on_screen(page: Page) -> np.ndarray:
    """How bright the middle of each square is."""
    page.wait_for_timeout(250)
    places = [(c * BLOCK + BLOCK // 2, r * BLOCK + BLOCK // 2) for r in range(8) for c in range(8)]
    calls = ",".join(f"v.gray({x}, {y})" for x, y in places)
    return np.array(
        page.evaluate(f"(() => {{ const v = document.querySelector('#viewer').__dfm; return [{calls}]; }})()")
    )


def by_the_server(page: Page) -> np.ndarray:
    """The same of what a question would send: the view of the page, rendered as the model gets it."""
    from io import BytesIO

    from PIL import Image

    seen = pages.viewer(page, "seen()")
    asked = {n: seen[n] for n in ("center", "width", "function") if seen[n] is not None}
    address = f"/api/instances/{seen['instance_id']}/frames/{seen['frame']}/rendered.png"
    answer = page.request.get(address, params={**asked, "invert": str(seen["invert"]).lower()})
    assert answer.status == 200
    shown = np.asarray(Image.open(BytesIO(answer.body())).convert("L")).astype(int)
    return shown[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK].ravel()


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_a_curve_is_shown_as_the_model_gets_it(
    house: House, watcher: Watcher, tmp_path: Path, function: str
) -> None:
    """The file's window, its second one by key, inverted, and dragged: the screen agrees with the server's picture."""
    page = watcher.person(house.address)
    number = ["LINEAR", "LINEAR_EXACT", "SIGMOID"].index(function)
    (tmp_path / "a.dcm").write_bytes(
        dicom_bytes(
            STEPS,
            modality="MR",
            study=f"661{number}",
            patient_id=f"C-{number}",
            WindowCenter=[200, 80],
            WindowWidth=[300, 21],
            WindowCenterWidthExplanation=["WIDE", "NARROW"],
            VOILUTFunction=function,
        )
    )
    opened(page, tmp_path / "a.dcm")

    first = on_screen(page)
    assert np.abs(first - by_the_server(page)).max() <= 2
    page.locator("#viewer .stage").focus()
    page.keyboard.press("2")
    narrow = on_screen(page)
    assert pages.viewer(page, "getWL()") == {"center": 80, "width": 21, "function": function}
    assert np.abs(narrow - by_the_server(page)).max() <= 3
    page.keyboard.press("i")
    assert np.abs(on_screen(page) - by_the_server(page)).max() <= 3
    page.keyboard.press("i")
    page.keyboard.press("1")
    pages.drag(page, 60, 30)
    dragged = pages.viewer(page, "seen()")
    assert dragged["function"] == function and dragged["width"] != 300
    assert np.abs(on_screen(page) - by_the_server(page)).max() <= 3
    assert len({tuple(first), tuple(narrow)}) == 2
    options = page.locator("#viewer select.preset option").all_inner_texts()
    assert any("WIDE" in one for one in options) and any("NARROW" in one for one in options)
    if function == "SIGMOID":
        expect(page.locator(".bottom-left")).to_contain_text("sigmoid")


@pytest.mark.parametrize(
    "windows", [{}, {"WindowCenter": 100, "WindowWidth": 50}], ids=["alone", "beside a window"]
)
def test_a_table_of_the_file_is_shown_as_the_model_gets_it(
    house: House, watcher: Watcher, tmp_path: Path, windows: dict[str, int]
) -> None:
    """Value by value, inverted too; a reader's window takes its place, and its key or the reset brings it back."""
    page = watcher.person(house.address)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [512, 0, 12])
    rising, falling = (np.arange(256) / 255) ** 2, 1 - np.arange(256) / 400
    item.add_new("LUTData", "US", (np.concatenate([rising, falling]) * 4095).astype(int).tolist())
    number = len(windows)
    data = dicom_bytes(
        STEPS, modality="DX", study=f"663{number}", patient_id=f"L-{number}", VOILUTSequence=[item], **windows
    )
    (tmp_path / "a.dcm").write_bytes(data)
    opened(page, tmp_path / "a.dcm")

    first = on_screen(page)
    assert np.abs(first - by_the_server(page)).max() <= 3 and first.max() - first.min() > 200
    assert np.diff(first).min() < 0 < np.diff(first).max()
    expect(page.locator(".bottom-left")).to_contain_text("table of the file")
    page.locator("#viewer .stage").focus()
    page.keyboard.press("i")
    assert np.abs(on_screen(page) - (255 - first)).max() <= 1
    assert np.abs(on_screen(page) - by_the_server(page)).max() <= 3
    pages.drag(page, 40, 20)
    dragged = on_screen(page)
    assert np.abs(dragged - by_the_server(page)).max() <= 3 and np.diff(dragged).max() <= 0
    page.keyboard.press("i")
    page.keyboard.press("1")
    assert on_screen(page).tolist() == first.tolist()
    if windows:
        page.keyboard.press("2")
        assert pages.viewer(page, "getWL()")["width"] == 50
        assert np.abs(on_screen(page) - by_the_server(page)).max() <= 3
    page.keyboard.press("r")
    assert on_screen(page).tolist() == first.tolist()
    page.screenshot(path=RESULTS / f"showing-table-{number}.png")


@pytest.mark.parametrize("case", ["threshold", "one value"])
def test_a_window_without_a_width_is_shown(house: House, watcher: Watcher, tmp_path: Path, case: str) -> None:
    """A threshold divides black from white; a picture of one value has no range and is shown all the same."""
    page = watcher.person(house.address)
    values = STEPS if case == "threshold" else np.full_like(STEPS, 90)
    window = {"WindowCenter": 200, "WindowWidth": 1} if case == "threshold" else {}
    data = dicom_bytes(values, modality="MR", study=f"662{len(case)}", patient_id=f"T-{len(case)}", **window)
    (tmp_path / "a.dcm").write_bytes(data)
    opened(page, tmp_path / "a.dcm")

    assert np.abs(on_screen(page) - by_the_server(page)).max() <= (2 if case == "threshold" else 255)
    assert case != "threshold" or set(on_screen(page)) == {0, 255}


def test_drawings_of_the_file_are_off_until_a_reader_asks(house: House, watcher: Watcher) -> None:
    """By key and button; where they lie they are white; the question carries that they were on."""
    page = watcher.person(house.address)
    opened(page, Path(get_testdata_file("examples_overlay.dcm")))
    image = page.locator("svg.laid image")

    assert image.get_attribute("href") is None
    assert pages.viewer(page, "seen()")["overlays"] is False
    page.locator("#viewer .stage").focus()
    with page.expect_response(lambda answer: "/laid.png" in answer.url) as told:
        page.keyboard.press("v")
    assert told.value.status == 200
    page.wait_for_timeout(300)
    assert pages.viewer(page, "seen()")["overlays"] is True
    expect(page.locator("#viewer [data-tool=overlays]")).to_have_attribute("aria-pressed", "true")
    page.screenshot(path=RESULTS / "overlays-on.png")
    asked = pages.caption(page, beyond=True)
    asked.wait_until("done")
    assert asked.kept()["view"]["overlays"] is True
    page.locator("#viewer [data-tool=overlays]").click()
    assert image.get_attribute("href") is None


def test_a_film_runs_in_its_own_time(house: House, watcher: Watcher) -> None:
    """30 frames at 33.3 ms: it loops, keeps its time although frames may be left out, and stops at a key."""
    page = watcher.person(house.address)
    study_id = opened(page, Path(get_testdata_file("examples_ybr_color.dcm")))
    series = pages.get(page, f"/api/studies/{study_id}")["series"][0]["series_id"]
    manifest = pages.get(page, f"/api/series/{series}/manifest")
    page.locator("#viewer .stage").focus()
    page.keyboard.press("Home")

    page.keyboard.press("Space")
    expect(page.locator("#viewer [data-tool=cine]")).to_contain_text(
        f"{round(1000 / manifest['frame_ms'], 1):g}/s"
    )
    seen = set()
    end = time.monotonic() + 4
    while time.monotonic() < end:
        seen.add(pages.viewer(page, "index()"))
    page.keyboard.press("Space")
    at = pages.viewer(page, "index()")
    page.wait_for_timeout(400)

    assert len(manifest["frames"]) == 30 and len(seen) > 10
    assert pages.viewer(page, "index()") == at
    expect(page.locator("#viewer [data-tool=cine]")).to_have_attribute("aria-pressed", "false")


def test_stacks_of_one_object_are_chosen_by_name(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """A functional series holds several volumes: each is leafed through alone, and the choice says what divides them."""
    page = watcher.person(house.address)
    (tmp_path / "a.dcm").write_bytes(file_named("4d_multiframe_test.dcm"))
    study_id = opened(page, tmp_path / "a.dcm")
    series = pages.get(page, f"/api/studies/{study_id}")["series"][0]["series_id"]
    frames = pages.get(page, f"/api/series/{series}/manifest")["frames"]
    stacks = sorted({one["stack"] for one in frames})
    choice = page.locator("#viewer select.stacks")

    assert len(stacks) > 1
    assert pages.viewer(page, "count()") == sum(one["stack"] == 0 for one in frames)
    expect(choice.locator("option")).to_have_count(len(stacks))
    expect(choice.locator("option").first).to_contain_text("time")
    at = pages.viewer(page, "index()")
    choice.select_option(str(stacks[1]))
    page.wait_for_function("() => document.querySelector('#viewer').__dfm.frame().stack === 1")
    assert pages.viewer(page, "index()") == at
    page.screenshot(path=RESULTS / "stacks.png")
