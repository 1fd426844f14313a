"""What is refused before decoding: by size, by header, by marker; limits before memory.

Runs inside the limited process. Order and numbers follow what hostile files did in measurements: nothing is
allocated from a header's word alone, and a deflated dataset is inflated against a cap before it is parsed.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.errors import InvalidDicomError
from pydicom.filereader import _read_file_meta_info
from pydicom.uid import UID

from dicom.codecs import ends_as_jpeg
from dicom.errors import (
    Damaged,
    EmptyFile,
    InvalidHeader,
    NoPixels,
    NotDicom,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is allowed; each over it is an error that says so."""

    file_bytes: int = 2 << 30
    inflated_bytes: int = 1 << 30
    inflated_ratio: int = 1500
    elements: int = 20_000
    depth: int = 64
    frame_bytes: int = 256 << 20
    frames: int = 20_000
    total_bytes: int = 8 << 30
    memory_bytes: int = 4 << 30
    cpu_seconds: int = 60
    wall_seconds: int = 90
    picture_pixels: int = 120_000_000


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
RLE = "1.2.840.10008.1.2.5"
_JPEG_2000 = {f"1.2.840.10008.1.2.4.{end}" for end in ("90", "91", "201", "202", "203")}


def open_dataset(source: Path | bytes, limits: Limits) -> Dataset:
    """The dataset of a file that passed everything that can be checked without decoding.

    raises: DicomError subclasses
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size == 0:
        raise EmptyFile()
    if size > limits.file_bytes:
        raise TooLarge(what="file", found=size, limit=limits.file_bytes)
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        _check_syntax(stream, limits)
        stream.seek(0)
        dataset = _parse(stream)
    _check_shape(dataset, limits)
    return dataset


def _check_syntax(stream: BinaryIO, limits: Limits) -> None:
    stream.seek(128)
    if stream.read(4) != b"DICM":
        raise NotDicom()
    try:
        stream.seek(132)
        meta = _read_file_meta_info(stream)
    except (InvalidDicomError, EOFError, ValueError, struct.error, OSError) as error:
        raise Truncated() from error
    syntax = str(meta.get("TransferSyntaxUID", ""))
    if not syntax:
        raise InvalidHeader(keyword="TransferSyntaxUID")
    if syntax not in READ:
        raise UnsupportedSyntax(syntax=UID(syntax).name[:80])
    if syntax == DEFLATED:
        _check_inflation(stream, limits)


def _check_inflation(stream: BinaryIO, limits: Limits) -> None:
    """Inflate in pieces and throw them away: a bomb is found before it is in memory."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    read = inflated = 0
    while chunk := stream.read(1 << 16):
        read += len(chunk)
        while chunk:
            try:
                inflated += len(inflater.decompress(chunk, 1 << 20))
            except zlib.error as error:
                raise Damaged(what="deflate") from error
            if inflated > limits.inflated_bytes or inflated > max(1 << 24, read * limits.inflated_ratio):
                raise TooLarge(what="inflated", found=inflated, limit=limits.inflated_bytes)
            chunk = inflater.unconsumed_tail


def _parse(stream: BinaryIO) -> Dataset:
    try:
        return pydicom.dcmread(stream)
    except InvalidDicomError as error:
        raise NotDicom() from error
    except RecursionError as error:
        raise TooLarge(what="depth", found="over 500", limit=64) from error
    except (EOFError, struct.error) as error:
        raise Truncated() from error
    except MemoryError as error:
        raise TooLarge(what="memory", found="", limit="") from error
    except Exception as error:  # pydicom raises many kinds for a header that breaks the standard
        raise Damaged(what="header", kind=type(error).__name__) from error


