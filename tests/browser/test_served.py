"""A reader whose answers come from a model server, by a worker that loads no model."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from pydicom.data import get_testdata_file

from app.settings import Settings
from tests.app.test_served_worker import CARD, NAME
from tests.browser import pages
from tests.browser.conftest import Watcher, environment
from tests.browser.house import House
from tests.conftest import free_port
from tests.model import serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[House]:
    """Web and a worker beside a server that says it serves v1."""
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "card.json").write_text(json.dumps(CARD))
    with serving.house(NAME, serving.words("There ", "is ", "no ", "cyst.")) as server:
        port = free_port()
        chosen = {
            "data_dir": str(tmp_path / "data"),
            "port": str(port),
            "decoders": "1",
            "model_server": server.url,
            "model_path": str(tmp_path / "export"),
        }
        opened = House(Settings(**chosen), f"http://127.0.0.1:{port}", environment(chosen))
        opened.found()
        try:
            opened.start("serve")
            worker = opened.start("work")
            opened.wait_for_web()
            opened.wait_for_worker(worker)
            yield opened
        finally:
            opened.close()


def test_a_choice_that_was_not_told_is_not_shown(served: House, watcher: Watcher) -> None:
    """The crops stand there as the grid they are, and a sentence says that the server did not tell its choice."""
    page = watcher.person(served.address)
    pages.sign_in(page, "dr.lee")
    pages.open_study(page, pages.upload(page, Path(get_testdata_file("CT_small.dcm"))))

    exchange = pages.ask(page, "Is there a cyst?")
    text = exchange.wait_until("done")
    exchange.card.locator(".answer-actions button, button").filter(has_text="What the model saw").click()

    evidence = page.locator(".page.evidence")
    assert text == "There is no cyst."
    expect(evidence).to_contain_text("some of these 24 close crops")
    expect(evidence).to_contain_text("does not tell it")
    expect(evidence.locator("button.crop")).to_have_count(24)
    expect(evidence).not_to_contain_text("Crops the model kept")
    expect(page.locator(".region-number")).to_have_count(0)
