"""Is the log as it was written? One file for an auditor: the standard library and `cryptography`, no more.

    python verifier.py LOG --public public.pem [--first-key first-chain.key] [--anchor SIZE:ROOT ...]
                       [--witness lines.txt] [--paper report.pdf]
    python verifier.py RECEIPT --public public.pem [--anchor SIZE:ROOT ...]

It is one file, longer than others, so that it can be copied, read and run without anything else of ours.
LOG is an exported file or a copy of the SQLite database; RECEIPT proves one entry, or that the log of now continues
an anchor, without the log. Exit status: 0 clean, 1 tampered (the first broken
entry is named), 2 cannot tell. The public key proves everything up to the last checkpoint; the escrowed
first key proves every entry; an anchor (size and tree hash, as printed on a report) proves that nothing
before it was cut away; the lines of a witness on another host prove it for every change. Covered: order,
content, times, chain, tree, signatures, the file's every byte; of a paper, that these very bytes left, and
whether another version of it left later. Not covered: what was never recorded.
"""

import argparse
import hashlib
import hmac
import json
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

CLEAN, TAMPERED, CANNOT_TELL = 0, 1, 2
LOG, RECEIPT, CONTINUATION = "dragonfly-audit-1", "dragonfly-receipt-1", "dragonfly-continuation-1"
# The application says from two seconds on; the rest is the rounding of times as floats.
BACKWARDS_SECONDS = 2.001


# Found anywhere in a line: a log server puts its own words before it.
WITNESSED = re.compile(rb"dragonfly-audit ([0-9a-f]{32}) ([0-9]{1,12}):([0-9a-f]{64})")
SPOOLED = re.compile(rb"dragonfly-spool ([0-9a-f]{32}) ([0-9a-f]{32}) ([0-9]{1,9})")


class Broken(Exception):
    """The first thing that is not as it was written."""


class CannotTell(Exception):
    """The log or the keys cannot be read."""


@dataclass(frozen=True)
class Verdict:
    """What was found, as a status and sentences."""

    status: int
    entries: int
    lines: tuple[str, ...]


class Witness:
    """The lines of one log in a file that somebody else kept: a tree hash for each size they saw."""

    def __init__(self, path: Path, log: str, size: int):
        # In a row by size: a million lines as objects would take several times the memory.
        self.roots = bytearray(32 * (size + 1))
        self.largest, self.lines, self.others = 0, 0, 0
        self.spools: dict[str, int] = {}
        with path.open("rb") as file:
            for found in filter(None, map(SPOOLED.search, file)):
                if found[1] == log.encode():
                    name = found[2].decode()
                    self.spools[name] = max(self.spools.get(name, 0), int(found[3]))
            file.seek(0)
            for found in filter(None, map(WITNESSED.search, file)):
                if found[1] != log.encode():
                    self.others += 1
                    continue
                self.lines += 1
                self._keep(int(found[2]), bytes.fromhex(found[3].decode()), size)

    def _keep(self, seen: int, root: bytes, size: int) -> None:
        self.largest = max(self.largest, seen)
        if seen > size:
            return
        place = slice(32 * seen, 32 * seen + 32)
        known = bytes(self.roots[place])
        if any(known) and known != root:
            raise Broken(f"entry {seen - 1} or before: the witness saw two different logs of {seen} entries")
        self.roots[place] = root

    def contradicts(self, size: int, root: bytes) -> bool:
        """Whether it saw another tree hash at this size."""
        seen = self.roots[32 * size : 32 * size + 32]
        return any(seen) and seen != root


