"""The exact bytes of a record: sorted keys, no spaces, NFC, no floats; equal to RFC 8785 for this subset."""

import json
import unicodedata
from typing import Any


def canonical(value: Any) -> bytes:
    """UTF-8 JSON of None, bool, int, str, list, tuple and dict; raises TypeError for anything else."""
    return json.dumps(
        _plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise TypeError(f"A record holds no {type(value).__name__}; write numbers with a point as text.")
