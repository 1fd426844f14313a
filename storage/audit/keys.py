"""The keys of the log: a signing key, and a chain key that moves one way at every checkpoint.

`k' = SHA-256("evolve" + k)`, and the old key is destroyed: a thief of today's key cannot rewrite
yesterday. The first key is written to `escrow/` for the auditor to take away. The next key is written
*before* a checkpoint commits and the old one removed *after*, so a crash between the two loses nothing;
the epoch in the log's head says which one counts.
"""

import hashlib
import os
import threading
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.durable import locked, make_folder, refuse_exposed, replace, sync_folder, write_once
from storage.errors import KeyMissing


def evolve(key: bytes) -> bytes:
    """The next chain key; the way back is closed."""
    return hashlib.sha256(b"evolve" + key).digest()


class AuditKeys:
    """A folder of key files (0600 in a 0700 folder) shared by all processes of one installation."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._chain: tuple[int, bytes] | None = None
        self._signing: Ed25519PrivateKey | None = None
        self._gate = threading.Lock()

    @classmethod
    def create(cls, folder: Path) -> "AuditKeys":
        """Make the keys of a new log; a folder that has them already is left as it is.

        raises: KeyMissing when chain keys are there without the signing key they belong to
        """
        make_folder(folder)
        with locked(folder):
            if not (folder / "signing.pem").exists():
                _make_keys(folder)
        return cls(folder)

    @property
    def escrow(self) -> Path:
        """The first chain key, as hexadecimal digits, until the auditor takes it away."""
        return self.folder / "escrow" / "first-chain.key"

    def chain(self, epoch: int) -> bytes:
        """The chain key of an epoch; raises KeyMissing when it was destroyed or never here."""
        with self._gate:
            if self._chain is None or self._chain[0] != epoch:
                refuse_exposed(self.folder / f"chain-{epoch}.key")
                try:
                    self._chain = epoch, (self.folder / f"chain-{epoch}.key").read_bytes()
                except OSError as error:
                    raise KeyMissing(key="chain", epoch=epoch) from error
            return self._chain[1]

    def prepare_next(self, epoch: int) -> None:
        """Write the key after `epoch`, durable, before the checkpoint that needs it commits."""
        file, key = self.folder / f"chain-{epoch + 1}.key", evolve(self.chain(epoch))
        # One that lies there may be of a new log that was never opened.
        if not file.exists() or file.read_bytes() != key:
            replace(file, key)

    def begin(self, epoch: int) -> None:
        """The first key of a new log, before the change that opens it commits; nothing counts until then."""
        key, escrow = os.urandom(32), self.escrow.parent
        make_folder(escrow)
        for old in escrow.glob("next-*.key"):
            old.unlink()
        replace(escrow / f"next-{epoch}.key", key.hex().encode() + b"\n")
        replace(self.folder / f"chain-{epoch}.key", key)

    def settle(self, epoch: int, closed: str) -> None:
        """Once the log that begins at this epoch is open: its first key to the auditor's place, the one before aside."""
        with locked(self.folder):
            new = self.escrow.parent / f"next-{epoch}.key"
            if not new.exists():
                return
            if self.escrow.exists():
                self.escrow.rename(self.escrow.with_name(f"first-chain-of-{closed[:8]}.key"))
            new.rename(self.escrow)
            sync_folder(self.escrow.parent)

    def destroy_before(self, epoch: int) -> None:
        """Remove every key older than `epoch`; another process may be doing the same."""
        for file in self.folder.glob("chain-*.key"):
            if int(file.stem.split("-")[1]) < epoch:
                file.unlink(missing_ok=True)

    def sign(self, data: bytes) -> bytes:
        """Ed25519 over the data; raises KeyMissing."""
        if self._signing is None:
            self._signing = _signing_key(self.folder)
        return self._signing.sign(data)

    @property
    def public_pem(self) -> bytes:
        """What the auditor takes away to verify with."""
        try:
            return (self.folder / "public.pem").read_bytes()
        except OSError as error:
            raise KeyMissing(key="public") from error


def _make_keys(folder: Path) -> None:
    # Each step reads what an interrupted one left, and the signing key comes last: until it is there,
    # nothing was signed and nothing chained.
    if any(file.name != "chain-0.key" for file in folder.glob("chain-*.key")):
        raise KeyMissing(key="signing")
    escrow = folder / "escrow"
    make_folder(escrow)
    write_once(escrow / "first-chain.key", os.urandom(32).hex().encode() + b"\n")
    write_once(folder / "chain-0.key", bytes.fromhex((escrow / "first-chain.key").read_text()))
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "public.pem").unlink(missing_ok=True)
    write_once(folder / "public.pem", public)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_once(folder / "signing.pem", pem)


def _signing_key(folder: Path) -> Ed25519PrivateKey:
    refuse_exposed(folder / "signing.pem")
    try:
        loaded = serialization.load_pem_private_key((folder / "signing.pem").read_bytes(), None)
    except (OSError, ValueError) as error:
        raise KeyMissing(key="signing") from error
    if not isinstance(loaded, Ed25519PrivateKey):
        raise KeyMissing(key="signing")
    return loaded
