"""Emergency access: opened and ended by clinicians, looked at and judged by auditors."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app import emergency
from app.auth import CODE, Caller, allow, services_of
from app.shapes import Nothing
from app.shapes.access import (
    EmergenciesWaiting,
    EmergencyCase,
    EmergencyFollowed,
    EmergencyOpened,
    FollowedEntry,
)
from storage import emergencies, users
from storage.database import Tx
from storage.emergencies import Emergency, Verdict

router = APIRouter(tags=["access"], prefix="/api/emergencies")
CLINICIAN, AUDITOR = allow("clinician"), allow("auditor")


class EmergencyAsked(BaseModel):
    """Whom, why, and the password of who asks."""

    number: str = Field(min_length=1, max_length=64, description="The patient's number, exactly.")
    issuer: str = Field("", max_length=64, description="Who gave the number, where it is known with one.")
    reason: str = Field(max_length=4000)
    password: str = Field(max_length=4000)
    code: str = CODE


class EmergencyJudged(BaseModel):
    """What is made of it, and why."""

    verdict: Verdict
    note: str = Field("", max_length=2000)


@router.post("", status_code=201)
def begin(request: Request, wanted: EmergencyAsked, caller: Caller = CLINICIAN) -> EmergencyOpened:
    """Open a patient whom one may not see, for looking, for an hour."""
    opened = emergency.begin(services_of(request), caller, **wanted.model_dump())
    return {"id": opened.id, "until": opened.until.isoformat()}


@router.post("/{emergency_id}/end")
def end(request: Request, emergency_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """End one's own now."""
    emergency.end(services_of(request), caller, emergency_id)
    return {}


@router.get("")
def everything(request: Request, caller: Caller = AUDITOR) -> list[EmergencyCase]:
    """Those that wait for a review first."""
    with services_of(request).database.look(caller.actor) as tx:
        tx.record("emergency.listed")
        names = {user.id: user.display_name for user in users.everyone(tx)}
        return [_case(tx, one, names) for one in emergencies.everything(tx)]


@router.get("/waiting")
def waiting(request: Request, caller: Caller = AUDITOR) -> EmergenciesWaiting:
    """The numbers; asked again and again by an open page, and no patient's."""
    with services_of(request).database.read(caller.actor) as tx:
        found = emergencies.waiting(tx)
    return {
        "unreviewed": found.unreviewed,
        "overdue": found.overdue,
        "running": found.running,
        "refused": found.refused,
    }


@router.get("/{emergency_id}")
def one(request: Request, emergency_id: str, caller: Caller = AUDITOR) -> EmergencyFollowed:
    """One of them with the entries of the record that were made under it."""
    with services_of(request).database.look(caller.actor) as tx:
        found = emergencies.get(tx, emergency_id)
        tx.record("emergency.listed", subject=found.ref, object_type="emergency", object_id=emergency_id)
        names = {user.id: user.display_name for user in users.everyone(tx)}
        followed: list[FollowedEntry] = [
            {
                "seq": entry["seq"],
                "time": entry["time"],
                "action": entry["action"],
                "object_type": entry["object"]["type"],
                "object_id": entry["object"]["id"],
            }
            for entry in emergencies.entries(tx, found)
        ]
        return {**_case(tx, found, names), "entries": followed}


@router.post("/{emergency_id}/review", status_code=201)
def review(request: Request, emergency_id: str, judged: EmergencyJudged, caller: Caller = AUDITOR) -> Nothing:
    """Judge one, once; nobody judges their own."""
    emergency.review(services_of(request), caller, emergency_id, judged.verdict, judged.note)
    return {}


def _case(tx: Tx, one: Emergency, names: dict[str, str]) -> EmergencyCase:
    return {
        "id": one.id,
        "ref": one.ref,
        "opened_by": names.get(one.user_id, ""),
        "opened_at": one.opened_at.isoformat(),
        "until": one.until.isoformat(),
        "ended_at": one.ended_at.isoformat() if one.ended_at else None,
        "due": one.due.isoformat(),
        "overdue": one.is_overdue(tx.now),
        "running": one.ended_at is None and tx.now < one.until,
        "reason": one.reason,
        "verdict": one.verdict,
        "note": one.note,
        "reviewed_by": names.get(one.reviewed_by or "") if one.reviewed_by else None,
        "reviewed_at": one.reviewed_at.isoformat() if one.reviewed_at else None,
    }
