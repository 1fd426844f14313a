"""What attacks bounces off with a name, quickly, and the next file is read as if nothing had happened."""

import contextlib
import random
import signal
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Timer

import numpy as np
import psutil
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from dicom.errors import (
    Damaged,
    DicomError,
    EmptyFile,
    InvalidHeader,
    NoPixels,
    NotAnImage,
    NotDicom,
    TookTooLong,
    TooLarge,
    Truncated,
    UnsupportedSyntax,
)
from dicom.guard import Limits
from dicom.sandbox import Decoder
from tests.samples import dicom_bytes, photo

GOOD = dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8))


SECONDS, MEGABYTES = 5, 500
PANIC_SEED = 2


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
    frame = next(pydicom.encaps.generate_frames(ds.PixelData, number_of_frames=1))
    ds.PixelData = encapsulate([frame[: len(frame) // 2]])
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
}


@pytest.mark.parametrize("name", CASES)
def test_hostile_files_are_refused_by_name(decoder, name):
    """A named error, and the same process reads the next good file."""
    make, expected = CASES[name]
    data = make()

    before = seconds_of(decoder)
    with pytest.raises(expected) as refused:
        decoder.inspect(data)

    assert seconds_of(decoder) - before < SECONDS
    assert decoder.render(GOOD).shape == (8, 8, 3)
    assert peak_memory(decoder) < MEGABYTES << 20
    assert "HONG" not in f"{refused.value}{refused.value.facts}"


def seconds_of(decoder):
    """Seconds the process has worked; by its own clock, so that a busy machine changes nothing."""
    used = psutil.Process(decoder._idle.queue[0].child.pid).cpu_times()
    return used.user + used.system


def peak_memory(decoder):
    """The most bytes of memory the process ever held, by the kernel's own count."""
    status = Path(f"/proc/{decoder._idle.queue[0].child.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def test_a_process_that_stops_reading_holds_nobody_up():
    """An upload larger than a pipe is given up after its time, and the next file is read."""
    with Decoder(1, Limits(wall_seconds=3)) as decoder:
        decoder.render(GOOD)
        decoder._idle.queue[0].child.send_signal(signal.SIGSTOP)
        with pytest.raises(TookTooLong):
            decoder.render(GOOD + b"\x00" * (8 << 20))

        assert decoder.render(GOOD).shape == (8, 8, 3)


def test_a_codec_that_kills_its_process_is_a_damaged_file(decoder):
    """A signal says that the file broke its codec, not that it was slow."""
    process = decoder._idle.queue[0]
    process.child.send_signal(signal.SIGSTOP)
    Timer(0.2, lambda: process.child.send_signal(signal.SIGABRT)).start()
    Timer(0.4, lambda: process.child.send_signal(signal.SIGCONT)).start()

    with pytest.raises(Damaged):
        decoder.render(GOOD)

    assert decoder.render(GOOD).shape == (8, 8, 3)


def test_a_picture_that_needs_too_much_memory_is_refused():
    """The limit is the process's own, and it lives on."""
    huge = dicom_bytes(np.zeros((6000, 6000), np.int16))
    with Decoder(1, Limits(memory_bytes=700 << 20)) as decoder:
        with pytest.raises(TooLarge) as refused:
            decoder.render(huge)

        assert refused.value.code == "dicom.too_large.memory"
        assert decoder.render(GOOD).shape == (8, 8, 3)


def test_several_threads_share_the_processes():
    """Each gets the answer to its own question."""
    files = [dicom_bytes(np.full((8, 8), 10 * n, np.int16)) for n in range(24)]
    with Decoder(2) as decoder, ThreadPoolExecutor(6) as threads:
        frames = list(threads.map(decoder.frame, files))

    assert [int(frame.values[0, 0]) for frame in frames] == [10 * n for n in range(24)]


def test_the_processes_know_no_secret(monkeypatch):
    """What decodes hostile files holds nothing of the installation's environment."""
    monkeypatch.setenv("DRAGONFLY_SITE_KEY_FILE", "/secret")
    with Decoder(1) as decoder:
        decoder.render(GOOD)
        environment = Path(f"/proc/{decoder._idle.queue[0].child.pid}/environ").read_bytes()

    assert b"DRAGONFLY" not in environment


def test_a_process_that_hangs_is_replaced():
    """One file cannot hold up the next for longer than its own time."""
    with Decoder(1, Limits(wall_seconds=3)) as decoder:
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


FUZZED = [
    "CT_small.dcm", "JPEG2000.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_dcmtk.dcm", "JPGExtended.dcm",
    "JPEG-LL.dcm", "emri_small_RLE.dcm", "examples_palette.dcm", "image_dfl.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", FUZZED)
def test_turned_bits_are_shown_or_refused_and_never_more(decoder, name):
    """Bits turned anywhere, bytes written over the header, ends cut off: each is a picture or a named error."""
    whole = Path(get_testdata_file(name)).read_bytes()
    first = decoder._idle.queue[0].child.pid

    for seed in range(12):
        chance, data = random.Random(f"{name} {seed}"), bytearray(whole)
        if seed % 3 == 0:
            for _ in range(4):
                data[chance.randrange(132, len(data))] ^= 1 << chance.randrange(8)
        elif seed % 3 == 1:
            for _ in range(6):
                data[chance.randrange(132, 1600)] = chance.randrange(256)
        else:
            del data[chance.randrange(132, len(data)) :]
        before = seconds_of(decoder)
        with contextlib.suppress(DicomError):
            decoder.inspect(bytes(data))
        assert seconds_of(decoder) - before < SECONDS

    assert decoder._idle.queue[0].child.pid == first
