"""What researchers do not see of a study, and letting them."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app import review, viewing
from app.auth import Caller, allow, services_of
from app.describing import PNG
from app.shapes import Nothing
from app.shapes.studies import Withheld
from app.wording import sentence
from storage import reports, studies
from storage.errors import NotFound

router = APIRouter(tags=["releases"], prefix="/api/studies/{study_id}/releases")
CLINICIAN = allow("clinician")


class Released(BaseModel):
    """The item to release."""

    item: str = Field(max_length=60)


@router.get("")
def listed(request: Request, study_id: str, caller: Caller = CLINICIAN) -> list[Withheld]:
    """Every item of a signed report that waits, with its text, for the clinician to look at."""
    with services_of(request).database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id)
        report = reports.of_study(tx, study)
        tx.record(
            "study.read",
            subject=study.patient_ref,
            object_type="study",
            object_id=study_id,
            reason="releases",
        )
        found = review.items(tx, study, report) if report and report.is_signed else []
    return [
        {
            "item": one.item,
            "text": one.text,
            "reason": sentence(
                "release.pictures" if one.item == review.PICTURES else "release.text", caller.language
            ),
        }
        for one in found
        if one.withheld
    ]


@router.get("/picture.png", response_class=Response, responses=PNG)
def preview(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Response:
    """The picture of the report exactly as researchers would see it, for the clinician to look at first."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id)
        report = reports.of_study(tx, study)
        view = report.content.get("view") if report else None
        if not view:
            raise NotFound(object="picture")
        tx.record("study.read", subject=study.patient_ref, object_type="picture", object_id=study_id)
        image = viewing.for_others(services, tx, study, view)
    return Response(image(), media_type="image/png", headers={"cache-control": "no-store"})


@router.post("", status_code=201)
def release(request: Request, study_id: str, wanted: Released, caller: Caller = CLINICIAN) -> Nothing:
    """Let researchers see one item; raises NotSigned while its text can still become another."""
    with services_of(request).database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id)
        report = reports.of_study(tx, study)
        if report is None:
            raise NotFound(object="item")
        review.release(tx, study, report, wanted.item)
    return {}