def _check_shape(dataset: Dataset, limits: Limits) -> None:
    _count(dataset, limits)
    if not has_pixels(dataset):
        if (
            "Rows" in dataset
            and "BitsAllocated" in dataset
            and not dataset.get("SOPClassUID", UID("")).name.startswith("RT")
        ):
            raise Truncated()
        name = UID(str(dataset.get("SOPClassUID", ""))).name
        raise NoPixels(sop_class=name[:64] or "unknown")
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    samples, bits = number(dataset, "SamplesPerPixel", 1), number(dataset, "BitsAllocated")
    frames = number(dataset, "NumberOfFrames", 1) or 1
    if not (rows > 0 and columns > 0 and samples in (1, 3) and bits in (1, 8, 16, 32, 64) and frames > 0):
        raise InvalidHeader(rows=rows, columns=columns, samples=samples, bits=bits, frames=frames)
    frame_bytes = rows * columns * samples * max(1, bits // 8)
    for what, found, limit in (
        ("frame", frame_bytes, limits.frame_bytes),
        ("frames", frames, limits.frames),
        ("all frames", frame_bytes * frames, limits.total_bytes),
    ):
        if found > limit:
            raise TooLarge(what=what, found=found, limit=limit)
    if "PixelData" in dataset and not dataset.file_meta.TransferSyntaxUID.is_compressed:
        _check_native(dataset, rows * columns * samples * bits * frames)


def _check_native(dataset: Dataset, bits: int) -> None:
    if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        bits = bits * 2 // 3
    expected, found = (bits + 7) // 8, len(dataset.PixelData or b"")
    if found < expected:
        raise Truncated(expected=expected, found=found)


def _count(dataset: Dataset, limits: Limits) -> None:
    """Elements and depth, counted without printing or converting anything."""
    stack, elements = [(dataset, 1)], 0
    while stack:
        one, depth = stack.pop()
        if depth > limits.depth:
            raise TooLarge(what="depth", found=depth, limit=limits.depth)
        elements += len(one)
        if elements > limits.elements:
            raise TooLarge(what="elements", found=elements, limit=limits.elements)
        for tag in list(one.keys()):
            raw = one.get_item(tag)
            if raw is not None and raw.VR == "SQ":
                try:
                    items = one[tag].value or []
                except Exception as error:
                    raise Damaged(what="sequence", kind=type(error).__name__) from error
                stack += [(item, depth + 1) for item in items]


def has_pixels(dataset: Dataset) -> bool:
    """Whether there is a picture in it."""
    return any(keyword in dataset for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData"))


def number(dataset: Dataset, keyword: str, default: int | None = None) -> int:
    """A whole number of the header; raises InvalidHeader."""
    try:
        value: Any = dataset.get(keyword)
        if value is None or value == "":
            if default is None:
                raise InvalidHeader(keyword=keyword)
            return default
        return int(value)
    except (ValueError, TypeError, OverflowError, NotImplementedError) as error:
        raise InvalidHeader(keyword=keyword) from error


def check_codestream(dataset: Dataset, index: int, limits: Limits) -> None:
    """What the compressed frame says of itself must be what the header says, and its end must be there."""
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if not dataset.file_meta.TransferSyntaxUID.is_compressed or syntax == DEFLATED:
        return
    frames = number(dataset, "NumberOfFrames", 1) or 1
    try:
        source = next(
            frame
            for at, frame in enumerate(generate_frames(dataset.PixelData, number_of_frames=frames))
            if at == index
        )
    except StopIteration:
        raise Truncated(frame=index) from None
    except Exception as error:
        raise Damaged(what="fragments", kind=type(error).__name__) from error
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    if syntax == RLE:
        _check_rle(source, dataset, rows * columns)
        return
    found = _size_2000(source) if syntax in _JPEG_2000 else _size_jpeg(source)
    if found is not None and found != (rows, columns):
        raise Damaged(what="size", header=f"{columns}x{rows}", picture=f"{found[1]}x{found[0]}")
    if syntax not in _JPEG_2000 and not ends_as_jpeg(source):
        raise Damaged(what="end of image")


def _check_rle(source: bytes, dataset: Dataset, pixels: int) -> None:
    expected = number(dataset, "SamplesPerPixel", 1) * (number(dataset, "BitsAllocated") // 8)
    segments = struct.unpack("<L", source[:4])[0] if len(source) >= 64 else 0
    if segments != expected:
        raise Damaged(what="segments", header=expected, picture=segments)
    # A run of 128 bytes takes 2: a frame can be 64 times its stream and not more.
    if pixels * expected > 64 * len(source) + 1024:
        raise Damaged(what="length")


def _size_jpeg(source: bytes) -> tuple[int, int] | None:
    """Rows and columns of the frame header (ISO 10918-1 B.2.2, ISO 14495-1 C.2.2)."""
    at = 2
    while at + 9 < len(source):
        if source[at] != 0xFF:
            at += 1
            continue
        marker = source[at + 1]
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(source[at + 2 : at + 4], "big")
        if marker in (0xF7, *range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)):
            rows, columns = struct.unpack(">HH", source[at + 5 : at + 9])
            return (rows, columns)
        if marker == 0xDA:
            return None
        at += 2 + length
    return None


def _size_2000(source: bytes) -> tuple[int, int] | None:
    """Rows and columns of the SIZ segment (ISO 15444-1 A.5.1)."""
    at = source.find(b"\xff\x4f\xff\x51")
    if at < 0 or at + 24 > len(source):
        return None
    wide, high, left, top = struct.unpack(">IIII", source[at + 8 : at + 24])
    return (high - top, wide - left)
