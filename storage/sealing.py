"""Encryption at rest: a site key wraps a key for each patient, which seals fields and files.

A file is sealed under a key of its own, derived from the patient's key and a random number in its header.
Its 1 MiB chunks are AES-256-GCM with their index and a last-chunk flag as associated data, so that a range
can be read without the whole; a sealed label in the header holds digest and size, so that a chunk or file
that was swapped for another of the same patient, or cut anywhere, is noticed by every reading.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.durable import make_folder, refuse_exposed, write_once
from storage.errors import KeyMissing, Unreadable

CHUNK_BYTES = 1 << 20
NONCE_BYTES, TAG_BYTES = 12, 16
SEALED_MORE = NONCE_BYTES + TAG_BYTES
KEY_BYTES = 32
MAGIC = b"DFMSEAL1"
FILE_ID_BYTES, LABEL_BYTES = 16, 32 + 8
SECRETS = ("deidentified",)
"""What secrets there are besides the keys; a rotation carries them over."""
HEADER_BYTES = len(MAGIC) + FILE_ID_BYTES + LABEL_BYTES + SEALED_MORE


def derived(key: bytes, purpose: bytes) -> bytes:
    """32 bytes for one purpose, which tell nothing about the key (HMAC-SHA-256)."""
    return hmac.new(key, purpose, hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class SiteKey:
    """What the file of the site key says: a line of hexadecimal digits, and after a rotation some named ones.

    Names and secrets come from the first key for ever: the same patient must be found again under the same pseudonym.
    """

    current: bytes
    names: bytes
    secrets: tuple[tuple[str, bytes], ...]
    older: tuple[bytes, ...] = ()
    """Keys that may still wrap something; none unless a rotation is under way."""

    def __repr__(self) -> str:
        return "SiteKey(…)"

    @classmethod
    def first(cls, key: bytes) -> "SiteKey":
        """That of an installation which was never rotated."""
        secrets = tuple((name, derived(key, b"secret:" + name.encode())) for name in SECRETS)
        return cls(key, derived(key, b"pseudonym"), secrets)

    @classmethod
    def read(cls, path: Path) -> "SiteKey":
        """The file; raises KeyMissing, KeyExposed."""
        refuse_exposed(path)
        try:
            first, *lines = path.read_text(encoding="ascii").split("\n")
            named = [(name, _key(text)) for name, text in (line.split() for line in lines if line)]
            if not named:
                return cls.first(_key(first))
            (names,) = [key for name, key in named if name == "names"]
            secrets = tuple((name, key) for name, key in named if name in SECRETS)
            return cls(_key(first), names, secrets, tuple(key for name, key in named if name == "older"))
        except (OSError, ValueError) as error:
            raise KeyMissing(key="site") from error

    def text(self) -> bytes:
        """The file's content."""
        if self == SiteKey.first(self.current):
            return f"{self.current.hex()}\n".encode()
        named = [("names", self.names), *self.secrets, *(("older", key) for key in self.older)]
        lines = [self.current.hex(), *(f"{name} {key.hex()}" for name, key in named)]
        return ("\n".join(lines) + "\n").encode()

    def rotated(self) -> "SiteKey":
        """With a new key; the one before still opens what it wraps."""
        return replace(self, current=os.urandom(KEY_BYTES), older=(self.current, *self.older))

    def settled(self) -> "SiteKey":
        """Once nothing is wrapped under an older key any more."""
        return replace(self, older=())


def _key(text: str) -> bytes:
    key = bytes.fromhex(text.strip())
    if len(key) != KEY_BYTES:
        raise ValueError("A key has not 32 bytes.")
    return key


class Keyring:
    """The site key and what is derived from it, read again when another process rotated it."""

    def __init__(self, site_key: bytes | SiteKey, path: Path | None = None):
        self._now = SiteKey.first(site_key) if isinstance(site_key, bytes) else site_key
        self._path, self._seen = path, _seen(path)
        # Never forgotten while this process lives: a reader may hold what an older key wrapped.
        self._known: tuple[bytes, ...] = (self._now.current, *self._now.older)

    def __repr__(self) -> str:
        return "Keyring(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Keyring) and self._now == other._now

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def create(cls, path: Path) -> "Keyring":
        """The site key of a new installation, or the one that is there already (a 0400 file of hex digits)."""
        make_folder(path.parent)
        write_once(path, SiteKey.first(os.urandom(KEY_BYTES)).text(), mode=0o400)
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "Keyring":
        """The site key of this installation; raises KeyMissing."""
        return cls(SiteKey.read(path), path)

    def text(self) -> bytes:
        """A file that opens whatever this process could open since it started."""
        self._look_again()
        older = tuple(key for key in self._known if key != self._now.current)
        return replace(self._now, older=older).text()

    def new_patient_key(self, patient_id: str) -> tuple[bytes, bytes]:
        """A fresh key and the same key wrapped for keeping."""
        key = AESGCM.generate_key(bit_length=256)
        return key, self.wrap(patient_id, key)

    def wrap(self, patient_id: str, key: bytes) -> bytes:
        """A patient's key under the newest site key."""
        self._look_again()
        return seal(derived(self._now.current, b"wrap"), key, patient_id.encode())

    def is_newest(self, patient_id: str, wrapped: bytes) -> bool:
        """Whether the newest site key wraps it."""
        self._look_again()
        try:
            unseal(derived(self._now.current, b"wrap"), wrapped, patient_id.encode())
            return True
        except Unreadable:
            return False

    def patient_key(self, patient_id: str, wrapped: bytes) -> bytes:
        """The key as it was; raises Unreadable when it was altered or another site key wrapped it."""
        try:
            return self._opened(patient_id, wrapped)
        except Unreadable:
            if not self._look_again():
                raise
            return self._opened(patient_id, wrapped)

    def _opened(self, patient_id: str, wrapped: bytes) -> bytes:
        *others, last = self._known
        for key in others:
            with suppress(Unreadable):
                return unseal(derived(key, b"wrap"), wrapped, patient_id.encode())
        return unseal(derived(last, b"wrap"), wrapped, patient_id.encode())

    def _look_again(self) -> bool:
        """Read the file when it is another one than before; a file that is away changes nothing."""
        seen = _seen(self._path)
        if self._path is None or seen is None or seen == self._seen:
            return False
        now = SiteKey.read(self._path)
        found = (now.current, *now.older)
        self._known = (*found, *(key for key in self._known if key not in found))
        self._now, self._seen = now, seen
        return True

    def pseudonym(self, *parts: str) -> str:
        """A keyed digest (hex) that names without telling; equal for equal parts."""
        return derived(self._now.names, "\x1f".join(parts).encode()).hex()

    def secret(self, purpose: str) -> bytes:
        """32 bytes for one named purpose, for example the UIDs of de-identified copies; raises KeyMissing."""
        for name, secret in self._now.secrets:
            if name == purpose:
                return secret
        raise KeyMissing(key=purpose)


