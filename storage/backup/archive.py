"""One archive: a tar in the format of age, written and read as a stream, a signature over all of it at its end.

Any program for age opens it without us: `age -d -i backup.key FILE | tar t`. age proves that nothing was altered or
cut after sealing, but whoever knows the recipient can seal; who made it is proved by the log's signing key.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from storage.audit.canonical import canonical
from storage.errors import ArchiveBroken

FORMAT = "dragonfly-backup-1"
MANIFEST, PUBLIC, SEAL = "manifest.json", "public.pem", "seal.json"
PURPOSE = b"dragonfly-backup"
PIECE_BYTES = 4 << 20
"""Of a stream whose length nobody knows beforehand; one piece is in memory at a time."""


def new_identity() -> tuple[str, str]:
    """A key pair in the words of age: what opens (to be kept offline) and whom to seal to."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def recipient_of(text: str) -> Any:
    """`age1…`, or a file in which such a line stands; raises ValueError."""
    words = Path(text).read_text(encoding="ascii") if text and Path(text).is_file() else text
    found = next((line.strip() for line in words.splitlines() if line.strip().startswith("age1")), "")
    try:
        return pyrage.x25519.Recipient.from_str(found)
    except pyrage.RecipientError as error:
        raise ValueError("A recipient is `age1…`, as `dragonfly-med backup-key` prints it.") from error


def identity_of(path: Path) -> Any:
    """The key that opens, from a file as age writes it; raises ValueError, OSError."""
    lines = path.read_text(encoding="ascii").splitlines()
    found = next((line.strip() for line in lines if line.strip().startswith("AGE-SECRET-KEY-")), "")
    try:
        return pyrage.x25519.Identity.from_str(found)
    except pyrage.IdentityError as error:
        raise ValueError("There is no key of age in this file.") from error


class Writer:
    """Members one after the other, each counted into the signature."""

    def __init__(self, tar: tarfile.TarFile):
        self._tar, self._running = tar, hashlib.sha256()

    def add(self, name: str, size: int, source: IO[bytes]) -> None:
        """A member of known size; raises ArchiveBroken when the source is shorter."""
        counted = _Counted(source)
        try:
            self._tar.addfile(_info(name, size), counted)  # type: ignore[arg-type]
        except OSError as error:
            if counted.size < size and error.errno is None:
                raise ArchiveBroken(reason="a file became shorter while it was read") from error
            raise
        self._running.update(_line(name, counted))

    def add_bytes(self, name: str, data: bytes) -> None:
        """A small member."""
        self.add(name, len(data), BytesIO(data))

    def add_stream(self, folder: str, pieces: Iterable[bytes]) -> None:
        """A stream of unknown length, as numbered members that make it when put together."""
        for number, piece in enumerate(_in_pieces(pieces)):
            self.add_bytes(f"{folder}/{number:06d}", piece)

    def seal(self, sign: Callable[[bytes], bytes]) -> None:
        """The signature over everything before it; the last member."""
        digest = self._running.digest()
        self.add_bytes(SEAL, canonical({"sha256": digest.hex(), "signature": sign(PURPOSE + digest).hex()}))


