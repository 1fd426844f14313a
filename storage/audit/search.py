"""Finding entries: by person, action, subject and time; newest first."""

import json
from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import NullPool, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

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
