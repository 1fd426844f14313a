"""Audit paths and consistency proofs of RFC 6962, from hashes of subtrees: some twenty hashes for a million entries.

What checks them is in the verifier, alone with the standard library; here they are made.
"""

from collections.abc import Callable

Subtree = Callable[[int, int], bytes]
"""The tree hash of the entries from the first number up to, and without, the last."""


def inclusion(subtree: Subtree, seq: int, size: int) -> list[bytes]:
    """The hashes that lead from one entry to the root of `size` entries, nearest first (RFC 6962 2.1.1).

    raises: ValueError when there is no such entry among them
    """
    if not 0 <= seq < size:
        raise ValueError(f"Entry {seq} is not among the first {size}.")
    path, first, last = [], 0, size
    while last - first > 1:
        middle = first + split(last - first)
        left = seq < middle
        path.append(subtree(middle, last) if left else subtree(first, middle))
        first, last = (first, middle) if left else (middle, last)
    return path[::-1]


def consistency(subtree: Subtree, old: int, size: int) -> list[bytes]:
    """The hashes that show the first `old` entries to be the beginning of `size` entries (RFC 6962 2.1.2).

    raises: ValueError when they cannot be
    """
    if not 0 < old <= size:
        raise ValueError(f"The first {old} entries are no beginning of {size}.")
    path, first, last, whole = [], 0, size, True
    while old < last:
        middle = first + split(last - first)
        left = old <= middle
        path.append(subtree(middle, last) if left else subtree(first, middle))
        first, last, whole = (first, middle, whole) if left else (middle, last, False)
    # The verifier knows the old root; any other subtree it has to be told.
    return [*([] if whole else [subtree(first, last)]), *path[::-1]]


def split(count: int) -> int:
    """How many of `count` entries stand in the left subtree: the largest power of two below it."""
    return 1 << (count - 1).bit_length() - 1
