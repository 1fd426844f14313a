"""Review: researchers read signed reports without identity, judge them, and take the results away."""

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app import delivery, leaving, review, viewing
from app.api.answers import pdf_response
from app.auth import Caller, allow, services_of
from app.describing import PDF, PNG, gives
from app.errors import Refused
from app.shapes import Made
from app.shapes.reports import ReviewLine, ReviewPage
from storage import reports, reviews, studies
from storage.database import Tx
from storage.errors import NotFound, Unreadable
from storage.pdf import render
from storage.reports import Report
from storage.reviews import CATEGORIES, Category, ErrorMark
from storage.studies import Study

router = APIRouter(tags=["review"], prefix="/api/review")
RESEARCHER = allow("researcher")


class Fault(BaseModel):
    """One error: category, whether it matters for the patient, and its sentence."""

    category: Category
    significant: bool = False
    section: str | None = Field(None, max_length=40)
    sentence: int | None = Field(None, ge=0, le=10_000)


class Judged(BaseModel):
    """A whole review."""

    rating: int = Field(ge=1, le=5)
    comment: str = Field("", max_length=10_000)
    seconds: int = Field(0, ge=0, le=1_000_000)
    marks: list[Fault] = Field(default_factory=list, max_length=200)


@router.get("/reports")
def listed(request: Request, caller: Caller = RESEARCHER) -> list[ReviewLine]:
    """Signed reports without identity, oldest first, and which the caller has judged."""
    found: list[ReviewLine] = []
    with services_of(request).database.look(caller.actor) as tx:
        tx.record("review.read", object_type="list")
        for number, (report_id, study_id) in enumerate(reports.signed(tx), start=1):
            try:
                study = studies.get(tx, study_id, None)
            except Unreadable:
                continue
            judged = reviews.of_report(tx, study, report_id)
            found.append(
                {
                    "id": report_id,
                    "number": number,
                    "modality": review.kind_of(study),
                    "reviews": len(judged),
                    "mine": any(one.reviewer_id == caller.user.id for one in judged),
                }
            )
    return found


@router.get("/reports/{report_id}")
def one(request: Request, report_id: str, caller: Caller = RESEARCHER) -> ReviewPage:
    """One report in its de-identified view."""
    with services_of(request).database.look(caller.actor) as tx:
        study, report = _signed(tx, report_id)
        tx.record("review.read", subject=study.patient_ref, object_type="report", object_id=report_id)
        mine = [one for one in reviews.of_report(tx, study, report_id) if one.reviewer_id == caller.user.id]
        seen = review.for_researcher(tx, study, report)
    return {**seen, "categories": list(CATEGORIES), "reviewed": bool(mine)}


@router.get("/reports/{report_id}/pictures/{number}.png", response_class=Response, responses=PNG)
def picture(request: Request, report_id: str, number: int, caller: Caller = RESEARCHER) -> Response:
    """The picture the report was written on, unless it waits for its release."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study, report = _signed(tx, report_id)
        if number != 0 or review.for_researcher(tx, study, report)["pictures"] == 0:
            raise Refused("app.withheld")
        view = report.content.get("view")
        if not view:
            raise NotFound(object="picture")
        tx.record("review.read", subject=study.patient_ref, object_type="picture", object_id=report_id)
        image = viewing.for_others(services, tx, study, view)
    return Response(image(), media_type="image/png")


@router.post("/reports/{report_id}/reviews", status_code=201)
def judge(request: Request, report_id: str, judged: Judged, caller: Caller = RESEARCHER) -> Made:
    """Keep the caller's review."""
    with services_of(request).database.write(caller.actor) as tx:
        study, report = _signed(tx, report_id)
        try:
            kept = reviews.add(
                tx,
                study,
                report_id,
                rating=judged.rating,
                comment=judged.comment,
                seconds=judged.seconds,
                edit_distance=review.edit_distance(tx, study, report),
                marks=[ErrorMark(**mark.model_dump()) for mark in judged.marks],
            )
        except ValueError as error:
            raise Refused("app.invalid", what=str(error)) from error
    return {"id": kept.id}


@router.get("/reports/{report_id}/pdf", response_class=Response, responses=PDF)
def pdf(request: Request, report_id: str, caller: Caller = RESEARCHER) -> Response:
    """The report as paper without identity; texts that wait are left out and say so."""
    services = services_of(request)
    with services.database.write(caller.actor) as tx:
        study, report = _signed(tx, report_id)
        safe = without_withheld(tx, study, report)
        content = delivery.report_content(services, tx, study, safe, caller.language, deidentified=True)
        tx.record("review.exported", subject=study.patient_ref, object_type="report", object_id=report_id)
    return pdf_response(render(content), f"review-{report_id[:8]}.pdf")


def without_withheld(tx: Tx, study: Study, report: Report) -> Report:
    """The report with every withheld text replaced by a dash in brackets."""

    waiting = {item.item for item in review.items(tx, study, report) if item.withheld}
    sections = {
        name: [
            {**row, "text": "[—]"} if f"{name}:{place}" in waiting else row for place, row in enumerate(rows)
        ]
        for name, rows in report.content["sections"].items()
    }
    addenda = tuple(
        replace(one, text="[—]") if f"addendum:{one.number}" in waiting else one for one in report.addenda
    )
    return replace(report, content={**report.content, "sections": sections}, addenda=addenda)


@router.get("/export.csv", response_class=Response, responses=gives("text/csv"))
def export_csv(request: Request, caller: Caller = RESEARCHER) -> Response:
    """All reviews as CSV, without identity."""
    return Response(review.as_csv(_exported(request, caller)), media_type="text/csv; charset=utf-8")


@router.get("/export.jsonl", response_class=Response, responses=gives("application/x-ndjson"))
def export_jsonl(request: Request, caller: Caller = RESEARCHER) -> Response:
    """All reviews as JSON lines, without identity."""
    return Response(review.as_jsonl(_exported(request, caller)), media_type="application/x-ndjson")


@router.get("/pairs.jsonl", response_class=Response, responses=gives("application/x-ndjson"))
def pairs_jsonl(request: Request, caller: Caller = RESEARCHER) -> Response:
    """Drafts beside signed sections as JSON lines, without identity; `dragonfly-med evaluate --review` scores them."""
    leaving.check(request, caller)
    with services_of(request).database.write(caller.actor) as tx:
        found = list(review.pairs(tx))
        tx.record("review.exported", object_type="pairs", count=len(found))
    return Response(review.as_jsonl(found), media_type="application/x-ndjson")


@router.get("/codebook")
def codebook(caller: Caller = RESEARCHER) -> dict[str, str]:
    """What each column of the export means."""
    return review.CODEBOOK


def _exported(request: Request, caller: Caller) -> list[dict[str, Any]]:
    leaving.check(request, caller)
    with services_of(request).database.write(caller.actor) as tx:
        found = list(review.rows(tx))
        tx.record("review.exported", object_type="reviews", count=len(found))
    return found


def _signed(tx: Tx, report_id: str) -> tuple[Study, Report]:
    """A signed report and its study; what is not signed is not there."""
    study = studies.get(tx, reports.study_of(tx, report_id), None)
    report = reports.get(tx, study, report_id)
    if not report.is_signed:
        raise NotFound(object="report")
    return study, report
