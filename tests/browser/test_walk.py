"""The whole way of a study, in a real browser, with the processes an operator starts and the shipped model."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from pydicom.data import get_testdata_file

from model.demo.phantoms import draw_phantom
from tests.browser import pages
from tests.browser.conftest import Watcher
from tests.browser.house import House

PATHOLOGY = {
    "kind": "pathology",
    "patient_name": "Walker Ann",
    "patient_id": "PATH-77",
    "birth_date": "1960-02-03",
    "sex": "F",
    "study_date": "2026-11-20",
    "description": "Colon biopsy",
    "specimen": "S-26-114",
    "block": "A1",
    "stain": "H&E",
    "um_per_pixel": "0.5",
}


def test_a_scan_goes_all_the_way_to_a_signed_paper(house: House, watcher: Watcher) -> None:
    """Upload, view and window, ask, stop, caption, draft, edit, checklist, sign, PDF, addendum; the log is clean."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    study_id = pages.upload(page, Path(get_testdata_file("CT_small.dcm")))

    walk(page, study_id, spoken="CompressedSamples")

    assert "study.read" in actions(house, watcher)


def test_a_pathology_picture_goes_the_same_way(house: House, watcher: Watcher, tmp_path: Path) -> None:
    """A picture without headers is asked whose it is, and its paper says what was answered."""
    file = tmp_path / "field.png"
    file.write_bytes(pages.png(draw_phantom("histology", 5).pixels))
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    study_id = pages.upload(page, file, details=PATHOLOGY)

    walk(page, study_id, spoken="PATH-77", colour=True)


def test_an_answer_survives_a_reload_of_the_page(house: House, watcher: Watcher) -> None:
    """Who reloads in the middle of an answer sees it go on, once and whole."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.choi")
    pages.open_study(page, pages.upload(page, Path(get_testdata_file("MR_small.dcm"))))
    exchange = pages.caption(page, beyond=True)
    before = exchange.wait_until_speaking()

    with page.expect_navigation(wait_until="commit"):
        page.evaluate("setTimeout(() => location.reload())")
        state = exchange.kept()["state"]

    assert state == "running", "the reload did not fall inside the answer"
    pages.wait_for_room(page)
    whole = exchange.wait_until("done")
    assert whole.startswith(before[:8]) and len(whole) > len(before)
    expect(page.locator("article.exchange")).to_have_count(1)


def test_another_clinician_sees_nothing_of_it(house: House, watcher: Watcher) -> None:
    """Neither in the list nor by any address that the first one's browser asked for."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.choi")
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    study_id = pages.upload(page, Path(get_testdata_file("CT_small.dcm")))
    pages.open_study(page, study_id)
    pages.ask(page, "What modality is this?").wait_until("done")

    other = watcher.person(house.address)
    pages.sign_in(other, "dr.han")  # who has no study in any of the tests

    expect(other.locator("tr[data-study]")).to_have_count(0)
    own = [address for address in asked if study_id in address or "/api/instances/" in address]
    own += [address for address in asked if "/api/answers/" in address or "/api/series/" in address]
    assert len(own) >= 6
    answers = {address: other.request.get(address).status for address in own if "/app/study" not in address}
    assert set(answers.values()) <= {404, 405}, answers


@pytest.mark.slow
def test_a_worker_that_is_killed_is_taken_over(house: House, watcher: Watcher) -> None:
    """Killed in the middle of an answer, the next worker writes it again from the start; it is kept once."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    pages.open_study(page, pages.upload(page, Path(get_testdata_file("US1_UNCR.dcm"))))
    (worker,) = (one for one in house.running if "work" in one.args and one.poll() is None)
    exchange = pages.caption(page, beyond=True)
    exchange.wait_until_speaking()
    assert exchange.kept()["state"] == "running", "the kill did not fall inside the answer"

    house.kill(worker)
    house.start("work")

    whole = exchange.wait_until("done")
    assert int(exchange.card.get_attribute("data-attempt") or 0) >= 2
    assert exchange.kept()["text"].split() == whole.split()
    assert pages.verify_log(signed_in_auditor(house, watcher)) == "clean"


def walk(page: Page, study_id: str, *, spoken: str, colour: bool = False) -> None:
    """From the worklist to the addendum; `spoken` must stand on the paper."""
    pages.open_study(page, study_id)
    if not colour:
        before = pages.viewer(page, "getWL()")
        pages.drag(page, 60, 40)
        after = pages.viewer(page, "getWL()")
        assert after != before

    stopped = pages.caption(page)
    stopped.wait_until_speaking()
    stopped.card.locator(".stop").click()
    stopped.wait_until("stopped")
    caption = pages.caption(page)
    whole = caption.wait_until("done")
    kept = stopped.kept()
    assert kept["text"], "the stop did not fall inside the answer"
    assert len(kept["text"]) < len(whole), "the stop did not fall inside the answer"
    answered = pages.ask(page, "What modality is this?")
    assert answered.wait_until("done")
    assert answered.kept()["model"]["demonstration"] is True

    pages.draft_report(page, "Cough for two weeks", "Never smoked")
    assert pages.section(page, "findings") and pages.section(page, "impression")
    version = pages.add_to_section(page, "impression", " Clinical correlation is advised.")
    assert version >= 2
    assert "check.demonstration" in pages.checklist(page)
    pages.sign(page)
    paper = pages.pdf_text(page)
    assert "Clinical correlation is advised." in " ".join(paper.split())
    assert spoken in paper
    pages.add_addendum(page, "Discussed with the referring physician.")
    assert "Discussed with the referring physician." in " ".join(pages.pdf_text(page).split())
    expect(page.locator("[contenteditable]")).to_have_count(0)


def signed_in_auditor(house: House, watcher: Watcher) -> Page:
    page = watcher.person(house.address)
    pages.sign_in(page, "auditor")
    return page


def actions(house: House, watcher: Watcher) -> set[str]:
    """What the auditor finds in the log, which must be clean."""
    page = signed_in_auditor(house, watcher)
    assert pages.verify_log(page) == "clean"
    return {entry["action"] for entry in pages.get(page, "/api/audit?limit=500")["entries"]}
