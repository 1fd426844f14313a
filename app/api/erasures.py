"""Erasing a patient: the clinician asks, the administrator decides, who knows patients only as pseudonyms."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app import erasing
from app.auth import Caller, Confirmed, allow, services_of
from app.shapes import Made, Nothing
from app.shapes.studies import Erased, ErasureOfStudy, Erasures
from app.shapes.studies import Erasure as ErasureShape
from storage import erasures, studies, users
from storage.erasures import Erasure, HoldReason, Reason

router = APIRouter(tags=["erasures"])
CLINICIAN, ADMIN = allow("clinician"), allow("admin")


class ErasureAsked(BaseModel):
    """Why."""

    reason: Reason


class Held(BaseModel):
    """Whom to keep from being erased, and why; the number is not kept."""

    number: str = Field(min_length=1, max_length=64)
    issuer: str = Field("", max_length=64)
    reason: HoldReason


@router.get("/api/studies/{study_id}/erasure")
def of_study(request: Request, study_id: str, caller: Caller = CLINICIAN) -> ErasureOfStudy:
    """The open request about the patient of a study, if there is one."""
    with services_of(request).database.read(caller.actor) as tx:
        found = erasures.of_patient(tx, studies.get(tx, study_id, caller.user.id).patient_id)
    if found is None:
        return {"erasure": None, "mine": False}
    return {"erasure": _json(found, {}), "mine": found.asked_by == caller.user.id}


@router.post("/api/studies/{study_id}/erasure", status_code=201)
def ask(request: Request, study_id: str, wanted: ErasureAsked, caller: Caller = CLINICIAN) -> Made:
    """Ask for the patient of a study to be erased."""
    return {"id": erasing.ask(services_of(request), caller, study_id, wanted.reason)}


@router.delete("/api/studies/{study_id}/erasure")
def withdraw(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """Take one's own request back."""
    with services_of(request).database.write(caller.actor) as tx:
        found = erasures.of_patient(tx, studies.get(tx, study_id, caller.user.id).patient_id)
        erasures.withdraw(tx, found.id if found else "")
    return {}


@router.get("/api/erasures")
def everything(request: Request, caller: Caller = ADMIN) -> Erasures:
    """Requests and holds; patients as pseudonyms."""
    with services_of(request).database.look(caller.actor) as tx:
        tx.record("erasure.listed")
        names = {user.id: user.display_name for user in users.everyone(tx)}
        return {
            "erasures": [_json(one, names) for one in erasures.everything(tx)],
            "holds": [
                {
                    "id": one.id,
                    "ref": one.ref,
                    "reason": one.reason,
                    "placed_by": names.get(one.placed_by, ""),
                    "placed_at": one.placed_at.isoformat(),
                }
                for one in erasures.holds(tx)
            ],
        }


@router.post("/api/erasures/{erasure_id}/confirm")
def confirm(request: Request, erasure_id: str, wanted: Confirmed, caller: Caller = ADMIN) -> Erased:
    """Erase; it cannot be undone."""
    return {
        "patients": erasing.decide(services_of(request), caller, erasure_id, wanted.password, wanted.code)
    }


@router.post("/api/erasures/{erasure_id}/refuse")
def refuse(request: Request, erasure_id: str, caller: Caller = ADMIN) -> Nothing:
    """Say no."""
    with services_of(request).database.write(caller.actor) as tx:
        erasures.refuse(tx, erasure_id)
    return {}


@router.post("/api/holds", status_code=201)
def hold(request: Request, wanted: Held, caller: Caller = ADMIN) -> Made:
    """Keep a patient from being erased."""
    found = erasing.hold(services_of(request), caller, wanted.number, wanted.issuer, wanted.reason)
    return {"id": found}


@router.delete("/api/holds/{hold_id}")
def lift(request: Request, hold_id: str, caller: Caller = ADMIN) -> Nothing:
    """End a hold."""
    with services_of(request).database.write(caller.actor) as tx:
        erasures.lift(tx, hold_id)
    return {}


def _json(one: Erasure, names: dict[str, str]) -> ErasureShape:
    return {
        "id": one.id,
        "ref": one.ref,
        "reason": one.reason,
        "state": one.state,
        "asked_by": names.get(one.asked_by, ""),
        "asked_at": one.asked_at.isoformat(),
        "decided_by": names.get(one.decided_by or "", ""),
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "studies": one.studies,
        "signed": one.signed,
        "held": one.held,
    }
