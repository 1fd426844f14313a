"""Each minute, checkpoints go where this database's owner cannot take them back: a file that keeps, an authority's time.

Neither may stop a ward: what could not be reached is counted, logged, shown to the operator, and tried again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.settings import Settings
from storage.audit.kept import KeptCheckpoints
from storage.audit.stamps import Stamps, name_of
from storage.database import Actor, Database
from storage.errors import StorageError
from storage.rows import AuditCheckpointRow, AuditHeadRow

RETRY = timedelta(minutes=5)
log = structlog.get_logger()


@dataclass
class Anchors:
    """What is configured of the two, and how it went."""

    kept: KeptCheckpoints | None = None
    stamps: Stamps | None = None
    every: timedelta = timedelta(hours=1)
    file_failures: int = 0
    """Rounds in which the file could not be written to, one after the other."""
    stamp_failures: int = 0
    _next_stamp: datetime | None = field(default=None)

    def round(self, database: Database, actor: Actor) -> None:
        """Write down what the file lacks, and have the newest checkpoint stamped when it is time."""
        if self.kept is not None:
            self.file_failures = self._tried(
                "checkpoint file", self.file_failures, lambda: self._keep(database, actor)
            )
        now = database.clock()
        if (
            self.stamps is None
            or not self.stamps.url
            or (self._next_stamp is not None and now < self._next_stamp)
        ):
            return
        before = self.stamp_failures
        self.stamp_failures = self._tried(
            "time-stamp authority", before, lambda: self._stamp(database, actor)
        )
        self._next_stamp = now + (min(RETRY, self.every) if self.stamp_failures else self.every)
        if before == 0 < self.stamp_failures:
            with database.write(actor) as tx:
                tx.record("log.stamp_missed", outcome="failure")

    def stamp_age_seconds(self, now: datetime) -> float | None:
        """How long ago the newest time-stamp that is kept was fetched, by its file; None where there is none."""
        if self.stamps is None:
            return None
        times = [file.stat().st_mtime for file in self.stamps.folder.glob("*.tst")]
        return max(0.0, now.timestamp() - max(times)) if times else None

    def _keep(self, database: Database, actor: Actor) -> None:
        assert self.kept is not None
        with database.read(actor) as tx:
            self.kept.catch_up(tx.session)

    def _stamp(self, database: Database, actor: Actor) -> None:
        assert self.stamps is not None
        with database.read(actor) as tx:
            checkpoint = newest(tx.session)
        if checkpoint and not (self.stamps.folder / f"{name_of(checkpoint)}.tst").exists():
            self.stamps.ask(checkpoint)

    @staticmethod
    def _tried(what: str, failures: int, work: Callable[[], None]) -> int:
        try:
            work()
            return 0
        except (OSError, StorageError) as error:
            code = getattr(error, "code", type(error).__name__)
            log.warning("an anchor was not reached", what=what, code=code, times=failures + 1)
            return failures + 1


def newest(session: Session) -> bytes | None:
    """The bytes of the newest checkpoint of the open log."""
    query = select(AuditCheckpointRow.body).join(
        AuditHeadRow, AuditHeadRow.sealed_size == AuditCheckpointRow.size
    )
    return session.execute(query).scalar_one_or_none()


def open_anchors(settings: Settings) -> Anchors:
    """What the settings name; raises ValueError, KeyMissing."""
    kept = KeptCheckpoints(settings.checkpoint_file) if settings.checkpoint_file else None
    return Anchors(kept, open_stamps(settings), timedelta(hours=settings.stamp_hours))


def open_stamps(settings: Settings) -> Stamps | None:
    """The folder of time-stamps; None where no roots are named. raises: ValueError, KeyMissing"""
    if settings.stamp_roots is None:
        if settings.stamp_url:
            raise ValueError(
                "DRAGONFLY_STAMP_URL wants DRAGONFLY_STAMP_ROOTS: a time-stamp nobody vouches for is none."
            )
        return None
    return Stamps(stamp_folder(settings), settings.stamp_roots, settings.stamp_url)


def stamp_folder(settings: Settings) -> Path:
    """Where tokens lie."""
    return settings.data_dir / "stamps"
