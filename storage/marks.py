"""Measurements, boxes and key images that readers mark on the pictures of a study, in pixels of their frame.

A mark is written once: one that is moved is another mark in its place.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from storage import studies
from storage.database import Tx, new_id
from storage.errors import NotFound
from storage.rows import MarkRow
from storage.studies import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A measurement, box or key image; what it measures is part of its geometry."""

    id: str
    instance_id: str
    frame: int
    kind: str
    geometry: dict[str, Any]
    author_id: str


def add(
    tx: Tx,
    study: Study,
    *,
    instance_id: str,
    frame: int,
    kind: str,
    geometry: Mapping[str, Any],
    replaces: str | None = None,
) -> Mark:
    """Keep a measurement, box or key image (geometry: plain JSON); raises NotFound where the picture is not of
    this study, or the mark it replaces is not there."""
    picture = studies.instance_of(tx, study, instance_id)
    if not 0 <= frame < picture.frames:
        raise NotFound(object="instance")
    if replaces is not None:
        remove(tx, study, replaces)
    mark_id = new_id()
    data = json.dumps(dict(geometry), ensure_ascii=False).encode()
    row = MarkRow(
        id=mark_id,
        study_id=study.id,
        instance_id=instance_id,
        frame=frame,
        kind=kind,
        geometry=tx.seal(study.patient_id, data, f"{mark_id}:geometry"),
        author_id=tx.actor.id,
        created_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.record("mark.added", subject=study.patient_ref, object_type="mark", object_id=mark_id, kind=kind)
    return _mark(tx, row, study)


def of_study(tx: Tx, study: Study) -> list[Mark]:
    """All marks of a study, oldest first."""
    rows = tx.session.execute(
        select(MarkRow).where(MarkRow.study_id == study.id).order_by(MarkRow.created_at, MarkRow.id)
    )
    return [_mark(tx, row, study) for row in rows.scalars()]


def remove(tx: Tx, study: Study, mark_id: str) -> None:
    """Remove a mark; raises NotFound."""
    row = tx.session.get(MarkRow, mark_id)
    if row is None or row.study_id != study.id:
        raise NotFound(object="mark")
    tx.session.delete(row)
    tx.record("mark.removed", subject=study.patient_ref, object_type="mark", object_id=mark_id)


def _mark(tx: Tx, row: MarkRow, study: Study) -> Mark:
    geometry = json.loads(tx.unseal(study.patient_id, row.geometry, f"{row.id}:geometry"))
    return Mark(
        id=row.id,
        instance_id=row.instance_id,
        frame=row.frame,
        kind=row.kind,
        geometry=geometry,
        author_id=row.author_id,
    )
