"""Several pictures at once: layouts, leafing together by place in the patient, the prior study, and memory that stays flat."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.samples import dicom_bytes

SPACE = "1.2.826.0.1.3680043.8.498.4711"


def series(
    folder: Path, study: str, number: int, places: list[float], *, size: int = 64, **elements
) -> list[Path]:
    """One slice at each place (z in mm)."""
    rng = np.random.default_rng(number)
    files = []
    for n, z in enumerate(places, 1):
        files.append(folder / f"{study}-{number}-{n}.dcm")
        given = {
            "patient_id": "LAYOUT-1",
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [0, 0, z],
            "PixelSpacing": [1, 1],
            "RescaleSlope": 1,
            "RescaleIntercept": 0,
            "WindowCenter": 200,
            "WindowWidth": 800,
            "FrameOfReferenceUID": SPACE,
            "SeriesDescription": f"Series {number}",
            **elements,
        }
        values = rng.integers(0, 400, (size, size)).astype(np.int16)
        files[-1].write_bytes(
            dicom_bytes(values, study=study, series=str(number), number=100 * number + n, **given)
        )
    return files


def sent(page: Page, *files: Path) -> str:
    page.goto("/app/")
    page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)
    return pages.upload(page, *files)


def shown(page: Page) -> list[dict]:
    return pages.viewer(page, "panes()")


def press(page: Page, *keys: str) -> None:
    page.locator(
        "#viewer .stage-frame[data-active] .stage, #viewer .panes[data-layout=one] .stage"
    ).first.focus()
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(60)


def ready(page: Page, panes: int) -> None:
    page.wait_for_function(
        f"() => document.querySelectorAll('#viewer[data-ready] .stage-frame').length === {panes}",
        timeout=60_000,
    )


def test_series_are_leafed_through_together_by_place(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Slices of 2 mm beside slices of 5 mm: by key, by wheel, in four panes, apart when unlinked."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    thin = series(tmp_path, "8801", 1, [2.0 * n for n in range(21)])
    thick = series(tmp_path, "8801", 2, [5.0 * n for n in range(9)])
    third = series(tmp_path, "8801", 3, [10.0 * n for n in range(5)])
    pages.open_study(page, sent(page, *thin, *thick, *third))

    assert len(shown(page)) == 1
    press(page, "F2")
    ready(page, 2)
    first, second = shown(page)
    assert first["series"] != second["series"]
    press(page, "Home", "PageDown")
    first, second = shown(page)
    assert first["position"][2] == 20.0 and second["position"][2] == 20.0
    press(page, "ArrowDown", "ArrowDown")
    first, second = shown(page)
    assert (first["position"][2], second["position"][2]) == (24.0, 25.0)
    # The wheel over the second pane moves the first.
    box = page.locator("#viewer .stage").nth(1).bounding_box()
    assert box
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.wheel(0, 120)
    page.wait_for_timeout(500)
    first, second = shown(page)
    assert second["position"][2] == 30.0 and first["position"][2] == 30.0
    expect(page.locator("#viewer .stage-frame").nth(1)).to_have_attribute("data-active", "")

    page.locator("#viewer [data-tool=link]").click()
    press(page, "ArrowUp")
    first, second = shown(page)
    assert second["position"][2] == 25.0 and first["position"][2] == 30.0
    # Linked anew in one space, the place in the patient counts and not the distance they had.
    page.locator("#viewer [data-tool=link]").click()
    press(page, "ArrowUp")
    first, second = shown(page)
    assert (first["position"][2], second["position"][2]) == (20.0, 20.0)

    page.locator("#viewer [data-tool='layout.four']").click()
    ready(page, 4)
    assert len({one["series"] for one in shown(page)}) == 4
    expect(page.locator("#viewer .pane-empty:visible")).to_have_count(1)
    page.screenshot(path=RESULTS / "layout-four.png")
    # A measurement is drawn in the pane that is worked in.
    press(page, "n", "l", "Enter", "Enter", "Shift+ArrowRight")
    with page.expect_response(
        lambda answer: answer.url.endswith("/marks") and answer.request.method == "POST"
    ):
        page.keyboard.press("Enter")
    (mark,) = pages.viewer(page, "marks()")
    assert mark["instance_id"] == pages.viewer(page, "frame()")["instance_id"]
    page.locator("#viewer [data-tool='layout.one']").click()
    ready(page, 1)
    assert pages.viewer(page, "frame()")["instance_id"] == mark["instance_id"]


def test_the_prior_lies_beside_the_study_and_follows_it(
    house: House, watcher: Watcher, tmp_path: Path
) -> None:
    """Another day, another space: linked by the distance they have; a question is never about the prior."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    patient = {"patient_id": "LAYOUT-2"}
    old = series(
        tmp_path, "8802", 1, [100 + 2.0 * n for n in range(11)], StudyDate="20250303",
        FrameOfReferenceUID=f"{SPACE}.2", **patient,
    )  # fmt: skip
    sent(page, *old)
    now = sent(page, *series(tmp_path, "8803", 1, [2.0 * n for n in range(11)], **patient))
    pages.open_study(page, now)

    page.locator(".rail-prior .series").click()
    ready(page, 2)
    first, second = shown(page)
    assert (first["prior"], second["prior"]) == ("", "2025-03-03")
    expect(page.locator("#viewer .corner-words.prior")).to_contain_text("Prior 2025-03-03")
    assert first["index"] == second["index"] == 5
    press(page, "ArrowUp", "ArrowUp")
    assert [one["index"] for one in shown(page)] == [3, 3]
    page.locator("#viewer [data-tool=link]").click()
    press(page, "ArrowDown")
    page.locator("#viewer [data-tool=link]").click()
    press(page, "ArrowDown")
    assert [one["index"] for one in shown(page)] == [5, 4]
    # In the prior's pane: the question is about the study all the same.
    press(page, "n")
    assert pages.viewer(page, "seen()")["instance_id"] in str(
        pages.get(page, f"/api/series/{first['series']}/manifest")
    )
    page.screenshot(path=RESULTS / "prior-beside.png")
    asked = pages.caption(page)
    asked.wait_until("done")
    press(page, "c")
    ready(page, 1)
    assert shown(page)[0]["series"] == first["series"]
    press(page, "c")
    ready(page, 2)


