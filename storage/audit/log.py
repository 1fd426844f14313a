"""Appending to the log: chain each entry, grow the tree, sign a checkpoint when it is due.

Called last in a transaction, under the lock of the one head row, so that entries stand in the order in
which their changes commit, and a change and its entries commit together or not at all.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from storage.audit.canonical import canonical
from storage.audit.keys import AuditKeys
from storage.audit.merkle import Frontier, leaf_hash
from storage.audit.witness import Standing
from storage.errors import ChainBroken
from storage.rows import AuditCheckpointRow, AuditEventRow, AuditHeadRow, AuditIndexRow

CHECKPOINT_ENTRIES = 1000
CHECKPOINT_AGE = timedelta(seconds=60)
# Clocks of two machines differ a little; more than this is said in the entry, and the verifier demands it.
CLOCK_TOLERANCE = timedelta(seconds=2)
START = b"\x00" * 32


@dataclass(frozen=True, slots=True)
class Position:
    """Where an entry stands: its number, the log it is in and the digest of its bytes."""

    log: str
    seq: int
    leaf: str


@dataclass(frozen=True, slots=True)
class Appended:
    """Where the entries and the whole log stand, and the epoch of the chain key once this commits."""

    positions: tuple[Position, ...]
    standing: Standing
    epoch: int
    sealed: bool


def open_log(session: Session, keys: AuditKeys, now: datetime) -> bool:
    """Make the head of a new log, or check that an existing one has its key here; returns whether it is new.

    raises: KeyMissing
    """
    head = session.get(AuditHeadRow, 1)
    if head is not None:
        keys.chain(head.epoch)
        keys.destroy_before(head.epoch)
        return False
    keys.chain(0)
    session.add(
        AuditHeadRow(
            id=1,
            log=uuid.uuid4().hex,
            size=0,
            epoch=0,
            front=b"",
            mac=START,
            sealed_size=0,
            sealed_at=now,
            sealed_digest="",
            last_at=None,
        )
    )
    session.flush()
    return True


def standing(session: Session) -> Standing:
    """Where the log stands now; raises ChainBroken."""
    head = session.get(AuditHeadRow, 1)
    if head is None:
        raise ChainBroken(reason="no head")
    return Standing(head.log, head.size, _frontier(session, head).root().hex())


def append(session: Session, keys: AuditKeys, entries: Sequence[dict[str, Any]], now: datetime) -> Appended:
    """Write the entries at the end of the log; raises ChainBroken, KeyMissing."""
    head = _locked_head(session)
    tree, mac, key = _frontier(session, head), head.mac, keys.chain(head.epoch)
    positions, events, index = [], [], []
    for entry in entries:
        seq = tree.size
        body = canonical({**entry, **_behind(head.last_at, now), "log": head.log, "seq": seq})
        leaf = leaf_hash(body)
        mac = chained(key, mac, seq, leaf)
        events.append({"seq": seq, "epoch": head.epoch, "body": body, "mac": mac})
        index.append(_index(seq, entry, now))
        tree.add(leaf)
        positions.append(Position(head.log, seq, leaf.hex()))
    session.execute(insert(AuditEventRow), events)
    session.execute(insert(AuditIndexRow), index)
    head.size, head.front, head.mac = tree.size, tree.packed(), mac
    head.last_at = max(head.last_at or now, now)
    before = head.epoch
    if tree.size - head.sealed_size >= CHECKPOINT_ENTRIES or now - head.sealed_at >= CHECKPOINT_AGE:
        seal_log(session, keys, now, head)
    session.flush()
    standing = Standing(head.log, tree.size, tree.root().hex())
    return Appended(tuple(positions), standing, head.epoch, head.epoch != before)


def chained(key: bytes, previous: bytes, seq: int, leaf: bytes) -> bytes:
    """The chain value of an entry: HMAC-SHA256 over the one before, its number and its leaf hash."""
    return hmac.new(key, previous + seq.to_bytes(8, "big") + leaf, hashlib.sha256).digest()


def seal_log(session: Session, keys: AuditKeys, now: datetime, head: AuditHeadRow | None = None) -> int:
    """Sign how long the log is and what its tree hash is, and move the chain key on.

    returns: the epoch that counts once this commits; keys before it can then be destroyed
    """
    head = head or _locked_head(session)
    if head.size > head.sealed_size:
        body = canonical(
            {
                "log": head.log,
                "size": head.size,
                "root": _frontier(session, head).root().hex(),
                "time": stamp(now),
                "epoch": head.epoch,
                "previous": head.sealed_digest,
            }
        )
        session.add(AuditCheckpointRow(size=head.size, body=body, sig=keys.sign(body)))
        keys.prepare_next(head.epoch)
        head.epoch += 1
        head.sealed_size, head.sealed_digest = head.size, hashlib.sha256(body).hexdigest()
        head.sealed_at = now
        session.flush()
    return head.epoch


def stamp(moment: datetime) -> str:
    """UTC with microseconds, always of the same length."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def rebuild_index(session: Session) -> int:
    """Make the search table again from the entries; returns how many."""
    session.execute(delete(AuditIndexRow))
    rows = session.execute(select(AuditEventRow.seq, AuditEventRow.body).order_by(AuditEventRow.seq)).all()
    for seq, body in rows:
        entry = json.loads(body)
        session.execute(insert(AuditIndexRow), [_index(seq, entry, datetime.fromisoformat(entry["time"]))])
    return len(rows)


def _locked_head(session: Session) -> AuditHeadRow:
    head = session.execute(
        select(AuditHeadRow)
        .where(AuditHeadRow.id == 1)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if head is None:
        raise ChainBroken(reason="no head")
    return head


def _frontier(session: Session, head: AuditHeadRow) -> Frontier:
    # An entry on top of a head that was bent, or of a tail that was cut, would bury the damage.
    last = session.execute(
        select(AuditEventRow.mac).where(AuditEventRow.seq == head.size - 1)
    ).scalar_one_or_none()
    if (last if head.size else START) != head.mac:
        raise ChainBroken(size=head.size)
    try:
        return Frontier(head.size, head.front)
    except ValueError as error:
        raise ChainBroken(size=head.size) from error


def _behind(last: datetime | None, now: datetime) -> dict[str, int]:
    behind = last - now if last else timedelta(0)
    return {"clock_back_s": round(behind.total_seconds())} if behind > CLOCK_TOLERANCE else {}


def _index(seq: int, entry: dict[str, Any], now: datetime) -> dict[str, Any]:
    thing, waited = entry.get("object") or {}, entry.get("spooled")
    return {
        "seq": seq,
        # What waited in a spool is searched for by when it was done.
        "time": datetime.fromisoformat(waited["time"]) if waited else now,
        "actor": entry["actor"]["id"],
        "role": entry["actor"]["role"],
        "action": entry["action"],
        "outcome": entry["outcome"],
        "subject": entry.get("subject"),
        "object_type": thing.get("type"),
        "object_id": thing.get("id"),
    }
