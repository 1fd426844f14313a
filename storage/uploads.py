"""How far an upload got, so that a page that comes back, or a restart, can say so; no file names."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from storage.database import Tx, new_id
from storage.errors import NotFound
from storage.rows import UploadRow

State = Literal["receiving", "reading", "needs_decision", "needs_details", "done", "refused", "interrupted"]
UNFINISHED = ("receiving", "reading", "needs_decision", "needs_details")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An upload and its progress (counts, ids and codes only)."""

    id: str
    owner_id: str
    state: State
    progress: dict[str, Any]
    created_at: datetime


def begin(tx: Tx, *, files: int, size: int) -> Upload:
    """A new upload of so many files and bytes, as announced."""
    row = UploadRow(
        id=new_id(),
        owner_id=tx.actor.id,
        state="receiving",
        progress={"announced": {"files": files, "bytes": size}},
        created_at=tx.now,
        updated_at=tx.now,
    )
    tx.session.add(row)
    tx.record("upload.started", object_type="upload", object_id=row.id, files=files, bytes=size)
    return _upload(row)


def get(tx: Tx, upload_id: str, owner_id: str) -> Upload:
    """An upload of this person; raises NotFound."""
    row = tx.session.get(UploadRow, upload_id)
    if row is None or row.owner_id != owner_id:
        raise NotFound(object="upload")
    return _upload(row)


def advance(tx: Tx, upload_id: str, state: State, progress: Mapping[str, Any]) -> None:
    """Note how far it got; what it means for the record is said by the caller."""
    row = tx.session.get(UploadRow, upload_id)
    if row is None:
        raise NotFound(object="upload")
    row.state, row.progress, row.updated_at = state, dict(progress), tx.now


def interrupt_unfinished(tx: Tx) -> int:
    """After a restart: what was under way did not arrive. Returns how many."""
    rows = tx.session.execute(select(UploadRow).where(UploadRow.state.in_(UNFINISHED))).scalars().all()
    for row in rows:
        row.state, row.updated_at = "interrupted", tx.now
        tx.record("upload.interrupted", object_type="upload", object_id=row.id, outcome="failure")
    return len(rows)


def _upload(row: UploadRow) -> Upload:
    return Upload(
        id=row.id,
        owner_id=row.owner_id,
        state=row.state,  # type: ignore[arg-type]
        progress=row.progress,
        created_at=row.created_at,
    )
