"""From the question to the signed paper and its review, over the real routes, with a scripted model."""

import csv
import hashlib
import io
import json
import threading
from io import BytesIO

import numpy as np
import pytest
from pypdf import PdfReader

from app import jobs
from model.scripted import ScriptedEngine
from storage import answers
from storage.database import Actor
from storage.errors import DatabaseAway, DiskFull
from tests.app.conftest import PASSWORD, confirmed, upload
from tests.samples import ct_series, dicom_bytes, photo

PLANTED = ("Gildong", "홍길동", "PLANT-0815", "19610314", "1961-03-14", "ACC-4711", "Dr. Referrer")


def study_with_picture(browser, sent, *files):
    """A study of the reader and the view they have open."""
    study_id = sent(browser, *(files or ct_series(1)))["studies"][0]["study_id"]
    series = browser.get(f"/api/studies/{study_id}").json()["series"][0]
    frame = browser.get(f"/api/series/{series['series_id']}/manifest").json()["frames"][0]
    return study_id, {"instance_id": frame["instance_id"], "frame": 0}


def work(world, words=("The ", "lungs ", "are ", "clear.")):
    """What a worker would do with everything that waits, without the queue around it."""
    services, queue = world.services, world.client.app.app.state.queue
    worker = jobs.Worker(services, queue, ScriptedEngine(words), Actor(id="w", role="worker"))
    for _ in range(4):
        with services.database.read(worker.actor) as tx:
            waiting = answers.unfinished(tx)
        for answer_id in waiting:
            asked = jobs.begin(worker, answer_id)
            if asked is not None:
                jobs.answer(worker, asked, lambda *_: None, threading.Event())


def drafted(world, browser, sent, *files, indication="Cough.", history=""):
    """A report drafted by the model; returns study, report and its address."""
    study_id, view = study_with_picture(browser, sent, *files)
    begun = browser.post(
        f"/api/studies/{study_id}/report", json={"indication": indication, "history": history, "view": view}
    )
    assert begun.status_code == 202, begun.text
    work(world)
    return study_id, browser.get(f"/api/studies/{study_id}/report").json()


def signed(browser, report):
    """The report signed, every warning acknowledged."""
    address = f"/api/reports/{report['id']}"
    lines = browser.get(f"{address}/checklist").json()["checklist"]
    codes = [line["code"] for line in lines if line["level"] == "warn"]
    version = browser.get(f"/api/studies/{report['study_id']}/report").json()["version"]
    return browser.post(
        f"{address}/sign", json={"version": version, "password": PASSWORD, "acknowledged": codes}
    )


def test_a_question_is_answered_and_kept(world, sent):
    """Asked, placed in line, answered with its boxes and its model, found again after a reload."""
    browser = world.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent)

    asked = browser.post(f"/api/studies/{study_id}/questions", json={"question": "Clear?", "view": view})
    work(world)
    (kept,) = browser.get(f"/api/studies/{study_id}/answers").json()["answers"]

    assert asked.status_code == 202
    assert (kept["id"], kept["state"], kept["question"]) == (asked.json()["answer_id"], "done", "Clear?")
    assert kept["text"] == "The lungs are clear."
    assert kept["boxes"][0]["kept"] is True
    assert kept["model"]["demonstration"] is True
    assert world.entries("answer.finished", object_id=kept["id"])[0]["model"]["fingerprint"] == "0" * 64


def test_a_second_question_stands_in_line_and_can_leave_it(world, sent):
    """While one waits the next is told its place; stopped before its turn it is never begun."""
    browser = world.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent)
    address = f"/api/studies/{study_id}/questions"

    first = browser.post(address, json={"question": "One?", "view": view}).json()
    second = browser.post(address, json={"question": "Two?", "view": view}).json()
    browser.post(f"/api/answers/{second['answer_id']}/stop")
    work(world)

    states = {
        a["question"]: a["state"] for a in browser.get(f"/api/studies/{study_id}/answers").json()["answers"]
    }
    assert second["place"] == first["place"] + 1
    assert states == {"One?": "done", "Two?": "stopped"}


@pytest.mark.parametrize(
    ("question", "code"),
    [("?" * 50_000, "app.too_long"), ("  ", "app.invalid"), ("?" * 70_000, "app.invalid")],
)
def test_a_question_that_cannot_be_asked_is_refused_in_words(world, sent, question, code):
    """50,000 characters are named as such, and nothing is cut off in silence."""
    browser = world.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent)

    answer = browser.post(f"/api/studies/{study_id}/questions", json={"question": question, "view": view})

    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == code
    assert question.strip() == "" or question not in answer.text