def _seen(path: Path | None) -> tuple[int, int] | None:
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if found else None


def seal(key: bytes, data: bytes, context: bytes) -> bytes:
    """Nonce, ciphertext and tag; `context` must be given again to open it."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def unseal(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """The data; raises Unreadable when anything about it is not as it was sealed."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise Unreadable(bytes=len(sealed)) from error


@dataclass(frozen=True, slots=True)
class Label:
    """What the header of a sealed file says: digest and size (bytes) of its plaintext, and its own key."""

    sha256: str
    size: int
    file_key: bytes

    @property
    def last_chunk(self) -> int:
        """Index of the last chunk; an empty file has one empty chunk."""
        return max(0, self.size - 1) // CHUNK_BYTES

    @property
    def sealed_size(self) -> int:
        """Bytes of the whole sealed file."""
        return HEADER_BYTES + self.size + (self.last_chunk + 1) * SEALED_MORE


def seal_file(key: bytes, source: BinaryIO, target: BinaryIO, context: bytes) -> tuple[str, int]:
    """Seal a stream chunk by chunk into a seekable target; returns the plaintext's SHA-256 and size."""
    digest, size, index, file_id = hashlib.sha256(), 0, 0, os.urandom(FILE_ID_BYTES)
    file_key = _file_key(key, context, file_id)
    target.write(bytes(HEADER_BYTES))
    chunk = _read_full(source)
    while True:
        following = _read_full(source) if len(chunk) == CHUNK_BYTES else b""
        digest.update(chunk)
        size += len(chunk)
        target.write(seal(file_key, chunk, _place(index, last=not following)))
        if not following:
            break
        chunk, index = following, index + 1
    label = seal(file_key, digest.digest() + size.to_bytes(8, "big"), b"label")
    target.seek(0)
    target.write(MAGIC + file_id + label)
    return digest.hexdigest(), size


def read_label(key: bytes, source: BinaryIO, context: bytes) -> Label:
    """The header of a sealed file; raises Unreadable, also when the file is shorter or longer than it says."""
    source.seek(0)
    header = source.read(HEADER_BYTES)
    start = len(MAGIC)
    if header[:start] != MAGIC or len(header) != HEADER_BYTES:
        raise Unreadable(bytes=len(header))
    file_key = _file_key(key, context, header[start : start + FILE_ID_BYTES])
    data = unseal(file_key, header[start + FILE_ID_BYTES :], b"label")
    label = Label(data[:32].hex(), int.from_bytes(data[32:], "big"), file_key)
    if (found := source.seek(0, os.SEEK_END)) != label.sealed_size:
        raise Unreadable(bytes=found)
    return label


def unseal_range(label: Label, source: BinaryIO, first: int = 0, last: int | None = None) -> Iterator[bytes]:
    """Plaintext bytes first..last (inclusive, None: to the end), chunk by chunk; raises Unreadable."""
    last = label.size - 1 if last is None else min(last, label.size - 1)
    for index in range(first // CHUNK_BYTES, max(0, last) // CHUNK_BYTES + 1):
        source.seek(HEADER_BYTES + index * (CHUNK_BYTES + SEALED_MORE))
        sealed = source.read(CHUNK_BYTES + SEALED_MORE)
        chunk = unseal(label.file_key, sealed, _place(index, last=index == label.last_chunk))
        position = index * CHUNK_BYTES
        piece = chunk[max(0, first - position) : max(0, last + 1 - position)]
        if piece:
            yield piece


def _file_key(key: bytes, context: bytes, file_id: bytes) -> bytes:
    return derived(key, b"file:" + context + file_id)


def _place(index: int, *, last: bool) -> bytes:
    return index.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


def _read_full(source: BinaryIO) -> bytes:
    # A pipe or socket may hand out less than asked for; only the last chunk may be short.
    pieces, missing = [], CHUNK_BYTES
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
