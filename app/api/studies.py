"""The worklist and a study."""

from typing import cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app import analysis, reporting, viewing
from app.auth import Caller, allow, services_of
from app.browser_copies import keeping
from app.delivery import date, patient_name
from app.describing import PNG
from app.shapes.studies import Priors, SeriesLine, StudyLine, StudyPage, StudyState, Urgency, Worklist
from app.wording import sentence
from storage import priors as beside
from storage import reports, studies, users, worklist
from storage.database import Tx
from storage.errors import NotFound
from storage.studies import Series

router = APIRouter(tags=["studies"], prefix="/api/studies")
CLINICIAN = allow("clinician")
PAGE = 100
MOST_PRIORS = 20


class Changed(BaseModel):
    """What can be changed of a study."""

    urgent: bool


@router.get("")
def listed(
    request: Request,
    search: str = "",
    modality: str = "",
    state: str = "",
    way: str = "",
    sort: str = "newest",
    cursor: int = 0,
    caller: Caller = CLINICIAN,
) -> Worklist:
    """The studies that the caller may see, urgent first; `way`: only those seen as owner, member or in an emergency."""
    with services_of(request).database.look(caller.actor) as tx:
        tx.record("study.listed")
        lines = worklist.listed(
            tx,
            caller.user.id,
            search=search[:200],
            modality=modality[:16],
            state=state[:16],
            way=way[:16],
            sort=sort,
        )
        shown = [line_json(tx, line) for line in lines[cursor : cursor + PAGE]]
    following = cursor + PAGE if cursor + PAGE < len(lines) else None
    return {"studies": shown, "total": len(lines), "cursor": following}


def line_json(tx: Tx, line: worklist.StudyLine) -> StudyLine:
    """A study as one line."""
    study = line.study
    return {
        "study_id": study.id,
        "patient_name": patient_name(study),
        "patient_id": str(study.identity.get("patient_id") or ""),
        "sex": str(study.identity.get("sex") or ""),
        "birth_date": date(study.identity.get("birth_date")) or None,
        "study_date": date(study.facts.get("study_date")) or None,
        "modality": study.modality,
        "region": str(study.facts.get("region") or ""),
        "description": str(study.facts.get("description") or ""),
        "urgent": study.urgent,
        "state": cast(StudyState, line.state),
        "instances": line.instances,
        "running": line.running,
        "created_at": study.created_at.isoformat(),
        "open_by": None,
        "way": study.grant.way if study.grant else "owner",
        "owner": line.owner,
        "emergency_id": study.grant.emergency_id if study.grant else None,
        "until": study.grant.until.isoformat() if study.grant and study.grant.until else None,
    }


@router.get("/{study_id}")
def one(request: Request, study_id: str, caller: Caller = CLINICIAN) -> StudyPage:
    """A study: whose, what, its series, its report, the questions that suit it."""
    with services_of(request).database.look(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "look")
        tx.record("study.read", subject=study.patient_ref, object_type="study", object_id=study_id)
        found, report = studies.series(tx, study), reports.of_study(tx, study)
        count = sum(one.frames for series in found for one in series.instances)
        line = worklist.StudyLine(
            study=study,
            owner=users.get(tx, study.owner_id).display_name,
            state=report.state if report else "new",
            instances=count,
            running=0,
        )
        return {
            "study": {**line_json(tx, line), "accession_number": study.facts.get("accession") or None},
            "series": [_series_json(series, caller.language) for series in found if series.instances],
            "report": {"id": report.id, "state": report.state, "version": report.version} if report else None,
            "presets": analysis.presets_for(study, caller.language),
            "identity_complete": reporting.identified(study),
        }


@router.get("/{study_id}/priors")
def priors(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Priors:
    """Other studies of the same patient, the latest first, to be looked at beside this one."""
    with services_of(request).database.look(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "look")
        tx.record("study.listed", subject=study.patient_ref, object_type="study", object_id=study_id)
        found = beside.of_study(tx, study)[:MOST_PRIORS]
        return {
            "priors": [
                {
                    "study_id": one.id,
                    "study_date": date(one.facts.get("study_date")) or None,
                    "modality": one.modality,
                    "description": str(one.facts.get("description") or ""),
                    "series": [
                        _series_json(series, caller.language)
                        for series in studies.series(tx, one)
                        if series.instances and "slide" not in series.instances[0].facts
                    ],
                }
                for one in found
            ]
        }


def _series_json(series: Series, language: str) -> SeriesLine:
    number = str(series.facts.get("number") or "")
    return {
        "series_id": series.id,
        "modality": series.modality,
        "description": str(series.facts.get("description") or ""),
        "number": int(number) if number.lstrip("-").isdigit() else None,
        # The files of a slide are its levels, and one picture to whoever reads it.
        "count": 1 if "slide" in series.instances[0].facts else sum(one.frames for one in series.instances),
        "thumbnail_url": f"/api/series/{series.id}/thumbnail",
        "slide": "slide" in series.instances[0].facts,
        "specimen": str(series.facts.get("specimen") or ""),
        "block": str(series.facts.get("block") or ""),
        "stain": str(series.facts.get("stain") or ""),
        "findings": [
            {"code": f["code"], "sentence": sentence(f["code"], language, **f.get("facts", {}))}
            for f in series.findings
        ],
    }


@router.patch("/{study_id}")
def change(request: Request, study_id: str, wanted: Changed, caller: Caller = CLINICIAN) -> Urgency:
    """Mark a study as urgent, or not."""
    with services_of(request).database.write(caller.actor) as tx:
        studies.change(tx, study_id, caller.user.id, urgent=wanted.urgent)
    return {"urgent": wanted.urgent}


@router.get("/{study_id}/thumbnail", response_class=Response, responses=PNG)
def thumbnail(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Response:
    """The middle picture of the first series, small."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "look")
        first = next((series for series in studies.series(tx, study) if series.instances), None)
        if first is None:
            raise NotFound(object="picture")
        middle = viewing.middle_of(first)
        file = viewing.file_of(services, tx, middle)
    data = viewing.small(services, file, middle.frames)
    return Response(data, media_type="image/png", headers=keeping(study.grant))