@contextmanager
def writing(target: BinaryIO, recipient: Any) -> Iterator[Writer]:
    """An archive that goes to the recipient; what goes wrong at the target is raised as it was."""
    reading_end, writing_end = os.pipe()
    kept = _Kept(target)

    def run() -> None:
        with os.fdopen(reading_end, "rb") as source:
            pyrage.encrypt_io(source, kept, [recipient])

    with ThreadPoolExecutor(1) as thread:
        done: Future[None] = thread.submit(run)
        try:
            with (
                os.fdopen(writing_end, "wb") as pipe,
                tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                cast(Any, tar).copybufsize = 1 << 20
                yield Writer(tar)
        except BrokenPipeError:
            pass  # nobody reads any more: the reason is the other side's
        _finished(done, kept)


@contextmanager
def reading(path: Path, identity: Any, public_pem: bytes | None = None) -> Iterator["Reader"]:
    """The members of an archive; it is proved only when all of them were read.

    public_pem: the auditor's copy of the key it must be signed with; None: the key that lies in the archive
    raises: ArchiveBroken
    """
    reading_end, writing_end = os.pipe()

    def run() -> None:
        with path.open("rb") as source, os.fdopen(writing_end, "wb") as pipe:
            pyrage.decrypt_io(source, pipe, [identity])

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(run)
        with os.fdopen(reading_end, "rb") as pipe:
            try:
                with tarfile.open(fileobj=pipe, mode="r|") as tar:
                    reader = Reader(tar, public_pem)
                    yield reader
                while pipe.read(1 << 16):
                    pass
            except tarfile.TarError as error:
                raise _cause(done) from error
        if (failed := done.exception()) is not None:
            raise ArchiveBroken(reason="altered, cut, or sealed to somebody else") from failed
        reader.proved()


class Reader:
    """Members in their order, each with a source that is read before the next is asked for."""

    def __init__(self, tar: tarfile.TarFile, public_pem: bytes | None):
        self._tar, self._running = tar, hashlib.sha256()
        self._public, self._given, self._seal = public_pem, public_pem is not None, b""
        self._before = b""

    def __iter__(self) -> Iterator[tuple[str, "_Counted"]]:
        for info in self._tar:
            source = self._tar.extractfile(info) if info.isreg() else None
            if source is None or self._seal:
                raise ArchiveBroken(reason="a member that is no file, or stands behind the end")
            counted = _Counted(source)
            if info.name == SEAL:
                self._before, self._seal = self._running.digest(), counted.read()
                continue
            yield info.name, counted
            if info.name == PUBLIC and not self._given:
                self._public = counted.whole()
            counted.drain()
            self._running.update(_line(info.name, counted))

    def proved(self) -> None:
        """Whether the signature at the end is that of the log's key over all of it; raises ArchiveBroken."""
        try:
            public, seal = load_pem_public_key(self._public or b""), json.loads(self._seal)
            assert isinstance(public, Ed25519PublicKey)
            public.verify(bytes.fromhex(seal["signature"]), PURPOSE + self._before)
        except (AssertionError, InvalidSignature, KeyError, TypeError, ValueError) as error:
            raise ArchiveBroken(reason="not signed with this log's key") from error


class _Counted:
    """A source of bytes that knows how many came and their digest; small ones can be asked for again."""

    def __init__(self, source: IO[bytes]):
        self._source, self.digest, self.size = source, hashlib.sha256(), 0
        self._kept: bytes | None = b""

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        self.size += len(data)
        self._kept = self._kept + data if self._kept is not None and self.size <= 1 << 16 else None
        return data

    def whole(self) -> bytes:
        """All of a small member, whoever read it before."""
        self.drain()
        if self._kept is None:
            raise ArchiveBroken(reason="a member is larger than it may be")
        return self._kept

    def drain(self) -> None:
        while self.read(1 << 20):
            pass


class _Kept:
    """A target that remembers why it could not be written to: the other library says it in words only."""

    def __init__(self, target: BinaryIO):
        self._target = target
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self._target.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        with suppress(OSError):
            self._target.flush()


def _finished(done: "Future[None]", kept: _Kept) -> None:
    failed = done.exception()
    if failed is not None:
        raise kept.error or failed


def _cause(done: "Future[None]") -> ArchiveBroken:
    return ArchiveBroken(
        reason="altered, cut, or sealed to somebody else" if done.exception() else "no archive of ours"
    )


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info


def _line(name: str, counted: _Counted) -> bytes:
    return canonical([name, counted.size, counted.digest.hexdigest()]) + b"\n"


def _in_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES])
            del held[:PIECE_BYTES]
    if held:
        yield bytes(held)
