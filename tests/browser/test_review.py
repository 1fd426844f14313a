"""Two researchers judge a signed study; what could name its patient reaches nothing that they can fetch."""

import io
import json
import re
import subprocess
import unicodedata
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Response

from app.policy import PAGES, POLICY
from dicom.drawn import dicom_of
from model.demo.phantoms import draw_phantom
from tests.browser import pages
from tests.browser.conftest import Watcher
from tests.browser.house import House

HEADER = {
    "PatientName": "Quarkfeather^Zebulon",
    "PatientID": "QX-449-ZZ",
    "PatientBirthDate": "19570819",
    "PatientSex": "M",
    "AccessionNumber": "ACC7719X",
    "ReferringPhysicianName": "Vandersnoot^Igor",
    "InstitutionName": "Plumeria Clinic",
    "StudyDescription": "Chest of Quarkfeather",
    "SeriesDescription": "PA Zebulon",
    "StudyDate": "20261103",
    "StudyTime": "091733",
    "StudyInstanceUID": "2.25.77001",
    "SeriesInstanceUID": "2.25.77001.1",
    "SOPInstanceUID": "2.25.77001.1.1",
    "SeriesNumber": 1,
    "InstanceNumber": 1,
    "BodyPartExamined": "CHEST",
    "WindowCenter": 128,
    "WindowWidth": 256,
}
INDICATION = "Dr. Vandersnoot asks to call 555-123-4567."
HISTORY = "Write to zeb.q@feather.example, seen on 14 March 2025."
QUESTION = "Does Mr. Quarkfeather have an effusion?"
TYPED = " Follow-up is advised. Zebulon was here before, number 8831442."
PLANTED = (
    "quarkfeather", "zebulon", "qx-449-zz", "qx 449 zz", "19570819", "1957-08-19", "acc7719x", "vandersnoot", "plumeria",
    "20261103", "2026-11-03", "2.25.77001", "555-123-4567", "zeb.q", "feather.example", "14 march", "8831442",
    "dr.lee",
)  # fmt: skip


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A drawn chest with identifiers in its header and burned into its pixels, which the header admits."""
    picture = Image.fromarray(draw_phantom("chest", 11).pixels[..., 0])
    ImageDraw.Draw(picture).text((8, 8), "QUARKFEATHER ZEBULON 19.08.1957", fill=255)
    ds = pydicom.dcmread(io.BytesIO(dicom_of(np.asarray(picture), "DX", HEADER)))
    ds.BurnedInAnnotation = "YES"
    file = tmp_path / "film.dcm"
    ds.save_as(file)
    return file


def test_researchers_judge_without_learning_who_it_is(house: House, watcher: Watcher, film: Path) -> None:
    """Two reviews are kept and exported; every byte two researchers can fetch is free of the planted identifiers."""
    page = watcher.person(house.address)
    pages.sign_in(page, "dr.lee")
    study_id = pages.upload(page, film)
    pages.open_study(page, study_id)
    pages.ask(page, QUESTION, beyond=True).wait_until("done")
    pages.draft_report(page, INDICATION, HISTORY, beyond=True)
    pages.add_to_section(page, "impression", TYPED)
    pages.sign(page)
    report_id = pages.get(page, f"/api/studies/{study_id}/report")["id"]

    fetched: dict[str, str] = {}
    for name, rating in (("res.one", "4"), ("res.two", "2")):
        reader = watcher.person(house.address)
        reader.on("response", lambda answer: keep(fetched, answer))
        pages.sign_in(reader, name)
        judge(reader, report_id, rating)
        for address in addresses(report_id):
            answer = reader.request.get(address)
            fetched[f"{name} {address} {answer.status}"] = readable(answer.body())
        refused = [
            f"/api/studies/{study_id}",
            f"/api/studies/{study_id}/report",
            f"/api/reports/{report_id}/pdf",
        ]
        assert {reader.request.get(one).status for one in refused} == {403}
        assert reader.request.get(f"/api/review/reports/{report_id}/pictures/0.png").status in (403, 404, 409)

    assert any("follow-up is advised" in text for text in fetched.values())
    found = {(word, where) for where, text in fetched.items() for word in PLANTED if word in text}
    assert found == set()
    lines = pages.taken_text(reader, "/api/review/export.jsonl").splitlines()
    judged = [row for row in map(json.loads, lines) if row["report_id"] == report_id]
    assert sorted(row["rating"] for row in judged) == [2, 4]
    assert all(len(row["categories"]) == 1 and row["comment"] == "Too short." for row in judged)
    assert pages.taken_text(reader, "/api/review/export.csv").count(report_id) == 2


def judge(page: Page, report_id: str, rating: str) -> None:
    """From the list to a kept review: one error in the first sentence, a rating, a comment."""
    page.locator(f"a[href='/research/read?id={report_id}']").click()
    page.wait_for_selector(".review-page", timeout=pages.LONG_MS)
    sentence = page.locator(".review-page details.sentence").first
    sentence.locator("summary").click()
    sentence.locator("input[type=checkbox]").first.check()
    page.locator(".review-page select").last.select_option(rating)
    page.locator(".review-page textarea").last.fill("Too short.")
    page.locator(".review-page .button.primary").click()
    page.wait_for_url("**/research/", timeout=pages.LONG_MS)
    page.wait_for_selector(".dfm[data-ready]", timeout=pages.LONG_MS)


def addresses(report_id: str) -> list[str]:
    """Every address of the table that a researcher may ask for, files of the page's own script aside."""
    rules = [
        rule
        for rule in POLICY
        if "GET" in rule.methods and (rule.roles is None or "researcher" in rule.roles)
    ]
    plain = [rule.path for rule in rules if ":path" not in rule.path]
    own = [f"/research/{page}" for page in PAGES["/research/"]]
    return [path.replace("{report_id}", report_id).replace("{number}", "0") for path in [*plain, *own]]


def keep(fetched: dict[str, str], answer: Response) -> None:
    """What a page loaded by itself."""
    if "/api/" in answer.url and answer.status == 200:
        fetched[answer.url] = readable(answer.body())


def readable(body: bytes) -> str:
    """Text as a person would find it: of a PDF its words and its properties."""
    if body.startswith(b"%PDF-"):
        parts = [
            subprocess.run([*command, "-", *rest], input=body, capture_output=True, check=True).stdout
            for command, rest in ((["pdftotext"], ["-"]), (["pdfinfo"], []))
        ]
        body = b"\n".join([*parts, body])
    text = unicodedata.normalize("NFKC", body.decode("utf-8", "replace")).casefold()
    return re.sub(r"\s+", " ", text)
