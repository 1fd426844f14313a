"""Finding entries: by person, action, subject and time; newest first."""

import json
from collections.abc import Generator, Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import NullPool, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from storage.audit.canonical import canonical
from storage.rows import AuditCheckpointRow, AuditEventRow, AuditHeadRow, AuditIndexRow
from storage.verifier import (
    CANNOT_TELL,
    TAMPERED,
    Broken,
    CannotTell,
    Checker,
    Verdict,
    check_rows,
    digest_of,
)


def find(
    session: Session,
    *,
    actor: str = "",
    action: str = "",
    subject: str = "",
    object_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """At most `limit` entries, newest first; `before` is the number to go on from."""
    query = select(AuditEventRow.body).join(AuditIndexRow, AuditIndexRow.seq == AuditEventRow.seq)
    if actor:
        query = query.where(AuditIndexRow.actor == actor)
    if action:
        query = query.where(AuditIndexRow.action.startswith(action, autoescape=True))
    if subject:
        query = query.where(AuditIndexRow.subject == subject)
    if object_id:
        query = query.where(AuditIndexRow.object_id == object_id)
    if since:
        query = query.where(AuditIndexRow.time >= since)
    if until:
        query = query.where(AuditIndexRow.time < until)
    if before is not None:
        query = query.where(AuditIndexRow.seq < before)
    query = query.order_by(AuditIndexRow.seq.desc()).limit(limit)
    return [json.loads(body) for (body,) in session.execute(query)]


def verify_rows(
    session: Session,
    public_pem: bytes,
    first_key: bytes | None = None,
    anchors: dict[int, str] | None = None,
    witness: Path | None = None,
    paper: Path | None = None,
) -> Verdict:
    """The verdict about the tables of this database, on either kind of it."""
    public = load_pem_public_key(public_pem)
    if not isinstance(public, Ed25519PublicKey):
        return Verdict(CANNOT_TELL, 0, ("Cannot tell: the public key is not an Ed25519 key.",))
    checker = Checker(public, first_key, dict(anchors or {}), witness, digest_of(paper))
    head = session.execute(
        select(AuditHeadRow.log, AuditHeadRow.size, AuditHeadRow.epoch, AuditHeadRow.front, AuditHeadRow.mac)
    ).one_or_none()
    if head is None:
        return Verdict(CANNOT_TELL, 0, ("Cannot tell: there is no log.",))
    started = session.execute(select(AuditEventRow.epoch).where(AuditEventRow.seq == 0)).scalar_one_or_none()
    # As many checkpoints as the head knows of: one may have been signed since it was read.
    checkpoints = (
        select(AuditCheckpointRow.size, AuditCheckpointRow.body, AuditCheckpointRow.sig)
        .order_by(AuditCheckpointRow.size)
        .limit(max(0, head.epoch - (started or 0)))
    )
    sealed = {size: (body, sig) for size, body, sig in session.execute(checkpoints)}
    try:
        end = (head.log, head.size, head.epoch, head.front, head.mac)
        with closing(_events(session, head.size)) as events:
            lines = check_rows(checker, events, sealed, end)
        return Verdict(0, checker.size, lines)
    except Broken as broken:
        return Verdict(TAMPERED, checker.size, (f"First broken: {broken}.",))
    except (CannotTell, OSError) as error:
        return Verdict(CANNOT_TELL, checker.size, (f"Cannot tell: {error}",))


def verify_database(
    url: str,
    public_pem: bytes,
    first_key: bytes | None = None,
    anchors: dict[int, str] | None = None,
    witness: Path | None = None,
    paper: Path | None = None,
) -> Verdict:
    """The verdict about a database as it lies there; nothing is made, migrated or started for it."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
            return Verdict(CANNOT_TELL, 0, ("Cannot tell: there is no database.",))
        with Session(engine) as session:
            return verify_rows(session, public_pem, first_key, anchors, witness, paper)
    except SQLAlchemyError as error:
        return Verdict(CANNOT_TELL, 0, (f"Cannot tell: {type(error).__name__}.",))
    finally:
        engine.dispose()


def checkpoints_in(url: str) -> tuple[str, dict[int, tuple[bytes, datetime]]]:
    """The log of a database, and bytes and time of each of its checkpoints by size."""
    engine = create_engine(url, poolclass=NullPool)
    with Session(engine) as session:
        log = session.execute(select(AuditHeadRow.log)).scalar_one()
        rows = session.execute(select(AuditCheckpointRow.body)).scalars().all()
    engine.dispose()
    return log, _by_size(rows)


def checkpoints_of(file: Path) -> tuple[str, dict[int, tuple[bytes, datetime]]]:
    """The same of an exported log, or of a copy of a SQLite database."""
    with file.open("rb") as lines:
        if lines.read(16) == b"SQLite format 3\x00":
            return checkpoints_in(f"sqlite:///{file}")
        lines.seek(0)
        parts = [json.loads(line) for line in lines if b'"checkpoint":' in line or b'"format":' in line]
    bodies = [canonical(part["checkpoint"]) for part in parts if "signature" in part]
    return parts[0]["log"], _by_size(bodies)


def _by_size(bodies: Iterable[bytes]) -> dict[int, tuple[bytes, datetime]]:
    told = [(body, json.loads(body)) for body in bodies]
    return {one["size"]: (body, datetime.fromisoformat(one["time"])) for body, one in told}


def _events(session: Session, size: int) -> Generator[tuple[int, int, bytes, bytes], None, None]:
    query = (
        select(AuditEventRow.seq, AuditEventRow.epoch, AuditEventRow.body, AuditEventRow.mac)
        .where(AuditEventRow.seq < size)
        .order_by(AuditEventRow.seq)
        .execution_options(yield_per=2000)
    )
    # Closed also when the first broken entry ends the reading: PostgreSQL keeps a cursor open for it.
    with session.execute(query) as rows:
        yield from ((seq, epoch, body, mac) for seq, epoch, body, mac in rows)
