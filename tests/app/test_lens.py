"""What an upload tells of the patient, seen and decided upon before anything of it is kept."""

import io
import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from app.lens import LISTED, Lens
from tests.app.conftest import open_world, settled
from tests.app.test_identity import DETAILS, PLANTED, clean_of, kept_of
from tests.samples import ct_series, dicom_bytes, photo


def told(attribute, kind="person", identifies=True):
    """A line as the limited process gives it."""
    return {"attribute": attribute, "kind": kind, "places": 3, "identifies": identifies}


def test_files_are_counted_and_not_places():
    """Identifying attributes first, then what stands in most files, then by name; a mass of them is cut."""
    lens = Lens()
    for number in range(2):
        lens.add(
            [told("StudyDate", "date", False), told("PatientName")],
            {"kind": "dicom", "may_hold_text": number},
        )
    lens.add([told("StudyDate", "date", False)], {"kind": "dicom", "may_hold_text": False})
    lens.add([], {"kind": "dicom", "may_hold_text": False, "text_lines": 2})
    many = Lens()
    many.add([told(f"A{number}", "private") for number in range(LISTED + 50)], {"kind": "dicom"})

    found = lens.as_json("keep")

    assert (found["files"], found["naming"], found["suspects"], found["previews"]) == (4, 2, 2, [1, 3])
    assert found["lettered"] == 1
    assert [(one["attribute"], one["files"]) for one in found["told"]] == [
        ("PatientName", 2),
        ("StudyDate", 3),
    ]
    assert len(many.as_json("keep")["told"]) == LISTED


def announced(browser, *files, **more):
    """An upload whose sender wants to look first; its id."""
    wanted = {"files": len(files), "bytes": sum(map(len, files)), "look_first": True}
    upload_id = browser.post("/api/uploads", json=wanted).json()["upload_id"]
    for number, data in enumerate(files):
        browser.put(f"/api/uploads/{upload_id}/files/{number}", content=data)
    browser.post(f"/api/uploads/{upload_id}/finish", json=more)
    return upload_id


def kept_files(world):
    """How many sealed files there are."""
    return len([one for one in (world.services.settings.data_dir / "files").rglob("*") if one.is_file()])


def ultrasound(**elements):
    """A picture with a bright band at its top."""
    values = np.full((100, 40), 80, np.uint8)
    values[:12], values[-1, 0] = 200, 0
    return dicom_bytes(values, modality="US", WindowCenter=128, WindowWidth=256, **{**PLANTED, **elements})


def test_nothing_is_kept_before_somebody_agrees(own_world, sent):
    """Attributes, kinds and counts are listed and no value; no patient, study or file is there yet; then all of it is."""
    browser = own_world.sign_in("clinician")
    upload_id = announced(browser, *ct_series(2, **PLANTED), ultrasound(study="2"))

    seen = settled(browser, upload_id)
    before = kept_files(own_world), browser.get("/api/studies").json()["total"]
    agreed = browser.post(f"/api/uploads/{upload_id}/decision", json={})
    after = settled(browser, upload_id)

    lens = seen["lens"]
    listed = {one["attribute"]: (one["kind"], one["identifies"], one["files"]) for one in lens["told"]}
    assert (seen["state"], lens["rule"], lens["files"], lens["naming"]) == ("needs_decision", "keep", 3, 3)
    assert listed["PatientName"] == ("person", True, 3) and listed["StudyDate"] == ("date", False, 3)
    assert (lens["suspects"], lens["previews"]) == (1, [2])
    assert clean_of(json.dumps(seen))
    assert before == (0, 0)
    assert (agreed.status_code, after["state"], len(after["studies"])) == (202, "done", 2)
    assert after["lens"] is None and after["studies"][0]["patient_id"] == "QX-449-ZZ"
    assert own_world.entries("upload.decided")[0]["reason"] == "keep"


def test_the_person_can_free_them_of_identity_where_the_site_keeps_it(own_world):
    """One upload under the stricter rule; pictures without headers too."""
    browser = own_world.sign_in("clinician")
    upload_id = announced(browser, dicom_bytes(np.eye(9, dtype=np.int16), **PLANTED), photo(5))
    settled(browser, upload_id)

    browser.post(f"/api/uploads/{upload_id}/decision", json={"pseudonymise": True})
    waiting = settled(browser, upload_id)
    browser.post(f"/api/uploads/{upload_id}/details", json=DETAILS)
    found = settled(browser, upload_id)

    assert (waiting["state"], found["state"]) == ("needs_details", "done")
    for study in found["studies"]:
        rows, files = kept_of(own_world, study["study_id"])
        assert clean_of(rows, *files) and study["patient_id"].startswith("P-")
    rules = Counter(one["reason"] for one in own_world.entries("study.identity"))
    assert rules == {"pseudonymise": 2}


def test_turning_back_leaves_nothing(own_world):
    """No file, on scratch or sealed; the upload is over."""
    browser = own_world.sign_in("clinician")
    upload_id = announced(browser, dicom_bytes(np.eye(9, dtype=np.int16), **PLANTED))
    settled(browser, upload_id)

    browser.delete(f"/api/uploads/{upload_id}")

    assert browser.get(f"/api/uploads/{upload_id}").json()["state"] == "refused"
    assert kept_files(own_world) == 0
    assert list(own_world.services.settings.scratch.iterdir()) == []
    assert browser.post(f"/api/uploads/{upload_id}/decision", json={}).status_code == 409


def test_a_stricter_site_is_not_loosened(tmp_path):
    """Whoever agrees agrees to the site's rule; what it refuses is refused then."""
    with open_world(tmp_path, identity="refuse") as world:
        browser = world.sign_in("clinician")
        upload_id = announced(browser, dicom_bytes(np.eye(9, dtype=np.int16), **PLANTED))
        seen = settled(browser, upload_id)

        browser.post(f"/api/uploads/{upload_id}/decision", json={})

        assert seen["lens"]["rule"] == "refuse"
        assert settled(browser, upload_id)["refused"][0]["code"] == "identity.in_file"


def test_what_tells_nothing_asks_nothing(own_world):
    """A file without identity goes straight on."""
    browser = own_world.sign_in("clinician")
    clean = {"name": "", "patient_id": "", "PatientBirthDate": "", "BurnedInAnnotation": "NO"}
    upload_id = announced(browser, dicom_bytes(np.eye(9, dtype=np.int16), **clean))

    assert settled(browser, upload_id)["state"] == "done"


def test_a_suspect_is_shown_as_it_is_and_as_it_would_be(own_world):
    """The band is bright in the one and black in the other; nobody else is shown either."""
    browser = own_world.sign_in("clinician")
    upload_id = announced(browser, ultrasound())
    settled(browser, upload_id)
    address = f"/api/uploads/{upload_id}/lens/0.png"

    plain, masked = (
        np.asarray(Image.open(io.BytesIO(browser.get(address + query).content)).convert("L"))
        for query in ("", "?masked=true")
    )

    assert plain.shape == masked.shape == (100, 40)
    assert (plain[:12] >= 199).all() and (masked[:12] == 0).all()
    assert np.array_equal(plain[12:], masked[12:])
    assert browser.get(f"/api/uploads/{upload_id}/lens/1.png").status_code == 404
    assert own_world.sign_in("clinician").get(address).status_code == 404


@pytest.mark.parametrize("on", [True, False])
def test_the_site_says_whether_the_page_looks_first(tmp_path, on):
    """Which its reader can change for an upload."""
    with open_world(tmp_path, identity_lens=on) as world:
        assert world.sign_in("clinician").get("/api/session").json()["identity_lens"] is on
