"""A file that only grows, on a mount that keeps what was written: every checkpoint, with its signature.

A witness hears of every change and keeps no signature; this file holds what was signed, is synced, and may lie where
nobody can take anything back (`chattr +a`, a write-once volume). The verifier reads its lines as those of a witness.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.audit.witness import Standing
from storage.errors import ChainBroken
from storage.rows import AuditCheckpointRow, AuditHeadRow
from storage.verifier import WITNESSED

TAIL_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class KeptCheckpoints:
    """The file; many processes may share it, a checkpoint may then stand in it twice."""

    path: Path

    def catch_up(self, session: Session) -> int:
        """Append what it does not hold of the open log; returns how many checkpoints.

        raises: OSError; ChainBroken when it holds more of this log than the log itself
        """
        head = session.execute(select(AuditHeadRow)).scalar_one()
        size, is_torn = self._last(head.log)
        if size > head.sealed_size:
            raise ChainBroken(size=head.sealed_size, kept=size)
        rows = session.execute(
            select(AuditCheckpointRow)
            .where(AuditCheckpointRow.size > size, AuditCheckpointRow.size <= head.sealed_size)
            .order_by(AuditCheckpointRow.size)
        ).scalars()
        lines = [_line(row, head.log) for row in rows]
        if lines:
            # A line that a power cut tore cannot be taken back; the next one begins on a line of its own.
            self._append(b"\n" * is_torn + b"".join(lines))
        return len(lines)

    def _last(self, log: str) -> tuple[int, bool]:
        """How much of this log it holds, and whether its end is no whole line."""
        try:
            with self.path.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - TAIL_BYTES))
                tail = file.read()
        except FileNotFoundError:
            return 0, False
        *whole, torn = tail.split(b"\n")
        found = [one for one in map(WITNESSED.search, whole) if one and one[1] == log.encode()]
        return max((int(one[2]) for one in found), default=0), bool(torn)

    def _append(self, data: bytes) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        if written < len(data):
            raise OSError("The file of checkpoints took a part of a line only.")


def _line(row: AuditCheckpointRow, log: str) -> bytes:
    root = json.loads(row.body)["root"]
    return b"%b %b %b\n" % (Standing(log, row.size, root).line().encode(), row.body, row.sig.hex().encode())
