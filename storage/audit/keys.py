"""The keys of the log: a signing key, and a chain key that moves one way at every checkpoint.

`k' = SHA-256("evolve" + k)`, and the old key is destroyed: a thief of today's key cannot rewrite
yesterday. The first key is written to `escrow/` for the auditor to take away. The next key is written
*before* a checkpoint commits and the old one removed *after*, so a crash between the two loses nothing;
the epoch in the log's head says which one counts.
"""

import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.errors import KeyMissing


def evolve(key: bytes) -> bytes:
    """The next chain key; the way back is closed."""
    return hashlib.sha256(b"evolve" + key).digest()


class AuditKeys:
    """A folder of key files (0600 in a 0700 folder) shared by all processes of one installation."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._chain: dict[int, bytes] = {}
        self._signing: Ed25519PrivateKey | None = None

    @classmethod
    def create(cls, folder: Path) -> "AuditKeys":
        """Make the keys of a new log; a folder that has them already is left as it is."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        signing = folder / "signing.pem"
        if not signing.exists():
            first = os.urandom(32)
            escrow = folder / "escrow"
            escrow.mkdir(exist_ok=True, mode=0o700)
            write_once(escrow / "first-chain.key", first.hex().encode() + b"\n")
            write_once(folder / "chain-0.key", first)
            key = Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            write_once(folder / "public.pem", public)
            private = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            write_once(signing, private)
        return cls(folder)

    def chain(self, epoch: int) -> bytes:
        """The chain key of an epoch; raises KeyMissing when it was destroyed or never here."""
        if epoch not in self._chain:
            try:
                self._chain = {epoch: (self.folder / f"chain-{epoch}.key").read_bytes()}
            except OSError as error:
                raise KeyMissing(epoch=epoch) from error
        return self._chain[epoch]

    def prepare_next(self, epoch: int) -> None:
        """Write the key after `epoch`, durable, before the checkpoint that needs it commits."""
        write_once(self.folder / f"chain-{epoch + 1}.key", evolve(self.chain(epoch)))

    def destroy_before(self, epoch: int) -> None:
        """Remove every key older than `epoch`."""
        for file in self.folder.glob("chain-*.key"):
            if int(file.stem.split("-")[1]) < epoch:
                file.unlink(missing_ok=True)
        self._chain = {kept: key for kept, key in self._chain.items() if kept >= epoch}

    def sign(self, data: bytes) -> bytes:
        """Ed25519 over the data."""
        if self._signing is None:
            try:
                loaded = serialization.load_pem_private_key((self.folder / "signing.pem").read_bytes(), None)
            except OSError as error:
                raise KeyMissing(key="signing") from error
            assert isinstance(loaded, Ed25519PrivateKey)
            self._signing = loaded
        return self._signing.sign(data)

    @property
    def public_pem(self) -> bytes:
        """What the auditor takes away to verify with."""
        return (self.folder / "public.pem").read_bytes()


def write_once(path: Path, data: bytes) -> None:
    """Write a key file whole and durable; when it is there already, it stays as it is."""
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, data)
        os.fsync(handle)
    finally:
        os.close(handle)
    if path.exists():
        part.unlink()
        return
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
