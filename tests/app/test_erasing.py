"""A patient is erased by two persons, down to the last plaintext copy; everything else goes on."""

import pytest

from app import erasing
from storage.audit.search import verify_rows
from storage.database import Actor
from storage.verifier import CLEAN
from tests.app.conftest import PASSWORD
from tests.app.test_slides import taken_in
from tests.samples import slide

SYSTEM = Actor(id="tests", role="system")


@pytest.fixture
def people(own_world):
    return own_world.sign_in("clinician"), own_world.sign_in("admin")


def asked(browser, study_id, reason="patient_asked"):
    answer = browser.post(f"/api/studies/{study_id}/erasure", json={"reason": reason})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_two_persons_erase_and_nothing_is_left_to_read(own_world, people, sent):
    """No file, no plaintext copy of the slide, no answer of any route; the record says who did what and verifies."""
    clinician, admin = people
    case = taken_in(clinician, slide(side=2048))
    study_id, (series,) = case["study"]["study_id"], case["series"]
    manifest = clinician.get(f"/api/series/{series['series_id']}/slide").json()
    tile = f"/api/series/{series['series_id']}/tiles/{manifest['depth']}/0/0"
    assert clinician.get(tile).status_code == 200
    services = own_world.services
    assert [one for one in services.copies.root.rglob("*") if one.is_file() and one.stat().st_size > 1000]
    erasure_id = asked(clinician, study_id)
    shown = admin.get("/api/erasures").json()["erasures"][0]
    assert (shown["id"], shown["studies"], shown["held"]) == (erasure_id, 1, False)
    assert (
        "PATH-77" not in admin.get("/api/erasures").text and "Walker" not in admin.get("/api/erasures").text
    )
    wrong = admin.post(f"/api/erasures/{erasure_id}/confirm", json={"password": "not the password"})
    assert wrong.status_code == 403
    assert clinician.get(f"/api/studies/{study_id}").status_code == 200

    answer = admin.post(f"/api/erasures/{erasure_id}/confirm", json={"password": PASSWORD})

    assert answer.status_code == 200 and answer.json() == {"patients": 1}
    assert clinician.get("/api/studies").json()["studies"] == []
    for path in (f"/api/studies/{study_id}", f"/api/series/{series['series_id']}/slide", tile):
        assert clinician.get(path).status_code == 410
    assert [one for one in services.files.root.rglob("*") if one.is_file()] == []
    assert [one for one in services.copies.root.rglob("*") if one.is_file() and one.stat().st_size] == []
    assert own_world.entries("erasure.done")[0]["reason"] == "patient_asked"
    with services.database.read(SYSTEM) as tx:
        assert verify_rows(tx.session, services.database.audit_keys.public_pem).status == CLEAN
    assert taken_in(clinician, slide(side=2048))["study"]["patient_id"] == "PATH-77"


def test_files_that_a_killed_process_left_go_at_the_start(own_world, people):
    """The key was destroyed, the process died before it removed the files: the next start removes them."""
    clinician, admin = people
    case = taken_in(clinician, slide())
    erasure_id = asked(clinician, case["study"]["study_id"])
    services = own_world.services
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasing, "_remove", lambda *_: None)
        assert admin.post(f"/api/erasures/{erasure_id}/confirm", json={"password": PASSWORD}).is_success
    assert [one for one in services.files.root.rglob("*") if one.is_file()]

    erasing.finish(services)

    assert [one for one in services.files.root.rglob("*") if one.is_file()] == []


def test_a_hold_by_the_patients_number_stops_it(own_world, people):
    """The administrator types a number that is not kept anywhere; lifting it lets the erasure through."""
    clinician, admin = people
    case = taken_in(clinician, slide())
    erasure_id = asked(clinician, case["study"]["study_id"])
    placed = admin.post("/api/holds", json={"number": "PATH-77", "reason": "legal_claim"})
    assert placed.status_code == 201
    assert admin.get("/api/erasures").json()["erasures"][0]["held"] is True

    held = admin.post(f"/api/erasures/{erasure_id}/confirm", json={"password": PASSWORD})

    assert held.status_code == 409 and held.json()["error"]["code"] == "storage.held"
    assert clinician.get(f"/api/studies/{case['study']['study_id']}").status_code == 200
    assert admin.delete(f"/api/holds/{placed.json()['id']}").status_code == 200
    assert admin.post(f"/api/erasures/{erasure_id}/confirm", json={"password": PASSWORD}).is_success


def test_a_request_is_of_ones_own_patient_and_can_be_taken_back(own_world, people):
    """Another clinician sees neither the study nor the request."""
    clinician, admin = people
    case = taken_in(clinician, slide())
    address = f"/api/studies/{case['study']['study_id']}/erasure"
    other = own_world.sign_in("clinician")
    for answer in (other.get(address), other.post(address, json={"reason": "patient_asked"})):
        assert answer.status_code == 404
    assert clinician.get(address).json() == {"erasure": None, "mine": False}
    asked(clinician, case["study"]["study_id"])
    assert clinician.get(address).json()["mine"] is True
    assert clinician.post(address, json={"reason": "patient_asked"}).status_code == 409
    assert clinician.post(address, json={"reason": "because Walker Ann"}).status_code == 422

    assert clinician.delete(address).status_code == 200

    assert clinician.delete(address).status_code == 404
    assert admin.get("/api/erasures").json()["erasures"][0]["state"] == "withdrawn"
