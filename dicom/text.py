"""Header text as people may see it: no control characters, no turned direction, one form of each letter."""

import unicodedata
from typing import Any

LONGEST = 400


def clean(value: Any) -> str:
    """One line of text, NFC, at most 400 characters, without control and format characters; several values by comma."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(part for part in map(clean, value) if part)[:LONGEST]
    kept = "".join(
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in unicodedata.normalize("NFC", str(value))
        if unicodedata.category(character) not in ("Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split())[:LONGEST]


def clean_name(value: Any) -> dict[str, str]:
    """The three groups of a person's name (PS3.5 6.2.1), components in reading order."""
    first = value[0] if isinstance(value, list | tuple) and value else value
    groups = str(first or "").split("=")[:3]
    names = ("alphabetic", "ideographic", "phonetic")
    return {name: _in_order(group) for name, group in zip(names, groups, strict=False)}


def _in_order(group: str) -> str:
    """Family, given; a Korean, Chinese or Japanese name is written without a comma or space between them."""
    family, _, rest = group.partition("^")
    given = clean(" ".join(part.strip() for part in rest.split("^")))
    family = clean(family)
    if family and given and all(_is_east_asian(letter) for letter in family + given):
        return family + given
    return ", ".join(part for part in (family, given) if part)


def _is_east_asian(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(("HANGUL", "CJK", "HIRAGANA", "KATAKANA"))
