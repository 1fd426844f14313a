"""Hostile files, each made by a small generator of its own, and what becomes of them.

What they do to readers without a guard was measured: seconds, gigabytes, aborts, panics, pictures that are gray
where they were cut. REFUSED names the error each ends in, SHOWN those that are harmless and have to be shown clean.
"""

import random
import struct
import zlib
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from dicom.errors import (
    Damaged,
    DicomError,
    EmptyFile,
    InvalidHeader,
    NoPixels,
    NotAnImage,
    NotDicom,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
)
from tests.samples import dicom_bytes, photo

GOOD = dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8))
PANIC_SEED = 2


def with_frames(syntax, frame, **elements):
    """A file whose one compressed frame is whatever is given."""
    ds = pydicom.dcmread(BytesIO(GOOD))
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].is_undefined_length = True
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def deflate_bomb():
    """A few hundred kilobytes that inflate to 320 megabytes."""
    head = BytesIO(GOOD)
    ds = pydicom.dcmread(head)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    out = BytesIO()
    pydicom.filewriter.write_file_meta_info(out, ds.file_meta)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(b"\x00" * (1 << 24)) for _ in range(20)) + packer.flush()
    return b"\x00" * 128 + b"DICM" + out.getvalue() + body


def huge_jpeg_2000():
    """A header of a few bytes that promises 20,000 x 20,000 pixels."""
    size = struct.pack(">HIIIIIIIIH", 0, 20000, 20000, 0, 0, 20000, 20000, 0, 0, 1) + b"\x0f\x01\x01"
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"


def before_the_pixels(header):
    """A good file with these elements in front of its pixels."""
    pixels = GOOD.rindex(struct.pack("<HH", 0x7FE0, 0x0010))
    return GOOD[:pixels] + header + GOOD[pixels:]


def nested(depth):
    """A sequence in an item in a sequence, without end in sight."""
    sequence = struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ends = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return before_the_pixels((sequence + item) * depth + ends * depth)


def million_elements():
    """Private elements of no bytes: 8 MB of header."""
    private = (struct.pack("<HH2sH", 0x0009, 0x1000 + n % 0xE000, b"LO", 0) for n in range(1_000_000))
    return before_the_pixels(b"".join(private))


def no_number_of_frames():
    """The header says 1A."""
    data = dicom_bytes(np.zeros((8, 8), np.int16), NumberOfFrames=10)
    return data.replace(b"IS\x02\x0010", b"IS\x02\x001A")


def panicking_rle():
    """Bits turned until the decoder panics; found by trying, kept by its seed."""
    data = bytearray(Path(get_testdata_file("MR_small_RLE.dcm")).read_bytes())
    begin = data.index(b"\xe0\x7f\x10\x00") + 20
    chance = random.Random(PANIC_SEED)
    for _ in range(3):
        at = chance.randrange(begin + 16, len(data) - 20)
        data[at] ^= 1 << chance.randrange(8)
    return bytes(data)


COLORLESS = {
    "Rows": 64,
    "Columns": 96,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
}


