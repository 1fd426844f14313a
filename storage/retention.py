"""What was kept long enough, by the limits that a hospital chose; without a limit nothing is ever due.

A patient is the least that can be erased, because a patient's key is what is destroyed. So a patient is due when
nothing of them was added for as long as the limit says: that for signed reports as soon as there is one, else that for
the rest. Being due erases nobody: it asks for the erasure, and a second person decides as always. A hold outranks it.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Select, delete, func, select

from storage import erasures
from storage.database import Tx
from storage.durable import file_sha256
from storage.rows import (
    AddendumRow,
    AnswerRow,
    ErasureRow,
    HoldRow,
    PatientKeyRow,
    PatientRow,
    ReportRow,
    ReportVersionRow,
    StudyRow,
    UploadRow,
)
from storage.uploads import UNFINISHED
from storage.verifier import CLEAN, verify

Kind = Literal["unsigned", "signed"]
State = Literal["due", "held", "asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Days; 0 keeps for ever."""

    unsigned: int = 0
    signed: int = 0
    uploads: int = 0
    logs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A patient (pseudonym; one of their rows) who was kept long enough, and whether anything stands in the way."""

    ref: str
    patient_id: str
    kind: Kind
    last: datetime
    state: State


@dataclass(frozen=True, slots=True)
class ClosedLog:
    """The file of a closed log, when it was closed, and whether the auditor's copy is the same."""

    file: Path
    sha256: str
    closed_at: datetime
    has_copy: bool


def due(tx: Tx, limits: Limits) -> list[Due]:
    """Patients who were kept long enough, the longest first."""
    last = _last_of_each(tx)
    signed = set(tx.session.execute(_of(ReportRow).where(ReportRow.signed_at.is_not(None))).scalars())
    held = set(tx.session.execute(select(HoldRow.ref).where(HoldRow.lifted_at.is_(None))).scalars())
    asked = set(tx.session.execute(select(ErasureRow.ref).where(ErasureRow.state == "asked")).scalars())
    found = []
    for ref, (patient_id, moment) in last.items():
        kind: Kind = "signed" if ref in signed else "unsigned"
        days = limits.signed if kind == "signed" else limits.unsigned
        if days and tx.now - moment > timedelta(days=days):
            state: State = "held" if ref in held else "asked" if ref in asked else "due"
            found.append(Due(ref=ref, patient_id=patient_id, kind=kind, last=moment, state=state))
    return sorted(found, key=lambda one: (one.last, one.ref))


def ask(tx: Tx, one: Due) -> str:
    """Ask for the erasure of a patient who is due, as the person of this change; returns the request's id.

    raises: NotFound, Conflict when somebody asked meanwhile
    """
    return erasures.ask(tx, one.patient_id, "kept_long_enough")


def old_uploads(tx: Tx, limits: Limits) -> list[str]:
    """Ids of uploads that ended longer ago than the limit; of what they brought nothing is told here."""
    if not limits.uploads:
        return []
    query = select(UploadRow.id).where(
        UploadRow.updated_at < tx.now - timedelta(days=limits.uploads), UploadRow.state.not_in(UNFINISHED)
    )
    return list(tx.session.execute(query).scalars())


def forget_uploads(tx: Tx, ids: list[str], limits: Limits) -> None:
    """Remove these rows; one entry says how many and by which limit."""
    for start in range(0, len(ids), 500):
        tx.session.execute(delete(UploadRow).where(UploadRow.id.in_(ids[start : start + 500])))
    tx.record("retention.uploads_removed", object_type="upload", count=len(ids), days=limits.uploads)


def old_logs(
    folder: Path, copies: Path | None, public_pem: bytes, now: datetime, limits: Limits
) -> list[ClosedLog]:
    """Closed logs that verify and were closed longer ago than the limit, the oldest first.

    copies: where the auditor's copies lie, under the same names
    """
    if not limits.logs:
        return []
    found = []
    for file in sorted(folder.glob("log-*.jsonl")):
        closed_at = _closed_at(file)
        if closed_at is None or now - closed_at <= timedelta(days=limits.logs):
            continue
        if verify(file, public_pem).status != CLEAN:
            continue  # one that does not verify is evidence, and stays
        sha256 = file_sha256(file)
        copy = copies / file.name if copies else None
        # The very file under two names is no second copy.
        apart = copy is not None and copy.exists() and not copy.samefile(file)
        found.append(
            ClosedLog(file, sha256, closed_at, apart and copy is not None and file_sha256(copy) == sha256)
        )
    return sorted(found, key=lambda one: one.closed_at)


def remove_log(tx: Tx, one: ClosedLog) -> None:
    """Say that a closed log leaves this place; the file is removed once this has committed. Raises ValueError."""
    if not one.has_copy:
        raise ValueError("A closed log leaves only when the same bytes lie with the auditor.")
    tx.record(
        "retention.log_left",
        object_type="log",
        object_id=one.file.stem.removeprefix("log-"),
        output_sha256=one.sha256,
    )


def _of(row: Any) -> Select[Any]:
    """Pseudonyms of the patients whose studies these rows belong to."""
    return (
        select(PatientRow.ref)
        .join(StudyRow, StudyRow.patient_id == PatientRow.id)
        .join(row, row.study_id == StudyRow.id)
    )


def _last_of_each(tx: Tx) -> dict[str, tuple[str, datetime]]:
    """The last time anything was added of each patient whose key is there, and one of their rows."""
    report = _of(ReportRow)
    times: tuple[Any, ...] = (
        select(PatientRow.ref, func.max(PatientRow.created_at)),
        select(PatientRow.ref, func.max(StudyRow.created_at)).join(
            StudyRow, StudyRow.patient_id == PatientRow.id
        ),
        _of(AnswerRow).add_columns(func.max(AnswerRow.asked_at)),
        report.join(ReportVersionRow, ReportVersionRow.report_id == ReportRow.id).add_columns(
            func.max(ReportVersionRow.created_at)
        ),
        report.add_columns(func.max(ReportRow.signed_at)),
        report.join(AddendumRow, AddendumRow.report_id == ReportRow.id).add_columns(
            func.max(AddendumRow.signed_at)
        ),
    )
    latest: dict[str, datetime] = {}
    for query in times:
        for ref, moment in tx.session.execute(query.group_by(PatientRow.ref)):
            if moment is not None:
                latest[ref] = max(latest.get(ref, moment), moment)
    rows = select(PatientRow.ref, func.min(PatientRow.id)).join(
        PatientKeyRow, PatientKeyRow.patient_id == PatientRow.id
    )
    return {
        ref: (patient_id, latest[ref])
        for ref, patient_id in tx.session.execute(rows.group_by(PatientRow.ref))
    }


def _closed_at(file: Path) -> datetime | None:
    last = None
    with file.open("rb") as lines:
        for line in lines:
            if line.startswith(b'{"checkpoint":'):
                last = line
    return datetime.fromisoformat(json.loads(last)["checkpoint"]["time"]) if last else None
