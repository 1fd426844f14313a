"""Palettes: numbers of colors to colors (PS3.3 C.7.6.3.1.5, C.7.6.3.1.6, C.7.9), whole and in segments."""

import numpy as np
from pydicom.dataset import Dataset

from dicom.errors import Damaged
from dicom.guard import BIG_ENDIAN
from dicom.header import numbers_of
from dicom.naming import value_of
from dicom.windowing import Values

COLORS = ("Red", "Green", "Blue")
MOST = 1 << 16
"""Entries that a table of 16-bit numbers can have."""


def is_palette(dataset: Dataset) -> bool:
    """Whether the values are numbers of colors."""
    return str(dataset.get("PhotometricInterpretation", "")) == "PALETTE COLOR"


def has_supplemental(dataset: Dataset) -> bool:
    """Whether a gray picture brings colors for some of its values (C.7.6.19)."""
    interpretation = str(dataset.get("PhotometricInterpretation", ""))
    return interpretation.startswith("MONOCHROME") and "RedPaletteColorLookupTableDescriptor" in dataset


def supplement(values: Values, dataset: Dataset) -> tuple[Values, Values]:
    """Where stored values have a color of their own, and the color: bool (rows, columns), uint8 (rows, columns, 3)."""
    return np.asarray(values >= _descriptor(dataset, "Red")[1]), palette_color(values, dataset)


def palette_color(values: Values, dataset: Dataset) -> Values:
    """uint8 RGB (…, 3) of stored palette numbers; those outside take the nearest color; raises Damaged."""
    tables = [_table(dataset, color) for color in COLORS]
    return np.stack([_looked_up(values, first, entries) for first, entries in tables], axis=-1)


def _looked_up(values: Values, first: int, entries: Values) -> Values:
    return entries[np.clip(values.astype(np.int64) - first, 0, len(entries) - 1)]


def _descriptor(dataset: Dataset, color: str) -> tuple[int, int, int]:
    """Count of entries, first value, bits of an entry; raises Damaged."""
    found = numbers_of(dataset, f"{color}PaletteColorLookupTableDescriptor")
    if len(found) != 3:
        raise Damaged(what="palette")
    count, first, bits = (int(one) for one in found)
    # Written without a sign where pixels have one, or the other way round.
    is_signed = bool(dataset.get("PixelRepresentation"))
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    if not is_signed and first < 0:
        first += 1 << 16
    return (count if count > 0 else count + MOST), first, bits


def _table(dataset: Dataset, color: str) -> tuple[int, Values]:
    """The first value and the colors for it and those after it, as uint8."""
    count, first, bits = _descriptor(dataset, color)
    whole = value_of(dataset, f"{color}PaletteColorLookupTableData")
    segments = value_of(dataset, f"Segmented{color}PaletteColorLookupTableData")
    if isinstance(whole, bytes) and whole:
        entries = _entries(_little(whole, dataset), count)
    elif isinstance(segments, bytes) and segments:
        entries = _expanded(_little(segments, dataset), bits)[:count]
    else:
        raise Damaged(what="palette")
    if not len(entries):
        raise Damaged(what="palette")
    return first, _eight(entries, bits)


def _little(data: bytes, dataset: Dataset) -> bytes:
    """Words in Big Endian swapped: pydicom leaves them as they lie; dcmtk and ITK agree that they are to be."""
    if dataset.file_meta.TransferSyntaxUID != BIG_ENDIAN:
        return data
    return np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()


def _entries(data: bytes, count: int) -> Values:
    """Entries of a byte or of a word each: the length tells, for an odd count is padded by a byte."""
    if len(data) >= 2 * count:
        return np.frombuffer(data[: 2 * count], "<u2")
    return np.frombuffer(data[:count], np.uint8)


def _eight(entries: Values, bits: int) -> Values:
    """Words hold 16 bits of color, or 8 in their lower half where the descriptor says 8."""
    if entries.dtype == np.uint8:
        return entries
    is_low = bits <= 8 and int(entries.max()) < 256
    return (entries if is_low else entries >> 8).astype(np.uint8)


def _expanded(data: bytes, bits: int) -> Values:
    """A segmented table as whole entries: runs, straight lines and copies of earlier segments (C.7.9.2)."""
    is_wide = bits > 8
    words = np.frombuffer(data[: len(data) // 2 * 2], "<u2") if is_wide else np.frombuffer(data, np.uint8)
    expansion = _Expansion([int(word) for word in words[: 2 * MOST]], is_wide)
    expansion.run(0, None)
    return np.asarray(expansion.out[:MOST], np.uint16 if is_wide else np.uint8)


class _Expansion:
    """One walk over segments; a table that never ends is stopped."""

    def __init__(self, words: list[int], is_wide: bool):
        self.words, self.is_wide = words, is_wide
        self.out: list[int] = []
        self.steps = 0

    def run(self, at: int, most: int | None, *, nested: bool = False) -> None:
        """Append what the segments from `at` on stand for, `most` of them or all; raises Damaged."""
        done = 0
        while at + 2 <= len(self.words) and (most is None or done < most):
            kind, length = self.words[at], self.words[at + 1]
            at += 2
            if kind == 0:
                self.out += self.words[at : at + length]
                at += length
            elif kind == 1 and self.out and at < len(self.words):
                # It ends at the new value and begins behind the last one, which stands there already.
                line = np.linspace(self.out[-1], self.words[at], length + 1)[1:]
                self.out += [int(value) for value in np.around(line)]
                at += 1
            elif kind == 2 and not nested:
                self.run(self._target(at), length, nested=True)
                at += 2 if self.is_wide else 4
            else:
                raise Damaged(what="palette")
            done, self.steps = done + 1, self.steps + 1
            if len(self.out) > 2 * MOST or self.steps > MOST:
                raise Damaged(what="palette")

    def _target(self, at: int) -> int:
        """Where the segments to be copied begin: a byte offset, least significant part first."""
        parts, size = (2, 16) if self.is_wide else (4, 8)
        offset = sum(word << (place * size) for place, word in enumerate(self.words[at : at + parts]))
        return offset // 2 if self.is_wide else offset
