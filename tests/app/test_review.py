"""What may reach a researcher: texts, and every byte of every route that is theirs."""

import io

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pypdf import PdfReader

from app.policy import POLICY
from app.review import as_csv
from app.telling import is_telling, only_together
from tests.app.conftest import confirmed
from tests.app.test_reading import drafted, signed, work
from tests.app.test_slides import taken_in
from tests.dicom.test_burned_in import FONT
from tests.samples import dicom_bytes, photo, slide

VALUES = {"Hong^Gil-dong", "Gil-dong", "Müller", "홍길동", "길동", "Li", "PLANT-0815", "19610314", "Clinic"}


@pytest.mark.parametrize(
    "text",
    [
        "Seen with Gildong.",
        "Seen with GIL DONG.",
        "Seen with Mu\u200bller.",
        "Seen with MULLER.",
        "Seen with Ｍüller.",
        "홍길동 님",
        "길동 님의 영상",
        "Mr Li was seen.",
        "Number plant 0815.",
        "Number plant0815.",
        "Seen on 2026-11-24.",
        "Seen on 2026. 11. 24.",
        "Seen on 24/11/26.",
        "Seen in 11/2026.",
        "Seen on March 5th.",
        "Seen on the 5th of March.",
        "Seen in March 2024.",
        "2026년 검사",
        "3월 5일 검사",
        "Write to a.b@example.org.",
        "Call 010-1234-5678.",
        "Call 555 123.",
        "Case 123456.",
        "Case １２３４５６.",
        "Case 12_34_56.",
        "Case 12–34–56.",
        "Seen at the clinic.",
        "Müllers Bilder.",
        "홍길동님",
        "Seen on 5Mar.",
    ],
)
def test_what_could_tell_waits(text):
    """Names however they are written, dates, addresses and numbers of six digits and more."""
    assert is_telling(text, VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "There is a right pleural effusion.",
        "A nodule of 12 x 15 mm, formerly 10 mm.",
        "The liver is normal.",
        "Follow up in 6 to 12 months; may show nothing.",
        "우측 흉수가 있습니다.",
        "Clinical correlation is advised.",
        "Septal thickening, marked, 12 mm; decreased 5 mm; marginal 3 mm.",
        "3년 전 수술",
    ],
)
def test_what_tells_nothing_passes(text):
    """A reading full of gaps would be no reading; `Li` inside of `liver` is nobody."""
    assert not is_telling(text, VALUES)


def test_a_number_broken_over_two_sentences_waits_whole():
    """Neither half tells alone; both wait, and their neighbour does not."""
    assert only_together(["Call 010-12", "34-56 soon.", "No effusion."], VALUES) == {0, 1}


def test_a_cell_never_starts_a_formula():
    """A comment that a spreadsheet would run is shown as text."""
    row = dict.fromkeys(
        ("report_id", "reviewer", "modality", "rating", "seconds", "edit_distance", "model"), ""
    ) | {"model_fingerprint": "", "demonstration": 0, "categories": [], "comment": "=1+1"}

    assert "'=1+1" in as_csv([row])


BAND = 12
"""Rows of 100 in which a device writes."""
PLANTED = ("quarkfeather", "qx-449", "acc7719", "vandersnoot", "plumeria", "19610314", "1961-03-14")


def ultrasound(**elements):
    """A picture whose band is bright, with a drawing over it that spells a line, in a header full of names."""
    values = np.full((100, 40), 80, np.uint8)
    values[:BAND], values[-1, 0] = 200, 0
    plane = np.zeros((100, 40), np.uint8)
    plane[50] = 1
    overlay = {
        "OverlayRows": (0x60000010, "US", 100),
        "OverlayColumns": (0x60000011, "US", 40),
        "OverlayType": (0x60000040, "CS", "G"),
        "OverlayOrigin": (0x60000050, "SS", [1, 1]),
        "OverlayBitsAllocated": (0x60000100, "US", 1),
        "OverlayBitPosition": (0x60000102, "US", 0),
        "OverlayData": (0x60003000, "OW", np.packbits(plane, bitorder="little").tobytes()),
    }
    named = {
        "modality": "US",
        "name": "QUARKFEATHER^Zebulon",
        "patient_id": "QX-449-ZZ",
        "AccessionNumber": "ACC7719X",
        "ReferringPhysicianName": "VANDERSNOOT^P",
        "InstitutionName": "Plumeria Clinic",
        "StudyDescription": "Chest of Quarkfeather",
        "WindowCenter": 128,
        "WindowWidth": 256,
    }
    ds = pydicom.dcmread(io.BytesIO(dicom_bytes(values, **{**named, **elements})))
    for tag, vr, value in overlay.values():
        ds.add_new(tag, vr, value)
    out = io.BytesIO()
    ds.save_as(out)
    return out.getvalue()


def reviewed(world, browser, sent, *files):
    """A signed report over these files; its id and its study's."""
    study_id, report = drafted(world, browser, sent, *files)
    assert signed(browser, report).status_code == 200
    return study_id, report["id"]


