"""Files between two questions: the last ones asked for, within a limit."""

import pytest

from dicom.errors import Damaged
from dicom.guard import Limits
from dicom.kept import Kept

LIMITS = Limits(kept_bytes=100, memory_bytes=4000)


def opened(kept, key, size):
    """Opened as a limited process does: room first, then the bytes."""
    if key not in kept:
        kept.make_room(size)
    return kept.opened(key, bytes(size), lambda data, limits: object())


def test_the_same_file_is_opened_once():
    """Two questions about it get the same object."""
    kept = Kept(LIMITS)

    assert opened(kept, "a", 10) is opened(kept, "a", 10)


def test_the_one_asked_for_longest_ago_makes_room():
    """40 + 40 + 40 is over 100; a was asked for again, so b goes."""
    kept = Kept(LIMITS)
    for key in ("a", "b", "a", "c"):
        opened(kept, key, 40)

    assert kept.keys() == ["a", "c"]


def test_a_larger_one_is_kept_alone_up_to_a_quarter_of_the_memory():
    """1000 of 4000 bytes is a quarter; 1001 is opened, answered and given back."""
    kept = Kept(LIMITS)
    opened(kept, "a", 40)
    opened(kept, "quarter", 1000)
    assert kept.keys() == ["quarter"]

    opened(kept, "more", 1001)

    assert kept.keys() == []


def test_a_file_that_cannot_be_opened_is_not_kept():
    """Its error comes again with every question, and nothing of it stays."""

    def broken(data, limits):
        raise Damaged(what="header")

    kept = Kept(LIMITS)
    with pytest.raises(Damaged):
        kept.opened("a", b"x", broken)

    assert kept.keys() == []


def test_everything_can_be_given_back():
    """After a minute without a question, and when memory runs out."""
    kept = Kept(LIMITS)
    opened(kept, "a", 10)

    kept.forget()

    assert "a" not in kept
