"""A report for other systems: every reference leads inside, every code is one of its set, and planted faults are found."""

import json
from base64 import b64decode
from datetime import UTC, datetime
from io import BytesIO

import pytest
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from pypdf import PdfReader

from app.fhir.bundle import KIND, Told, as_bytes, bundle
from app.fhir.checking import problems
from storage.reports import Report
from storage.studies import Instance, Series, Study
from tests.app.conftest import PASSWORD, settled, upload
from tests.app.test_reading import drafted, signed

DAY = datetime(2026, 3, 1, 9, tzinfo=UTC)
AB, CD, EF, AA, BB = ("ab" * 16, "cd" * 16, "ef" * 16, "aa" * 16, "bb" * 16)


@pytest.fixture(scope="module")
def made(world):
    """A signed report with an addendum, its reader, and the bundle as it left."""
    browser = world.sign_in("clinician")
    study_id, report = drafted(world, browser, lambda *them: settled(them[0], upload(*them)))
    assert signed(browser, report).status_code == 200
    added = {"text": "Compared with 2025.", "password": PASSWORD}
    assert browser.post(f"/api/reports/{report['id']}/addenda", json=added).status_code == 200
    answer = browser.get(f"/api/reports/{report['id']}/fhir")
    assert answer.status_code == 200 and answer.headers["content-type"] == KIND
    return browser, study_id, report["id"], answer.content


def of_kind(found, kind):
    return [one["resource"] for one in found["entry"] if one["resource"]["resourceType"] == kind]


def refused_by_library(found):
    """What the known library says of it; R4's models are its R4B."""
    try:
        for one in found.get("entry") or []:
            get_fhir_model_class(one["resource"]["resourceType"]).model_validate(one["resource"])
        get_fhir_model_class("Bundle").model_validate(found)
    except (ValidationError, KeyError, LookupError, TypeError) as error:
        return type(error).__name__
    return None


def test_a_signed_report_is_a_bundle_that_both_judges_accept(made):
    """What was said, by whom, with what, on which pictures: all inside, and named as what it is."""
    found = json.loads(made[3])

    assert problems(found) == [] and refused_by_library(found) is None
    (report,) = of_kind(found, "DiagnosticReport")
    assert report["status"] == "amended" and report["conclusion"]
    words, content = (b64decode(one["data"]) for one in report["presentedForm"])
    assert "Compared with 2025." in words.decode() and json.loads(content)["sections"]
    assert [one["code"] for one in report["meta"]["security"]] == ["HTEST", "AIAST"]
    (provenance,) = of_kind(found, "Provenance")
    parts = [one["type"]["coding"][0]["code"] for one in provenance["agent"]]
    assert parts == ["assembler", "author", "verifier"]
    (device,) = of_kind(found, "Device")
    assert device["deviceName"][0]["type"] == "model-name"
    (study,) = of_kind(found, "ImagingStudy")
    assert study["identifier"][0]["value"].startswith("urn:oid:") and study["numberOfInstances"] == 1
    (signing,) = of_kind(found, "AuditEvent")
    assert [one["type"] for one in signing["entity"][-1]["detail"]] == ["seq", "leaf"]
    assert not any("network" in one for one in signing["agent"])


def test_the_paper_carries_it_and_the_record_holds_its_digest(world, made):
    """The same resources as asked for alone; what left alone is an entry of its own."""
    browser, _, report_id, data = made
    paper = browser.get(f"/api/reports/{report_id}/pdf").content
    attached = PdfReader(BytesIO(paper)).attachments

    assert sorted(attached) == ["report.fhir.json", "report.json"]
    assert attached["report.fhir.json"][0] == data
    entry = world.entries("bundle.exported", object_id=report_id)[0]
    assert entry["bytes"] == len(data) and entry["subject"]


def test_a_draft_says_that_it_is_one(world):
    """Partial, by nobody's signature, with no entry of one."""
    browser = world.sign_in("clinician")
    _, report = drafted(world, browser, lambda *them: settled(them[0], upload(*them)))
    found = browser.get(f"/api/reports/{report['id']}/fhir").json()

    assert problems(found) == [] and refused_by_library(found) is None
    (told,) = of_kind(found, "DiagnosticReport")
    assert told["status"] == "partial" and "issued" not in told
    assert of_kind(found, "AuditEvent") == of_kind(found, "Practitioner") == []
    (provenance,) = of_kind(found, "Provenance")
    assert provenance["activity"]["coding"][0]["code"] == "IP"


def resource(found, kind):
    return of_kind(found, kind)[0]


def _twice(found):
    found["entry"][1]["fullUrl"] = found["entry"][0]["fullUrl"]


