"""The site's rule about identity: what is kept under it, byte for byte, and what is said to whoever uploads."""

import io
import json
import zipfile
from datetime import date

import numpy as np
import pydicom
import pytest
from PIL import Image, PngImagePlugin

from app.identity import secret_of
from app.wiring import SYSTEM
from dicom.dates import offset_of
from dicom.uids import derived_uid, pseudonym_of
from storage import studies
from tests.app.conftest import open_world, settled, upload
from tests.samples import ct_series, dicom_bytes, photo, slide

PLANTED = {
    "name": "QUARKFEATHER^Zebulon",
    "patient_id": "QX-449-ZZ",
    "AccessionNumber": "ACC7719X",
    "ReferringPhysicianName": "VANDERSNOOT^P",
    "InstitutionName": "Plumeria Clinic",
    "StudyDescription": "Chest of Quarkfeather",
}
MARKS = ("quarkfeather", "zebulon", "qx-449", "acc7719x", "vandersnoot", "plumeria", "19610314", "20261122")
DETAILS = {
    "patient_name": "Quarkfeather Zebulon",
    "patient_id": "QX-449-ZZ",
    "birth_date": "1961-03-14",
    "sex": "F",
    "study_date": "2026-11-22",
    "kind": "pathology",
    "specimen": "S-26-114",
    "block": "A1",
    "stain": "H&E",
    "description": "biopsy of the colon, Quarkfeather",
    "each": [{"n": 0, "specimen": "S-26-115", "block": "B2", "stain": ""}],
}


@pytest.fixture(scope="module")
def pseudo(tmp_path_factory):
    """A site that pseudonymises."""
    with open_world(tmp_path_factory.mktemp("pseudo"), identity="pseudonymise") as world:
        yield world


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A site that refuses identity."""
    with open_world(tmp_path_factory.mktemp("strict"), identity="refuse") as world:
        yield world


def kept_of(world, study_id):
    """Everything that is kept of a study: its rows as text, and its files in plaintext."""
    with world.services.database.read(SYSTEM) as tx:
        study = studies.get(tx, study_id, None)
        found = studies.series(tx, study)
        rows = [study.identity, study.facts, study.modality, *(s.facts for s in found)]
        rows += [one.facts for series in found for one in series.instances]
        files = [
            world.services.files.read(tx.patient_key(one.patient_id), one.patient_id, one.file_sha256)
            for series in found
            for one in series.instances
        ]
    return json.dumps(rows, default=str), files


def clean_of(*texts):
    """Whether no planted value stands in any of these, in any case."""
    low = [(text if isinstance(text, bytes) else text.encode()).lower() for text in texts]
    return not [mark for mark in MARKS if any(mark.encode() in one for one in low)]


def test_a_file_is_kept_without_identity_under_its_patients_pseudonym(pseudo, sent):
    """Rows, sealed files and the record hold no planted value; sex and the words of anatomy stay; dates move alike."""
    browser = pseudo.sign_in("clinician")
    data = dicom_bytes(np.full((16, 16), 7, np.int16), PatientAge="065Y", **PLANTED)

    study_id = sent(browser, data)["studies"][0]["study_id"]
    rows, files = kept_of(pseudo, study_id)
    page = browser.get(f"/api/studies/{study_id}").json()

    secret = secret_of(pseudo.services)
    called = pseudonym_of("\nQX-449-ZZ", secret)
    moved = date.fromordinal(date(2026, 11, 22).toordinal() + offset_of("\nQX-449-ZZ", secret))
    assert clean_of(rows, *files, json.dumps(page))
    assert (page["study"]["patient_name"], page["study"]["patient_id"]) == (called, called)
    assert (page["study"]["study_date"], page["study"]["sex"]) == (moved.isoformat(), "F")
    assert (page["study"]["description"], page["study"]["birth_date"]) == ("Chest of", None)
    kept = pydicom.dcmread(io.BytesIO(files[0]))
    assert kept.PatientIdentityRemoved == "YES" and kept.StudyInstanceUID == derived_uid(
        "2.25.4711.1", secret
    )
    assert kept.pixel_array[0, 0] == 7
    entry = pseudo.entries("study.identity", object_id=study_id)[0]
    assert (entry["reason"], entry["files"]) == ("pseudonymise", 1)
    assert not list(pseudo.services.settings.scratch.iterdir())


def test_what_comes_later_of_a_patient_joins_them(pseudo, sent):
    """A second slice joins its study, the same file again is known, another study has the same patient, a picture too."""
    browser = pseudo.sign_in("clinician")
    slices = ct_series(3, **PLANTED)
    first = sent(browser, *slices[:2])["studies"][0]["study_id"]

    again = sent(browser, *slices)
    other = sent(browser, dicom_bytes(np.ones((8, 8), np.int16), study="9", **PLANTED))["studies"][0]
    upload_id = upload(browser, photo(1))
    settled(browser, upload_id)
    browser.post(f"/api/uploads/{upload_id}/details", json=DETAILS)
    picture = settled(browser, upload_id)["studies"][0]

    assert (again["studies"][0]["study_id"], again["studies"][0]["instances"]) == (first, 3)
    assert again["duplicates"] == 2
    assert len({again["studies"][0]["patient_id"], other["patient_id"], picture["patient_id"]}) == 1
    with pseudo.services.database.read(SYSTEM) as tx:
        ids = {
            studies.get(tx, one, None).patient_id for one in (first, other["study_id"], picture["study_id"])
        }
    assert len(ids) == 1


def test_of_what_a_person_says_of_a_picture_only_harmless_words_stay(pseudo):
    """Pseudonym, moved date, block and stain; no specimen number, no name in the description, no EXIF."""
    browser = pseudo.sign_in("clinician")
    notes, out = PngImagePlugin.PngInfo(), io.BytesIO()
    notes.add_text("Comment", "Quarkfeather was here")
    Image.fromarray(np.random.default_rng(4).integers(0, 256, (20, 30, 3), np.uint8)).save(
        out, "PNG", pnginfo=notes
    )
    upload_id = upload(browser, out.getvalue())
    settled(browser, upload_id)

    browser.post(f"/api/uploads/{upload_id}/details", json=DETAILS)
    study = settled(browser, upload_id)["studies"][0]
    rows, files = kept_of(pseudo, study["study_id"])

    assert clean_of(rows, *files) and "S-26" not in rows
    assert study["description"] == "biopsy of the colon"
    assert study["patient_id"].startswith("P-") and study["birth_date"] is None
    assert '"block": "A1"' in rows and '"stain": "H&E"' in rows


def test_files_of_an_archive_and_damaged_ones_obey_the_rule_too(pseudo, sent):
    """Each member by itself; what cannot be read is refused and nothing of it kept."""
    browser = pseudo.sign_in("clinician")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("QUARKFEATHER/1.dcm", dicom_bytes(np.eye(12, dtype=np.int16), study="31", **PLANTED))
        archive.writestr("QUARKFEATHER/2.dcm", b"QUARKFEATHER")

    found = sent(browser, out.getvalue())
    rows, files = kept_of(pseudo, found["studies"][0]["study_id"])

    assert len(found["refused"]) == 1 and len(files) == 1
    assert clean_of(rows, *files)


def test_the_band_of_an_ultrasound_is_blanked_before_it_is_kept(pseudo, sent):
    """Its top 12 of 100 rows are dark; the picture below is as it was."""
    browser = pseudo.sign_in("clinician")
    values = np.random.default_rng(5).integers(50, 200, (100, 40)).astype(np.uint8)

    found = sent(browser, dicom_bytes(values, modality="US", study="32", **PLANTED))
    _, files = kept_of(pseudo, found["studies"][0]["study_id"])

    kept = pydicom.dcmread(io.BytesIO(files[0])).pixel_array
    assert len(np.unique(kept[:12])) == 1 and np.array_equal(kept[12:], values[12:])


def test_a_site_that_refuses_names_what_it_found(strict, sent):
    """By attribute and never by value, in the uploader's language; the record has the code; nothing is kept."""
    browser = strict.sign_in("clinician")

    found = sent(browser, dicom_bytes(np.zeros((8, 8), np.int16), **PLANTED))

    (refused,) = found["refused"]
    assert (found["state"], refused["code"]) == ("refused", "identity.in_file")
    assert "OperatorsName" not in refused["sentence"] and "PatientName" in refused["sentence"]
    assert clean_of(json.dumps(found))
    assert strict.entries("upload.refused")[0]["reason"] == "identity.in_file"
    assert browser.get("/api/studies").json()["studies"] == []
    assert not [one for one in strict.services.settings.data_dir.glob("files/**/*") if one.is_file()]


