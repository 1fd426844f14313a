"""Encryption at rest: a site key wraps a key for each patient, which seals fields and files.

Files are sealed in chunks so that a range can be read without the whole, and so that a cut is noticed:
each chunk is AES-256-GCM with its index and a last-chunk flag as associated data.
"""

import hashlib
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.errors import Unreadable

CHUNK_BYTES = 1 << 20
NONCE_BYTES, TAG_BYTES = 12, 16
MAGIC = b"DFMSEAL1"
SEALED_CHUNK = CHUNK_BYTES + NONCE_BYTES + TAG_BYTES


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.new(key, purpose.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Keyring:
    """The site key (32 bytes) and what is derived from it; its representation shows nothing."""

    site_key: bytes

    def __repr__(self) -> str:
        return "Keyring(…)"

    def new_patient_key(self, patient_id: str) -> tuple[bytes, bytes]:
        """A fresh key and the same key wrapped for keeping."""
        key = AESGCM.generate_key(bit_length=256)
        return key, seal(_derived(self.site_key, "wrap"), key, patient_id.encode())

    def patient_key(self, patient_id: str, wrapped: bytes) -> bytes:
        """The key as it was; raises Unreadable when it was altered or another site key wrapped it."""
        return unseal(_derived(self.site_key, "wrap"), wrapped, patient_id.encode())

    def pseudonym(self, *parts: str) -> str:
        """A keyed digest (hex) that names without telling; equal for equal parts."""
        return hmac.new(
            _derived(self.site_key, "pseudonym"), "\x1f".join(parts).encode(), hashlib.sha256
        ).hexdigest()

    def secret(self, purpose: str) -> bytes:
        """32 bytes for one named purpose, for example the UIDs of de-identified copies."""
        return _derived(self.site_key, "secret:" + purpose)


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


def seal_file(key: bytes, source: BinaryIO, target: BinaryIO, context: bytes) -> tuple[str, int]:
    """Seal a stream chunk by chunk; returns the plaintext's SHA-256 and size."""
    digest, size, index = hashlib.sha256(), 0, 0
    target.write(MAGIC)
    chunk = source.read(CHUNK_BYTES)
    while True:
        following = source.read(CHUNK_BYTES)
        digest.update(chunk)
        size += len(chunk)
        target.write(seal(key, chunk, _chunk_context(context, index, last=not following)))
        if not following:
            return digest.hexdigest(), size
        chunk, index = following, index + 1


def unseal_range(
    key: bytes, source: BinaryIO, context: bytes, first: int = 0, last: int | None = None
) -> Iterator[bytes]:
    """Plaintext bytes first..last (inclusive, None: to the end), chunk by chunk.

    raises: Unreadable for an altered chunk, a missing tail or data behind the end
    """
    source.seek(0)
    if source.read(len(MAGIC)) != MAGIC:
        raise Unreadable()
    index, position = first // CHUNK_BYTES, first // CHUNK_BYTES * CHUNK_BYTES
    source.seek(len(MAGIC) + index * SEALED_CHUNK)
    sealed = source.read(SEALED_CHUNK)
    while True:
        following = source.read(SEALED_CHUNK)
        chunk = unseal(key, sealed, _chunk_context(context, index, last=not following))
        start = max(0, first - position)
        stop = len(chunk) if last is None else min(len(chunk), last + 1 - position)
        if start < stop:
            yield chunk[start:stop]
        position += len(chunk)
        if not following or (last is not None and position > last):
            return
        sealed, index = following, index + 1


def _chunk_context(context: bytes, index: int, *, last: bool) -> bytes:
    return context + index.to_bytes(8, "big") + (b"\x01" if last else b"\x00")
