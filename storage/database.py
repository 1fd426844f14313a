"""The only ways to the tables: `read()`, `look(actor)` and `write(actor)`.

A change cannot be made without saying who made it, and cannot be committed without saying what it was.
One change runs at a time, on both databases and over all processes: it holds the lock of the log's head from
its beginning, so what it read is still so when it commits. Whatever takes long (sealing a file, checking a
password, asking the model) therefore happens outside. Reading needs no lock: that somebody looked is committed
together with all who looked meanwhile, before anything of it is shown.
SQLite runs with WAL and synchronous=FULL: with NORMAL an acknowledged audit entry can be lost in a power cut.
"""

import errno
import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolEmpty
from sqlalchemy.orm import Session

from storage.audit.actions import ACTIONS
from storage.audit.canonical import canonical
from storage.audit.committer import Committer, Entry
from storage.audit.export import export
from storage.audit.keys import AuditKeys
from storage.audit.log import Appended, Position, append, open_log, seal_log, stamp, standing
from storage.audit.receipts import Tiles
from storage.audit.renewal import Reason, Renewed, renew
from storage.audit.spool import Spool
from storage.audit.witness import Line, SpoolStanding, Witness
from storage.engines import make_engine, refuse_lossy
from storage.errors import (
    Conflict,
    DatabaseAway,
    DiskFull,
    KeyMissing,
    StorageError,
    Unreadable,
    UnrecordedChange,
    WitnessAway,
)
from storage.rows import (
    AuditEventRow,
    AuditHeadRow,
    PatientKeyRow,
    PatientRow,
    SessionRow,
    SignInTryRow,
    TokenRow,
    UploadRow,
    WorkerRow,
)
from storage.sealing import Keyring, derived, seal, unseal

# A process that hangs inside a change must not hold everybody else for ever.
POSTGRESQL_LIMITS = (
    "SET LOCAL synchronous_commit TO on; SET LOCAL lock_timeout TO '30s'; "
    "SET LOCAL idle_in_transaction_session_timeout TO '60s'; "
)
POSTGRESQL_LOCK = "SELECT 1 FROM audit_head WHERE id = 1 FOR UPDATE"
# Any fixed number: the first processes of an installation start its log one after the other.
POSTGRESQL_START_LOCK = "SELECT pg_advisory_xact_lock(7302190)"
READ_ONLY = "25006"
"""PostgreSQL's code for a change where nothing may be changed."""
HOUSEKEEPING = {SessionRow, SignInTryRow, TokenRow, UploadRow, WorkerRow}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a person by id, or a part of the system by name; the session only as a digest."""

    id: str
    role: str
    session: str | None = None
    ip: str | None = None
    auth: str | None = None


def new_id() -> str:
    """An id that cannot be guessed."""
    return uuid.uuid4().hex


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Tx:
    """One reading or one change: the session, who, when, and what will be recorded of it."""

    session: Session
    actor: Actor
    now: datetime
    keyring: Keyring
    entries: list[dict[str, Any]] = field(default_factory=list)
    positions: tuple[Position, ...] = ()
    cause: str | None = None
    """The emergency access under which a patient is seen; what is recorded from then on names it."""
    _keys: dict[str, bytes] = field(default_factory=dict)

    def record(
        self,
        action: str,
        *,
        subject: str | None = None,
        object_type: str | None = None,
        object_id: str | None = None,
        outcome: str = "success",
        before: str | None = None,
        after: str | None = None,
        reason: str | None = None,
        **facts: Any,
    ) -> None:
        """Say what this change is. Facts are ids, counts and digests: never a name, a date of birth or free text."""
        if action not in ACTIONS:
            raise ValueError(f"{action} is no action of the audit log.")
        entry: dict[str, Any] = {
            "v": 1,
            "id": new_id(),
            "time": stamp(self.now),
            "action": action,
            "code": ACTIONS[action],
            "outcome": outcome,
            "actor": {
                "id": self.actor.id,
                "role": self.actor.role,
                "session": self.actor.session,
                "auth": self.actor.auth,
                "ip": self.actor.ip,
            },
            "subject": subject,
            "object": {"type": object_type, "id": object_id, "sha256_before": before, "sha256_after": after},
            "reason": reason,
        }
        if self.cause is not None:
            entry["cause"] = self.cause
        entry.update(facts)
        self.entries.append(entry)

    def patient_key(self, patient_id: str) -> bytes:
        """The patient's key; raises Unreadable once it was destroyed."""
        if patient_id not in self._keys:
            row = self.session.get(PatientKeyRow, patient_id)
            if row is None:
                raise Unreadable(patient="erased")
            self._keys[patient_id] = self.keyring.patient_key(patient_id, row.wrapped)
        return self._keys[patient_id]

    def remember_key(self, patient_id: str, key: bytes) -> None:
        """A key that was just made in this change."""
        self._keys[patient_id] = key

    def remember_wrapped(self, patient_id: str, wrapped: bytes) -> None:
        """A wrapped key that was read along with other rows; raises Unreadable."""
        if patient_id not in self._keys:
            self._keys[patient_id] = self.keyring.patient_key(patient_id, wrapped)

    def seal(self, patient_id: str, data: bytes, context: str) -> bytes:
        """Seal a field of a patient; `context` names row and column, so that sealed values cannot be swapped."""
        return seal(self.patient_key(patient_id), data, context.encode())

    def unseal(self, patient_id: str, sealed: bytes, context: str) -> bytes:
        """Open a field of a patient; raises Unreadable."""
        return unseal(self.patient_key(patient_id), sealed, context.encode())

    def digest(self, patient_id: str, text: str) -> str:
        """A digest for the log that nobody can test guesses against once the patient's key is destroyed."""
        return derived(derived(self.patient_key(patient_id), b"digest"), text.encode()).hex()

    def ref(self, patient_id: str) -> str:
        """The patient's pseudonym, for the audit log."""
        row = self.session.get(PatientRow, patient_id)
        return row.ref if row else ""


