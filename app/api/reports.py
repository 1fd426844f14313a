"""Reports: draft, edit, compare, check, sign, amend, print."""

from typing import Any, cast

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app import delivery, reporting, sentences
from app.api.answers import OVERRIDDEN, View, pdf_response, queue_of
from app.auth import CODE, Caller, allow, services_of
from app.describing import FHIR, PDF
from app.errors import Refused
from app.fhir import telling
from app.fhir.bundle import KIND
from app.shapes.reports import (
    Checklist,
    ChecklistLine,
    Difference,
    DraftBegun,
    SectionName,
    TextName,
    VersionLine,
    Versions,
)
from app.shapes.reports import Report as ReportShape
from app.wording import sentence
from storage import reports, studies, users
from storage.database import Tx
from storage.reports import Report
from storage.studies import Study

router = APIRouter(tags=["reports"])
CLINICIAN = allow("clinician")
TEXT = Field("", max_length=60_000)
MOST_FIELDS = 40
LATEST = 2**31 - 1
"""A version beyond is none that the database could hold, and it would say so by failing."""


class Drafted(BaseModel):
    """What a draft is written from."""

    indication: str = TEXT
    history: str = TEXT
    technique: str = TEXT
    comparison: str = TEXT
    specimen: str = TEXT
    macroscopy: str = TEXT
    view: View
    fields: list[View] = Field(default_factory=list, max_length=MOST_FIELDS)
    overridden: list[str] = OVERRIDDEN


class Edited(BaseModel):
    """Texts of sections, and the version they were typed over."""

    version: int = Field(ge=1, le=LATEST)
    sections: dict[str, str]


class AtVersion(BaseModel):
    """The version that is meant."""

    version: int = Field(ge=1, le=LATEST)


class Signed(AtVersion):
    """The signer's password, and the warnings they have seen."""

    password: str = Field(max_length=4000)
    code: str = CODE
    acknowledged: list[str] = Field(default_factory=list, max_length=50)


class Added(BaseModel):
    """An addendum and its signer's password."""

    text: str = TEXT
    password: str = Field(max_length=4000)
    code: str = CODE


@router.post("/api/studies/{study_id}/report", status_code=202)
def draft(request: Request, study_id: str, wanted: Drafted, caller: Caller = CLINICIAN) -> DraftBegun:
    """Let a report be drafted: what is seen, of a slide field by field, then what it means."""
    report, asked = reporting.begin(
        services_of(request),
        queue_of(request),
        caller,
        study_id,
        indication=wanted.indication,
        history=wanted.history,
        typed={name: getattr(wanted, name) for name in ("technique", "comparison", "specimen", "macroscopy")},
        view=wanted.view.model_dump(),
        fields=[one.model_dump() for one in wanted.fields],
        overridden=wanted.overridden,
    )
    return {"report_id": report.id, "version": report.version, "answer_ids": asked}


@router.get("/api/studies/{study_id}/report")
def of_study(request: Request, study_id: str, caller: Caller = CLINICIAN) -> ReportShape:
    """The report of a study; an error where none was begun."""
    with services_of(request).database.look(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "look")
        report = reports.of_study(tx, study)
        if report is None:
            raise Refused("app.no_report")
        tx.record("report.read", subject=study.patient_ref, object_type="report", object_id=report.id)
        return as_json(tx, study, report)


@router.put("/api/reports/{report_id}")
def edit(request: Request, report_id: str, wanted: Edited, caller: Caller = CLINICIAN) -> ReportShape:
    """Save what was typed; refused with the present version when somebody saved meanwhile."""
    services = services_of(request)
    saved = reporting.edit(services, caller, report_id, wanted.version, wanted.sections)
    return _shown(request, caller, saved)


@router.get("/api/reports/{report_id}/difference")
def difference(
    request: Request,
    report_id: str,
    before: int | None = Query(None, alias="from", ge=1, le=LATEST),
    to: int | None = Query(None, ge=1, le=LATEST),
    caller: Caller = CLINICIAN,
) -> Difference:
    """How two versions differ, word by word, for each section; the first and the latest where none is named."""
    with services_of(request).database.look(caller.actor) as tx:
        study = reporting.study_of(tx, report_id, caller, "look")
        latest = reports.get(tx, study, report_id).version
        old = _texts(reports.content_of(tx, study, report_id, before or 1))
        new = _texts(reports.content_of(tx, study, report_id, to or latest))
        tx.record("report.read", subject=study.patient_ref, object_type="report", object_id=report_id)
    names = dict.fromkeys([*old, *new])
    parts = {name: sentences.difference(old.get(name, ""), new.get(name, "")) for name in names}
    return {"sections": {cast(TextName, name): found for name, found in parts.items() if found}}


def _texts(content: dict[str, Any]) -> dict[str, str]:
    told = {name: str(content.get(name) or "") for name in ("indication", "history")}
    return told | {name: sentences.joined(rows) for name, rows in content["sections"].items()}


