"""What the record knows of a paper by the digest of its file: when it left, and whether a later one did."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.orm import Session

from storage.rows import AuditEventRow, AuditIndexRow, ClosedPaperRow

LEFT = ("report.exported", "answer.exported")
NEWER = ("report.signed", "report.addendum")


@dataclass(frozen=True, slots=True)
class Noted:
    """An entry: where it stands, when it was written, what it is of."""

    seq: int
    time: datetime
    action: str
    object_id: str
    log: str = ""
    """Of a closed log; empty for the one that is open."""
    seal: Mapping[str, str] | None = None
    """Level and certificate of the digital signature it left with; None without one, or where the log was closed."""


def left(session: Session, sha256: str) -> Noted | None:
    """The last time that these very bytes left; None when they never did."""
    # Only exports are searched, and only a match is read: a scan in the database, no index on digests.
    query = (
        select(AuditEventRow.body, AuditIndexRow)
        .join(AuditIndexRow, AuditIndexRow.seq == AuditEventRow.seq)
        .where(AuditIndexRow.action.in_(LEFT), _holds(session, sha256.encode()))
        .order_by(AuditIndexRow.seq.desc())
    )
    for body, row in session.execute(query):
        entry = json.loads(body)
        if entry.get("output_sha256") == sha256:
            return replace(_noted(row), seal=entry.get("seal"))
    closed = select(ClosedPaperRow).where(ClosedPaperRow.sha256 == sha256, ClosedPaperRow.action.in_(LEFT))
    return _closed(session.execute(closed.order_by(ClosedPaperRow.time.desc()).limit(1)).scalar_one_or_none())


def newer(session: Session, than: Noted) -> Noted | None:
    """The last time the report of a paper was signed or added to behind the entry in which it left."""
    query = (
        select(AuditIndexRow)
        .where(
            AuditIndexRow.object_id == than.object_id,
            AuditIndexRow.action.in_(NEWER),
            AuditIndexRow.outcome == "success",
            AuditIndexRow.seq > (-1 if than.log else than.seq),
        )
        .order_by(AuditIndexRow.seq.desc())
        .limit(1)
    )
    row = session.execute(query).scalar_one_or_none()
    if row is not None or not than.log:
        return _noted(row) if row else None
    closed = select(ClosedPaperRow).where(
        ClosedPaperRow.object_id == than.object_id,
        ClosedPaperRow.action.in_(NEWER),
        or_(
            and_(ClosedPaperRow.log == than.log, ClosedPaperRow.seq > than.seq),
            and_(ClosedPaperRow.log != than.log, ClosedPaperRow.time > than.time),
        ),
    )
    return _closed(session.execute(closed.order_by(ClosedPaperRow.time.desc()).limit(1)).scalar_one_or_none())


def _holds(session: Session, text: bytes) -> ColumnElement[bool]:
    if session.get_bind().dialect.name == "sqlite":
        return func.instr(AuditEventRow.body, text) > 0
    return func.pg_catalog.position(AuditEventRow.body, literal(text)) > 0


def _closed(row: ClosedPaperRow | None) -> Noted | None:
    return Noted(row.seq, row.time, row.action, row.object_id or "", row.log) if row else None


def _noted(row: AuditIndexRow) -> Noted:
    return Noted(row.seq, row.time, row.action, row.object_id or "")