def jpeg():
    """Gray noise, 96 x 64."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 96), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=90)
    return out.getvalue()


def named_class():
    """An object without pixels whose class UID holds what must not be repeated."""
    data = dicom_bytes(np.zeros((8, 8), np.int16), PixelData=None)
    return data.replace(b"1.2.840.10008.5.1.4.1.1.2\x00", b"HONG^GILDONG".ljust(26))


def cut_jpeg_2000():
    """A real one, half of it."""
    ds = pydicom.dcmread(get_testdata_file("JPEG2000.dcm"))
    frame = next(generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = encapsulate([frame[: len(frame) // 2]])
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def jpeg_of(rows, columns):
    """A legal baseline JPEG of one gray."""
    out = BytesIO()
    Image.new("L", (columns, rows), 128).save(out, "JPEG", quality=50)
    return out.getvalue()


def jpeg_20000():
    """A few megabytes of JPEG that are 400 MB of picture."""
    return jpeg_of(20000, 20000)


def jpeg_ls_20000():
    """A JPEG-LS header and no data: 20,000 x 20,000 pixels from 30 bytes."""
    frame = struct.pack(">BHHBBBB", 8, 20000, 20000, 1, 1, 0x11, 0)
    return b"\xff\xd8\xff\xf7" + struct.pack(">H", len(frame) + 2) + frame + b"\xff\xd9"


EIGHT_BITS = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}


def film_of_2000_jpegs():
    """2000 legal frames of 2000 x 2000 in 94 MB: 8 GB if all of them are asked for."""
    ds = pydicom.dcmread(BytesIO(GOOD))
    ds.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    noise = np.random.default_rng(0).integers(0, 40, (50, 50), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(np.kron(noise, np.ones((40, 40), np.uint8))).save(out, "JPEG", quality=50)
    ds.Rows = ds.Columns = 2000
    ds.NumberOfFrames = 2000
    for keyword, value in EIGHT_BITS.items():
        setattr(ds, keyword, value)
    ds.PixelData = encapsulate([out.getvalue()] * 2000)
    ds["PixelData"].is_undefined_length = True
    file = BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=True)
    return file.getvalue()


def flat_8000():
    """A legal JPEG 2000 picture of 8000 x 8000 in a few kilobytes, under every limit."""
    codestream = imagecodecs.jpeg2k_encode(np.zeros((8000, 8000), np.uint8), codecformat="j2k")
    return with_frames(JPEG2000Lossless, bytes(codestream), Rows=8000, Columns=8000, **EIGHT_BITS)


def million_items():
    """A sequence of a million items of no bytes."""
    items = struct.pack("<HHL", 0xFFFE, 0xE000, 0) * 1_000_000
    return before_the_pixels(struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, len(items)) + items)


def long_number(keyword_tag, vr):
    """A whole or decimal number of 60,000 digits."""
    return before_the_pixels(struct.pack("<HH2sH", *keyword_tag, vr, 60000) + b"9" * 60000)


def unknown_vr():
    """An element whose kind no standard knows."""
    return before_the_pixels(struct.pack("<HH2sH", 0x0040, 0x0310, b"ZZ", 4) + b"abcd")


def cut_stream(name, share):
    """A real compressed file whose codestream stops early, in a fragment that is whole."""
    ds = pydicom.dcmread(get_testdata_file(name))
    frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames", 1) or 1)))
    ds.PixelData = encapsulate([frame[: int(share * len(frame)) // 2 * 2] for frame in frames])
    ds["PixelData"].is_undefined_length = True
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def in_the_preamble(start):
    """A picture that is another kind of file by its first bytes."""
    return start.ljust(128, b"\x00")[:128] + GOOD[128:]


def with_element(tag, vr, value):
    """A good file with one more element, whatever stands in it."""
    return before_the_pixels(struct.pack("<HH2sH", *tag, vr, len(value)) + value)


def odd_charset(charset, name):
    """A name in a character set that is unknown, or broken by its own."""
    data = GOOD.replace(b"TEST^Phantom", name.ljust(12)[:12])
    return data.replace(b"ISO_IR 192", charset.ljust(10)[:10])


def cut_in_the_padding():
    """The end is missing, but only of bytes that mean nothing."""
    padding = struct.pack("<HH2sHL", 0xFFFC, 0xFFFC, b"OB", 0, 200) + b"\x00" * 200
    return GOOD + padding[:60]


def icon_of_a_bomb():
    """A deflated dataset of which nothing but zeros follows its header."""
    ds = pydicom.dcmread(BytesIO(GOOD))
    body, meta = BytesIO(), BytesIO()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    pydicom.filewriter.write_file_meta_info(meta, ds.file_meta)
    inner = Dataset()
    inner.update(dict(ds.items()))
    pydicom.dcmwrite(body, inner, implicit_vr=False, little_endian=True)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(body.getvalue() + b"\x00" * (100 << 20)) + packer.flush()
    return b"\x00" * 128 + b"DICM" + meta.getvalue() + packed


LOSSY = "SC_rgb_jpeg_dcmtk.dcm"
CUT = {"JPEG": LOSSY, "lossless JPEG": "JPEG-LL.dcm", "JPEG of 12 bits": "JPGExtended.dcm",
       "JPEG-LS": "MR_small_jpeg_ls_lossless.dcm", "JPEG 2000": "MR_small_jp2klossless.dcm",
       "RLE": "MR_small_RLE.dcm"}  # fmt: skip

REFUSED = {
    "empty": (lambda: b"", EmptyFile),
    "text": (lambda: b"not a picture, whatever its name says" * 20, NotDicom),
    "cut in the pixels": (lambda: GOOD[:-20], Truncated),
    "cut in the header": (lambda: GOOD[:300], DicomError),
    "report": (lambda: Path(get_testdata_file("reportsi.dcm")).read_bytes(), NoPixels),
    "video": (
        lambda: with_frames("1.2.840.10008.1.2.4.102", b"\x00" * 64),
        UnsupportedSyntax,
    ),
    "deflate bomb": (deflate_bomb, TooLarge),
    "20,000 px JPEG 2000": (
        lambda: with_frames(JPEG2000Lossless, huge_jpeg_2000(), Rows=20000, Columns=20000),
        TooLarge,
    ),
    "JPEG 2000 larger than its header says": (
        lambda: with_frames(JPEG2000Lossless, huge_jpeg_2000()),
        Damaged,
    ),
    "RLE of 65,535 pixels a side": (
        lambda: with_frames(RLELossless, b"\x02\x00\x00\x00" + b"\x00" * 80, Rows=65535, Columns=65535),
        TooLarge,
    ),
    "RLE shorter than its picture": (
        lambda: with_frames(RLELossless, b"\x02\x00\x00\x00" + b"\x00" * 80, Rows=4000, Columns=4000),
        Damaged,
    ),
    "frames without end": (lambda: dicom_bytes(np.zeros((8, 8), np.int16), NumberOfFrames=10**8), TooLarge),
    "nested a hundred deep": (lambda: nested(100), TooLarge),
    "nested five hundred deep": (lambda: nested(500), TooLarge),
    "a million elements": (million_elements, TooLarge),
    "a film of two billion frames": (
        lambda: dicom_bytes(np.zeros((8, 8), np.int16), NumberOfFrames=2**31 - 1),
        TooLarge,
    ),
    "frames that are no number": (no_number_of_frames, InvalidHeader),
    "a class that is somebody's name": (named_class, NoPixels),
    "cut where the pixels should begin": (
        lambda: dicom_bytes(np.zeros((8, 8), np.int16), PixelData=None),
        Truncated,
    ),
    "plan": (lambda: Path(get_testdata_file("rtplan.dcm")).read_bytes(), NoPixels),
    "program by its preamble": (lambda: b"MZ" + b"\x00" * 400, NotDicom),
    "Rust panics in RLE": (panicking_rle, Damaged),
    "JPEG without its end": (lambda: with_frames(JPEGBaseline8Bit, jpeg()[:-2], **COLORLESS), Damaged),
    "JPEG of another size": (
        lambda: with_frames(JPEGBaseline8Bit, jpeg(), **{**COLORLESS, "Rows": 2000}),
        Damaged,
    ),
    "JPEG 2000 cut in half": (cut_jpeg_2000, Damaged),
    "cut PNG": (lambda: photo()[:-400], Damaged),
    "PNG by its first bytes only": (lambda: b"\x89PNG\r\n\x1a\n" + b"\x00" * 500, NotAnImage),
    "20,000 px JPEG": (
        lambda: with_frames(JPEGBaseline8Bit, jpeg_20000(), Rows=20000, Columns=20000, **EIGHT_BITS),
        TooLarge,
    ),
    "JPEG larger than its header says": (
        lambda: with_frames(JPEGBaseline8Bit, jpeg_20000(), **EIGHT_BITS),
        Damaged,
    ),
    "20,000 px JPEG-LS": (
        lambda: with_frames(JPEGLSLossless, jpeg_ls_20000(), Rows=20000, Columns=20000, **EIGHT_BITS),
        TooLarge,
    ),
    "JPEG-LS larger than its header says": (
        lambda: with_frames(JPEGLSLossless, jpeg_ls_20000(), **EIGHT_BITS),
        Damaged,
    ),
    "lossless JPEG that is no JPEG": (
        lambda: with_frames(JPEGLosslessSV1, b"\xff\xd8" + b"\x00" * 500, **EIGHT_BITS),
        Damaged,
    ),
    "deflate bomb behind a whole header": (icon_of_a_bomb, TooLarge),
    "a million items": (million_items, DicomError),
    **{f"cut after {end} bytes": (lambda end=end: GOOD[:end], DicomError) for end in range(132, 500, 46)},
    **{
        f"{kind} cut at {share:.0%}": (lambda name=name, share=share: cut_stream(name, share), DicomError)
        for kind, name in CUT.items()
        for share in (0.95, 0.5)
    },
}
"""Name to generator and error."""

SHOWN = {
    "program by its preamble": lambda: in_the_preamble(b"MZ\x90\x00"),
    "ELF by its preamble": lambda: in_the_preamble(b"\x7fELF\x02\x01"),
    "web page by its preamble": lambda: in_the_preamble(b"<html><script>alert(1)</script>"),
    "PDF by its preamble": lambda: in_the_preamble(b"%PDF-1.7\n"),
    "ZIP by its preamble": lambda: in_the_preamble(b"PK\x03\x04"),
    "TIFF by its preamble": lambda: in_the_preamble(b"II*\x00\x08\x00\x00\x00"),
    "nested fifty deep": lambda: nested(50),
    "a whole number of 60,000 digits": lambda: long_number((0x0020, 0x1206), b"IS"),
    "a decimal number of 60,000 digits": lambda: long_number((0x0018, 0x0088), b"DS"),
    "a kind that no standard knows": unknown_vr,
    "a UID that is a path": lambda: GOOD.replace(b"2.25.4711.1.1\x00", b"../../../etc/p"),
    "a name of control characters": lambda: GOOD.replace(b"TEST^Phantom", b"T\x00\x1b[2J\x07<b>'x"),
    "an unknown character set": lambda: odd_charset(b"ISO_IR 999", b"\xc8\xab^\xb1\xe6"),
    "broken UTF-8": lambda: odd_charset(b"ISO_IR 192", b"\xff\xfe^\xc3("),
    "an escape that stops": lambda: odd_charset(b"ISO 2022 I", b"\x1b$)C\xfb\xf3\x1b"),
    "cut in the padding": cut_in_the_padding,
    "a film of 2000 JPEGs": film_of_2000_jpegs,
}
"""Name to generator."""
