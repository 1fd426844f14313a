"""Header text as people may see it: no control characters, no turned direction, one form of each letter."""

import unicodedata
from typing import Any

LONGEST = 400


def clean(value: Any) -> str:
    """One line of text, NFC, at most 400 characters, without control and format characters."""
    if value is None:
        return ""
    kept = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in unicodedata.normalize("NFC", str(value))
        if unicodedata.category(character) not in ("Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split())[:LONGEST]


def clean_name(value: Any) -> dict[str, str]:
    """The three groups of a person's name (PS3.5 6.2.1), components in reading order."""
    groups = str(value or "").split("=")[:3]
    names = ("alphabetic", "ideographic", "phonetic")
    return {
        name: ", ".join(part for part in map(clean, _parts(group)) if part)
        for name, group in zip(names, groups, strict=False)
    }


def _parts(group: str) -> list[str]:
    family, _, rest = group.partition("^")
    return [family.strip(), " ".join(part.strip() for part in rest.split("^") if part.strip())]
