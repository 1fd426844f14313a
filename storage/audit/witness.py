"""What another host keeps of the log: after each change, how long it is and its tree hash.

An owner of the database can cut away entries that no signed checkpoint covers yet, and nothing in the database
tells. A line kept elsewhere does: it says nothing of any entry, and proves that so many stood there.
The line is written after the change is committed, so a crash in between leaves the witness one change behind,
and the next line covers it. Nothing here waits for a disk: the strength of a witness is that it is elsewhere.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.audit.log_server import LogServer, open_log_server
from storage.errors import WitnessAway

MARK, MARK_OF_SPOOLS = "dragonfly-audit", "dragonfly-spool"
# RFC 5424: facility 13 (log audit), severity 5 (notice).
_PRIORITY = 13 * 8 + 5


@dataclass(frozen=True, slots=True)
class Standing:
    """How long the log is, and the tree hash of that many entries."""

    log: str
    size: int
    root: str

    def line(self) -> str:
        """What the witness keeps; the verifier looks for it anywhere in a line."""
        return f"{MARK} {self.log} {self.size}:{self.root}"


@dataclass(frozen=True, slots=True)
class SpoolStanding:
    """How many emergency readings wait in a spool of this log, known by its name."""

    log: str
    spool: str
    count: int

    def line(self) -> str:
        """What the witness keeps; the verifier asks the log whether they came into it."""
        return f"{MARK_OF_SPOOLS} {self.log} {self.spool} {self.count}"


class Line(Protocol):
    """What a witness keeps."""

    def line(self) -> str:
        """In one line."""
        ...


class Witness(Protocol):
    """Whoever keeps lines out of reach of the database's owner."""

    def note(self, standing: Line) -> None:
        """Keep one; raises OSError when it cannot."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


@dataclass(frozen=True, slots=True)
class FileWitness:
    """A file that only grows, meant to lie on a mount of another host. Many processes may share it."""

    path: Path

    def note(self, standing: Line) -> None:
        """One line in one write, so that those of several processes never mix."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, standing.line().encode() + b"\n")
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Nothing stays open between lines."""


@dataclass(frozen=True, slots=True)
class SyslogWitness:
    """The hospital's log server, in the form of RFC 5424."""

    server: LogServer

    def note(self, standing: Line) -> None:
        """One message, without the time: the server writes its own."""
        message = f"<{_PRIORITY}>1 - {socket.gethostname()} {MARK} - witness - {standing.line()}"
        self.server.send(message.encode())

    def close(self) -> None:
        """End the connection."""
        self.server.close()


def open_witness(place: str) -> Witness | None:
    """A path, `syslog://host:port` or `syslog+tls://host:port`; None where none is named; raises WitnessAway."""
    if not place:
        return None
    server = open_log_server(place)
    if server is not None:
        return SyslogWitness(server)
    if not Path(place).is_absolute():
        raise WitnessAway(reason="neither an absolute path nor the address of a log server")
    return FileWitness(Path(place))
