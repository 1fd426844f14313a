"""The Merkle tree of RFC 6962 as its frontier: one hash for each set bit of the size.

A frontier of a million entries is 20 hashes, so a root costs as little as that and needs no other table.
"""

import hashlib

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(body: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 2.1: SHA-256 of 0x01 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of the tree: the roots of its complete subtrees, largest first."""

    def __init__(self, size: int = 0, packed: bytes = b""):
        self.size = size
        self.hashes = [packed[i : i + HASH_BYTES] for i in range(0, len(packed), HASH_BYTES)]
        if len(self.hashes) != size.bit_count():
            raise ValueError(
                f"A frontier of {size} entries has {size.bit_count()} hashes, not {len(self.hashes)}."
            )

    def add(self, leaf: bytes) -> None:
        """Append one leaf hash."""
        carry, node = self.size, leaf
        while carry & 1:
            node = node_hash(self.hashes.pop(), node)
            carry >>= 1
        self.hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The tree hash of everything added so far."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = node_hash(left, root)
        return root

    def packed(self) -> bytes:
        """All hashes in one string of bytes."""
        return b"".join(self.hashes)
