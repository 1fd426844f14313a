"""Dates moved, all of one patient by the same number of days, and ages that tell nobody apart."""

import hashlib
import hmac
import re
from datetime import date, timedelta

WITHIN_DAYS = 365
OLDEST = 89
"""Above it there are few enough people to know them by their age."""


def offset_of(patient: str, secret: bytes) -> int:
    """Days from -365 to 365, never 0: the same for a patient and a secret."""
    digest = hmac.new(secret, b"dates of " + patient.encode(), hashlib.sha256).digest()
    days = int.from_bytes(digest[:8], "big") % (2 * WITHIN_DAYS)
    return days - WITHIN_DAYS if days < WITHIN_DAYS else days - WITHIN_DAYS + 1


def shifted(value: str, days: int) -> str | None:
    """A DA or DT some days on, its time of day as it was; None where it is no date (PS3.5 6.2)."""
    found = re.fullmatch(r"(\d{4})(\d{2})(\d{2})((?:\d{2}){0,3}(?:\.\d{1,6})?(?:[+-]\d{4})?)", value.strip())
    if not found:
        return None
    try:
        moved = date(*map(int, found.groups()[:3])) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y%m%d}".zfill(8) + found[4]


def capped_age(value: str) -> str:
    """An AS; who is older than 89 years is 90 years old."""
    found = re.fullmatch(r"(\d{3})([DWMY])", value.strip())
    if not found:
        return ""
    years = int(found[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[found[2]]
    return "090Y" if years > OLDEST else value.strip()