@router.get("/api/reports/{report_id}/checklist")
def checklist(request: Request, report_id: str, caller: Caller = CLINICIAN) -> Checklist:
    """What to look at before signing."""
    with services_of(request).database.look(caller.actor) as tx:
        study = reporting.study_of(tx, report_id, caller, "look")
        lines = reporting.lines_before_signing(tx, study, reports.get(tx, study, report_id))
        tx.record("report.read", subject=study.patient_ref, object_type="report", object_id=report_id)
    shown: list[ChecklistLine] = [
        {
            "code": line.code,
            "level": line.level,
            "sentence": sentence(line.code, caller.language),
            "section": cast(SectionName | None, line.section),
            "sentence_index": line.sentence_index,
        }
        for line in lines
    ]
    return {"checklist": shown}


@router.get("/api/reports/{report_id}/versions")
def versions(request: Request, report_id: str, caller: Caller = CLINICIAN) -> Versions:
    """The history of a report."""
    with services_of(request).database.look(caller.actor) as tx:
        study = reporting.study_of(tx, report_id, caller, "look")
        names = {user.id: user.display_name for user in users.everyone(tx)}
        tx.record("report.read", subject=study.patient_ref, object_type="report", object_id=report_id)
        history: list[VersionLine] = [
            {
                "version": one.version,
                "sha256": one.sha256,
                "saved_by": names.get(one.author_id),
                "saved_at": one.created_at.isoformat(),
            }
            for one in reports.versions(tx, report_id)
        ]
    return {"versions": history}


@router.post("/api/reports/{report_id}/preliminary")
def preliminary(
    request: Request, report_id: str, wanted: AtVersion, caller: Caller = CLINICIAN
) -> ReportShape:
    """Call it preliminary."""
    report = reporting.preliminary(services_of(request), caller, report_id, wanted.version)
    return _shown(request, caller, report)


@router.post("/api/reports/{report_id}/sign")
def sign(request: Request, report_id: str, wanted: Signed, caller: Caller = CLINICIAN) -> ReportShape:
    """Sign this version; its text never changes again."""
    report = reporting.sign(
        services_of(request),
        caller,
        report_id,
        wanted.version,
        wanted.password,
        wanted.acknowledged,
        wanted.code,
    )
    return _shown(request, caller, report)


@router.post("/api/reports/{report_id}/addenda")
def amend(request: Request, report_id: str, wanted: Added, caller: Caller = CLINICIAN) -> ReportShape:
    """Add a signed addendum."""
    report = reporting.amend(
        services_of(request), caller, report_id, wanted.text, wanted.password, wanted.code
    )
    return _shown(request, caller, report)


@router.get("/api/reports/{report_id}/pdf", response_class=Response, responses=PDF)
def pdf(request: Request, report_id: str, caller: Caller = CLINICIAN) -> Response:
    """The report as paper."""
    data = delivery.report_pdf(services_of(request), caller, report_id)
    return pdf_response(data, f"report-{report_id[:8]}.pdf")


@router.get("/api/reports/{report_id}/fhir", response_class=Response, responses=FHIR)
def fhir(request: Request, report_id: str, caller: Caller = CLINICIAN) -> Response:
    """The report for other systems: a FHIR R4 Bundle of DiagnosticReport, ImagingStudy, Patient, Device and Provenance."""
    data = telling.report_bundle(services_of(request), caller, report_id)
    headers = {"content-disposition": f'attachment; filename="report-{report_id[:8]}.fhir.json"'}
    return Response(data, media_type=KIND, headers=headers)


def _shown(request: Request, caller: Caller, report: Report) -> ReportShape:
    with services_of(request).database.read(caller.actor) as tx:
        return as_json(tx, reporting.study_of(tx, report.id, caller), report)


def as_json(tx: Tx, study: Study, report: Report) -> ReportShape:
    """A report as the page shows it."""
    names = {user.id: user.display_name for user in users.everyone(tx)}
    return {
        "id": report.id,
        "study_id": report.study_id,
        "state": report.state,
        "version": report.version,
        "indication": report.content.get("indication", ""),
        "history": report.content.get("history", ""),
        "sections": report.content["sections"],
        "saved_at": report.updated_at.isoformat(),
        "saved_by": names.get(report.updated_by),
        "signed_by": names.get(report.signed_by) if report.signed_by else None,
        "signed_at": report.signed_at.isoformat() if report.signed_at else None,
        "content_sha256": report.sha256,
        "demonstration": reporting.has_demonstration_words(tx, study, report),
        "addenda": [
            {
                "number": one.number,
                "text": one.text,
                "signed_by": names.get(one.signed_by, ""),
                "signed_at": one.signed_at.isoformat(),
            }
            for one in report.addenda
        ],
    }
