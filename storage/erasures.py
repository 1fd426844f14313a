"""Erasing a patient: asked for by who treats them, decided by a second person, never while it is held.

Reasons are codes and not words: they stand in the record for ever, and words could name the patient. Everybody's rows
of the same patient go together, because a person who asks to be forgotten does not know who uploaded what.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import func, select

from storage import patients
from storage.database import Tx, new_id
from storage.errors import Conflict, Held, NotFound, SecondPerson
from storage.rows import (
    ErasureRow,
    HoldRow,
    InstanceRow,
    PatientKeyRow,
    PatientRow,
    ReportRow,
    StudyRow,
)

Reason = Literal["patient_asked", "kept_long_enough", "wrong_upload", "court_order"]
HoldReason = Literal["legal_claim", "investigation", "record_duty"]
State = Literal["asked", "done", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """A request and what came of it; the patient only as a pseudonym."""

    id: str
    ref: str
    reason: Reason
    state: State
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    studies: int
    signed: int
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why a patient may not be erased for now."""

    id: str
    ref: str
    reason: HoldReason
    placed_by: str
    placed_at: datetime


def ask(tx: Tx, patient_id: str, reason: Reason) -> str:
    """Ask for a patient of the caller's to be erased; returns the request's id. Raises NotFound, Conflict."""
    patient = tx.session.get(PatientRow, patient_id)
    if patient is None or tx.session.get(PatientKeyRow, patient_id) is None:
        raise NotFound(object="patient")
    open_one = select(ErasureRow.id).where(ErasureRow.ref == patient.ref, ErasureRow.state == "asked")
    if tx.session.execute(open_one).first():
        raise Conflict(object="erasure")
    row = ErasureRow(
        id=new_id(),
        ref=patient.ref,
        reason=reason,
        state="asked",
        asked_by=tx.actor.id,
        asked_at=tx.now,
        decided_by=None,
        decided_at=None,
    )
    tx.session.add(row)
    tx.record("erasure.asked", subject=patient.ref, object_type="erasure", object_id=row.id, reason=reason)
    return row.id


def withdraw(tx: Tx, erasure_id: str) -> None:
    """Take one's own request back; raises NotFound, Conflict once it was decided."""
    row = _open(tx, erasure_id)
    if row.asked_by != tx.actor.id:
        raise NotFound(object="erasure")
    _decide(tx, row, "withdrawn")


def refuse(tx: Tx, erasure_id: str) -> None:
    """Say no, as somebody else than who asked."""
    _decide(tx, _others(tx, erasure_id), "refused")


def confirm(tx: Tx, erasure_id: str) -> list[str]:
    """Destroy the patient's keys, as somebody else than who asked; returns the ids of the erased rows.

    Their files are noise from then on; removing them is the caller's, once this has committed.
    raises: NotFound, Conflict, SecondPerson, Held
    """
    row = _others(tx, erasure_id)
    if _held(tx, row.ref):
        raise Held()
    query = (
        select(PatientRow.id)
        .join(PatientKeyRow, PatientKeyRow.patient_id == PatientRow.id)
        .where(PatientRow.ref == row.ref)
        .order_by(PatientRow.id)
    )
    erased = list(tx.session.execute(query).scalars())
    _decide(tx, row, "done")
    for patient_id in erased:
        patients.erase(tx, patient_id, row.reason)
    return erased


def everything(tx: Tx, limit: int = 100) -> list[Erasure]:
    """Requests, the open ones first, then the newest."""
    query = select(ErasureRow).order_by(ErasureRow.state != "asked", ErasureRow.asked_at.desc()).limit(limit)
    return [_erasure(tx, row) for row in tx.session.execute(query).scalars()]


def of_patient(tx: Tx, patient_id: str) -> Erasure | None:
    """The open request about a patient."""
    query = (
        select(ErasureRow)
        .join(PatientRow, PatientRow.ref == ErasureRow.ref)
        .where(PatientRow.id == patient_id, ErasureRow.state == "asked")
    )
    row = tx.session.execute(query).scalars().first()
    return _erasure(tx, row) if row else None