def test_nobody_asks_about_another_readers_picture(world, sent):
    """Neither with the study's address, nor with a picture of it in a study of one's own."""
    browser, other = world.sign_in("clinician"), world.sign_in("clinician")
    study_id, view = study_with_picture(browser, sent)
    own_id, _ = study_with_picture(other, sent)
    asked = browser.post(f"/api/studies/{study_id}/captions", json={"view": view}).json()["answer_id"]
    work(world)

    assert other.post(f"/api/studies/{study_id}/captions", json={"view": view}).status_code == 404
    assert other.post(f"/api/studies/{own_id}/captions", json={"view": view}).status_code == 404
    for address in ("", "/stream", "/pdf"):
        assert other.get(f"/api/answers/{asked}{address}").status_code == 404
    assert other.post(f"/api/answers/{asked}/stop").status_code == 404


def test_a_report_is_drafted_edited_signed_and_added_to(world, sent):
    """Who wrote each sentence survives the signature; after it only an addendum is possible."""
    browser = world.sign_in("clinician")
    study_id, report = drafted(world, browser, sent)
    address = f"/api/reports/{report['id']}"
    typed = {
        "findings": "The lungs are clear. No effusion.",
        "impression": report["sections"]["impression"][0]["text"],
    }

    saved = browser.put(address, json={"version": report["version"], "sections": typed})
    stale = browser.put(address, json={"version": report["version"], "sections": typed})
    wrong = browser.post(
        f"{address}/sign",
        json={
            "version": saved.json()["version"],
            "password": "no no no no",
            "acknowledged": ["check.demonstration"],
        },
    )
    unseen = browser.post(
        f"{address}/sign", json={"version": saved.json()["version"], "password": PASSWORD, "acknowledged": []}
    )
    done, twice = signed(browser, report), signed(browser, report)
    late = browser.put(address, json={"version": done.json()["version"], "sections": typed})
    added = browser.post(f"{address}/addenda", json={"text": "Seen with the ward.", "password": PASSWORD})
    paper = browser.get(f"{address}/pdf")

    assert [row["origin"] for row in report["sections"]["findings"]] == ["model"]
    assert [row["origin"] for row in done.json()["sections"]["findings"]] == ["model", "person"]
    assert (saved.status_code, stale.status_code) == (200, 409)
    assert wrong.json()["error"]["code"] == "app.wrong_password"
    assert unseen.json()["error"]["code"] == "app.checklist"
    assert (done.status_code, done.json()["state"]) == (200, "final")
    assert (twice.status_code, late.status_code) == (409, 409)
    assert added.json()["state"] == "amended"
    assert added.json()["addenda"][0]["text"] == "Seen with the ward."
    assert browser.get(f"/api/studies/{study_id}/report").json()["signed_by"] == "Clinician"
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(paper.content)).pages)
    assert "No effusion." in text
    assert "DEMONSTRATION" in text
    # The very bytes whose digest is printed lie in the paper: a program can compare them without asking anybody.
    attached = PdfReader(BytesIO(paper.content)).attachments["report.json"][0]
    assert hashlib.sha256(attached).hexdigest() in "".join(text.split())
    assert [row["text"] for row in json.loads(attached)["sections"]["findings"]][-1] == "No effusion."
    assert {"report.signed", "report.addendum", "report.exported", "report.sign_refused"} >= {
        world.entries("report.signed", object_id=report["id"])[0]["action"],
        world.entries("report.addendum", object_id=report["id"])[0]["action"],
    }


def test_without_patient_and_date_nothing_is_signed(world, sent):
    """A picture of nobody can be reported on, and the report stays a draft."""
    browser = world.sign_in("clinician")
    waiting = sent(browser, photo(21))
    upload_id = waiting["pictures"][0]["thumbnail_url"].split("/")[3]
    browser.post(f"/api/uploads/{upload_id}/details", json={"description": "Field"})
    while (found := browser.get(f"/api/uploads/{upload_id}").json())["state"] == "reading":
        pass
    study_id = found["studies"][0]["study_id"]
    series = browser.get(f"/api/studies/{study_id}").json()["series"][0]
    frame = browser.get(f"/api/series/{series['series_id']}/manifest").json()["frames"][0]
    view = {"instance_id": frame["instance_id"], "frame": 0}
    browser.post(f"/api/studies/{study_id}/report", json={"view": view})
    work(world)
    report = browser.get(f"/api/studies/{study_id}/report").json()

    answer = signed(browser, report)

    assert answer.json()["error"]["code"] == "app.identity_missing"


