"""A second opinion on a cleaned file: own reader of the standard's table, own reader of the bytes, own judgement.

It shares no code with the engine and does not use pydicom, so that an error of either is not made twice.
"""

import csv
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).parents[2] / "dicom" / "basic_profile.csv"
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
FORMS = {
    b"DA": r"\d{8}", b"TM": r"\d{6}", b"DT": r"\d{14}", b"AS": r"\d{3}[DWMY]", b"UI": r"[0-2](\.(0|[1-9]\d*))+",
    b"IS": r"[+-]?\d+", b"DS": r"[+-]?\d+(\.\d+)?", b"UR": r"\S+", b"CS": r"[A-Z0-9_ ]{1,16}",
}  # fmt: skip
"""What a value of these kinds looks like (PS3.5 6.2); others are any text."""


def table() -> dict[int, str]:
    """Attribute to action, of every row that names one attribute."""
    found = {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        for row in csv.reader(file):
            match = re.fullmatch(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)", row[0])
            if match:
                found[int(match[1] + match[2], 16)] = row[3]
    return found


@dataclass
class Element:
    """An attribute as it lies in the file."""

    vr: bytes
    value: bytes
    items: list[dict[int, "Element"]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.value.rstrip(b"\x00 ").decode("latin-1")


def dataset(data: bytes) -> dict[int, Element]:
    """All elements of an Explicit Little Endian file, its header of group 2 as well."""
    assert data[128:132] == b"DICM"
    found, at = _elements(data, 132, len(data))
    assert at == len(data)
    return found


def _elements(data: bytes, at: int, end: int) -> tuple[dict[int, Element], int]:
    found = {}
    while at < end:
        group, number = struct.unpack_from("<HH", data, at)
        if (group, number) == (0xFFFE, 0xE00D):
            return found, at + 8
        vr = data[at + 4 : at + 6]
        if vr in LONG:
            (length,) = struct.unpack_from("<L", data, at + 8)
            at += 12
        else:
            (length,) = struct.unpack_from("<H", data, at + 6)
            at += 8
        if vr == b"SQ":
            items, after = _items(data, at, length)
            found[group << 16 | number] = Element(vr, data[at:after], items)
            at = after
        else:
            assert length != 0xFFFFFFFF
            found[group << 16 | number] = Element(vr, data[at : at + length])
            at += length
    return found, at


def _items(data: bytes, at: int, length: int) -> tuple[list[dict[int, Element]], int]:
    items, end = [], len(data) if length == 0xFFFFFFFF else at + length
    while at < end:
        group, number, size = struct.unpack_from("<HHL", data, at)
        at += 8
        if (group, number) == (0xFFFE, 0xE0DD):
            return items, at
        assert (group, number) == (0xFFFE, 0xE000)
        inside, after = _elements(data, at, len(data) if size == 0xFFFFFFFF else at + size)
        items.append(inside)
        at = after
    return items, at


def is_right(action: str, before: Element, after: Element | None) -> bool:
    """Whether an attribute became what its row of the table asks: X, Z, D, U or a choice of them."""
    choices = action.split("/")
    if after is None:
        return "X" in choices
    if not after.value or (after.vr == b"SQ" and not after.items):
        return "Z" in choices
    if after.vr == b"SQ":
        return bool({"D", "U*"} & set(choices)) and after.value != before.value
    form = FORMS.get(after.vr)
    well_formed = form is None or re.fullmatch(form, after.text) is not None
    wanted = {"U", "D"} if after.vr == b"UI" else {"D"}
    return after.value != before.value and well_formed and bool(wanted & set(choices))
