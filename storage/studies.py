"""Studies, series and instances: add, find, list; and the marks that readers draw on them.

Everything is asked for by its owner: what belongs to somebody else is not found.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from storage import patients
from storage.database import Tx, new_id
from storage.errors import NotFound, Unreadable, WrongPatient
from storage.rows import AnswerRow, InstanceRow, MarkRow, PatientRow, ReportRow, SeriesRow, StudyRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInstance:
    """One file and what was read from it (plain JSON)."""

    sop_uid: str
    file_sha256: str
    frames: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSeries:
    """Instances in scan order; `key` tells this series from its neighbours for good."""

    key: str
    modality: str
    facts: Mapping[str, Any]
    instances: Sequence[NewInstance]
    findings: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewStudy:
    """A study as it was grouped; put again with more files, it grows."""

    study_uid: str
    modality: str
    facts: Mapping[str, Any]
    series: Sequence[NewSeries]
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One file of a series."""

    id: str
    series_id: str
    study_id: str
    patient_id: str
    position: int
    file_sha256: str
    frames: int
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A series and its instances in scan order."""

    id: str
    modality: str
    position: int
    facts: dict[str, Any]
    findings: list[dict[str, Any]]
    instances: tuple[Instance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study with whose it is."""

    id: str
    owner_id: str
    patient_id: str
    patient_ref: str
    identity: dict[str, Any]
    modality: str
    urgent: bool
    facts: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """A study as one line of the worklist."""

    study: Study
    state: str
    instances: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A measurement or box, in pixels of its frame."""

    id: str
    instance_id: str
    frame: int
    kind: str
    geometry: dict[str, Any]
    author_id: str


def put(tx: Tx, owner_id: str, patient_id: str, new: NewStudy) -> tuple[str, int]:
    """Add a study, or the new files of one that is there; returns its id and how many files were new.

    raises: WrongPatient when the study is there and is another patient's
    """
    digest = tx.keyring.pseudonym("study", new.study_uid)
    row = tx.session.execute(
        select(StudyRow).where(StudyRow.owner_id == owner_id, StudyRow.uid_digest == digest)
    ).scalar_one_or_none()
    if row is not None and row.patient_id != patient_id:
        raise WrongPatient()
    if row is None:
        study_id = new_id()
        row = StudyRow(
            id=study_id,
            owner_id=owner_id,
            patient_id=patient_id,
            uid_digest=digest,
            modality=new.modality,
            urgent=new.urgent,
            facts=_sealed(tx, patient_id, study_id, new.facts),
            created_at=tx.now,
        )
        tx.session.add(row)
        tx.session.flush()
    added = _put_series(tx, row, new.series)
    tx.record(
        "study.added", subject=tx.ref(patient_id), object_type="study", object_id=row.id, instances=added
    )
    return row.id, added


def _put_series(tx: Tx, study: StudyRow, wanted: Sequence[NewSeries]) -> int:
    """Series and instances as grouped; known ones keep their ids, so that what points at them stays right."""
    old_series = {row.key_digest: row for row in _series_rows(tx, study.id)}
    known = {(row.sop_digest, row.file_sha256): row for row in _instance_rows(tx, study.id)}
    kept: set[str] = set()
    added = 0
    for position, new in enumerate(wanted):
        key = tx.keyring.pseudonym("series", new.key)
        row = old_series.get(key)
        if row is None:
            row = SeriesRow(id=new_id(), study_id=study.id, key_digest=key)
            tx.session.add(row)
        row.position, row.modality, row.findings = position, new.modality, [dict(f) for f in new.findings]
        row.facts = _sealed(tx, study.patient_id, row.id, new.facts)
        tx.session.flush()
        kept.add(row.id)
        for place, file in enumerate(new.instances):
            sop = tx.keyring.pseudonym("instance", file.sop_uid)
            instance = known.get((sop, file.file_sha256))
            if instance is None:
                instance = InstanceRow(
                    id=new_id(),
                    study_id=study.id,
                    sop_digest=sop,
                    file_sha256=file.file_sha256,
                    frames=file.frames,
                )
                instance.facts = _sealed(tx, study.patient_id, instance.id, file.facts)
                tx.session.add(instance)
                added += 1
            instance.series_id, instance.position = row.id, place
    tx.session.flush()
    for row in old_series.values():
        if row.id not in kept:
            tx.session.delete(row)
    return added


def instance_known(tx: Tx, owner_id: str, file_sha256: str) -> str | None:
    """The study that already holds this very file of this owner, or None."""
    query = (
        select(InstanceRow.study_id)
        .join(StudyRow, StudyRow.id == InstanceRow.study_id)
        .where(StudyRow.owner_id == owner_id, InstanceRow.file_sha256 == file_sha256)
    )
    return tx.session.execute(query).scalars().first()


def find_by_uid(tx: Tx, owner_id: str, study_uid: str) -> str | None:
    """The id of the owner's study with this StudyInstanceUID, or None."""
    digest = tx.keyring.pseudonym("study", study_uid)
    return tx.session.execute(
        select(StudyRow.id).where(StudyRow.owner_id == owner_id, StudyRow.uid_digest == digest)
    ).scalar_one_or_none()


