"""Numbers of colors become their colors, however the table was written."""

import struct
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut

from dicom.errors import Damaged
from dicom.reading import Instance
from dicom.render import View, render
from tests.corpus import file_named
from tests.samples import dicom_bytes

COLORS = ("Red", "Green", "Blue")


def painted(values, descriptor, table, segmented=False, **elements):
    """A palette file whose three colors have the same table."""
    prefix = "Segmented" if segmented else ""
    palette = {f"{color}PaletteColorLookupTableDescriptor": descriptor for color in COLORS}
    palette |= {f"{prefix}{color}PaletteColorLookupTableData": table for color in COLORS}
    data = dicom_bytes(
        values, modality="DX", PhotometricInterpretation="PALETTE COLOR", **palette, **elements
    )
    return Instance(data).frame(0).values[..., 0].tolist()


def words(*values):
    return struct.pack(f"<{len(values)}H", *values)


@pytest.mark.parametrize(
    ("descriptor", "table"),
    [
        ([3, 10, 16], words(0x1100, 0x2200, 0x33FF)),
        ([3, 10, 8], words(0x11, 0x22, 0x33)),
        ([3, 10, 8], b"\x11\x22\x33\x00"),
    ],
    ids=["words", "bytes in words", "bytes, padded to an even count"],
)
def test_values_outside_take_the_nearest_color(descriptor, table):
    """Three entries from value 10 on."""
    values = np.array([[0, 10, 11, 12, 200]], np.uint8)

    assert painted(values, descriptor, table) == [[0x11, 0x11, 0x22, 0x33, 0x33]]


def test_more_colors_than_a_byte_counts():
    """600 entries of a byte each: value 599 is the last one and not 599 - 512."""
    table = bytes(n % 251 for n in range(600))

    found = painted(np.array([[0, 255, 256, 599]], np.uint16), [600, 0, 8], table)

    assert found == [[0, 4, 5, 599 % 251]]


def test_signed_values_have_colors_too():
    """The first mapped value is -2."""
    found = painted(
        np.array([[-2, -1, 0]], np.int16),
        [3, -2, 16],
        words(0x0100, 0x0200, 0x0300),
        PixelRepresentation=1,
    )

    assert found == [[1, 2, 3]]


def test_segments_are_runs_lines_and_copies():
    """Two entries as they are, a line of four up to 0x0A00, and both of them again (C.7.9.2)."""
    segments = words(0, 2, 0x0100, 0x0200, 1, 4, 0x0A00, 2, 2, 0, 0)

    found = painted(np.arange(12, dtype=np.uint8)[None], [12, 0, 16], segments, segmented=True)

    assert found == [[1, 2, 4, 6, 8, 10, 1, 2, 4, 6, 8, 10]]


@pytest.mark.parametrize(
    "segments",
    [
        words(1, 4, 0x0A00),
        words(7, 1, 1),
        words(0, 1, 1, 2, 65535, 0, 0) * 2000,
        words(0, 1, 5, *[1, 65535, 9] * 9),
    ],
    ids=["a line from nowhere", "unknown kind", "copies of copies", "longer than a table can be"],
)
def test_segments_that_cannot_be_are_damaged(segments):
    """Refused, and soon."""
    with pytest.raises(Damaged):
        painted(np.zeros((1, 4), np.uint8), [256, 0, 16], segments, segmented=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["gdcm-US-ALOKA-16.dcm", "examples_palette.dcm", "OBXXXX1A.dcm"])
def test_real_palettes_are_pydicoms(name):
    """Segmented, in words and in bytes; its own expansion is another implementation."""
    data = file_named(name)
    theirs = apply_color_lut(Instance(data).stored(0), pydicom.dcmread(BytesIO(data)))

    assert (Instance(data).frame(0).values == theirs >> (8 if theirs.dtype == np.uint16 else 0)).all()


@pytest.mark.parametrize("name", ["gdcm-US-ALOKA-16", "OBXXXX1A"])
@pytest.mark.filterwarnings("ignore")
def test_the_order_of_bytes_changes_no_color(name):
    """Each has a twin in the other order."""
    twin = {"gdcm-US-ALOKA-16": "gdcm-US-ALOKA-16_big.dcm", "OBXXXX1A": "OBXXXX1A_expb.dcm"}[name]
    one, other = Instance(file_named(f"{name}.dcm")), Instance(file_named(twin))

    assert (one.frame(0).values == other.frame(0).values).all()


def test_a_supplement_colors_only_its_own_values():
    """From 1024 on the file's own 100 colors, below it gray; and all gray unless it is asked for."""
    data = file_named("eCT_Supplemental.dcm")
    instance, header = Instance(data), pydicom.dcmread(BytesIO(data))
    table = np.stack(
        [np.frombuffer(header[f"{color}PaletteColorLookupTableData"].value, "<u2") >> 8 for color in COLORS],
        -1,
    )

    gray, colored = render(instance), render(instance, View(supplemental=True))

    stored = instance.stored(0)
    own = stored >= 1024
    assert (colored[~own] == gray[~own]).all() and (gray[..., 0] == gray[..., 2]).all()
    assert (colored[own] == table[np.minimum(stored[own] - 1024, 99)]).all() and own.sum() > 1000
    assert "dicom.warning.supplemental" in instance.inspect().warnings