def test_a_site_that_refuses_takes_what_another_house_pseudonymised(strict, pseudo, sent):
    """The copy that one site keeps is one that the other takes in."""
    study_id = sent(
        pseudo.sign_in("clinician"), dicom_bytes(np.eye(9, dtype=np.int16), study="40", **PLANTED)
    )
    _, files = kept_of(pseudo, study_id["studies"][0]["study_id"])

    found = sent(strict.sign_in("clinician"), *files)

    assert found["state"] == "done" and found["refused"] == []
    assert found["studies"][0]["patient_id"].startswith("P-")
    entry = strict.entries("study.identity", object_id=found["studies"][0]["study_id"])[0]
    assert entry["reason"] == "refuse"


def test_a_site_that_refuses_asks_for_a_pseudonym_of_pictures(strict):
    """A name or a birth date is turned down in words and can be corrected; what is given as the number is the name."""
    browser = strict.sign_in("clinician")
    upload_id = upload(browser, photo(2))
    settled(browser, upload_id)
    address = f"/api/uploads/{upload_id}/details"

    refused = browser.post(address, json=DETAILS)
    taken = browser.post(address, json=DETAILS | {"patient_name": "", "birth_date": "", "patient_id": "R-12"})
    study = settled(browser, upload_id)["studies"][0]

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "identity.in_details")
    assert taken.status_code == 202
    assert (study["patient_name"], study["patient_id"]) == ("R-12", "R-12")


@pytest.mark.parametrize("rule", ["pseudo", "strict"])
def test_a_slide_without_label_is_taken_in_under_either_rule(rule, request):
    """It tells nothing beside its pixels."""
    world = request.getfixturevalue(rule)
    browser = world.sign_in("clinician")
    upload_id = upload(browser, slide(cell=32))

    assert settled(browser, upload_id)["state"] == "needs_details"