def get(tx: Tx, study_id: str, owner_id: str | None) -> Study:
    """A study; owner_id None is for the worker and the review, which have their own checks.

    raises: NotFound, Unreadable once the patient was erased
    """
    row = tx.session.get(StudyRow, study_id)
    if row is None or (owner_id is not None and row.owner_id != owner_id):
        raise NotFound(object="study")
    return _study(tx, row)


def series(tx: Tx, study: Study) -> list[Series]:
    """The series of a study with their instances, in order."""
    instances: dict[str, list[Instance]] = {}
    for row in _instance_rows(tx, study.id):
        instances.setdefault(row.series_id, []).append(_instance(tx, row, study.patient_id))
    return [
        Series(
            id=row.id,
            modality=row.modality,
            position=row.position,
            facts=_opened(tx, study.patient_id, row.id, row.facts),
            findings=row.findings,
            instances=tuple(instances.get(row.id, ())),
        )
        for row in _series_rows(tx, study.id)
    ]


def one_series(tx: Tx, series_id: str, owner_id: str) -> tuple[Study, Series]:
    """One series and its study; raises NotFound."""
    row = tx.session.get(SeriesRow, series_id)
    if row is None:
        raise NotFound(object="series")
    study = get(tx, row.study_id, owner_id)
    return study, next(one for one in series(tx, study) if one.id == series_id)


def instance(tx: Tx, instance_id: str, owner_id: str | None) -> Instance:
    """One instance; raises NotFound when it is somebody else's."""
    row = tx.session.get(InstanceRow, instance_id)
    study = tx.session.get(StudyRow, row.study_id) if row else None
    if row is None or study is None or (owner_id is not None and study.owner_id != owner_id):
        raise NotFound(object="instance")
    return _instance(tx, row, study.patient_id)


def worklist(
    tx: Tx, owner_id: str, *, search: str = "", modality: str = "", state: str = "", sort: str = "newest"
) -> list[StudyLine]:
    """The owner's studies, urgent first; search looks in name, number and description, in any script."""
    counts = dict(
        tx.session.execute(
            select(InstanceRow.study_id, func.sum(InstanceRow.frames))
            .join(StudyRow, StudyRow.id == InstanceRow.study_id)
            .where(StudyRow.owner_id == owner_id)
            .group_by(InstanceRow.study_id)
        ).all()
    )
    states = dict(tx.session.execute(select(ReportRow.study_id, ReportRow.state)).all())
    running = dict(
        tx.session.execute(
            select(AnswerRow.study_id, func.count())
            .where(AnswerRow.state.in_(("waiting", "running")))
            .group_by(AnswerRow.study_id)
        ).all()
    )
    lines = []
    for row in tx.session.execute(select(StudyRow).where(StudyRow.owner_id == owner_id)).scalars():
        try:
            study = _study(tx, row)
        except Unreadable:
            continue
        line = StudyLine(
            study=study,
            state=states.get(row.id, "new"),
            instances=int(counts.get(row.id, 0)),
            running=running.get(row.id, 0),
        )
        if _wanted(line, search, modality, state):
            lines.append(line)
    lines.sort(key=_ORDERS.get(sort, _ORDERS["newest"]))
    lines.sort(key=lambda line: not line.study.urgent)
    return lines


_ORDERS: dict[str, Any] = {
    "newest": lambda line: -line.study.created_at.timestamp(),
    "oldest": lambda line: line.study.created_at.timestamp(),
    "patient": lambda line: _folded(str(line.study.identity.get("name", ""))),
    "modality": lambda line: line.study.modality,
    "state": lambda line: line.state,
    "date": lambda line: str(line.study.facts.get("study_date") or ""),
}