def test_films_hang_beside_the_film_before(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """A radiograph opens with its prior at its side; one of a patient without any opens alone, in Korean and dark."""
    page = watcher.person(house.address, width=820, height=1180, has_touch=True)
    pages.sign_in(page, "dr.park")
    film = {"modality": "DX", "patient_id": "LAYOUT-3"}
    sent(page, *series(tmp_path, "8804", 1, [0], StudyDate="20260101", **film))
    now = sent(page, *series(tmp_path, "8805", 1, [0], **film))
    alone = sent(page, *series(tmp_path, "8806", 1, [0], modality="DX", patient_id="LAYOUT-4"))

    pages.open_study(page, now)
    ready(page, 2)
    assert [one["prior"] for one in shown(page)] == ["", "2026-01-01"]
    page.screenshot(path=RESULTS / "hanging-tablet.png")
    pages.open_study(page, alone)
    ready(page, 1)


def test_a_stack_is_fetched_while_its_reader_rests(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """Nearest first and each frame once; leafing through all of it afterwards asks the server for nothing."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.choi")
    files = series(tmp_path, "8808", 1, [2.0 * z for z in range(24)], patient_id="LAYOUT-6")
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.url) if request.url.endswith("/frames/0") else None
    )
    pages.open_study(page, sent(page, *files))

    page.wait_for_function("() => document.querySelector('#viewer').__dfm.cached() >= 24 * 64 * 64 * 2")
    before = len(asked)
    press(page, "Home", *["ArrowDown"] * 23)

    assert before == len(set(asked)) == len(asked) == 24
    assert pages.viewer(page, "index()") == 23


@pytest.mark.parametrize("opens", [9, pytest.param(30, marks=pytest.mark.slow)])
def test_memory_stays_flat_over_many_opens(
    house: House, watcher: Watcher, tmp_path: Path, opens: int
) -> None:
    """Series after series in one and in two panes: neither the page's heap nor the frames kept grow with the count."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.choi")
    files = [
        one
        for n in (1, 2)
        for one in series(tmp_path, "8807", n, [2.0 * z for z in range(6)], size=512, patient_id="LAYOUT-5")
    ]
    pages.open_study(page, sent(page, *files))
    cdp = page.context.new_cdp_session(page)

    def open_some(count: int) -> None:
        for n in range(count):
            page.locator(".rail-own .series").nth(n % 2).click()
            page.wait_for_selector("#viewer[data-ready]", timeout=60_000)
            if n % 5 == 4:
                page.locator("#viewer [data-tool='layout.two']").click()
                page.wait_for_selector("#viewer[data-ready]", timeout=60_000)
                page.locator("#viewer [data-tool='layout.one']").click()
                page.wait_for_selector("#viewer[data-ready]", timeout=60_000)
            page.wait_for_timeout(120)

    def heap() -> float:
        for _ in range(3):
            cdp.send("HeapProfiler.collectGarbage")
        return cdp.send("Runtime.getHeapUsage")["usedSize"] / 1e6

    open_some(opens // 3 + 2)
    before, kept = heap(), pages.viewer(page, "cached()")
    open_some(opens)
    after = heap()

    # Two series of six slices of 512 × 512 × 2 bytes are all there is to keep.
    assert pages.viewer(page, "cached()") == kept <= 2 * 6 * 512 * 512 * 2
    assert after - before < 3, f"{before:.1f} MB before, {after:.1f} MB after {opens} opens"
    assert page.evaluate("document.querySelectorAll('#viewer canvas').length") <= 2