@dataclass
class Checker:
    """Everything that must hold, entry by entry."""

    public: Ed25519PublicKey
    first_key: bytes | None
    anchors: dict[int, str]
    witness_file: Path | None = None
    paper: str = ""
    """SHA-256 of a paper that is asked about."""
    witness: Witness | None = None
    paper_left: list[tuple[int, str, str]] = field(default_factory=list)
    """Where it left: entry, time, and which report it is of."""
    last_left: dict[str, int] = field(default_factory=dict)
    """The last entry in which a paper of that report left, or it was added to."""
    log: str | None = None
    size: int = 0
    epoch: int = 0
    sealed: int = 0
    mac: bytes = b"\x00" * 32
    previous: str = ""
    latest: float = 0.0
    follows: Any = None
    """What the first entry says of the log before this one."""
    because: Any = None
    clock_back: list[int] = field(default_factory=list)
    spooled: int = 0
    bent_spools: list[int] = field(default_factory=list)
    taken: dict[str, int] = field(default_factory=dict)
    """Emergency readings that came into the log, by the spool that they waited in."""
    tree: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = self.first_key

    def begin(self, log: Any, size: Any) -> None:
        """Which log it is, and how long it says it is."""
        if not isinstance(log, str) or not isinstance(size, int) or not 0 <= size < 1 << 32:
            raise Broken("header: says neither which log it is nor how long")
        self.log = log
        if self.witness_file:
            self.witness = Witness(self.witness_file, log, size)

    def entry(self, epoch: int, body: bytes, mac: bytes) -> None:
        """One entry in its place."""
        name = f"entry {self.size}"
        record = self._record(body, name)
        if record.get("seq") != self.size:
            raise Broken(f"{name}: stands in the place of entry {record.get('seq')}")
        self.log = self.log or record.get("log")
        if record.get("log") != self.log:
            raise Broken(f"{name}: belongs to another log")
        if not isinstance(mac, bytes) or len(mac) != 32:
            raise Broken(f"{name}: has no chain value")
        if self.size == 0 and isinstance(epoch, int):
            # A log that follows another goes on counting keys where that one ended.
            self.epoch, self.follows = epoch, record.get("previous")
            self.because = record.get("reason")
        if epoch != self.epoch:
            raise Broken(f"{name}: carries the key number {epoch}, not {self.epoch}")
        leaf = hashlib.sha256(b"\x00" + body).digest()
        if self.key is not None:
            chain = self.mac + self.size.to_bytes(8, "big") + leaf
            if not hmac.compare_digest(hmac.new(self.key, chain, hashlib.sha256).digest(), mac):
                raise Broken(f"{name}: does not continue the chain")
        self._time(record, name)
        self._paper(record)
        self._spooled(record)
        self.mac = mac
        self._grow(leaf)
        anchor = self.anchors.get(self.size)
        if anchor is not None and anchor != self._root().hex():
            raise Broken(f"entry {self.size - 1} or before: the tree hash is not that of the anchor")
        if self.witness and self.witness.contradicts(self.size, self._root()):
            raise Broken(f"entry {self.size - 1} or before: the witness saw something else")

    def checkpoint(self, size: int, body: bytes, signature: bytes) -> None:
        """A signed statement about everything before it."""
        name = f"checkpoint {size}"
        record = self._record(body, name)
        try:
            self.public.verify(signature, body)
        except (InvalidSignature, TypeError):
            raise Broken(f"{name}: its signature does not hold") from None
        expected = {
            "size": self.size,
            "root": self._root().hex(),
            "log": self.log,
            "epoch": self.epoch,
            "previous": self.previous,
        }
        if size != self.size:
            raise Broken(f"{name}: stands after entry {self.size - 1}")
        for what, value in expected.items():
            if record.get(what) != value:
                raise Broken(f"entry {self.sealed} to {self.size - 1}: not what {name} signed ({what})")
        self.previous = hashlib.sha256(body).hexdigest()
        self.sealed, self.epoch = self.size, self.epoch + 1
        if self.key is not None:
            self.key = hashlib.sha256(b"evolve" + self.key).digest()

    def end(self) -> tuple[str, ...]:
        """What was proved, and what was not."""
        missing = [size for size in self.anchors if size > self.size]
        if missing:
            raise Broken(f"entry {self.size}: missing, an anchor proves that there were {max(missing)}")
        if self.witness and self.witness.largest > self.size:
            raise Broken(
                f"entry {self.size}: missing, the witness proves that there were {self.witness.largest}"
            )
        for name, count in self.witness.spools.items() if self.witness else ():
            if (came := self.taken.get(name, 0)) < count:
                said = f"of {count} emergency readings that the witness heard of, {came} are in the log (spool {name})"
                if came:
                    raise Broken(said)
                raise CannotTell(f"{said}; the others wait, or were removed.")
        lines = [f"{self.size} entries, sealed by signed checkpoints up to entry {self.sealed}."]
        if self.key is None and self.sealed < self.size:
            lines.append(
                f"The last {self.size - self.sealed} entries need the escrowed first key to be proved."
            )
        if isinstance(self.follows, dict):
            told = {name: self.follows.get(name) for name in ("log", "size", "root", "verdict", "ahead")}
            lines.append(
                f"It follows log {told['log']} of {told['size']} entries with tree hash {told['root']}, "
                f"which was {told['verdict']}; reason: {self.because}."
            )
            if told["ahead"]:
                lines.append(f"Somebody proved that the log before was longer: {told['ahead']}.")
        if self.clock_back:
            lines.append(
                f"The clock stood behind an earlier entry {len(self.clock_back)} times, first in entry "
                f"{self.clock_back[0]}; the entries say so themselves."
            )
        if self.spooled:
            lines.append(
                f"{self.spooled} emergency readings were written down elsewhere first, because the log could not be "
                "written to; each says when it was."
            )
        if self.bent_spools:
            lines.append(
                f"What was written down elsewhere was not all there, or was altered, before it came into the log: see "
                f"entry {', '.join(map(str, self.bent_spools))}."
            )
        if self.witness:
            lines.append(
                f"The witness saw this log {self.witness.lines} times, the last time with "
                f"{self.witness.largest} entries; {self.witness.others} of its lines are of other logs."
            )
        lines += self._about_the_paper()
        lines.append(f"Tree hash {self._root().hex()} at size {self.size}.")
        return tuple(lines)

    def _spooled(self, record: dict[str, Any]) -> None:
        mark = record.get("spooled")
        if isinstance(mark, dict):
            self.spooled += 1
            self.taken[str(mark.get("spool"))] = self.taken.get(str(mark.get("spool")), 0) + 1
        if record.get("action") == "spool.taken_in" and record.get("outcome") != "success":
            self.bent_spools.append(self.size)

    def _paper(self, record: dict[str, Any]) -> None:
        action, thing = record.get("action"), record.get("object")
        if not self.paper or not isinstance(thing, dict):
            return
        of = f"{thing.get('type')} {thing.get('id')}"
        if record.get("output_sha256") == self.paper:
            self.paper_left.append((self.size, str(record.get("time")), of))
        elif action in ("report.addendum", "report.signed"):
            self.last_left[of] = self.size

    def _about_the_paper(self) -> list[str]:
        if not self.paper:
            return []
        if not self.paper_left:
            raise Broken(
                f"the paper with SHA-256 {self.paper} never left: it was altered, or is of another log"
            )
        seq, time, of = self.paper_left[-1]
        later = self.last_left.get(of, -1)
        newer = (
            f" It is superseded: the report was signed or added to in entry {later}." if later > seq else ""
        )
        return [f"The paper left as it is, in entry {seq} at {time}.{newer}"]

    def _record(self, body: bytes, name: str) -> dict[str, Any]:
        try:
            record = json.loads(body)
            exact = canonical(record) == body
        except (TypeError, ValueError, RecursionError):
            raise Broken(f"{name}: cannot be read") from None
        if not isinstance(record, dict) or not exact:
            raise Broken(f"{name}: is not written in the canonical form")
        return record

    def _time(self, record: dict[str, Any], name: str) -> None:
        try:
            time = datetime.fromisoformat(record["time"]).timestamp()
        except (KeyError, TypeError, ValueError):
            raise Broken(f"{name}: its time cannot be read") from None
        # An entry written while the clock stood behind says by how much, so that it cannot be added later.
        behind, said = self.latest - time, record.get("clock_back_s", 0)
        if not isinstance(said, int) or (said == 0 and behind > BACKWARDS_SECONDS):
            raise Broken(f"{name}: its time runs backwards")
        if said and abs(said - behind) > 1:
            raise Broken(f"{name}: its time is not what it says of its clock")
        if said:
            self.clock_back.append(self.size)
        self.latest = max(self.latest, time)

    def _grow(self, node: bytes) -> None:
        carry = self.size
        while carry & 1:
            node = hashlib.sha256(b"\x01" + self.tree.pop() + node).digest()
            carry >>= 1
        self.tree.append(node)
        self.size += 1

    def _root(self) -> bytes:
        if not self.tree:
            return hashlib.sha256(b"").digest()
        root = self.tree[-1]
        for left in reversed(self.tree[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root


def canonical(value: Any) -> bytes:
    """The one way to write a record."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def check_rows(
    checker: Checker,
    events: Iterable[tuple[int, int, bytes, bytes]],
    checkpoints: dict[int, tuple[bytes, bytes]],
    head: tuple[str, int, int, bytes, bytes],
) -> tuple[str, ...]:
    """A database: entries (seq, epoch, body, mac), checkpoints by size (body, sig), and its head
    (log, size, epoch, frontier, mac)."""
    checker.begin(head[0], head[1])
    for seq, epoch, body, mac in events:
        if seq != checker.size:
            raise Broken(f"entry {checker.size}: missing")
        checker.entry(epoch, body, mac)
        if checker.size in checkpoints:
            checker.checkpoint(checker.size, *checkpoints[checker.size])
    beyond = [size for size in checkpoints if size > checker.size]
    if beyond:
        raise Broken(f"entry {checker.size}: missing, a checkpoint was signed over {max(beyond)}")
    if head[1] != checker.size:
        raise Broken(f"entry {min(head[1], checker.size)}: the head of the log says {head[1]} entries")
    if head[2:] != (checker.epoch, b"".join(checker.tree), checker.mac):
        raise Broken(f"entry {checker.size - 1}: the head of the log does not continue it")
    return checker.end()


def check_export(checker: Checker, data: Iterator[bytes]) -> tuple[str, ...]:
    """An exported file, line by line; every byte of it is covered."""
    digest = hashlib.sha256()
    header = _line(next(data, b""), "header")
    if header.get("format") in (RECEIPT, CONTINUATION):
        return check_proof(checker, header, data)
    if set(header) != {"format", "log", "size"} or header["format"] != LOG:
        raise Broken("header: is not that of an exported log")
    checker.begin(header["log"], header["size"])
    digest.update(canonical(header) + b"\n")
    for raw in data:
        name = f"entry {checker.size}"
        line = _line(raw, name)
        if "seal" in line:
            _check_seal(checker, line, digest)
            if next(data, None) is not None:
                raise Broken("seal: something follows the end")
            if header["size"] != checker.size:
                raise Broken(f"header: says {header['size']} entries, there are {checker.size}")
            return checker.end()
        digest.update(raw)
        if set(line) == {"body", "epoch", "mac"}:
            checker.entry(line["epoch"], canonical(line["body"]), _unhex(line["mac"], name))
        elif set(line) == {"checkpoint", "signature"}:
            body = canonical(line["checkpoint"])
            checker.checkpoint(checker.size, body, _unhex(line["signature"], f"checkpoint {checker.size}"))
        else:
            raise Broken(f"{name}: is no part of an exported log")
    raise Broken(f"entry {checker.size}: the file ends before its seal")


def check_proof(checker: Checker, told: dict[str, Any], rest: Iterator[bytes]) -> tuple[str, ...]:
    """A receipt or a continuation: hashes that lead to a tree hash that was signed (RFC 6962 2.1.1, 2.1.2)."""
    what = "receipt" if told["format"] == RECEIPT else "continuation"
    if checker.witness_file or checker.paper or checker.first_key:
        raise CannotTell(f"a {what} is checked with the public key and anchors; the rest needs the log.")
    if next(rest, None) is not None:
        raise Broken(f"{what}: something follows the end")
    own = {"entry"} if what == "receipt" else {"size"}
    if set(told) != {"format", "checkpoint", "signature", "proof"} | own or not isinstance(
        told["proof"], list
    ):
        raise Broken(f"{what}: cannot be read")
    signed, proof = told["checkpoint"], [_unhex(one, what) for one in told["proof"]]
    try:
        checker.public.verify(_unhex(told["signature"], what), canonical(signed))
        size, root, log, time = signed["size"], _unhex(signed["root"], what), signed["log"], signed["time"]
    except (InvalidSignature, TypeError, KeyError):
        raise Broken(f"{what}: its checkpoint is not signed") from None
    for at, anchor in checker.anchors.items():
        if at == size and anchor != root.hex():
            raise Broken(f"{what}: the tree hash that was signed is not that of the anchor of {at} entries")
        if at not in (size, told.get("size")):
            raise CannotTell(f"the anchor of {at} entries is of another size; it needs the log.")
    if what == "receipt":
        entry = told["entry"]
        seq = entry.get("seq") if isinstance(entry, dict) else None
        if not isinstance(seq, int) or entry.get("log") != log:
            raise Broken("receipt: its entry says neither which it is nor of which log")
        leaf = hashlib.sha256(b"\x00" + canonical(entry)).digest()
        if root_by(leaf, seq, size, proof) != root:
            raise Broken(f"entry {seq}: is not the one that was signed")
        said = f"Entry {seq}, {entry.get('action')} at {entry.get('time')}, stands"
    else:
        old = told["size"]
        if old not in checker.anchors:
            raise CannotTell(f"name the tree hash that you have of the first {old} entries with --anchor.")
        if roots_by(bytes.fromhex(checker.anchors[old]), old, size, proof) != root:
            raise Broken(f"entry {old - 1} or before: the log that was signed does not continue the anchor")
        said = f"The first {old} entries, as the anchor has them, stand"
    checker.size = size
    return (
        f"{said} in log {log} of {size} entries, signed at {time}.",
        f"Tree hash {root.hex()} at size {size}.",
    )


def root_by(leaf: bytes, seq: int, size: int, proof: list[bytes]) -> bytes | None:
    """The tree hash to which an audit path leads (RFC 9162 2.1.3.2); None when it has not the length it must have."""
    if not 0 <= seq < size:
        return None
    place, last, node = seq, size - 1, leaf
    for one in proof:
        if last == 0:
            return None
        right = place & 1 or place == last
        node = hashlib.sha256(b"\x01" + (one + node if right else node + one)).digest()
        while right and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return node if last == 0 else None


def roots_by(root: bytes, old: int, size: int, proof: list[bytes]) -> bytes | None:
    """The tree hash of `size` entries that a consistency proof makes of the one of `old`; None when it makes none of it.

    source: RFC 9162 2.1.4.2
    """
    if not isinstance(old, int) or not 0 < old <= size or (old == size) != (not proof):
        return None
    if old == size:
        return root
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before, *proof = proof if place else [root, *proof]
    after = before
    for one in proof:
        if last == 0:
            return None
        right = place & 1 or place == last
        if right:
            before = hashlib.sha256(b"\x01" + one + before).digest()
        after = hashlib.sha256(b"\x01" + (one + after if right else after + one)).digest()
        while right and place and not place & 1:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    return after if last == 0 and before == root else None


def _check_seal(checker: Checker, line: dict[str, Any], digest: Any) -> None:
    seal = line["seal"]
    if not isinstance(seal, dict) or set(seal) != {"sha256", "signature"} or len(line) != 1:
        raise Broken("seal: cannot be read")
    if seal["sha256"] != digest.hexdigest():
        raise Broken("seal: is not that of this file")
    try:
        checker.public.verify(_unhex(seal["signature"], "seal"), b"dragonfly-audit-export" + digest.digest())
    except InvalidSignature:
        raise Broken("seal: its signature does not hold") from None


def _line(raw: bytes, name: str) -> dict[str, Any]:
    try:
        line = json.loads(raw)
        exact = canonical(line) + b"\n" == raw
    except (ValueError, UnicodeError, RecursionError):
        raise Broken(f"{name}: cannot be read") from None
    if not isinstance(line, dict) or not exact:
        raise Broken(f"{name}: is not written in the canonical form")
    return line


def _unhex(text: Any, name: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except (TypeError, ValueError):
        raise Broken(f"{name}: its digest cannot be read") from None
    if data.hex() != text:
        raise Broken(f"{name}: its digest is not written in the canonical form")
    return data


def verify(
    log: Path,
    public_pem: bytes,
    first_key: bytes | None = None,
    anchors: dict[int, str] | None = None,
    witness: Path | None = None,
    paper: Path | None = None,
) -> Verdict:
    """The verdict about an exported file, a SQLite database or a receipt, and of a paper that left."""
    try:
        with log.open("rb") as file:
            is_database = file.read(16) == b"SQLite format 3\x00"
            file.seek(0)
            data = log if is_database else iter(file)
            return verify_lines(data, public_pem, first_key, anchors, witness, paper)
    except OSError as error:
        return Verdict(CANNOT_TELL, 0, (f"Cannot tell: {error}",))


def verify_lines(
    data: Path | Iterator[bytes],
    public_pem: bytes,
    first_key: bytes | None = None,
    anchors: dict[int, str] | None = None,
    witness: Path | None = None,
    paper: Path | None = None,
) -> Verdict:
    """The same about lines, or the path of a database."""
    try:
        public = serialization.load_pem_public_key(public_pem)
        if not isinstance(public, Ed25519PublicKey):
            raise CannotTell("The public key is not an Ed25519 key.")
        checker = Checker(public, first_key, dict(anchors or {}), witness, digest_of(paper))
        lines = _check_database(checker, data) if isinstance(data, Path) else check_export(checker, data)
        return Verdict(CLEAN, checker.size, lines)
    except Broken as broken:
        return Verdict(TAMPERED, checker.size, (f"First broken: {broken}.",))
    except (CannotTell, OSError, ValueError, sqlite3.Error) as error:
        return Verdict(CANNOT_TELL, 0, (f"Cannot tell: {error}",))


def digest_of(paper: Path | None) -> str:
    """SHA-256 of a paper; empty where none is asked about; raises OSError."""
    return hashlib.sha256(paper.read_bytes()).hexdigest() if paper else ""


def _check_database(checker: Checker, path: Path) -> tuple[str, ...]:
    # A copy without its write-ahead log may lie on a stick that cannot be written to.
    alone = not path.with_name(path.name + "-wal").exists()
    mode = "immutable=1" if alone else "mode=ro"
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)
    try:
        # One moment for everything, should the application be writing just now.
        connection.execute("BEGIN")
        head = connection.execute("SELECT log, size, epoch, front, mac FROM audit_head").fetchone()
        if head is None:
            raise CannotTell("there is no log in this database.")
        sealed = {
            size: (body, sig)
            for size, body, sig in connection.execute("SELECT size, body, sig FROM audit_checkpoint")
        }
        events = connection.execute("SELECT seq, epoch, body, mac FROM audit_event ORDER BY seq")
        return check_rows(checker, events, sealed, head)
    finally:
        connection.close()


def read_first_key(path: Path) -> bytes:
    """The escrowed key file: 64 hexadecimal digits; raises ValueError."""
    key = bytes.fromhex(path.read_text().strip())
    if len(key) != 32:
        raise ValueError("The first key has not 32 bytes.")
    return key


def parse_anchor(text: str) -> tuple[int, str]:
    """SIZE:ROOT as printed on a report; raises ValueError."""
    size, _, root = text.partition(":")
    if len(bytes.fromhex(root)) != 32:
        raise ValueError("An anchor is SIZE:ROOT with a root of 64 hexadecimal digits.")
    return int(size), root.lower()


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(description="Verify a Dragonfly-Med audit log offline.")
    parser.add_argument("log", type=Path, help="exported log, receipt, or a copy of the SQLite database")
    parser.add_argument("--public", type=Path, required=True, help="public key (public.pem)")
    parser.add_argument("--first-key", type=Path, help="escrowed first chain key")
    parser.add_argument("--anchor", action="append", default=[], help="SIZE:ROOT from a report or a witness")
    parser.add_argument("--witness", type=Path, help="lines that a witness on another host kept")
    parser.add_argument(
        "--paper", type=Path, help="a PDF: whether these very bytes left, and which is the latest"
    )
    options = parser.parse_args(arguments)
    try:
        first = read_first_key(options.first_key) if options.first_key else None
        anchors = dict(map(parse_anchor, options.anchor))
        verdict = verify(
            options.log, options.public.read_bytes(), first, anchors, options.witness, options.paper
        )
    except (OSError, ValueError) as error:
        verdict = Verdict(CANNOT_TELL, 0, (f"Cannot tell: {error}",))
    word = {CLEAN: "clean", TAMPERED: "tampered", CANNOT_TELL: "cannot tell"}[verdict.status]
    sys.stdout.write("\n".join([word, *verdict.lines]) + "\n")
    return verdict.status


if __name__ == "__main__":
    sys.exit(main())
