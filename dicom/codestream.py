"""What a compressed frame says of itself must be what the header says, and its end must be there.

A codec believes the codestream: one of 1 kB may ask for 2 GB, and a missing end becomes a gray tail without an
error. So the frame's own header is read first.
"""

import struct
from typing import Any

from pydicom.dataset import Dataset
from pydicom.encaps import get_frame

from dicom.codecs import ends_as_jpeg
from dicom.errors import Damaged, Truncated
from dicom.guard import number

RLE = "1.2.840.10008.1.2.5"
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{end}" for end in ("90", "91", "201", "202", "203")}
_FRAME_HEADERS = {0xF7, *range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)}
Shape = tuple[int, int, int]


def check_codestream(dataset: Dataset, index: int) -> None:
    """raises: Damaged, Truncated, InvalidHeader"""
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated:
        return
    source = _frame(dataset, index)
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    samples = number(dataset, "SamplesPerPixel", 1)
    if syntax == RLE:
        _check_rle(source, rows * columns, samples * (number(dataset, "BitsAllocated") // 8))
        return
    found = _shape_2000(source) if syntax in _JPEG_2000 else _shape_jpeg(source)
    if found is None:
        raise Damaged(what="frame header")
    if found != (rows, columns, samples):
        raise Damaged(what="size", header=f"{columns}x{rows}x{samples}", picture=_named(found))
    if syntax not in _JPEG_2000 and not ends_as_jpeg(source):
        raise Damaged(what="end of image")


def _frame(dataset: Dataset, index: int) -> bytes:
    offsets: Any = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    frames = number(dataset, "NumberOfFrames", 1) or 1
    try:
        return get_frame(dataset.PixelData, index, extended_offsets=offsets, number_of_frames=frames)
    except Exception as error:  # pydicom raises many kinds for fragments that break the standard
        if "PixelData" in dataset and not dataset.PixelData:
            raise Truncated(frame=index) from error
        raise Damaged(what="fragments", kind=type(error).__name__) from error


def _check_rle(source: bytes, pixels: int, expected: int) -> None:
    segments = struct.unpack("<L", source[:4])[0] if len(source) >= 64 else 0
    if segments != expected:
        raise Damaged(what="segments", header=expected, picture=segments)
    # A run of 128 bytes takes 2: a frame can be 64 times its stream and not more.
    if pixels * expected > 64 * len(source) + 1024:
        raise Damaged(what="length")


def _shape_jpeg(source: bytes) -> Shape | None:
    """Rows, columns and components of the frame header (ISO 10918-1 B.2.2, ISO 14495-1 C.2.2)."""
    at = 2
    while at + 10 <= len(source):
        if source[at] != 0xFF:
            at += 1
            continue
        marker = source[at + 1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_HEADERS:
            rows, columns, components = struct.unpack(">HHB", source[at + 5 : at + 10])
            return (rows, columns, components)
        if marker == 0xDA:
            return None
        at += 2 + int.from_bytes(source[at + 2 : at + 4], "big")
    return None


def _shape_2000(source: bytes) -> Shape | None:
    """Rows, columns and components of the SIZ segment (ISO 15444-1 A.5.1); a JP2 box may stand around it."""
    at = source.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 42 > len(source):
        return None
    wide, high, left, top = struct.unpack(">IIII", source[at + 8 : at + 24])
    (components,) = struct.unpack(">H", source[at + 40 : at + 42])
    return (high - top, wide - left, components)


def _named(shape: Shape) -> str:
    rows, columns, components = shape
    return f"{columns}x{rows}x{components}"
