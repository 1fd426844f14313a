"""The log as a file that an auditor takes away: one canonical JSON line for each part, sealed at the end."""

import hashlib
import json
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.audit.canonical import canonical
from storage.audit.keys import AuditKeys
from storage.rows import AuditCheckpointRow, AuditEventRow, AuditHeadRow
from storage.verifier import LOG


def export(session: Session, keys: AuditKeys) -> Iterator[bytes]:
    """Header, entries with the checkpoints between them, and a signature over every byte before it."""
    head = session.execute(select(AuditHeadRow)).scalar_one()
    checkpoints = {
        row.size: row
        for row in session.execute(select(AuditCheckpointRow)).scalars()
        if row.size <= head.size
    }
    digest = hashlib.sha256()
    for line in _lines(session, head, checkpoints):
        digest.update(line)
        yield line
    signature = keys.sign(b"dragonfly-audit-export" + digest.digest())
    yield canonical({"seal": {"sha256": digest.hexdigest(), "signature": signature.hex()}}) + b"\n"


def _lines(
    session: Session, head: AuditHeadRow, checkpoints: dict[int, AuditCheckpointRow]
) -> Iterator[bytes]:
    yield canonical({"format": LOG, "log": head.log, "size": head.size}) + b"\n"
    query = (
        select(AuditEventRow.seq, AuditEventRow.epoch, AuditEventRow.body, AuditEventRow.mac)
        .where(AuditEventRow.seq < head.size)
        .order_by(AuditEventRow.seq)
        .execution_options(yield_per=2000)
    )
    # Closed also when the reader goes away half-way: PostgreSQL keeps a cursor open for it.
    with session.execute(query) as rows:
        for seq, epoch, body, mac in rows:
            yield canonical({"body": json.loads(body), "epoch": epoch, "mac": mac.hex()}) + b"\n"
            if checkpoint := checkpoints.get(seq + 1):
                line = {"checkpoint": json.loads(checkpoint.body), "signature": checkpoint.sig.hex()}
                yield canonical(line) + b"\n"
