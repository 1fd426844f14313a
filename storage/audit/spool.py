"""Where emergency readings are written down while the record cannot be: a file that has its room already.

No entry, no answer; but a doctor who opened a patient in an emergency must not be refused because a disk is full. The
reading is then written into this file, synced, before anything is shown, and goes into the record as soon as that can
be written to, with its own time and the mark that it was spooled. Each entry is signed with the record's key over
all before it, so that one that was changed, moved or taken out of the middle is found and named.
Whoever may write the service's files can take the end off, or all of it, before it went into the record: the process
that wrote it notices while it lives, and the witness on another host, who hears of each reading, notices for ever.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from storage.audit.canonical import canonical
from storage.audit.keys import AuditKeys
from storage.audit.log import stamp
from storage.audit.search import find
from storage.durable import locked, make_folder, replace
from storage.errors import SpoolBroken, SpoolFull

if TYPE_CHECKING:
    from storage.database import Actor, Database

MAGIC = b"DFMSPOOL"
NAME_BYTES, LENGTH_BYTES, SIGNATURE_BYTES = 16, 4, 64
HEADER_BYTES = len(MAGIC) + NAME_BYTES
ROOM_BYTES = 4 << 20
"""Some four thousand readings."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """What lies in the file: its name, the entries in order, where the next one goes, and what it is signed after."""

    name: str
    entries: tuple[dict[str, Any], ...]
    end: int
    before: bytes
    broken: bool = False
    """Whether behind these something lies that is not as it was written."""


class Spool:
    """One file of an installation, made while there was room."""

    def __init__(self, folder: Path, keys: AuditKeys, room_bytes: int = ROOM_BYTES):
        self._keys, self._room = keys, room_bytes
        self.path = folder / "emergency.spool"
        self._gate = threading.Lock()
        self._seen: tuple[str, int] = ("", 0)

    def prepare(self) -> None:
        """Make the file with all its room, unless it is there; raises OSError, DiskFull as `Database` says it."""
        make_folder(self.path.parent)
        with locked(self.path.parent):
            if not self.path.exists():
                replace(self.path, _empty(self._room))

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits: a look at one place of the file."""
        try:
            with self.path.open("rb") as file:
                file.seek(HEADER_BYTES)
                return not any(file.read(LENGTH_BYTES))
        except FileNotFoundError:
            return True

    def append(self, entries: list[dict[str, Any]]) -> tuple[str, int]:
        """Write them down, synced, before anybody is shown what was read; the file's name and how many wait now.

        raises: SpoolFull when there is no room for them all, SpoolBroken, OSError
        """
        with self._held() as handle:
            found = self._read(handle)
            if found.broken:
                raise SpoolBroken(entries=len(found.entries))
            data, before = b"", found.before
            for entry in entries:
                body = canonical(entry)
                signature = self._keys.sign(before + body)
                data += len(body).to_bytes(LENGTH_BYTES, "big") + body + signature
                before = hashlib.sha256(before + body).digest()
            # A whole empty length behind it says that nothing follows.
            if found.end + len(data) + LENGTH_BYTES > self._room:
                raise SpoolFull(entries=len(found.entries))
            _write(handle, data, found.end)
            self._seen = found.name, len(found.entries) + len(entries)
            return self._seen

    def look(self) -> Spooled:
        """What waits; raises OSError."""
        with self._held() as handle:
            return self._read(handle)

    def take_in(self, database: "Database", actor: "Actor") -> int:
        """Put what waits into the record, in order, and begin a new file; returns how many entries.

        A spool that was bent is not thrown away: what is whole of it goes in, an entry says that the rest is not, and
        the file is put aside for whoever investigates.
        raises: what `Database.write` raises; nothing is lost then
        """
        if self.is_empty and not self._seen[1]:
            return 0
        with self._held() as handle:
            found = self._read(handle)
            # It may have died, or found no room, between the record's commit and the emptying of the file.
            taken = self._taken(database, actor, found.name)
            known = self._seen[1] - (len(found.entries) if self._seen[0] == found.name else 0)
            missing = max(0, known) if self._seen[0] else 0
            if found.entries[taken:] or found.broken or missing:
                self._record(database, actor, found, taken, missing)
            if found.broken:
                self.path.rename(self.path.with_name(f"{found.name}.broken"))
            self._seen = "", 0
            # A new file in its place, whole or not at all.
            replace(self.path, _empty(self._room))
            return len(found.entries) - taken

    def _record(self, database: "Database", actor: "Actor", found: Spooled, taken: int, missing: int) -> None:
        with database.write(actor) as tx:
            for place, entry in list(enumerate(found.entries))[taken:]:
                mark = {"time": entry["time"], "spool": found.name, "place": place}
                tx.entries.append({**entry, "time": stamp(tx.now), "spooled": mark})
            tx.record(
                "spool.taken_in",
                object_type="spool",
                object_id=found.name,
                outcome="failure" if found.broken or missing else "success",
                count=len(found.entries) - taken,
                broken=found.broken,
                missing=missing,
            )

    def _taken(self, database: "Database", actor: "Actor", name: str) -> int:
        with database.read(actor) as tx:
            entries = find(tx.session, action="spool.taken_in", object_id=name)
        return sum(int(entry["count"]) for entry in entries)

    def _read(self, handle: int) -> Spooled:
        key = load_pem_public_key(self._keys.public_pem)
        assert isinstance(key, Ed25519PublicKey)
        return read(os.pread(handle, self._room, 0), key)

    @contextmanager
    def _held(self) -> Iterator[int]:
        with self._gate, locked(self.path.parent):
            handle = os.open(self.path, os.O_RDWR)
            try:
                yield handle
            finally:
                os.close(handle)


def read(data: bytes, key: Ed25519PublicKey) -> Spooled:
    """The entries up to the first that is not as it was written."""
    name, place = data[len(MAGIC) : HEADER_BYTES], HEADER_BYTES
    before, entries = hashlib.sha256(data[:HEADER_BYTES]).digest(), list[dict[str, Any]]()
    if not data.startswith(MAGIC):
        return Spooled(name.hex(), (), place, before, broken=True)
    while length := int.from_bytes(data[place : place + LENGTH_BYTES], "big"):
        body = data[place + LENGTH_BYTES : place + LENGTH_BYTES + length]
        end = place + LENGTH_BYTES + length + SIGNATURE_BYTES
        try:
            key.verify(data[end - SIGNATURE_BYTES : end], before + body)
            entries.append(json.loads(body))
        except (InvalidSignature, ValueError):
            return Spooled(name.hex(), tuple(entries), place, before, broken=True)
        place, before = end, hashlib.sha256(before + body).digest()
    # Behind the last one everything is as it was made: empty.
    return Spooled(name.hex(), tuple(entries), place, before, broken=any(data[place:]))


def _empty(room: int) -> bytes:
    # Written out and not only reserved: a file system that copies on writing promises nothing for a hole.
    return MAGIC + os.urandom(NAME_BYTES) + bytes(room - HEADER_BYTES)


def _write(handle: int, data: bytes, place: int) -> None:
    written = os.pwrite(handle, data, place)
    if written != len(data):
        raise OSError("The spool took a part of an entry only.")
    os.fsync(handle)
