"""What is refused before decoding: by size, by skeleton, by header; limits before memory.

Runs inside the limited process. Order and numbers follow what hostile files did in measurements: nothing is
allocated from a header's word alone, and a deflated dataset is inflated against a cap before it is parsed.
What a compressed frame says of itself is checked in `dicom.codestream`.
"""

import mmap
import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info
from pydicom.tag import Tag
from pydicom.uid import UID, UID_dictionary

from dicom.errors import (
    Damaged,
    EmptyFile,
    Headerless,
    InvalidHeader,
    LabelPicture,
    MissingHeader,
    NoPixels,
    NotDicom,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
    in_bytes,
)
from dicom.scan import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is allowed; each over it is an error that says so.

    kept_bytes: of files that a process keeps open between questions; the last one may be larger
    """

    file_bytes: int = 2 << 30
    inflated_bytes: int = 1 << 30
    inflated_ratio: int = 200
    elements: int = 20_000
    depth: int = 64
    frame_bytes: int = 256 << 20
    frames: int = 20_000
    total_bytes: int = 8 << 30
    memory_bytes: int = 4 << 30
    cpu_seconds: int = 60
    wall_seconds: int = 90
    picture_pixels: int = 120_000_000
    kept_bytes: int = 128 << 20

    @property
    def kept_alone_bytes(self) -> int:
        """Bytes of the largest file that a process keeps in hand: its pixels are there twice, and decoding needs room."""
        return self.memory_bytes // 4


READ = {
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
}
DEFLATED = "1.2.840.10008.1.2.1.99"
WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
SLIDE_TILES = 1 << 20
BIG_ENDIAN = "1.2.840.10008.1.2.2"
ALWAYS_INFLATED = 64 << 20
"""Up to here a ratio says nothing: an empty picture shrinks a thousandfold."""
SHAPE = "Rows, Columns, SamplesPerPixel, BitsAllocated, NumberOfFrames"
DEFERRED = 64 << 10
"""Longer values stay where they lie until they are asked for."""


def open_dataset(source: Path | bytes, limits: Limits) -> Dataset:
    """The dataset of a file that passed everything that can be checked without decoding.

    raises: DicomError subclasses
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size == 0:
        raise EmptyFile()
    if size > limits.file_bytes:
        raise TooLarge(what="file", found=in_bytes(size), limit=in_bytes(limits.file_bytes))
    if isinstance(source, bytes):
        # Not closed here: long values are read from it when they are asked for.
        return _opened(BytesIO(source), source, limits)
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _opened(stream, data, limits)


def _opened(stream: BinaryIO, data: bytes | mmap.mmap, limits: Limits) -> Dataset:
    meta = _checked_meta(stream)
    start = stream.tell()
    regular = _scan(data, start, meta, limits)
    stream.seek(0)
    dataset = _parsed(stream)
    if not regular:
        if not has_pixels(dataset):
            # The walk lost its way and so did the parser: what should follow is not absent, it is unreadable.
            raise Damaged(what="header")
        _count(dataset, limits)
    _check_shape(dataset, limits)
    return dataset


def _checked_meta(stream: BinaryIO) -> FileMetaDataset:
    stream.seek(128)
    if stream.read(4) != b"DICM":
        raise Headerless() if _is_headerless(stream) else NotDicom()
    try:
        meta = _read_file_meta_info(stream)
        syntax = str(meta.get("TransferSyntaxUID") or "")
    except Exception as error:  # pydicom raises many kinds for a header that stops or breaks the standard
        raise Truncated() from error
    if not syntax:
        raise MissingHeader(keyword="TransferSyntaxUID")
    if syntax not in READ:
        raise UnsupportedSyntax(syntax=known_name(syntax))
    return meta


def _is_headerless(stream: BinaryIO) -> bool:
    """Whether the file begins with elements: a group length or a first value of group 0008, in either order."""
    stream.seek(0)
    head = stream.read(12)
    little, big = (
        head[:2] == b"\x08\x00" and head[3:4] == b"\x00",
        head[:2] == b"\x00\x08" and head[2:3] == b"\x00",
    )
    return little or big


def known_name(uid: Any) -> str:
    """The standard's name of a UID; what is no such UID may hold anything and is never repeated."""
    text = str(uid or "")
    return UID(text).name[:80] if text in UID_dictionary else "unknown"


def _scan(data: bytes | mmap.mmap, start: int, meta: FileMetaDataset, limits: Limits) -> bool:
    syntax = UID(str(meta.TransferSyntaxUID))
    if syntax == DEFLATED:
        data, start = _inflated(data, start, limits), 0
    walk = Scan(
        data,
        start,
        implicit=syntax.is_implicit_VR,
        little=syntax.is_little_endian,
        elements=limits.elements,
        depth=limits.depth,
    )
    return walk.is_regular()