def test_a_picture_that_is_released_comes_without_band_and_drawing(world, sent):
    """Withheld until the clinician releases it; then the band is black, the drawing gone, the rest as it was.

    The draft was written with drawings shown: what a clinician looks at is no reason to show it on.
    """
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    study_id = sent(browser, ultrasound(study="501"))["studies"][0]["study_id"]
    series = browser.get(f"/api/studies/{study_id}").json()["series"][0]
    frame = browser.get(f"/api/series/{series['series_id']}/manifest").json()["frames"][0]
    seen = {"instance_id": frame["instance_id"], "overlays": True}
    assert browser.post(f"/api/studies/{study_id}/report", json={"view": seen}).status_code == 202
    work(world)
    report = browser.get(f"/api/studies/{study_id}/report").json()
    signed(browser, report)
    address = f"/api/review/reports/{report['id']}/pictures/0.png"

    before = researcher.get(address)
    preview = browser.get(f"/api/studies/{study_id}/releases/picture.png")
    browser.post(f"/api/studies/{study_id}/releases", json={"item": "pictures"})
    after = researcher.get(address)

    assert (before.status_code, before.json()["error"]["code"]) == (403, "app.withheld")
    shown = np.asarray(Image.open(io.BytesIO(after.content)))
    assert shown.shape == (100, 40) and preview.content == after.content
    assert (shown[:BAND] == 0).all() and (shown[BAND:-1] == 80).all()


@pytest.mark.parametrize(
    "elements",
    [
        {"modality": "CT", "BurnedInAnnotation": "YES"},
        {"modality": "OT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"},
        {"modality": "IVUS"},
    ],
)
def test_whatever_may_hold_text_waits(world, sent, elements):
    """By what the header says of itself, by class, by device."""
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    _, report_id = reviewed(world, browser, sent, ultrasound(study="502", **elements))

    assert researcher.get(f"/api/review/reports/{report_id}").json()["pictures"] == 0
    assert researcher.get(f"/api/review/reports/{report_id}/pictures/0.png").status_code == 403


def test_what_is_seen_in_a_picture_counts_for_more_than_its_header(world, sent):
    """A radiograph that says NO and has a name in it waits; the same without the name does not."""
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    found = {}
    for study, text in (("505", "HONG GILDONG"), ("506", "")):
        picture = Image.fromarray(np.full((200, 300), 90, np.uint8))
        ImageDraw.Draw(picture).text((20, 90), text, font=ImageFont.truetype(str(FONT), 16), fill=250)
        file = dicom_bytes(np.asarray(picture), modality="DX", study=study, BurnedInAnnotation="NO")
        _, report_id = reviewed(world, browser, sent, file)
        found[text] = researcher.get(f"/api/review/reports/{report_id}").json()["pictures"]

    assert found == {"HONG GILDONG": 0, "": 1}


@pytest.mark.parametrize("kind", ["photo", "slide"])
def test_pictures_and_slides_wait_because_anything_may_be_written_on_them(world, kind):
    """A photograph of a screen, a pen on the glass."""
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    case = taken_in(browser, slide(cell=24) if kind == "slide" else photo(77))
    study_id = case["study"]["study_id"]
    series = case["series"][0]["series_id"]
    address = f"/api/series/{series}/{'slide' if kind == 'slide' else 'manifest'}"
    found = browser.get(address).json()
    instance = found["instance_id"] if kind == "slide" else found["frames"][0]["instance_id"]
    browser.post(f"/api/studies/{study_id}/report", json={"view": {"instance_id": instance}})
    work(world)
    report = browser.get(f"/api/studies/{study_id}/report").json()
    signed(browser, report)

    assert researcher.get(f"/api/review/reports/{report['id']}").json()["pictures"] == 0
    assert researcher.get(f"/api/review/reports/{report['id']}/pictures/0.png").status_code == 403


def test_no_byte_of_any_route_of_theirs_tells_who_it_is(world, sent):
    """Every address of the table that a researcher may read, of a study whose header is full of names.

    Its modality is no term of the standard but a name, too. A route that is added to the table is asked here as well.
    """
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    file = ultrasound(study="503", Modality="QUARKFEATHER Z")
    study_id, report_id = reviewed(world, browser, sent, file)
    browser.post(f"/api/studies/{study_id}/releases", json={"item": "pictures"})
    values = {"report_id": report_id, "number": "0", "study_id": study_id, "code": "1:X"}

    own = [rule.path for rule in POLICY if "GET" in rule.methods and "researcher" in (rule.roles or ())]
    asked = [path.format(**values) for path in own if ":path" not in path]
    exported = [path for path in asked if path.startswith("/api/review/") and path.endswith(("csv", "jsonl"))]
    answers = {
        path: confirmed(researcher, path) if path in exported else researcher.get(path) for path in asked
    }

    assert (
        len(exported) == 3
        and len(asked) >= 14
        and {one.status_code for one in answers.values()} <= {200, 303}
    ), answers
    told = {
        (word, path)
        for path, answer in answers.items()
        for word in PLANTED
        if word.encode() in answer.content.lower() or word in words_of(answer).lower()
    }
    assert told == set()


def words_of(answer):
    """The words of a paper, which lie packed in it."""
    if not answer.content.startswith(b"%PDF-"):
        return (
            answer.text if answer.headers.get("content-type", "").startswith(("text", "application")) else ""
        )
    reader = PdfReader(io.BytesIO(answer.content))
    return "".join(page.extract_text() for page in reader.pages) + str(reader.metadata)


def test_they_reach_nothing_of_a_study_itself(world, sent):
    """Every route of a clinician's is closed to them, whatever its method."""
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    study_id = sent(browser, ultrasound(study="504"))["studies"][0]["study_id"]

    for rule in (one for one in POLICY if one.roles == ("clinician",) and ":path" not in one.path):
        path = rule.path.replace("{study_id}", study_id).replace("{", "").replace("}", "")
        for method in rule.methods:
            assert researcher.request(method, path, json={}).status_code == 403, (method, path)