def _wanted(line: StudyLine, search: str, modality: str, state: str) -> bool:
    study = line.study
    if (modality and study.modality != modality) or (state and line.state != state):
        return False
    identity, facts = study.identity, study.facts
    words = (
        identity.get("name"),
        identity.get("patient_id"),
        facts.get("description"),
        facts.get("accession"),
    )
    return _folded(search) in _folded(" ".join(str(word) for word in words if word))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().strip()


def change(tx: Tx, study_id: str, owner_id: str, *, urgent: bool) -> None:
    """Mark a study as urgent, or not."""
    study = get(tx, study_id, owner_id)
    row = tx.session.get(StudyRow, study_id)
    assert row is not None
    row.urgent = urgent
    tx.record(
        "study.changed", subject=study.patient_ref, object_type="study", object_id=study_id, urgent=urgent
    )


def add_mark(
    tx: Tx, study: Study, *, instance_id: str, frame: int, kind: str, geometry: Mapping[str, Any]
) -> Mark:
    """Keep a measurement or box; raises NotFound when the instance is not of this study."""
    if instance(tx, instance_id, study.owner_id).study_id != study.id:
        raise NotFound(object="instance")
    mark_id = new_id()
    row = MarkRow(
        id=mark_id,
        study_id=study.id,
        instance_id=instance_id,
        frame=frame,
        kind=kind,
        geometry=_sealed(tx, study.patient_id, mark_id, geometry),
        author_id=tx.actor.id,
        created_at=tx.now,
    )
    tx.session.add(row)
    tx.record("mark.added", subject=study.patient_ref, object_type="mark", object_id=mark_id, kind=kind)
    return _mark(tx, row, study)


def marks(tx: Tx, study: Study) -> list[Mark]:
    """All marks of a study, oldest first."""
    rows = tx.session.execute(
        select(MarkRow).where(MarkRow.study_id == study.id).order_by(MarkRow.created_at)
    )
    return [_mark(tx, row, study) for row in rows.scalars()]


def remove_mark(tx: Tx, study: Study, mark_id: str) -> None:
    """Remove a mark; raises NotFound."""
    row = tx.session.get(MarkRow, mark_id)
    if row is None or row.study_id != study.id:
        raise NotFound(object="mark")
    tx.session.delete(row)
    tx.record("mark.removed", subject=study.patient_ref, object_type="mark", object_id=mark_id)


def _sealed(tx: Tx, patient_id: str, row_id: str, facts: Mapping[str, Any]) -> bytes:
    return tx.seal(patient_id, json.dumps(dict(facts), ensure_ascii=False).encode(), f"{row_id}:facts")


def _opened(tx: Tx, patient_id: str, row_id: str, sealed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tx.unseal(patient_id, sealed, f"{row_id}:facts"))
    return found


def _study(tx: Tx, row: StudyRow) -> Study:
    patient = tx.session.get(PatientRow, row.patient_id)
    return Study(
        id=row.id,
        owner_id=row.owner_id,
        patient_id=row.patient_id,
        patient_ref=patient.ref if patient else "",
        identity=patients.identity(tx, row.patient_id),
        modality=row.modality,
        urgent=row.urgent,
        facts=_opened(tx, row.patient_id, row.id, row.facts),
        created_at=row.created_at,
    )


def _instance(tx: Tx, row: InstanceRow, patient_id: str) -> Instance:
    return Instance(
        id=row.id,
        series_id=row.series_id,
        study_id=row.study_id,
        patient_id=patient_id,
        position=row.position,
        file_sha256=row.file_sha256,
        frames=row.frames,
        facts=_opened(tx, patient_id, row.id, row.facts),
    )


def _mark(tx: Tx, row: MarkRow, study: Study) -> Mark:
    return Mark(
        id=row.id,
        instance_id=row.instance_id,
        frame=row.frame,
        kind=row.kind,
        geometry=_opened(tx, study.patient_id, row.id, row.geometry),
        author_id=row.author_id,
    )


def _series_rows(tx: Tx, study_id: str) -> Sequence[SeriesRow]:
    query = select(SeriesRow).where(SeriesRow.study_id == study_id).order_by(SeriesRow.position)
    return tx.session.execute(query).scalars().all()


def _instance_rows(tx: Tx, study_id: str) -> Sequence[InstanceRow]:
    query = select(InstanceRow).where(InstanceRow.study_id == study_id).order_by(InstanceRow.position)
    return tx.session.execute(query).scalars().all()
