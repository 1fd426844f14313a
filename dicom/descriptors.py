"""Descriptions cleaned: only words that are known to name nobody stay (PS3.15 E.3.6).

Covered: words of anatomy, direction, technique, contrast and numbers of up to three digits. Not covered: words of
other languages and abbreviations that are not listed; they are left out, which is the safe side.
"""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

WORDS = Path(__file__).parent / "descriptor_words.txt"
_PART = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")


@cache
def known_words() -> frozenset[str]:
    """Words that stay, in small letters."""
    lines = WORDS.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def cleaned(text: str, names: Iterable[str]) -> str:
    """The known words of a text in their order; without those that are part of a name of the header.

    names: values that name people and places; a Mr. Hand loses his hand
    """
    forbidden = {part.casefold() for name in names for part in _PART.findall(name)}
    kept = [
        word
        for word in _PART.findall(text)
        if word.casefold() not in forbidden and (word.casefold() in known_words() or _is_measure(word))
    ]
    return " ".join(kept)


def _is_measure(word: str) -> bool:
    """A thickness, angle or number of a view; more digits could be a date or a number of somebody."""
    return bool(re.fullmatch(r"\d{1,3}(?:\.\d{1,2})?", word))
