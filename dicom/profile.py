"""The basic confidentiality profile as data (PS3.15 table E.1-1, edition 2024e)."""

import csv
from functools import cache
from pathlib import Path

TABLE = Path(__file__).parent / "basic_profile.csv"


@cache
def basic_profile() -> dict[int, str]:
    """Tag to action: D replaced, Z empty, X absent, U new UID, and choices such as X/Z/D.

    The four rows that stand for many tags (curves, overlays, private) are rules of `deidentify` itself.
    """
    rules: dict[int, str] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            tag = row["tag"].strip("()").replace(",", "")
            if len(tag) == 8 and "x" not in tag.lower():
                rules[int(tag, 16)] = row["basicProfile"].strip()
    return rules
