"""A receipt: one entry, and some twenty hashes that lead from it to a tree hash that was signed.

Whoever holds one proves with the public key alone that this entry stands in the record, without the record. The
same for a beginning of the record whose tree hash somebody has, off a paper say: that today's record continues it.
A receipt that would not hold is not given.
"""

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import LargeBinary, func, literal, select
from sqlalchemy.orm import Session

from storage.audit.canonical import canonical
from storage.audit.merkle import Frontier, leaf_hash, node_hash
from storage.audit.proofs import Subtree, consistency, inclusion, split
from storage.errors import ChainBroken, NotFound
from storage.rows import AuditCheckpointRow, AuditEventRow, AuditHeadRow
from storage.verifier import CLEAN, CONTINUATION, RECEIPT, verify_lines

if TYPE_CHECKING:
    from storage.database import Actor, Database

TILE = 256
"""Entries of one remembered subtree; a power of two, so that every larger subtree is made of whole ones."""
AT_ONCE = 64 * TILE
"""Entries asked for together."""


class Tiles:
    """The tree hashes of whole blocks of 256 entries, read once for the life of a process.

    Entries never change, so neither do these; 125 kB for a million entries. A table of them would be one more thing
    to keep whole, and the first receipt of a process has to read the record once.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._log, self._hashes = "", list[bytes]()

    def of(self, session: Session, log: str, size: int) -> list[bytes]:
        """Those of the first `size` entries of this log."""
        with self._gate:
            if self._log != log:
                self._log, self._hashes = log, []
            end = size // TILE * TILE
            for start in range(len(self._hashes) * TILE, end, AT_ONCE):
                leaves = _leaves(session, start, min(end, start + AT_ONCE))
                self._hashes += [_root(leaves[i : i + TILE]) for i in range(0, len(leaves), TILE)]
            return self._hashes[: size // TILE]

    def forget(self) -> None:
        """After a proof that does not hold: they may have been read from a record that was bent."""
        with self._gate:
            self._log, self._hashes = "", []


def receipt(database: "Database", actor: "Actor", seq: int) -> bytes:
    """A line that proves that this entry stands in the record of now; that it was given is an entry itself.

    raises: NotFound, ChainBroken
    """
    with database.write(actor) as tx:
        if tx.session.get(AuditEventRow, seq) is None:
            raise NotFound(object="entry")
        tx.record("audit.receipt", object_type="entry", object_id=str(seq))
    database.seal_log()
    with database.read(actor) as tx:
        told, subtree = _signed(tx.session, database.tiles)
        line = _receipt(told, subtree, json.loads(tx.session.get_one(AuditEventRow, seq).body))
    return _held(database, line)


def continuation(database: "Database", actor: "Actor", old: int) -> bytes:
    """A line that proves that the record of now continues its first `old` entries; an entry itself.

    raises: NotFound when there were never so many, ChainBroken
    """
    with database.write(actor) as tx:
        if not 0 < old <= tx.session.execute(select(AuditHeadRow.size)).scalar_one():
            raise NotFound(object="entry")
        tx.record("audit.receipt", object_type="size", object_id=str(old))
    database.seal_log()
    with database.read(actor) as tx:
        line = _continuation(*_signed(tx.session, database.tiles), old)
    return _held(database, line)


def of_closed(
    database: "Database", actor: "Actor", file: Path, number: int, *, continues: bool = False
) -> bytes:
    """The same out of the file of a closed log, up to its last checkpoint; an entry of the open one.

    raises: NotFound, ChainBroken when the file is no log or does not hold, OSError
    """
    leaves, entry, signed = list[bytes](), None, None
    try:
        with file.open("rb") as lines:
            for part in map(json.loads, lines):
                if "body" in part:
                    entry = part["body"] if len(leaves) == number else entry
                    leaves.append(leaf_hash(canonical(part["body"])))
                elif "checkpoint" in part:
                    signed = {"checkpoint": part["checkpoint"], "signature": part["signature"]}
    except (ValueError, TypeError, KeyError) as error:
        raise ChainBroken(reason="no closed log") from error
    size = signed["checkpoint"]["size"] if signed else 0
    if signed is None or not (0 < number <= size if continues else 0 <= number < size):
        raise NotFound(object="entry")

    def subtree(first: int, last: int) -> bytes:
        return _root(leaves[first:last])

    with database.write(actor) as tx:
        kind = "size" if continues else "entry"
        tx.record(
            "audit.receipt", object_type=kind, object_id=str(number), of_log=signed["checkpoint"]["log"]
        )
    line = _continuation(signed, subtree, number) if continues else _receipt(signed, subtree, entry)
    return _held(database, line)


def _receipt(told: dict[str, Any], subtree: Subtree, entry: Any) -> tuple[bytes, dict[int, str]]:
    proof = [one.hex() for one in inclusion(subtree, entry["seq"], told["checkpoint"]["size"])]
    return canonical({"format": RECEIPT, "entry": entry, "proof": proof, **told}) + b"\n", {}


def _continuation(told: dict[str, Any], subtree: Subtree, old: int) -> tuple[bytes, dict[int, str]]:
    proof = [one.hex() for one in consistency(subtree, old, told["checkpoint"]["size"])]
    line = canonical({"format": CONTINUATION, "size": old, "proof": proof, **told}) + b"\n"
    return line, {old: subtree(0, old).hex()}


def _signed(session: Session, tiles: Tiles) -> tuple[dict[str, Any], Subtree]:
    """The newest checkpoint with its signature, and the hashes of subtrees below it."""
    # As the head knows it: one may have been signed since this reading began.
    head = session.execute(select(AuditHeadRow)).scalar_one()
    row = session.execute(
        select(AuditCheckpointRow).where(AuditCheckpointRow.size == head.sealed_size)
    ).scalar_one_or_none()
    if row is None:
        raise ChainBroken(reason="no checkpoint")
    whole = tiles.of(session, head.log, row.size)

    def subtree(first: int, last: int) -> bytes:
        if last - first == TILE:
            return whole[first // TILE]
        if last - first < TILE:
            return _root(_leaves(session, first, last))
        middle = first + split(last - first)
        return node_hash(subtree(first, middle), subtree(middle, last))

    return {"checkpoint": json.loads(row.body), "signature": row.sig.hex()}, subtree


def _leaves(session: Session, first: int, last: int) -> list[bytes]:
    if first == last:
        return []
    if session.get_bind().dialect.name == "postgresql":
        # 32 bytes come over the wire in place of eight hundred.
        leaf: Any = func.sha256(literal(b"\x00").op("||")(AuditEventRow.body), type_=LargeBinary)
    else:
        leaf = AuditEventRow.body
    query = (
        select(leaf).where(AuditEventRow.seq >= first, AuditEventRow.seq < last).order_by(AuditEventRow.seq)
    )
    with session.execute(query) as rows:
        found = [value if leaf is not AuditEventRow.body else leaf_hash(value) for (value,) in rows]
    if len(found) != last - first:
        raise ChainBroken(reason="entries missing")
    return found


def _root(leaves: list[bytes]) -> bytes:
    tree = Frontier()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()


def _held(database: "Database", made: tuple[bytes, dict[int, str]]) -> bytes:
    line, anchors = made
    if verify_lines(iter([line]), database.audit_keys.public_pem, anchors=anchors).status != CLEAN:
        database.tiles.forget()
        raise ChainBroken(reason="the proof does not hold")
    return line