def test_a_session_that_ended_while_editing_loses_nothing(own_world, sent):
    """Signed in again, the same text is saved over the same version."""
    user = own_world.person("clinician")
    browser = own_world.sign_in("clinician", user)
    _, report = drafted(own_world, browser, sent)
    edit = {"version": report["version"], "sections": {"findings": "Typed for a long time."}}

    own_world.clock.advance(minutes=20)
    late = browser.put(f"/api/reports/{report['id']}", json=edit)
    again = own_world.sign_in("clinician", user).put(f"/api/reports/{report['id']}", json=edit)

    assert late.status_code == 401
    assert again.json()["sections"]["findings"][0]["text"] == "Typed for a long time."


def test_identifiers_reach_nothing_that_a_researcher_can_fetch(world, sent):
    """Planted in header, question, indication and report, they stand in no answer of any review route."""
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    file = dicom_bytes(
        np.full((64, 64), 7, np.int16),
        name="HONG^Gildong=홍길동",
        patient_id="PLANT-0815",
        study="815",
        AccessionNumber="ACC-4711",
        ReferringPhysicianName="Dr. Referrer",
        StudyDescription="CT of Gildong PLANT-0815",
        SeriesDescription="홍길동 axial",
    )
    study_id, report = drafted(
        world, browser, sent, file, indication="Gildong coughs since 1961-03-14.", history="ACC-4711 홍길동"
    )
    view = {
        "instance_id": browser.get(f"/api/studies/{study_id}/answers").json()["answers"][0]["view"][
            "instance_id"
        ]
    }
    browser.post(f"/api/studies/{study_id}/questions", json={"question": "Is Gildong well?", "view": view})
    work(world)
    typed = {
        "findings": "Gildong (PLANT-0815) is well. The lungs are clear.",
        "impression": "홍길동: normal.",
    }
    version = browser.get(f"/api/studies/{study_id}/report").json()["version"]
    browser.put(f"/api/reports/{report['id']}", json={"version": version, "sections": typed})
    assert signed(browser, report).status_code == 200

    address = f"/api/review/reports/{report['id']}"
    judged = researcher.post(
        f"{address}/reviews",
        json={
            "rating": 4,
            "comment": "=HYPERLINK() about Gildong",
            "seconds": 90,
            "marks": [
                {"category": "false_finding", "significant": True, "section": "findings", "sentence": 0}
            ],
        },
    )
    fetched = [
        *(researcher.get(one) for one in ("/api/review/reports", address)),
        *(
            confirmed(researcher, f"/api/review/{one}")
            for one in ("export.csv", "export.jsonl", "pairs.jsonl")
        ),
    ]
    paper = researcher.get(f"{address}/pdf")
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(paper.content)).pages)
    everything = text + json.dumps(dict(PdfReader(BytesIO(paper.content)).metadata or {}), ensure_ascii=False)
    everything += "".join(one.text for one in fetched)

    seen = fetched[1].json()
    assert judged.status_code == 201
    assert all(one.status_code == 200 for one in fetched)
    assert [word for word in PLANTED if word.casefold() in everything.casefold()] == []
    assert [row["withheld"] for row in seen["sections"]["findings"]] == [True, False]
    assert seen["indication"] is None
    assert "The lungs are clear." in everything
    rows = [row for row in csv.DictReader(io.StringIO(fetched[2].text)) if row["report_id"] == report["id"]]
    assert (rows[0]["rating"], rows[0]["comment"]) == ("4", "")
    kept = [json.loads(line) for line in fetched[4].text.splitlines()]
    ours = {row["section"]: row for row in kept if row["report_id"] == report["id"]}
    assert (ours["findings"]["withheld"], ours["findings"]["signed"]) == (1, None)
    for inner in (
        f"/api/studies/{study_id}",
        f"/api/reports/{report['id']}/pdf",
        f"/api/studies/{study_id}/report",
    ):
        assert researcher.get(inner).status_code == 403

    waiting = browser.get(f"/api/studies/{study_id}/releases").json()
    browser.post(f"/api/studies/{study_id}/releases", json={"item": "impression:0"})
    assert {one["item"] for one in waiting} >= {"indication", "history", "findings:0", "impression:0"}
    assert researcher.get(address).json()["sections"]["impression"][0]["text"] == "홍길동: normal."


def test_drafts_and_signed_sections_are_exported_in_pairs(own_world, sent):
    """What was drafted and what became of it, with the model that drafted; `evaluate --review` reads the file."""
    browser, researcher = own_world.sign_in("clinician"), own_world.sign_in("researcher")
    _, report = drafted(own_world, browser, sent)
    edit = {"version": report["version"], "sections": {"findings": "The lungs are hazy."}}
    assert browser.put(f"/api/reports/{report['id']}", json=edit).status_code == 200
    assert signed(browser, report).status_code == 200

    answer = confirmed(researcher, "/api/review/pairs.jsonl")

    rows = {row["section"]: row for row in map(json.loads, answer.text.splitlines())}
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert rows["findings"]["generated"] == "The lungs are clear."
    assert rows["findings"]["signed"] == "The lungs are hazy."
    assert (rows["findings"]["withheld"], rows["findings"]["model"]) == (0, "Scripted")
    assert browser.get("/api/review/pairs.jsonl").status_code == 403


