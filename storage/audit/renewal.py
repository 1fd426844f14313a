"""Closing the log and opening the next one: because it is long, because a copy was restored, or because it was damaged.

A log is never emptied or cut. The old one leaves the database as a file, sealed as any export, and the first entry
of the new one names its id, length, tree hash, the digest of that file, what was found of it, and why. An auditor
verifies both and compares. What the record knows of papers stays in the database: they are asked about for years.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from storage.audit.canonical import canonical
from storage.audit.export import export
from storage.audit.keys import AuditKeys
from storage.audit.log import START, Appended, append, seal_log
from storage.audit.merkle import Frontier
from storage.audit.papers import LEFT, NEWER
from storage.audit.triggers import lifted
from storage.durable import sync_folder
from storage.errors import ChainBroken
from storage.rows import (
    AuditCheckpointRow,
    AuditEventRow,
    AuditHeadRow,
    AuditIndexRow,
    ClosedPaperRow,
)
from storage.verifier import CANNOT_TELL, CLEAN, TAMPERED, verify

if TYPE_CHECKING:
    from storage.database import Tx

Reason = Literal["rotation", "restored", "damaged"]
WORDS = {CLEAN: "clean", TAMPERED: "tampered", CANNOT_TELL: "cannot tell"}
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Renewed:
    """The file of the closed log, what was found of it, and the log that is open now."""

    file: Path
    verdict: str
    closed: str
    opened: str
    appended: Appended


def renew(tx: "Tx", keys: AuditKeys, reason: Reason, folder: Path, ahead: tuple[int, str] | None) -> Renewed:
    """Within one change under the lock of the head; the keys change once it commits (`AuditKeys.settle`).

    folder: where the closed log goes; ahead: size and tree hash by which somebody proves that it was longer
    raises: ChainBroken when the log does not verify and the reason is not that it is damaged
    """
    session = tx.session
    if reason != "damaged":
        tx.record("log.closed", reason=reason)
        append(session, keys, tx.entries, tx.now)
        tx.entries.clear()
        seal_log(session, keys, tx.now)
    head = session.get_one(AuditHeadRow, 1)
    closed, size, epoch = head.log, head.size, head.epoch + 1
    file = folder / f"log-{closed}.jsonl"
    try:
        digest = _write(file, _raw(session) if reason == "damaged" else export(session, keys))
        verdict = _found(file, keys, reason)
        previous = {
            "log": closed,
            "size": size,
            "root": _root(head),
            "file_sha256": digest,
            "verdict": verdict,
            "ahead": {"size": ahead[0], "root": ahead[1]} if ahead else None,
        }
        _keep_papers(session, closed)
        _empty(session, head, epoch, tx.now)
        keys.begin(epoch)
        tx.record("log.opened", reason=reason, site=tx.keyring.pseudonym("site"), previous=previous)
        appended = append(session, keys, tx.entries, tx.now)
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    return Renewed(file, verdict, closed, head.log, appended)


def _found(file: Path, keys: AuditKeys, reason: Reason) -> str:
    """What the closed log is worth; raises ChainBroken when that is not what the reason says."""
    if reason == "damaged":
        return reason
    verdict = verify(file, keys.public_pem).status
    if verdict != CLEAN:
        raise ChainBroken(verdict=WORDS[verdict])
    return WORDS[verdict]


def _empty(session: Session, head: AuditHeadRow, epoch: int, now: datetime) -> None:
    """The tables as a new log finds them."""
    with lifted(session.connection()):
        for table in (AuditEventRow, AuditCheckpointRow, AuditIndexRow):
            session.execute(delete(table))
        head.log, head.size, head.epoch, head.front, head.mac = uuid.uuid4().hex, 0, epoch, b"", START
        head.sealed_size, head.sealed_at, head.sealed_digest, head.last_at = 0, now, "", None
        session.flush()


def _write(file: Path, lines: Iterator[bytes]) -> str:
    # One that lies there already is of an attempt that did not commit: this log was open until now.
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    digest = hashlib.sha256()
    with file.open("xb") as target:
        file.chmod(0o600)
        for line in lines:
            digest.update(line)
            target.write(line)
        target.flush()
    sync_folder(file.parent)
    return digest.hexdigest()


def _raw(session: Session) -> Iterator[bytes]:
    """Everything as it lies there, whether it can be read or not."""
    query = select(AuditEventRow.seq, AuditEventRow.epoch, AuditEventRow.body, AuditEventRow.mac)
    for seq, epoch, body, mac in session.execute(query.order_by(AuditEventRow.seq)):
        yield canonical({"seq": seq, "epoch": epoch, "body": _hex(body), "mac": _hex(mac)}) + b"\n"
    for row in session.execute(select(AuditCheckpointRow).order_by(AuditCheckpointRow.size)).scalars():
        yield canonical({"checkpoint": row.size, "body": _hex(row.body), "signature": _hex(row.sig)}) + b"\n"


def _hex(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else f"not bytes: {type(value).__name__}"


def _root(head: AuditHeadRow) -> str:
    try:
        return Frontier(head.size, head.front).root().hex()
    except ValueError:
        return ""


def _keep_papers(session: Session, log: str) -> None:
    query = (
        select(AuditIndexRow, AuditEventRow.body)
        .join(AuditEventRow, AuditEventRow.seq == AuditIndexRow.seq)
        .where(AuditIndexRow.action.in_((*LEFT, *NEWER)), AuditIndexRow.outcome == "success")
        .order_by(AuditIndexRow.seq)
    )
    rows: list[dict[str, Any]] = []
    for row, body in session.execute(query):
        rows.append(
            {
                "log": log,
                "seq": row.seq,
                "time": row.time,
                "action": row.action,
                "object_id": row.object_id,
                "sha256": _digest(body),
            }
        )
    for start in range(0, len(rows), AT_ONCE):
        session.execute(insert(ClosedPaperRow), rows[start : start + AT_ONCE])


def _digest(body: bytes) -> str | None:
    try:
        found = json.loads(body).get("output_sha256")
    except (AttributeError, TypeError, ValueError):
        return None
    return found if isinstance(found, str) and len(found) == 64 else None
