"""Which workers there are, what they carry, and when each was last heard of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from storage.database import Tx
from storage.rows import WorkerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker as the system page shows it."""

    id: str
    started_at: datetime
    beat_at: datetime
    facts: dict[str, Any]

    def is_alive(self, now: datetime, patience: timedelta) -> bool:
        """Whether it was heard of lately."""
        return now - self.beat_at <= patience


def beat(tx: Tx, worker_id: str, facts: Mapping[str, Any]) -> None:
    """Say that a worker lives, and what it carries."""
    row = tx.session.get(WorkerRow, worker_id)
    if row is None:
        row = WorkerRow(id=worker_id, started_at=tx.now)
        tx.session.add(row)
    row.beat_at, row.facts = tx.now, dict(facts)


def leave(tx: Tx, worker_id: str) -> None:
    """A worker that stops in good order is not missed."""
    row = tx.session.get(WorkerRow, worker_id)
    if row is not None:
        tx.session.delete(row)


def heard_of(tx: Tx) -> list[Worker]:
    """All workers that did not leave, the latest first."""
    rows = tx.session.execute(select(WorkerRow).order_by(WorkerRow.beat_at.desc())).scalars()
    return [
        Worker(id=row.id, started_at=row.started_at, beat_at=row.beat_at, facts=row.facts) for row in rows
    ]
