"""Emergency access: opened and ended by clinicians, looked at and judged by auditors."""

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app import emergency
from app.auth import CODE, Caller, allow, services_of
from storage import emergencies, users
from storage.database import Tx
from storage.emergencies import Emergency, Verdict

router = APIRouter(tags=["access"], prefix="/api/emergencies")
CLINICIAN, AUDITOR = allow("clinician"), allow("auditor")


class Asked(BaseModel):
    """Whom, why, and the password of who asks."""

    number: str = Field(min_length=1, max_length=64, description="The patient's number, exactly.")
    issuer: str = Field("", max_length=64, description="Who gave the number, where it is known with one.")
    reason: str = Field(max_length=4000)
    password: str = Field(max_length=4000)
    code: str = CODE


class Opened(BaseModel):
    """What was opened, and until when."""

    id: str
    until: datetime


class Judged(BaseModel):
    """What is made of it, and why."""

    verdict: Verdict
    note: str = Field("", max_length=2000)


class Waiting(BaseModel):
    """How many wait for a review and how many of them too long; how many are open now; tries for nobody in 72 hours."""

    unreviewed: int
    overdue: int
    running: int
    refused: int


class Case(BaseModel):
    """One emergency access, the patient as a pseudonym; reason and note are gone once the patient was erased."""

    id: str
    ref: str
    opened_by: str
    opened_at: datetime
    until: datetime
    ended_at: datetime | None
    due: datetime
    overdue: bool
    running: bool
    reason: str | None
    verdict: Verdict | None
    note: str | None
    reviewed_by: str | None
    reviewed_at: datetime | None


class Entry(BaseModel):
    """An entry of the record that was made under it."""

    seq: int
    time: datetime
    action: str
    object_type: str | None
    object_id: str | None


class CaseWithEntries(Case):
    """One emergency access with what was done under it."""

    entries: list[Entry]


class Nothing(BaseModel):
    """There is nothing to say."""


@router.post("", status_code=201)
def begin(request: Request, wanted: Asked, caller: Caller = CLINICIAN) -> Opened:
    """Open a patient whom one may not see, for looking, for an hour."""
    opened = emergency.begin(services_of(request), caller, **wanted.model_dump())
    return Opened(id=opened.id, until=opened.until)


@router.post("/{emergency_id}/end")
def end(request: Request, emergency_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """End one's own now."""
    emergency.end(services_of(request), caller, emergency_id)
    return Nothing()


@router.get("")
def everything(request: Request, caller: Caller = AUDITOR) -> list[Case]:
    """Those that wait for a review first."""
    with services_of(request).database.look(caller.actor) as tx:
        tx.record("emergency.listed")
        names = {user.id: user.display_name for user in users.everyone(tx)}
        return [Case(**_facts(tx, one, names)) for one in emergencies.everything(tx)]


@router.get("/waiting")
def waiting(request: Request, caller: Caller = AUDITOR) -> Waiting:
    """The numbers; asked again and again by an open page, and no patient's."""
    with services_of(request).database.read(caller.actor) as tx:
        found = emergencies.waiting(tx)
    return Waiting(
        unreviewed=found.unreviewed, overdue=found.overdue, running=found.running, refused=found.refused
    )


@router.get("/{emergency_id}")
def one(request: Request, emergency_id: str, caller: Caller = AUDITOR) -> CaseWithEntries:
    """One of them with the entries of the record that were made under it."""
    with services_of(request).database.look(caller.actor) as tx:
        found = emergencies.get(tx, emergency_id)
        tx.record("emergency.listed", subject=found.ref, object_type="emergency", object_id=emergency_id)
        names = {user.id: user.display_name for user in users.everyone(tx)}
        followed = [
            Entry(
                seq=entry["seq"],
                time=entry["time"],
                action=entry["action"],
                object_type=entry["object"]["type"],
                object_id=entry["object"]["id"],
            )
            for entry in emergencies.entries(tx, found)
        ]
        return CaseWithEntries(**_facts(tx, found, names), entries=followed)


@router.post("/{emergency_id}/review", status_code=201)
def review(request: Request, emergency_id: str, judged: Judged, caller: Caller = AUDITOR) -> Nothing:
    """Judge one, once; nobody judges their own."""
    emergency.review(services_of(request), caller, emergency_id, judged.verdict, judged.note)
    return Nothing()


def _facts(tx: Tx, one: Emergency, names: dict[str, str]) -> dict[str, object]:
    return {
        "id": one.id,
        "ref": one.ref,
        "opened_by": names.get(one.user_id, ""),
        "opened_at": one.opened_at,
        "until": one.until,
        "ended_at": one.ended_at,
        "due": one.due,
        "overdue": one.is_overdue(tx.now),
        "running": one.ended_at is None and tx.now < one.until,
        "reason": one.reason,
        "verdict": one.verdict,
        "note": one.note,
        "reviewed_by": names.get(one.reviewed_by or "") if one.reviewed_by else None,
        "reviewed_at": one.reviewed_at,
    }
