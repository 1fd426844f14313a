"""Who may see a patient's data, and in which way: the one place that decides.

An owner (who uploaded the patient) does everything. A member (a colleague or a team with whom the owner shared the
patient) does the clinical work; sharing on, erasing and taking copies out stay with the owner, who answers for whom
the data reaches. An emergency is for looking alone, by a person and never by a program, and it ends by itself.
For everybody else the patient is not there, so that nobody learns from a refusal who was examined here.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal

from sqlalchemy import Select, String, Subquery, bindparam, cast, func, literal, null, select, union_all

from storage.access_rows import EmergencyRow, ShareRow, TeamMemberRow
from storage.database import Tx
from storage.errors import NotFound, OnlyLooking, OwnersOnly
from storage.rows import Moment, PatientKeyRow, PatientRow

Need = Literal["look", "work", "own"]
"""What somebody is about to do: see it; add to it or change it; share it, erase it or take it out."""
Way = Literal["owner", "member", "emergency"]
WAYS: tuple[Way, ...] = ("owner", "member", "emergency")
"""The widest first: who is both is the former."""
ALLOWS: dict[Way, frozenset[Need]] = {
    "owner": frozenset(("look", "work", "own")),
    "member": frozenset(("look", "work")),
    "emergency": frozenset(("look",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """In which way somebody sees a patient; of an emergency, which and until when."""

    way: Way
    emergency_id: str | None = None
    until: datetime | None = None


OWNER = Grant(way="owner")


def seen_by(tx: Tx, user_id: str) -> Subquery:
    """Patients that a person may see now, one row each: patient_id, rank (place in `WAYS`), emergency_id, until."""
    return _seen(user_id, tx.now, None, in_person=_in_person(tx))


def _in_person(tx: Tx) -> bool:
    return tx.actor.auth != "token"


def _seen(user_id: Any, now: Any, patient_id: Any, *, in_person: bool) -> Subquery:
    """The rows of `seen_by`, of one patient or of all; values or the places for them in a statement."""
    nothing = (cast(null(), String(32)).label("emergency_id"), cast(null(), Moment()).label("until"))
    arms = [
        _one(
            select(PatientRow.id, literal(0).label("rank"), *nothing).where(PatientRow.owner_id == user_id),
            patient_id,
        ),
        _one(
            select(PatientRow.id, literal(1).label("rank"), *nothing)
            .join(ShareRow, ShareRow.patient_id == PatientRow.id)
            .where(ShareRow.user_id == user_id),
            patient_id,
        ),
        _one(
            select(PatientRow.id, literal(1).label("rank"), *nothing)
            .join(ShareRow, ShareRow.patient_id == PatientRow.id)
            .join(TeamMemberRow, TeamMemberRow.team_id == ShareRow.team_id)
            .where(TeamMemberRow.user_id == user_id),
            patient_id,
        ),
    ]
    if in_person:
        arms.append(
            _one(
                select(
                    PatientRow.id,
                    literal(2).label("rank"),
                    EmergencyRow.id.label("emergency_id"),
                    EmergencyRow.until,
                )
                .join(EmergencyRow, EmergencyRow.ref == PatientRow.ref)
                .join(PatientKeyRow, PatientKeyRow.patient_id == PatientRow.id)
                .where(
                    EmergencyRow.user_id == user_id,
                    EmergencyRow.ended_at.is_(None),
                    EmergencyRow.until > now,
                ),
                patient_id,
            )
        )
    found = union_all(*arms).subquery()
    return (
        select(
            found.c.id.label("patient_id"),
            func.min(found.c.rank).label("rank"),
            func.max(found.c.emergency_id).label("emergency_id"),
            func.max(found.c.until).label("until"),
        )
        .group_by(found.c.id)
        .subquery()
    )


def _one(arm: Select[str, int, str, datetime], patient_id: Any) -> Select[str, int, str, datetime]:
    return arm if patient_id is None else arm.where(PatientRow.id == patient_id)


def grant_of(rank: int, emergency_id: str | None, until: datetime | None) -> Grant:
    """A row of `seen_by`."""
    way = WAYS[rank]
    return Grant(way=way, emergency_id=emergency_id, until=until) if way == "emergency" else Grant(way=way)


def grant(tx: Tx, user_id: str, patient_id: str) -> Grant | None:
    """In which way this person sees this patient now; None for whom the patient is not there."""
    patient = tx.session.get(PatientRow, patient_id)
    if patient is not None and patient.owner_id == user_id:
        return OWNER
    values = {"user_id": user_id, "now": tx.now, "patient_id": patient_id}
    row = tx.session.execute(_of_one_patient(_in_person(tx)), values).one_or_none()
    return grant_of(row.rank, row.emergency_id, row.until) if row else None


@cache
def _of_one_patient(in_person: bool) -> Select[str, int, str, datetime]:
    # Each of a series' five hundred frames asks: put together anew each time, the statement cost 2 ms of the processor.
    now = bindparam("now", type_=Moment())
    seen = _seen(bindparam("user_id"), now, bindparam("patient_id"), in_person=in_person)
    return select(seen.c.patient_id, seen.c.rank, seen.c.emergency_id, seen.c.until)


def admit(tx: Tx, user_id: str, patient_id: str, need: Need, thing: str) -> Grant:
    """Let somebody to a patient's data; of what they do in an emergency, the record says in which.

    raises: NotFound for whom the patient is not there; OnlyLooking, OwnersOnly where they may see but not do it
    """
    found = grant(tx, user_id, patient_id)
    if found is None:
        raise NotFound(object=thing)
    tx.cause = found.emergency_id
    if need not in ALLOWS[found.way]:
        raise OnlyLooking() if found.way == "emergency" else OwnersOnly()
    return found
