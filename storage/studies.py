"""Studies, series and instances: add, find.

Everything is asked for by a person who says what for, and `storage.access` decides: what they may not see is not found.
Without a word it is for what only the owner does, so that a new way in is closed until somebody opens it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from storage import access, patients
from storage.access import Grant, Need
from storage.database import Tx, new_id
from storage.errors import NotFound, WrongPatient
from storage.rows import InstanceRow, PatientRow, SeriesRow, StudyRow

AT_ONCE = 500
"""Values in one statement; databases take a thousand or more."""


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
    grant: Grant | None = None


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
    """A study with whose it is, and in which way it is seen (None: by the worker, or without identity)."""

    id: str
    owner_id: str
    patient_id: str
    patient_ref: str
    identity: dict[str, Any]
    modality: str
    urgent: bool
    facts: dict[str, Any]
    created_at: datetime
    grant: Grant | None = None


def put(
    tx: Tx, owner_id: str, patient_id: str, new: NewStudy, study_id: str | None = None
) -> tuple[str, int]:
    """Add a study, or the new files of one that is there; returns its id and how many files were new.

    study_id: the open study the files were offered to; without it, the UID says which study it is
    raises: WrongPatient when that study is another patient's, NotFound when it is not this owner's
    """
    row = _study_row(tx, owner_id, new, study_id)
    if row is not None and row.patient_id != patient_id:
        raise WrongPatient()
    if row is None:
        row = StudyRow(
            id=new_id(),
            owner_id=owner_id,
            patient_id=patient_id,
            uid_digest=tx.keyring.pseudonym("study", new.study_uid),
            modality=new.modality,
            urgent=new.urgent,
            pictures=0,
            created_at=tx.now,
        )
        row.facts = _sealed(tx, patient_id, row.id, new.facts)
        tx.session.add(row)
        tx.session.flush()
    added = _put_series(tx, row, new.series)
    tx.record(
        "study.added", subject=tx.ref(patient_id), object_type="study", object_id=row.id, instances=added
    )
    return row.id, added


def _study_row(tx: Tx, owner_id: str, new: NewStudy, study_id: str | None) -> StudyRow | None:
    if study_id is not None:
        row = tx.session.get(StudyRow, study_id)
        if row is None or row.owner_id != owner_id:
            raise NotFound(object="study")
        return row
    digest = tx.keyring.pseudonym("study", new.study_uid)
    return tx.session.execute(
        select(StudyRow).where(StudyRow.owner_id == owner_id, StudyRow.uid_digest == digest)
    ).scalar_one_or_none()


def _put_series(tx: Tx, study: StudyRow, wanted: Sequence[NewSeries]) -> int:
    """Series and instances as grouped, behind those not mentioned; known ones keep their ids, so that what
    points at them stays right. The same file again, in this upload or an earlier one, is not added."""
    old_series = {row.key_digest: row for row in _series_rows(tx, study.id)}
    known = {(row.sop_digest, row.file_sha256): row for row in _instance_rows(tx, study.id)}
    places: dict[str, dict[str, InstanceRow]] = {}
    added = 0
    for new in wanted:
        row = _series_row(tx, study, new, old_series)
        for file in new.instances:
            name = (tx.keyring.pseudonym("instance", file.sop_uid), file.file_sha256)
            instance = known.get(name)
            if instance is None:
                instance = InstanceRow(
                    id=new_id(),
                    study_id=study.id,
                    sop_digest=name[0],
                    file_sha256=name[1],
                    frames=file.frames,
                    position=0,
                )
                instance.facts = _sealed(tx, study.patient_id, instance.id, file.facts)
                known[name] = instance
                added += 1
            elif file.facts.get("whole_slide") and "slide" in file.facts:
                # What is known of a slide of several files grows with the levels that arrive later.
                instance.facts = _sealed(tx, study.patient_id, instance.id, file.facts)
            instance.series_id = row.id
            tx.session.add(instance)
            places.setdefault(row.id, {})[instance.id] = instance
    _put_in_order(tx, list(old_series.values()), list(known.values()), places)
    study.pictures = sum(row.frames for row in known.values())
    return added


def _series_row(tx: Tx, study: StudyRow, new: NewSeries, old: dict[str, SeriesRow]) -> SeriesRow:
    key = tx.keyring.pseudonym("series", new.key)
    row = old.get(key)
    if row is None:
        row = old[key] = SeriesRow(id=new_id(), study_id=study.id, key_digest=key, position=len(old))
    row.modality, row.findings = new.modality, [dict(finding) for finding in new.findings]
    row.facts = _sealed(tx, study.patient_id, row.id, new.facts)
    tx.session.add(row)
    tx.session.flush()
    return row


def _put_in_order(
    tx: Tx, series: list[SeriesRow], instances: list[InstanceRow], places: dict[str, dict[str, InstanceRow]]
) -> None:
    order = {series_id: place for place, series_id in enumerate(places, start=len(series))}
    series.sort(key=lambda row: order.get(row.id, row.position))
    for position, row in enumerate(series):
        row.position = position
        ordered = places.get(row.id, {})
        others = [one for one in instances if one.series_id == row.id and one.id not in ordered]
        for place, instance in enumerate((*others, *ordered.values())):
            instance.position = place
    tx.session.flush()
    for row in series:
        # Grouped anew with more files, a series may have given all of its files to another.
        if not any(one.series_id == row.id for one in instances):
            tx.session.delete(row)


def instance_known(tx: Tx, owner_id: str, file_sha256: str) -> str | None:
    """The study that already holds this very file of this owner, or None."""
    query = (
        select(InstanceRow.study_id)
        .join(StudyRow, StudyRow.id == InstanceRow.study_id)
        .where(StudyRow.owner_id == owner_id, InstanceRow.file_sha256 == file_sha256)
    )
    return tx.session.execute(query).scalars().first()


def known_instances(tx: Tx, owner_id: str, digests: Iterable[str]) -> set[str]:
    """Of these files, those that a study of this owner holds."""
    wanted, known = list(digests), set()
    for first in range(0, len(wanted), AT_ONCE):
        query = (
            select(InstanceRow.file_sha256)
            .join(StudyRow, StudyRow.id == InstanceRow.study_id)
            .where(
                StudyRow.owner_id == owner_id, InstanceRow.file_sha256.in_(wanted[first : first + AT_ONCE])
            )
        )
        known |= set(tx.session.execute(query).scalars())
    return known


def find_by_uid(tx: Tx, owner_id: str, study_uid: str) -> str | None:
    """The id of the owner's study with this StudyInstanceUID, or None."""
    digest = tx.keyring.pseudonym("study", study_uid)
    return tx.session.execute(
        select(StudyRow.id).where(StudyRow.owner_id == owner_id, StudyRow.uid_digest == digest)
    ).scalar_one_or_none()