def _inflated(data: bytes | mmap.mmap, start: int, limits: Limits) -> bytes:
    """The inflated dataset, piece by piece: a bomb is found before it is in memory."""
    inflater, out = zlib.decompressobj(-zlib.MAX_WBITS), bytearray()
    for at in range(start, len(data), 1 << 16):
        chunk = bytes(data[at : at + (1 << 16)])
        allowed = max(ALWAYS_INFLATED, (at - start + len(chunk)) * limits.inflated_ratio)
        while chunk:
            try:
                out += inflater.decompress(chunk, 1 << 20)
            except zlib.error as error:
                raise Damaged(what="deflate") from error
            if len(out) > min(allowed, limits.inflated_bytes):
                raise TooLarge(what="inflated", found=f"> {in_bytes(len(out))}", limit=in_bytes(allowed))
            chunk = inflater.unconsumed_tail
    return bytes(out)


def _parsed(stream: BinaryIO) -> Dataset:
    try:
        return pydicom.dcmread(stream, defer_size=DEFERRED)
    except InvalidDicomError as error:
        raise NotDicom() from error
    except RecursionError as error:
        raise TooLarge(what="depth", found="> 500", limit=64) from error
    except (EOFError, struct.error) as error:
        raise Truncated() from error
    except MemoryError as error:
        raise TooLarge(what="memory") from error
    except Exception as error:  # pydicom raises many kinds for a header that breaks the standard
        raise Damaged(what="header", kind=type(error).__name__) from error


def _check_shape(dataset: Dataset, limits: Limits) -> None:
    if str(dataset.get("SOPClassUID", "")) == WHOLE_SLIDE and _kinds(dataset) & {"LABEL", "OVERVIEW"}:
        raise LabelPicture()
    if not has_pixels(dataset):
        kind = known_name(dataset.get("SOPClassUID"))
        # A file that stops between two elements ends like a whole one; its class and size tell that pixels are due.
        is_cut = kind.endswith("Image Storage") and "Rows" in dataset
        raise Truncated() if is_cut else NoPixels(sop_class=kind)
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    samples, bits = number(dataset, "SamplesPerPixel", 1), number(dataset, "BitsAllocated")
    frames = number(dataset, "NumberOfFrames", 1) or 1
    if not (rows > 0 and columns > 0 and samples in (1, 3) and bits in (1, 8, 16, 32, 64) and frames > 0):
        raise InvalidHeader(
            keyword=SHAPE, rows=rows, columns=columns, samples=samples, bits=bits, frames=frames
        )
    one = rows * columns * samples * max(1, bits // 8)
    if one > limits.frame_bytes:
        raise TooLarge(what="frame", found=in_bytes(one), limit=in_bytes(limits.frame_bytes))
    is_slide = str(dataset.get("SOPClassUID", "")) == WHOLE_SLIDE
    if frames > (SLIDE_TILES if is_slide else limits.frames):
        raise TooLarge(what="frames", found=frames, limit=SLIDE_TILES if is_slide else limits.frames)
    # Of a slide a tile is read at a time, and never all of them.
    if one * frames > limits.total_bytes and not is_slide:
        raise TooLarge(what="total", found=in_bytes(one * frames), limit=in_bytes(limits.total_bytes))
    if "PixelData" in dataset and not dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_native(dataset, rows * columns * samples * bits * frames)


def _kinds(dataset: Dataset) -> set[str]:
    value = dataset.get("ImageType") or ()
    return {str(kind).upper() for kind in ([value] if isinstance(value, str) else value)}


def _check_native(dataset: Dataset, bits: int) -> None:
    """The element, not the file, must be long enough: a file can be cut and padded."""
    if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        bits = bits * 2 // 3
    # As it lies: asking for the value would read all of it.
    raw = dict(dataset.items())[Tag("PixelData")]
    found = raw.length if isinstance(raw, RawDataElement) else len(raw.value or b"")
    expected = (bits + 7) // 8
    if found < expected:
        raise Truncated(expected=expected, found=found)


def _count(dataset: Dataset, limits: Limits) -> None:
    """Elements and depth of what pydicom made of bytes that the walk could not follow."""
    stack, elements = [(dataset, 1)], 0
    while stack:
        one, depth = stack.pop()
        elements += 1 + len(one)
        if depth > limits.depth:
            raise TooLarge(what="depth", found=f"> {limits.depth}", limit=limits.depth)
        if elements > limits.elements:
            raise TooLarge(what="elements", found=f"> {limits.elements}", limit=limits.elements)
        nested = [tag for tag, raw in one.items() if raw.VR == "SQ"]
        stack += [(item, depth + 1) for tag in nested for item in _items(one, tag)]


def _items(dataset: Dataset, tag: Any) -> list[Dataset]:
    try:
        return list(dataset[tag].value or [])
    except Exception as error:
        raise Damaged(what="sequence", kind=type(error).__name__) from error


def has_pixels(dataset: Dataset) -> bool:
    """Whether there is a picture in it."""
    return any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def number(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """A whole number of the header; raises InvalidHeader, MissingHeader."""
    try:
        value: Any = dataset.get(keyword)
        if value is None or value == "":
            if default is None:
                raise MissingHeader(keyword=keyword)
            return default
        return int(value)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise InvalidHeader(keyword=keyword) from error