def hold(tx: Tx, ref: str, reason: HoldReason) -> str:
    """Keep a patient from being erased, also one who is not here yet; returns the hold's id."""
    row = HoldRow(
        id=new_id(),
        ref=ref,
        reason=reason,
        placed_by=tx.actor.id,
        placed_at=tx.now,
        lifted_by=None,
        lifted_at=None,
    )
    tx.session.add(row)
    tx.record("hold.placed", subject=ref, object_type="hold", object_id=row.id, reason=reason)
    return row.id


def lift(tx: Tx, hold_id: str) -> None:
    """End a hold; others of the same patient stay. Raises NotFound."""
    row = tx.session.get(HoldRow, hold_id)
    if row is None or row.lifted_at is not None:
        raise NotFound(object="hold")
    row.lifted_by, row.lifted_at = tx.actor.id, tx.now
    tx.record("hold.lifted", subject=row.ref, object_type="hold", object_id=row.id)


def holds(tx: Tx) -> list[Hold]:
    """The holds there are, oldest first."""
    query = select(HoldRow).where(HoldRow.lifted_at.is_(None)).order_by(HoldRow.placed_at)
    return [
        Hold(
            id=row.id,
            ref=row.ref,
            reason=row.reason,  # type: ignore[arg-type]
            placed_by=row.placed_by,
            placed_at=row.placed_at,
        )
        for row in tx.session.execute(query).scalars()
    ]


def erased_patients(tx: Tx) -> list[str]:
    """Ids of all whose key is gone."""
    query = (
        select(PatientRow.id)
        .outerjoin(PatientKeyRow, PatientKeyRow.patient_id == PatientRow.id)
        .where(PatientKeyRow.patient_id.is_(None))
    )
    return list(tx.session.execute(query).scalars())


def series_files(tx: Tx, patient_id: str) -> list[tuple[str, ...]]:
    """Digests of the files of each series of a patient, in their order; needs no key."""
    query = (
        select(InstanceRow.series_id, InstanceRow.file_sha256)
        .join(StudyRow, StudyRow.id == InstanceRow.study_id)
        .where(StudyRow.patient_id == patient_id)
        .order_by(InstanceRow.series_id, InstanceRow.position)
    )
    found: dict[str, list[str]] = {}
    for series_id, sha256 in tx.session.execute(query):
        found.setdefault(series_id, []).append(sha256)
    return [tuple(files) for files in found.values()]


def _open(tx: Tx, erasure_id: str) -> ErasureRow:
    row = tx.session.get(ErasureRow, erasure_id)
    if row is None:
        raise NotFound(object="erasure")
    if row.state != "asked":
        raise Conflict(object="erasure")
    return row


def _others(tx: Tx, erasure_id: str) -> ErasureRow:
    row = _open(tx, erasure_id)
    if row.asked_by == tx.actor.id:
        raise SecondPerson()
    return row


def _decide(tx: Tx, row: ErasureRow, state: State) -> None:
    row.state, row.decided_by, row.decided_at = state, tx.actor.id, tx.now
    tx.record(f"erasure.{state}", subject=row.ref, object_type="erasure", object_id=row.id, reason=row.reason)


def _held(tx: Tx, ref: str) -> bool:
    return bool(
        tx.session.execute(select(HoldRow.id).where(HoldRow.ref == ref, HoldRow.lifted_at.is_(None))).first()
    )


def _erasure(tx: Tx, row: ErasureRow) -> Erasure:
    of_them = select(PatientRow.id).where(PatientRow.ref == row.ref)
    studies = tx.session.execute(
        select(func.count()).select_from(StudyRow).where(StudyRow.patient_id.in_(of_them))
    ).scalar_one()
    signed = tx.session.execute(
        select(func.count())
        .select_from(ReportRow)
        .join(StudyRow, StudyRow.id == ReportRow.study_id)
        .where(StudyRow.patient_id.in_(of_them), ReportRow.signed_at.is_not(None))
    ).scalar_one()
    return Erasure(
        id=row.id,
        ref=row.ref,
        reason=row.reason,  # type: ignore[arg-type]
        state=row.state,  # type: ignore[arg-type]
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        studies=studies,
        signed=signed,
        held=_held(tx, row.ref),
    )