def test_a_release_holds_for_what_the_clinician_saw(world, sent):
    """Nothing is released before the signature, and pictures that come after a release wait again."""
    browser, researcher = world.sign_in("clinician"), world.sign_in("researcher")
    files = ct_series(2, Modality="US", PatientID="RELEASE-1")
    study_id, report = drafted(world, browser, sent, files[0], indication="Seen by Phantom.")
    releases, address = f"/api/studies/{study_id}/releases", f"/api/review/reports/{report['id']}"

    early = browser.post(releases, json={"item": "indication"})
    signed(browser, report)
    before = researcher.get(address).json()
    given = [browser.post(releases, json={"item": item}).status_code for item in ("indication", "pictures")]
    after = researcher.get(address).json()
    sent(browser, files[1])
    later = researcher.get(address).json()

    assert (early.status_code, given) == (409, [201, 201])
    assert (before["indication"], before["pictures"]) == (None, 0)
    assert (after["indication"], after["pictures"]) == ("Seen by Phantom.", 1)
    assert (later["indication"], later["pictures"]) == ("Seen by Phantom.", 0)


def test_the_auditor_reads_verifies_and_takes_away(world, sent, tmp_path):
    """The record is clean, names no patient, and proves itself outside with the public key alone."""
    from storage.verifier import verify

    browser, auditor = world.sign_in("clinician"), world.sign_in("auditor")
    study_with_picture(browser, sent)

    found = auditor.get("/api/audit?action=study&limit=5").json()
    verdict = auditor.post("/api/audit/verify").json()
    (tmp_path / "log").write_bytes(confirmed(auditor, "/api/audit/export").content)
    outside = verify(tmp_path / "log", auditor.get("/api/audit/public-key").content)
    since = auditor.get("/api/audit?since=2020-01-01T00:00:00&until=2020-01-02").json()

    assert found["entries"][0]["action"].startswith("study.")
    assert "PHANTOM" not in json.dumps(found)
    assert verdict["verdict"] == "clean"
    assert outside.status == 0
    assert since["entries"] == []


def test_an_administrator_sees_figures_and_no_patient(world, sent):
    """Workers, disk, entries: numbers. Every door to patients is another role's."""
    browser, admin = world.sign_in("clinician"), world.sign_in("admin")
    study_with_picture(browser, sent)

    shown = admin.get("/api/system").text + admin.get("/metrics").text + admin.get("/api/users").text

    assert "dragonfly_audit_entries" in shown
    assert "Phantom" not in shown
    assert admin.get("/api/studies").status_code == 403


@pytest.mark.parametrize(
    ("role", "body", "status"),
    [
        ("admin", {"role": "researcher"}, 200),
        ("admin", {"password": "short"}, 422),
        ("admin", {"role": "king"}, 422),
        ("clinician", {"role": "admin"}, 403),
    ],
)
def test_only_an_administrator_changes_people_and_only_sensibly(world, role, body, status):
    """A role that does not exist, a password that protects nothing: refused with a reason."""
    person = world.person("clinician")

    assert world.sign_in(role).patch(f"/api/users/{person.id}", json=body).status_code == status


def test_a_database_that_is_away_is_said_and_the_process_lives(own_world, monkeypatch):
    """Reader and proxy hear of it; when it is back, nothing has to be started anew."""
    browser = own_world.sign_in("clinician")

    def away(*_args, **_more):
        raise DatabaseAway()

    with monkeypatch.context() as broken:
        broken.setattr(type(own_world.services.database), "_session", away)
        page, ready, alive = (browser.get(one) for one in ("/api/studies", "/ready", "/health"))

    assert page.status_code == 503
    assert page.json()["error"]["sentence"].startswith("Saving is off")
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert browser.get("/api/studies").status_code == 200


def test_a_full_disk_refuses_the_upload_and_keeps_the_rest(own_world, sent, monkeypatch):
    """Nothing half stays; the sentence names the cause, and the next upload works once there is room."""
    browser = own_world.sign_in("clinician")

    def full(*_args, **_more):
        raise DiskFull()

    with monkeypatch.context() as broken:
        broken.setattr(type(own_world.services.files), "keep", full)
        refused = sent(browser, *ct_series(1))

    assert refused["state"] == "refused"
    assert refused["refused"][0]["code"] == "storage.disk_full"
    assert sent(browser, *ct_series(1))["state"] == "done"
    assert upload(browser, *ct_series(2))
