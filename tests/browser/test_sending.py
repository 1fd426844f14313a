"""Choosing in a real browser which pictures go to the model, and seeing afterwards exactly those."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.conftest import RESULTS, Watcher
from tests.browser.house import House
from tests.samples import dicom_bytes


@pytest.fixture
def page(house: House, watcher: Watcher, tmp_path: Path) -> Page:
    """Eight slices of a CT on the screen."""
    opened = watcher.person(house.address)
    rng = np.random.default_rng(8)
    files = []
    for n in range(1, 9):
        files.append(tmp_path / f"{n}.dcm")
        files[-1].write_bytes(
            dicom_bytes(
                rng.integers(-200, 400, (64, 64)).astype(np.int16),
                study="7711",
                patient_id="SEND-1",
                number=n,
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                ImagePositionPatient=[0, 0, 2.0 * n],
                PixelSpacing=[0.5, 0.5],
                RescaleSlope=1,
                RescaleIntercept=0,
                WindowCenter=100,
                WindowWidth=600,
            )
        )
    pages.sign_in(opened, "dr.choi")
    pages.open_study(opened, pages.upload(opened, *files))
    return opened


def picture(page: Page, address: str) -> np.ndarray:
    answer = page.request.get(address)
    assert answer.status == 200, address
    return np.asarray(Image.open(BytesIO(answer.body())).convert("L"))


def shown(page: Page) -> list[np.ndarray]:
    """The pictures that the evidence shows, as the browser was given them."""
    return [picture(page, str(one.get_attribute("src"))) for one in page.locator(".sent-picture img").all()]


def choose(page: Page, name: str) -> list[np.ndarray]:
    """From the list; returns the pictures that are shown before anything is asked."""
    page.locator(".sending select").select_option(name)
    return [picture(page, str(one.get_attribute("src"))) for one in page.locator(".sending-strip img").all()]


def evidence(exchange: pages.Exchange) -> None:
    exchange.card.locator(".answer-actions .button.quiet").first.click()
    exchange.page.locator(".sent-picture").first.wait_for()


def test_what_was_chosen_was_sent_and_is_shown(page: Page) -> None:
    """Windows of one slice, key images, an even sample and a montage: before, in the record, and afterwards the same."""
    before = choose(page, "windows")
    asked = pages.ask(page, "What is seen?")
    asked.wait_until("done")
    sources = asked.kept()["view"]["sources"]
    evidence(asked)

    assert len(before) == 3 == len({(one["center"], one["width"]) for one in sources})
    assert len({one["instance_id"] for one in sources}) == 1
    for chosen, sent in zip(before, shown(page), strict=True):
        assert (chosen == sent).all()
    # 64 columns of half a millimetre over the model's crop of 64 pixels.
    expect(page.locator(".sent-picture").first).to_contain_text("one model pixel: 0.50 mm over the whole")
    page.locator(".sent-picture").nth(2).click()
    page.wait_for_function(
        f"() => document.querySelector('#viewer').__dfm.getWL().width === {sources[2]['width']}",
        timeout=10_000,
    )
    assert pages.viewer(page, "boxes()")
    page.screenshot(path=RESULTS / "sent-windows.png")

    page.click("#tab-ask")
    page.locator("#viewer .stage").focus()
    for key in ("Home", "k", "End", "k"):
        page.keyboard.press(key)
        page.wait_for_timeout(400)
    assert len(choose(page, "keys")) == 2
    asked = pages.ask(page, "And in these?")
    asked.wait_until("done")
    frames = [one["instance_id"] for one in asked.kept()["view"]["sources"]]
    first = pages.viewer(page, "frame()")["instance_id"]
    assert len(frames) == 2 and frames[1] == first

    assert len(choose(page, "sample")) == 6
    assert len(choose(page, "montage")) == 8
    page.screenshot(path=RESULTS / "sending-montage.png")
    asked = pages.ask(page, "And over all?")
    asked.wait_until("done")
    evidence(asked)
    (whole,) = shown(page)
    assert whole.shape == (192, 192)
    assert asked.kept()["view"]["montage"] is True
    expect(asked.card.locator(".answer-meta .link")).to_contain_text("8 pictures in one")
    page.screenshot(path=RESULTS / "sent-montage.png")


def test_the_crops_of_a_part_lie_on_that_part(page: Page) -> None:
    """A box in the lower right corner: what the model looked at is drawn there and not at the upper left."""
    page.locator("#viewer .stage").focus()
    page.keyboard.press("b")
    box = page.locator("#viewer .stage").bounding_box()
    assert box
    corners = [pages.viewer(page, f"toCanvas({x}, {x})") for x in (40, 60)]
    page.mouse.move(box["x"] + corners[0][0], box["y"] + corners[0][1])
    page.mouse.down()
    page.mouse.move(box["x"] + corners[1][0], box["y"] + corners[1][1], steps=4)
    page.mouse.up()
    asked = pages.ask(page, "Here?")
    asked.wait_until("done")
    evidence(asked)
    boxes = pages.viewer(page, "boxes()")

    assert boxes
    assert min(one["x"] for one in boxes) >= 39 and min(one["y"] for one in boxes) >= 39
    assert max(one["x"] + one["width"] for one in boxes) <= 61
    assert shown(page)[0].shape[0] in (20, 21)
