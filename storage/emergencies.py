"""Emergencies: a clinician opens a patient whom they may not see, and says why; an auditor judges it afterwards.

What it allows is decided in `storage.access`. Reason and note are words about a patient: sealed, and never in the
record, which says that, by whom, until when, and under which emergency each later look was.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select

from storage import access
from storage.access_rows import EmergencyRow
from storage.audit.search import find
from storage.database import Tx, new_id
from storage.errors import Conflict, NotFound, SecondPerson, SeenAlready
from storage.rows import PatientKeyRow, PatientRow

Verdict = Literal["justified", "unjustified"]
LASTS = timedelta(minutes=60)
REVIEW_WITHIN = timedelta(hours=72)
SHORTEST_REASON, LONGEST_REASON = 20, 2000
MOST_ENTRIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """Who opened whom (a pseudonym) until when, and what was made of it; no words once the patient was erased."""

    id: str
    user_id: str
    ref: str
    reason: str | None
    opened_at: datetime
    until: datetime
    ended_at: datetime | None
    due: datetime
    verdict: Verdict | None
    note: str | None
    reviewed_by: str | None
    reviewed_at: datetime | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been reviewed by now."""
        return self.verdict is None and now > self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for a review, how much of it too long, what is open now; and tries for a patient who is not here."""

    unreviewed: int
    overdue: int
    running: int
    refused: int


def begin(tx: Tx, ref: str, reason: str) -> Emergency | None:
    """Open a patient (all rows of the pseudonym) to the person of this change; None, recorded, where there is none.

    raises: SeenAlready where there is nothing that the person does not see
    """
    query = (
        select(PatientRow.id)
        .join(PatientKeyRow, PatientKeyRow.patient_id == PatientRow.id)
        .where(PatientRow.ref == ref)
        .order_by(PatientRow.id)
    )
    patients = list(tx.session.execute(query).scalars())
    if not patients:
        tx.record("emergency.refused", subject=ref, object_type="emergency", outcome="failure")
        return None
    if all(access.grant(tx, tx.actor.id, one) for one in patients):
        raise SeenAlready()
    emergency_id = new_id()
    row = EmergencyRow(
        id=emergency_id,
        user_id=tx.actor.id,
        ref=ref,
        patient_id=patients[0],
        reason=tx.seal(patients[0], reason.encode(), f"{emergency_id}:reason"),
        opened_at=tx.now,
        until=tx.now + LASTS,
        ended_at=None,
        verdict=None,
        note=None,
        reviewed_by=None,
        reviewed_at=None,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.record(
        "emergency.opened",
        subject=ref,
        object_type="emergency",
        object_id=row.id,
        minutes=int(LASTS.total_seconds() // 60),
    )
    return _emergency(tx, row)


def end(tx: Tx, emergency_id: str) -> None:
    """End one's own before its time; raises NotFound, Conflict when it is over."""
    row = tx.session.get(EmergencyRow, emergency_id)
    if row is None or row.user_id != tx.actor.id:
        raise NotFound(object="emergency")
    if row.ended_at is not None or tx.now >= row.until:
        raise Conflict(object="emergency")
    row.ended_at = tx.now
    tx.record("emergency.ended", subject=row.ref, object_type="emergency", object_id=row.id)


def review(tx: Tx, emergency_id: str, verdict: Verdict, note: str) -> None:
    """Judge somebody else's, once; the note is kept while the patient's key is.

    raises: NotFound, Conflict when it was judged, SecondPerson for one's own
    """
    row = tx.session.get(EmergencyRow, emergency_id)
    if row is None:
        raise NotFound(object="emergency")
    if row.user_id == tx.actor.id:
        raise SecondPerson()
    if row.verdict is not None:
        raise Conflict(object="emergency")
    row.verdict, row.reviewed_by, row.reviewed_at = verdict, tx.actor.id, tx.now
    if _readable(tx, row):
        row.note = tx.seal(row.patient_id, note.encode(), f"{row.id}:note")
    tx.record(
        "emergency.reviewed",
        subject=row.ref,
        object_type="emergency",
        object_id=row.id,
        verdict=verdict,
        in_time=tx.now <= row.opened_at + REVIEW_WITHIN,
    )


def everything(tx: Tx, limit: int = 200) -> list[Emergency]:
    """All of them: those without a verdict first, the oldest of these first; then the latest."""
    waiting = (
        select(EmergencyRow)
        .where(EmergencyRow.verdict.is_(None))
        .order_by(EmergencyRow.opened_at)
        .limit(limit)
    )
    judged = (
        select(EmergencyRow)
        .where(EmergencyRow.verdict.is_not(None))
        .order_by(EmergencyRow.opened_at.desc())
        .limit(limit)
    )
    rows = [*tx.session.execute(waiting).scalars(), *tx.session.execute(judged).scalars()]
    return [_emergency(tx, row) for row in rows[:limit]]


def get(tx: Tx, emergency_id: str) -> Emergency:
    """One of them; raises NotFound."""
    row = tx.session.get(EmergencyRow, emergency_id)
    if row is None:
        raise NotFound(object="emergency")
    return _emergency(tx, row)


def entries(tx: Tx, one: Emergency) -> list[dict[str, Any]]:
    """What the record holds of what was done under it, the first first, at most `MOST_ENTRIES`."""
    end = min(one.ended_at or one.until, one.until)
    found = find(
        tx.session,
        actor=one.user_id,
        subject=one.ref,
        since=one.opened_at,
        until=end + timedelta(minutes=1),
        limit=MOST_ENTRIES,
    )
    # A minute more: a look that began in time is written down a moment later.
    return [entry for entry in reversed(found) if entry.get("cause") == one.id]


def waiting(tx: Tx) -> Waiting:
    """The numbers for the top of an auditor's page."""
    count = select(func.count()).select_from(EmergencyRow)
    unjudged = count.where(EmergencyRow.verdict.is_(None))
    running = count.where(EmergencyRow.ended_at.is_(None), EmergencyRow.until > tx.now)
    recent = find(tx.session, action="emergency.refused", since=tx.now - REVIEW_WITHIN, limit=MOST_ENTRIES)

    def number(query: Any) -> int:
        return int(tx.session.execute(query).scalar_one())

    return Waiting(
        unreviewed=number(unjudged),
        overdue=number(unjudged.where(EmergencyRow.opened_at < tx.now - REVIEW_WITHIN)),
        running=number(running),
        refused=len(recent),
    )


def _readable(tx: Tx, row: EmergencyRow) -> bool:
    return tx.session.get(PatientKeyRow, row.patient_id) is not None


def _emergency(tx: Tx, row: EmergencyRow) -> Emergency:
    readable = _readable(tx, row)

    def opened(sealed: bytes | None, context: str) -> str | None:
        return (
            tx.unseal(row.patient_id, sealed, f"{row.id}:{context}").decode() if sealed and readable else None
        )

    return Emergency(
        id=row.id,
        user_id=row.user_id,
        ref=row.ref,
        reason=opened(row.reason, "reason"),
        opened_at=row.opened_at,
        until=row.until,
        ended_at=row.ended_at,
        due=row.opened_at + REVIEW_WITHIN,
        verdict=row.verdict,  # type: ignore[arg-type]
        note=opened(row.note, "note"),
        reviewed_by=row.reviewed_by,
        reviewed_at=row.reviewed_at,
    )
