"""Sharing a patient by the interface: what a colleague does with it, what stays the owner's, and taking it back."""

import pytest

from storage.users import User
from tests.app.conftest import PASSWORD, confirmed
from tests.app.test_reading import study_with_picture, work
from tests.samples import ct_series


@pytest.fixture
def owner(world):
    return world.sign_in("clinician")


@pytest.fixture
def whom(world) -> User:
    return world.person("clinician")


@pytest.fixture
def colleague(world, whom):
    return world.sign_in("clinician", whom)


@pytest.fixture
def opened(owner, sent):
    """A study of the owner with what is open of it."""
    return study_with_picture(owner, sent, *ct_series(3, study="61", patient_id="SH-1", name="SHARED^Ann"))


def share(owner, study_id, whom):
    answer = owner.post(f"/api/studies/{study_id}/access", json={"colleague_id": whom.id})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def test_a_shared_patient_stands_in_the_colleagues_list_with_whose_it_is(owner, colleague, whom, opened):
    """A word tells whose it is; the filter finds it among what is one's own."""
    study_id, _ = opened
    assert colleague.get("/api/studies").json()["total"] == 0

    share(owner, study_id, whom)

    (line,) = colleague.get("/api/studies?way=member").json()["studies"]
    assert (line["study_id"], line["way"], line["owner"]) == (study_id, "member", "Clinician")
    assert colleague.get("/api/studies?way=owner").json()["total"] == 0
    assert owner.get("/api/studies?way=owner").json()["studies"][0]["way"] == "owner"


def test_a_colleague_asks_marks_drafts_edits_signs_and_takes_the_paper(world, owner, colleague, whom, opened):
    """The clinical work on a shared patient, and the record says who of the two did it."""
    study_id, view = opened
    share(owner, study_id, whom)
    study = f"/api/studies/{study_id}"
    point = {"tool": "probe", "instance_id": view["instance_id"], "points": [[1, 1]]}

    assert colleague.post(f"{study}/marks", json=point).status_code == 201
    assert colleague.post(f"{study}/questions", json={"question": "Clear?", "view": view}).status_code == 202
    drafted = colleague.post(f"{study}/report", json={"indication": "Cough.", "view": view})
    work(world)
    report = colleague.get(f"{study}/report").json()
    edited = {"version": report["version"], "sections": {"impression": "No acute finding."}}
    saved = colleague.put(f"/api/reports/{report['id']}", json=edited).json()
    lines = colleague.get(f"/api/reports/{report['id']}/checklist").json()["checklist"]
    seen = [line["code"] for line in lines if line["level"] == "warn"]
    signature = {"version": saved["version"], "password": PASSWORD, "acknowledged": seen}
    signed = colleague.post(f"/api/reports/{report['id']}/sign", json=signature)
    paper = colleague.get(f"/api/reports/{report['id']}/pdf")

    assert drafted.status_code == 202
    assert signed.status_code == 200, signed.text
    assert paper.content.startswith(b"%PDF")
    of_report = {"object_id": report["id"]}
    assert [e["actor"]["id"] for e in world.entries("report.signed", **of_report)] == [whom.id]
    assert [e["actor"]["id"] for e in world.entries("report.exported", **of_report)] == [whom.id]
    assert len(owner.get(f"{study}/marks").json()["marks"]) == 1


def test_sharing_erasing_and_copies_stay_with_the_owner(owner, colleague, whom, opened):
    """Whoever had a patient shared answers with a clear sentence; nothing of it happened."""
    study_id, _ = opened
    share_id = share(owner, study_id, whom)
    study = f"/api/studies/{study_id}"

    refused = [
        colleague.post(f"{study}/access", json={"colleague_id": whom.id}),
        colleague.delete(f"{study}/access/{share_id}"),
        colleague.post(f"{study}/erasure", json={"reason": "wrong_upload"}),
        colleague.get(f"{study}/erasure"),
        confirmed(colleague, f"{study}/deidentified.zip"),
        colleague.get(f"{study}/releases"),
        colleague.post(f"{study}/releases", json={"item": "pictures"}),
    ]

    assert {(one.status_code, one.json()["error"]["code"]) for one in refused} == {
        (403, "storage.owners_only")
    }
    shown = colleague.get(f"{study}/access").json()
    assert (shown["way"], [one["id"] for one in shown["shares"]]) == ("member", [share_id])
    assert shown["colleagues"] == shown["teams"] == []


def test_what_was_taken_back_is_not_found_at_the_very_next_request(owner, colleague, whom, opened):
    """Pictures too, which a browser must not keep of what is not its reader's own."""
    study_id, view = opened
    share_id = share(owner, study_id, whom)
    frame = f"/api/instances/{view['instance_id']}/frames/0/rendered.png"
    assert colleague.get(frame).headers["cache-control"] == "no-store"
    assert owner.get(frame).headers["cache-control"] == "private, max-age=600"

    assert owner.delete(f"/api/studies/{study_id}/access/{share_id}").status_code == 200

    gone = [colleague.get(one) for one in (frame, f"/api/studies/{study_id}")]
    assert [one.json()["error"]["code"] for one in gone] == ["storage.not_found"] * 2
    assert colleague.get("/api/studies").json()["total"] == 0
    assert owner.get(f"/api/studies/{study_id}").status_code == 200


def test_an_upload_of_a_colleague_goes_to_patients_of_their_own(owner, colleague, whom, opened, sent):
    """The same patient number sent by both: the shared study does not grow, and the owner sees nothing of it."""
    study_id, _ = opened
    share(owner, study_id, whom)

    more = ct_series(2, study="62", patient_id="SH-1", name="SHARED^Ann")
    (made,) = sent(colleague, *more)["studies"]

    assert made["way"] == "owner"
    assert owner.get(f"/api/studies/{made['study_id']}").status_code == 404
    begun = colleague.post("/api/uploads", json={"files": 1, "bytes": 1}).json()["upload_id"]
    colleague.put(f"/api/uploads/{begun}/files/0", content=b"x")
    joined = colleague.post(f"/api/uploads/{begun}/finish", json={"study_id": study_id})
    assert joined.json()["error"]["code"] == "storage.owners_only"


@pytest.mark.parametrize("body", [{}, {"colleague_id": "a", "team_id": "b"}, {"colleague_id": ""}])
def test_a_share_is_with_one_colleague_or_one_team(owner, opened, body):
    """Neither or both is no share."""
    assert owner.post(f"/api/studies/{opened[0]}/access", json=body).status_code == 422