PLANTED = {
    "unknown field": lambda f: resource(f, "Patient").update(nickname="x"),
    "missing required": lambda f: resource(f, "DiagnosticReport").pop("code"),
    "a status that is none": lambda f: resource(f, "DiagnosticReport").update(status="done"),
    "a gender that is none": lambda f: resource(f, "Patient").update(gender="M"),
    "a role that is none": lambda f: resource(f, "Provenance")["entity"][0].update(role="origin"),
    "a day that is none": lambda f: resource(f, "ImagingStudy").update(started="2026-02-30"),
    "an instant without a zone": lambda f: f.update(timestamp="2026-03-01T09:00:00"),
    "an empty string": lambda f: resource(f, "DiagnosticReport").update(conclusion=""),
    "an empty list": lambda f: resource(f, "DiagnosticReport").update(imagingStudy=[]),
    "a reference to nothing": lambda f: resource(f, "DiagnosticReport")["subject"].update(
        reference="urn:uuid:0"
    ),
    "a reference to another kind": lambda f: resource(f, "DiagnosticReport")["subject"].update(
        reference=f["entry"][0]["fullUrl"]
    ),
    "two resources with one address": _twice,
    "an identifier that is no OID": lambda f: resource(f, "ImagingStudy")["identifier"][0].update(
        value="urn:oid:1.02.3"
    ),
    "a series that is no OID": lambda f: resource(f, "ImagingStudy")["series"][0].update(uid="photos-1"),
    "data that does not decode": lambda f: resource(f, "DiagnosticReport")["presentedForm"][0].update(
        data="%%"
    ),
    "data that is not what its digest says": lambda f: resource(f, "DiagnosticReport")["presentedForm"][
        0
    ].update(data="AAAA"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(made, fault):
    """By our checks, or for a field that does not exist by the library's models, which are made from the standard."""
    found = json.loads(made[3])
    PLANTED[fault](found)

    assert problems(found) or (fault == "unknown field" and refused_by_library(found))


def told(identity, facts, series_facts, words):
    """A signed report around values that may be anything a header holds."""
    study = Study(
        id=AB,
        owner_id=AA,
        patient_id=CD,
        patient_ref="r",
        identity=identity,
        modality="CT",
        urgent=False,
        facts=facts,
        created_at=DAY,
    )
    instance = Instance(
        id=EF,
        series_id=BB,
        study_id=AB,
        patient_id=CD,
        position=0,
        file_sha256="0",
        frames=1,
        facts=series_facts,
    )
    one = Series(id=BB, modality="CT", position=0, facts=series_facts, findings=[], instances=(instance,))
    content = {"sections": {"findings": [{"text": words, "origin": "person"}], "impression": []}}
    report = Report(
        id=EF,
        study_id=AB,
        state="final",
        version=2,
        content=content,
        sha256="00" * 32,
        updated_by=AA,
        updated_at=DAY,
        signed_by=AA,
        signed_at=DAY,
        addenda=(),
    )
    return Told(
        study=study,
        series=(one,),
        report=report,
        used=(),
        names={AA: words},
        demonstration=True,
        signing=None,
    )


ANY = st.text(max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    identity=st.fixed_dictionaries(
        {},
        optional={
            "name": st.one_of(ANY, st.dictionaries(st.sampled_from(["alphabetic", "ideographic", "x"]), ANY)),
            "patient_id": ANY,
            "issuer": ANY,
            "birth_date": st.one_of(ANY, st.sampled_from(["19700230", "19700228", "00000000"])),
            "sex": ANY,
            "species": ANY,
        },
    ),
    facts=st.dictionaries(st.sampled_from(["study_date", "description", "accession"]), ANY),
    of_series=st.fixed_dictionaries(
        {},
        optional={
            "study_instance_uid": st.one_of(ANY, st.just("1.2.840.10008.1")),
            "series_instance_uid": st.one_of(ANY, st.just("2.25.7")),
            "number": st.one_of(ANY, st.integers().map(str)),
            "description": ANY,
        },
    ),
    words=ANY,
)
def test_whatever_a_header_holds_the_bundle_is_one(identity, facts, of_series, words):
    """Values that FHIR cannot tell are left out; what is made is accepted, and the same bytes twice."""
    made = bundle(told(identity, facts, of_series, words))

    assert problems(made) == [] and refused_by_library(made) is None
    assert as_bytes(made) == as_bytes(bundle(told(identity, facts, of_series, words)))
    assert [one["code"] for one in made["meta"]["security"]] == ["HTEST"]


def test_all_groups_of_a_name_are_told_as_what_they_are():
    """Letters, hanja and Hangul of one person, with the day of birth and the number's issuer."""
    identity = {
        "name": {"alphabetic": "Hong, Gildong", "ideographic": "洪吉童", "phonetic": "홍길동"},
        "patient_id": "T-1",
        "issuer": "Ward 7",
        "birth_date": "19700228",
        "sex": "M",
    }
    patient = resource(bundle(told(identity, {}, {}, "Clear.")), "Patient")

    assert [(one["extension"][0]["valueCode"], one["text"]) for one in patient["name"]] == [
        ("ABC", "Hong, Gildong"),
        ("IDE", "洪吉童"),
        ("SYL", "홍길동"),
    ]
    assert (patient["gender"], patient["birthDate"]) == ("male", "1970-02-28")
    assert patient["identifier"][0]["assigner"]["display"] == "Ward 7"
