"""What attacks bounces off with a name, quickly, and the next file is read as if nothing had happened."""

import struct
import time
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, RLELossless

from dicom.errors import (
    BadArchive,
    Damaged,
    DicomError,
    EmptyFile,
    NoPixels,
    NotAnImage,
    NotDicom,
    TookTooLong,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
)
from dicom.guard import Limits
from dicom.media import walk
from dicom.sandbox import Decoder
from tests.samples import dicom_bytes, photo

GOOD = dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8))


@pytest.fixture(scope="module")
def decoder():
    with Decoder(1) as decoder:
        yield decoder


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
    """Two megabytes that inflate to two gigabytes."""
    head = BytesIO(GOOD)
    ds = pydicom.dcmread(head)
    ds.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    out = BytesIO()
    pydicom.filewriter.write_file_meta_info(out, ds.file_meta)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(b"\x00" * (1 << 24)) for _ in range(80)) + packer.flush()
    return b"\x00" * 128 + b"DICM" + out.getvalue() + body


def huge_jpeg_2000():
    """A header of a few bytes that promises 20,000 x 20,000 pixels."""
    size = struct.pack(">HIIIIIIIIH", 0, 20000, 20000, 0, 0, 20000, 20000, 0, 0, 1) + b"\x0f\x01\x01"
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + b"\xff\xd9"


def nested(depth):
    ds = pydicom.dcmread(BytesIO(GOOD))
    inner = Dataset()
    for _ in range(depth):
        outer = Dataset()
        outer.RequestAttributesSequence = [inner]
        inner = outer
    ds.RequestAttributesSequence = [inner]
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


CASES = {
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
    "cut PNG": (lambda: photo()[:-400], Damaged),
    "PNG by its first bytes only": (lambda: b"\x89PNG\r\n\x1a\n" + b"\x00" * 500, NotAnImage),
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_files_are_refused_by_name(decoder, name):
    """A named error, and the same process reads the next good file."""
    make, expected = CASES[name]
    data = make()

    started = time.process_time()
    with pytest.raises(expected):
        decoder.inspect(data)

    assert decoder.render(GOOD).shape == (8, 8, 3)
    assert time.process_time() - started < 5


def test_a_process_that_hangs_is_replaced():
    """One file cannot hold up the next for longer than its own time."""
    with Decoder(1, Limits(wall_seconds=1)) as decoder:
        decoder.render(GOOD)
        process = decoder._idle.queue[0].child
        process.send_signal(19)
        with pytest.raises(TookTooLong):
            decoder.render(GOOD)

        assert decoder.render(GOOD).shape == (8, 8, 3)


def test_a_process_that_was_killed_is_replaced(decoder):
    """An abort in a codec is an error of one file."""
    decoder._idle.queue[0].child.kill()
    decoder._idle.queue[0].child.wait()

    assert decoder.render(GOOD).shape == (8, 8, 3)


def test_text_of_a_header_cannot_turn_or_break_a_line(decoder):
    """Names are shown, logged nowhere, and never control what shows them."""
    name = "<script>alert(1)</script>\u202e${7*7}\x07^A"

    identity = decoder.inspect(dicom_bytes(np.zeros((8, 8), np.int16), name=name))["identity"]

    assert identity["name"]["alphabetic"] == "<script>alert(1)</script>${7*7}, A"


def zipped(**files):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def unpacked(tmp_path, data):
    file = tmp_path / "upload"
    file.write_bytes(data)
    (tmp_path / "scratch").mkdir()
    return list(walk([file], tmp_path / "scratch"))


def test_names_in_an_archive_are_never_used(tmp_path):
    """A path that climbs out of its folder lands under a number like any other."""
    found = unpacked(tmp_path, zipped(**{"../../../evil": GOOD, "/etc/passwd": GOOD, "a\\..\\b": GOOD}))

    assert [file.path.name for file in found] == ["00000", "00001", "00002"]
    assert all(file.path.is_relative_to(tmp_path / "scratch") for file in found)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: zipped(bomb=b"\x00" * (1 << 26)), TooLarge),
        (lambda: zipped(inner=zipped(a=GOOD)), BadArchive),
        (lambda: zipped(a=GOOD)[:-30] + b"PK\x05\x06" + b"\x00" * 18, BadArchive),
    ],
)
def test_bombs_and_nested_archives_leave_nothing_behind(tmp_path, make, expected):
    """Refused whole, and the scratch folder is empty again."""
    found = unpacked(tmp_path, make())

    assert not found or isinstance(found[0].error, expected)
    assert list((tmp_path / "scratch").iterdir()) == []