class Database:
    """The tables of one installation."""

    def __init__(
        self,
        url: str,
        keyring: Keyring,
        audit_keys: AuditKeys,
        clock: Callable[[], datetime] = utc_now,
        witness: Witness | None = None,
    ):
        self.engine = make_engine(url)
        self.keyring, self.audit_keys, self.clock = keyring, audit_keys, clock
        self._witness = witness
        self._looks = Committer(self._commit_looks)
        self.tiles = Tiles()
        self.spool: Spool | None = None
        """Where emergency readings are written down while the record cannot be; without one they are refused."""
        self.witness_behind = 0
        """Changes since the witness was last reached; the next one it hears of covers them all."""

    def open(self, actor: Actor) -> None:
        """Start the log, or check that its keys and the site key are those it was started with.

        raises: KeyMissing, NotDurable, DatabaseAway, WitnessAway
        """
        self.audit_keys.sign(b"")  # exposed or missing keys are told now, and not at the first checkpoint
        with self._session() as session:
            refuse_lossy(session)
            session.rollback()
            self._begin(session, POSTGRESQL_START_LOCK)
            tx = Tx(session, actor, self.clock(), self.keyring)
            site = self.keyring.pseudonym("site")
            if open_log(session, self.audit_keys, tx.now):
                tx.record("log.opened", site=site)
                append(session, self.audit_keys, tx.entries, tx.now)
            query = select(AuditEventRow.epoch, AuditEventRow.body).where(AuditEventRow.seq == 0)
            epoch, body = session.execute(query).one()
            first = json.loads(body)
            if first.get("site") != site:
                raise KeyMissing(key="site")
            # A process that renewed the log may have died before it put the new first key in its place.
            self.audit_keys.settle(epoch, (first.get("previous") or {}).get("log", ""))
            # After a rotation two files tell the same names: only one opens what is wrapped.
            wrapped = session.execute(select(PatientKeyRow).limit(1)).scalar_one_or_none()
            if wrapped is not None:
                self._opens(wrapped)
            now_standing = standing(session)
            session.commit()
        # Whoever cannot be reached at the start was named wrongly; later it may be a cable.
        self._tell(now_standing)
        if self.witness_behind:
            raise WitnessAway()

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Tx]:
        """Look without recording: for what is no patient's, or is recorded by the caller's own write."""
        with self._session() as session:
            if self.engine.dialect.name == "sqlite":
                # Without it each statement would see another moment.
                session.connection().exec_driver_sql("BEGIN")
            yield Tx(session, actor, self.clock(), self.keyring)
            session.rollback()

    @contextmanager
    def look(self, actor: Actor) -> Iterator[Tx]:
        """Look and record it: what was seen may be shown once this ends without an error, and not before.

        raises: UnrecordedChange without an entry, and when anything is changed; DatabaseAway, DiskFull
        """
        with self._session() as session:
            if self.engine.dialect.name == "sqlite":
                session.connection().exec_driver_sql("BEGIN")

            @sa.event.listens_for(session, "before_flush")
            def _refuse(flushed: Session, *_: Any) -> None:
                if flushed.new or flushed.dirty or flushed.deleted:
                    raise UnrecordedChange(actor=actor.id)

            tx = Tx(session, actor, self.clock(), self.keyring)
            yield tx
            session.flush()
            session.rollback()
        if not tx.entries:
            raise UnrecordedChange(actor=actor.id)
        canonical(tx.entries)  # what cannot be written fails here, and not those who wait beside it
        try:
            tx.positions = self._looks.add(tx.entries)
        except (DatabaseAway, DiskFull) as error:
            # The one exception: whoever opened a patient in an emergency, whose entries say which one.
            if self.spool is None or not all(entry.get("cause") for entry in tx.entries):
                raise
            try:
                name, count = self.spool.append(tx.entries)
            except OSError as failure:
                raise error from failure
            with self.read(actor) as again:
                log = again.session.execute(select(AuditHeadRow.log)).scalar_one()
            self._tell(SpoolStanding(log, name, count))

    @contextmanager
    def write(self, actor: Actor) -> Iterator[Tx]:
        """One change by one person; it commits with its audit entries or not at all.

        raises: UnrecordedChange, Conflict, DatabaseAway, DiskFull
        """
        with self._session() as session:
            self._begin(session, POSTGRESQL_LOCK)
            tx = Tx(session, actor, self.clock(), self.keyring)
            yield tx
            if not tx.entries:
                raise UnrecordedChange(actor=actor.id)
            session.flush()
            appended = append(session, self.audit_keys, tx.entries, tx.now)
            session.commit()
            tx.positions = appended.positions
        self._committed(appended)

    @contextmanager
    def keep_house(self, actor: Actor) -> Iterator[Tx]:
        """Heartbeats, counters and last-seen times, which say nothing anybody did and so need no entry.

        raises: UnrecordedChange when anything else is changed
        """
        with self._session() as session:
            self._begin(session, "")
            tx = Tx(session, actor, self.clock(), self.keyring)
            changed: set[type] = set()

            @sa.event.listens_for(session, "before_flush")
            def _note(flushed: Session, *_: Any) -> None:
                changed.update(type(row) for row in (*flushed.new, *flushed.dirty, *flushed.deleted))

            yield tx
            session.flush()
            if tx.entries or not changed <= HOUSEKEEPING:
                raise UnrecordedChange(actor=actor.id)
            session.commit()

    def seal_log(self) -> None:
        """Sign a checkpoint over what no checkpoint covers yet: each minute, and when the application stops."""
        with self._session() as session:
            self._begin(session, POSTGRESQL_LOCK)
            epoch = seal_log(session, self.audit_keys, self.clock())
            session.commit()
            self.audit_keys.destroy_before(epoch)

    def renew_log(
        self, actor: Actor, reason: Reason, folder: Path, ahead: tuple[int, str] | None = None
    ) -> Renewed:
        """Close the log into a file in this folder and open the next one; raises ChainBroken."""
        with self._session() as session:
            self._begin(session, POSTGRESQL_LOCK)
            tx = Tx(session, actor, self.clock(), self.keyring)
            renewed = renew(tx, self.audit_keys, reason, folder, ahead)
            session.commit()
        self.audit_keys.settle(renewed.appended.epoch, renewed.closed)
        self.audit_keys.destroy_before(renewed.appended.epoch)
        self._tell(renewed.appended.standing)
        return renewed

    def export_log(self, actor: Actor) -> Iterator[bytes]:
        """The whole log as a sealed file, line by line; that it was exported is its last entry or near it."""
        with self.write(actor) as tx:
            tx.record("audit.exported")
        self.seal_log()
        with self.read(actor) as tx:
            yield from export(tx.session, self.audit_keys)

    def scrub(self) -> None:
        """After an erasure: overwrite what the database file keeps of deleted rows."""
        with self._session() as session:
            connection = session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            if self.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            else:
                connection.exec_driver_sql("VACUUM (FULL) patient_keys")

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()
        if self._witness is not None:
            self._witness.close()

    def _opens(self, row: PatientKeyRow) -> None:
        try:
            self.keyring.patient_key(row.patient_id, row.wrapped)
        except Unreadable as error:
            raise KeyMissing(key="site") from error

    def _commit_looks(self, entries: list[Entry]) -> tuple[Position, ...]:
        """Everybody's entries in one change, with the time at which it begins: the log never runs backwards."""
        with self._session() as session:
            self._begin(session, POSTGRESQL_LOCK)
            now = self.clock()
            stamped = [{**entry, "time": stamp(now)} for entry in entries]
            appended = append(session, self.audit_keys, stamped, now)
            session.commit()
        self._committed(appended)
        return appended.positions

    def _committed(self, appended: Appended) -> None:
        if appended.sealed:
            self.audit_keys.destroy_before(appended.epoch)
        self._tell(appended.standing)

    def _tell(self, now: Line) -> None:
        """Let the witness know; one that is away must not stop a ward, so it is counted and shown instead."""
        if self._witness is None:
            return
        try:
            self._witness.note(now)
            self.witness_behind = 0
        except OSError:
            self.witness_behind += 1

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
        except DBAPIError as error:
            raise _translated(error) from error
        except PoolEmpty as error:
            raise DatabaseAway(reason="connections") from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DiskFull() from error
            raise

    def _begin(self, session: Session, postgresql_lock: str) -> None:
        # Readers that become writers could deadlock each other: a change takes the lock at once.
        begin = POSTGRESQL_LIMITS + postgresql_lock
        session.connection().exec_driver_sql(
            "BEGIN IMMEDIATE" if self.engine.dialect.name == "sqlite" else begin
        )


def _translated(error: DBAPIError) -> StorageError:
    words = str(error.orig).lower()
    if "disk is full" in words or "no space left" in words:
        return DiskFull()
    if isinstance(error, IntegrityError) and "unique" in words:
        return Conflict()
    if getattr(error.orig, "sqlstate", "") == READ_ONLY:
        return DatabaseAway(reason="read-only")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return DatabaseAway()
    return StorageError(kind=type(error.orig).__name__)


def sha256_of(text: str | bytes) -> str:
    """The digest that stands in an entry instead of the text."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()
