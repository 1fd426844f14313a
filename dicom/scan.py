"""The skeleton of a DICOM file, walked before anything is built from it: how much, how deep, and does it end?

pydicom makes an object of every element, follows nesting by recursion, and returns without an error when a file
stops in the middle. Here nothing is kept but a position, so that a million elements or a thousand levels are
refused in milliseconds, and a missing end is seen.

Covered: Implicit and Explicit, Little and Big Endian, sequences of either length, encapsulated pixels.
Not covered: bytes that follow none of these; `is_regular` tells, and the caller looks at what pydicom makes of it.
"""

import struct
from dataclasses import dataclass
from mmap import mmap

from pydicom.datadict import DicomDictionary

from dicom.errors import TooLarge, Truncated

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA, PER_FRAME_GROUPS = 0x7FE00010, 0x52009230
PER_FRAME_ELEMENTS = 200
"""Elements that each frame of an enhanced object may bring with it."""
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_SEQUENCES = frozenset(tag for tag, entry in DicomDictionary.items() if entry[0] == "SQ")


@dataclass(slots=True)
class _Container:
    """A sequence or an item that has begun: where it ends (None: at its delimiter) and how it is written."""

    tag: int
    end: int | None
    implicit: bool


@dataclass(slots=True)
class _Header:
    tag: int
    vr: bytes
    length: int
    value: int


class Scan:
    """One walk over the elements from `start`; raises TooLarge and Truncated."""

    def __init__(
        self, data: bytes | mmap, start: int, *, implicit: bool, little: bool, elements: int, depth: int
    ):
        self.data, self.at, self.size = data, start, len(data)
        self.implicit, self.order = implicit, "<" if little else ">"
        self.most, self.limit, self.depth = elements, elements, depth
        self.elements = 0
        self.open: list[_Container] = []

    def is_regular(self) -> bool:
        """Whether the walk came to the end by the rules; False where bytes follow none of them."""
        while True:
            while self.open and self.open[-1].end is not None and self.at >= self.open[-1].end:
                if self.at > self.open[-1].end:
                    return False
                self.open.pop()
            if self.at + 8 > self.size:
                if self.open:
                    raise Truncated(at=self.at)
                return True
            header = self._header()
            if header is None or not self._step(header):
                return False

    def _header(self) -> _Header | None:
        group, element = struct.unpack_from(self.order + "HH", self.data, self.at)
        tag = group << 16 | element
        implicit = self.open[-1].implicit if self.open else self.implicit
        if implicit or group == 0xFFFE:
            (length,) = struct.unpack_from(self.order + "L", self.data, self.at + 4)
            return _Header(tag, b"SQ" if tag in _SEQUENCES else b"", length, self.at + 8)
        vr = self.data[self.at + 4 : self.at + 6]
        if vr in _SHORT:
            (length,) = struct.unpack_from(self.order + "H", self.data, self.at + 6)
            return _Header(tag, vr, length, self.at + 8)
        if vr not in _LONG:
            return None
        if self.at + 12 > self.size:
            raise Truncated(at=self.at)
        (length,) = struct.unpack_from(self.order + "L", self.data, self.at + 8)
        return _Header(tag, vr, length, self.at + 12)

    def _step(self, header: _Header) -> bool:
        """Go behind one header, into it where it holds others; False where it has no place here."""
        if header.tag in (ITEM_END, SEQUENCE_END):
            if not self.open:
                return False
            self.open.pop()
            self.at = header.value
            return True
        if header.tag == ITEM:
            if not self.open:
                return False
            if self.open[-1].tag == PER_FRAME_GROUPS:
                self.limit = min(self.limit + PER_FRAME_ELEMENTS, 100 * self.most)
            self._count()
            return self._enter(header, self.open[-1].implicit)
        self._count()
        if header.vr == b"SQ" or (header.length == UNDEFINED and header.vr in (b"UN", b"")):
            if header.tag == PIXEL_DATA:
                return self._fragments(header)
            # A sequence of unknown VR is Implicit Little Endian inside (PS3.5 6.2.2).
            inherited = self.open[-1].implicit if self.open else self.implicit
            return self._enter(header, inherited or header.vr == b"UN")
        if header.length == UNDEFINED:
            return self._fragments(header)
        self.at = header.value + header.length
        if self.at > self.size and header.tag <= PIXEL_DATA:
            raise Truncated(at=header.value, found=self.size - header.value, expected=header.length)
        return True

    def _count(self) -> None:
        """One more that an object is made of: an item of nothing costs as much as an element."""
        self.elements += 1
        if self.elements > self.limit:
            raise TooLarge(what="elements", found=f"> {self.limit}", limit=self.limit)

    def _enter(self, header: _Header, implicit: bool) -> bool:
        end = None if header.length == UNDEFINED else header.value + header.length
        if end is not None and end > self.size:
            raise Truncated(at=header.value, found=self.size - header.value, expected=header.length)
        self.open.append(_Container(header.tag, end, implicit))
        # A level is a sequence and an item of it.
        if len(self.open) > 2 * self.depth:
            raise TooLarge(what="depth", found=f"> {self.depth}", limit=self.depth)
        self.at = header.value
        return True

    def _fragments(self, header: _Header) -> bool:
        """Behind the fragments of encapsulated pixels (PS3.5 A.4)."""
        at = header.value
        while at + 8 <= self.size:
            group, element, length = struct.unpack_from(self.order + "HHL", self.data, at)
            tag = group << 16 | element
            if tag == SEQUENCE_END:
                self.at = at + 8
                return True
            if tag != ITEM or length == UNDEFINED:
                return False
            at += 8 + length
        raise Truncated(at=at)
