"""The worklist: what a person may see, found and put in order, in one statement."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from storage import access, studies
from storage.access import WAYS
from storage.database import Tx
from storage.rows import AnswerRow, PatientKeyRow, PatientRow, ReportRow, StudyRow, UserRow
from storage.studies import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """A study as one line of the worklist, with the name of whose it is."""

    study: Study
    owner: str
    state: str
    instances: int
    running: int


def listed(
    tx: Tx,
    user_id: str,
    *,
    search: str = "",
    modality: str = "",
    state: str = "",
    way: str = "",
    sort: str = "newest",
) -> list[StudyLine]:
    """The studies a person may see, urgent first; search looks in name, number, description and accession, any script.

    way: only those seen in this way (`storage.access.WAYS`)
    """
    seen = access.seen_by(tx, user_id)
    running = (
        select(AnswerRow.study_id, func.count().label("running"))
        .where(AnswerRow.state.in_(("waiting", "running")))
        .group_by(AnswerRow.study_id)
        .subquery()
    )
    # One statement for all lines: a study each would be thousands on a long list.
    query = (
        select(
            StudyRow,
            PatientRow,
            PatientKeyRow.wrapped,
            ReportRow.state,
            running.c.running,
            UserRow.display_name,
            seen,
        )
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
        .join(PatientKeyRow, PatientKeyRow.patient_id == StudyRow.patient_id)
        .outerjoin(ReportRow, ReportRow.study_id == StudyRow.id)
        .outerjoin(running, running.c.study_id == StudyRow.id)
        .join(UserRow, UserRow.id == StudyRow.owner_id)
        .join(seen, seen.c.patient_id == StudyRow.patient_id)
    )
    if modality:
        query = query.where(StudyRow.modality == modality)
    if way:
        query = query.where(seen.c.rank == (WAYS.index(way) if way in WAYS else None))  # type: ignore[arg-type]
    lines = []
    for row, patient, wrapped, report, count, owner, _, *granted in tx.session.execute(query):
        tx.remember_wrapped(row.patient_id, wrapped)
        line = StudyLine(
            study=studies.of_row(tx, row, patient, access.grant_of(*granted)),
            owner=owner,
            state=report or "new",
            instances=row.pictures,
            running=count or 0,
        )
        if _wanted(line, search, state):
            lines.append(line)
    key, backwards = _ORDERS.get(sort, _ORDERS["newest"])
    lines.sort(key=key, reverse=backwards)
    lines.sort(key=lambda line: not line.study.urgent)
    return lines


_ORDERS: dict[str, tuple[Callable[[StudyLine], Any], bool]] = {
    "newest": (lambda line: line.study.created_at, True),
    "oldest": (lambda line: line.study.created_at, False),
    "patient": (lambda line: _folded(_name(line.study.identity)), False),
    "modality": (lambda line: line.study.modality, False),
    "state": (lambda line: line.state, False),
    "date": (lambda line: str(line.study.facts.get("study_date") or ""), True),
}


def _wanted(line: StudyLine, search: str, state: str) -> bool:
    study = line.study
    if state and line.state != state:
        return False
    identity, facts = study.identity, study.facts
    words = (_name(identity), identity.get("patient_id"), facts.get("description"), facts.get("accession"))
    return _folded(search) in _folded(" ".join(str(word) for word in words if word))


def _name(identity: Mapping[str, Any]) -> str:
    """All groups of a name; their labels are no part of it, and would be found by a search for them."""
    name = identity.get("name") or ""
    return " ".join(str(part) for part in name.values()) if isinstance(name, Mapping) else str(name)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()