def get(tx: Tx, study_id: str, user_id: str | None, need: Need = "own") -> Study:
    """A study; user_id None is for the worker and the review, which have their own checks.

    raises: NotFound, OnlyLooking, OwnersOnly; Unreadable once the patient was erased
    """
    row = tx.session.get(StudyRow, study_id)
    if row is None:
        raise NotFound(object="study")
    grant = access.admit(tx, user_id, row.patient_id, need, "study") if user_id is not None else None
    return of_row(tx, row, tx.session.get(PatientRow, row.patient_id), grant)


def series(tx: Tx, study: Study) -> list[Series]:
    """The series of a study with their instances, in order."""
    instances: dict[str, list[Instance]] = {}
    for row in _instance_rows(tx, study.id):
        instances.setdefault(row.series_id, []).append(_instance(tx, row, study.patient_id, study.grant))
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


def one_series(tx: Tx, series_id: str, user_id: str, need: Need = "own") -> tuple[Study, Series]:
    """One series and its study; raises NotFound, OnlyLooking, OwnersOnly."""
    row = tx.session.get(SeriesRow, series_id)
    if row is None:
        raise NotFound(object="series")
    study = get(tx, row.study_id, user_id, need)
    return study, series_of(tx, study, series_id)


def series_of(tx: Tx, study: Study, series_id: str) -> Series:
    """A series of a study that somebody was let to; raises NotFound for one of another study."""
    found = next((one for one in series(tx, study) if one.id == series_id), None)
    if found is None:
        raise NotFound(object="series")
    return found


def instance(tx: Tx, instance_id: str, user_id: str, need: Need = "own") -> Instance:
    """One instance; raises NotFound, OnlyLooking, OwnersOnly."""
    row = tx.session.get(InstanceRow, instance_id)
    study = tx.session.get(StudyRow, row.study_id) if row else None
    if row is None or study is None:
        raise NotFound(object="instance")
    grant = access.admit(tx, user_id, study.patient_id, need, "instance")
    return _instance(tx, row, study.patient_id, grant)


def instance_of(tx: Tx, study: Study, instance_id: str) -> Instance:
    """An instance of a study that somebody was let to; raises NotFound for one of another study."""
    row = tx.session.get(InstanceRow, instance_id)
    if row is None or row.study_id != study.id:
        raise NotFound(object="instance")
    return _instance(tx, row, study.patient_id, study.grant)


def change(tx: Tx, study_id: str, user_id: str, *, urgent: bool) -> None:
    """Mark a study as urgent, or not."""
    study = get(tx, study_id, user_id, "work")
    row = tx.session.get(StudyRow, study_id)
    assert row is not None
    row.urgent = urgent
    tx.record(
        "study.changed", subject=study.patient_ref, object_type="study", object_id=study_id, urgent=urgent
    )


def _sealed(tx: Tx, patient_id: str, row_id: str, facts: Mapping[str, Any]) -> bytes:
    return tx.seal(patient_id, json.dumps(dict(facts), ensure_ascii=False).encode(), f"{row_id}:facts")


def _opened(tx: Tx, patient_id: str, row_id: str, sealed: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tx.unseal(patient_id, sealed, f"{row_id}:facts"))
    return found


def of_row(tx: Tx, row: StudyRow, patient: PatientRow | None, grant: Grant | None) -> Study:
    """A study from rows that were read already, for somebody who was let to it; raises Unreadable once erased."""
    assert patient is not None
    return Study(
        id=row.id,
        owner_id=row.owner_id,
        patient_id=row.patient_id,
        patient_ref=patient.ref,
        identity=patients.opened(tx, patient),
        modality=row.modality,
        urgent=row.urgent,
        facts=_opened(tx, row.patient_id, row.id, row.facts),
        created_at=row.created_at,
        grant=grant,
    )


def _instance(tx: Tx, row: InstanceRow, patient_id: str, grant: Grant | None) -> Instance:
    return Instance(
        id=row.id,
        series_id=row.series_id,
        study_id=row.study_id,
        patient_id=patient_id,
        position=row.position,
        file_sha256=row.file_sha256,
        frames=row.frames,
        facts=_opened(tx, patient_id, row.id, row.facts),
        grant=grant,
    )


def _series_rows(tx: Tx, study_id: str) -> Sequence[SeriesRow]:
    query = select(SeriesRow).where(SeriesRow.study_id == study_id).order_by(SeriesRow.position)
    return tx.session.execute(query).scalars().all()


def _instance_rows(tx: Tx, study_id: str) -> Sequence[InstanceRow]:
    query = select(InstanceRow).where(InstanceRow.study_id == study_id).order_by(InstanceRow.position)
    return tx.session.execute(query).scalars().all()
