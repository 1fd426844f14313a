"""One picture under every rule of display, beside two programs that know nothing of ours."""

import subprocess
from io import BytesIO

import highdicom as hd
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from dicom.reading import Instance
from dicom.render import View, laid, render
from dicom.windowing import Window
from tests.corpus import file_named
from tests.samples import dicom_bytes

GRADIENT = (np.arange(64 * 64, dtype=np.int32).reshape(64, 64) * 17 % 4096 - 1024).astype(np.int16)
SHOWN = {"WindowCenter": 40, "WindowWidth": 400}
RGB = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def table_item(descriptor, entries, vr):
    """A VOI look-up table whose first value is written with the sign of the pixels."""
    item = Dataset()
    item.add_new("LUTDescriptor", vr, descriptor)
    item.add_new("LUTData", "US", entries)
    return item


def color(values, **elements):
    """An RGB file."""
    return dicom_bytes(
        values[..., 0] if elements.get("PlanarConfiguration") != 1 else values[0],
        modality="DX",
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PixelData=values.tobytes(),
        **elements,
    )


def palette():
    """256 colors of 16 bits each, looked up by 8-bit pixels from entry 0 on."""
    rng = np.random.default_rng(9)
    tables = {
        f"{name}PaletteColorLookupTableData": rng.integers(0, 65536, 256, dtype=np.uint16).tobytes()
        for name in ("Red", "Green", "Blue")
    }
    descriptors = {
        f"{name}PaletteColorLookupTableDescriptor": [256, 0, 16] for name in ("Red", "Green", "Blue")
    }
    return dicom_bytes(
        RGB[..., 0], modality="DX", PhotometricInterpretation="PALETTE COLOR", **descriptors, **tables
    )


def gray(modality="DX", **elements):
    return dicom_bytes(GRADIENT, modality=modality, **elements)


def shaped(interpretation, shape, **elements):
    return gray(PhotometricInterpretation=interpretation, PresentationLUTShape=shape, **SHOWN, **elements)


RAMP = [int(value) for value in np.linspace(0, 4095, 2048)]
# name: the file, and what dcmj2pnm is told.
VARIANTS = {
    "linear": (gray(**SHOWN), ["+Wi", "1"]),
    "linear, width 1": (gray(WindowCenter=40, WindowWidth=1), ["+Wi", "1"]),
    "linear, width 2": (gray(WindowCenter=40, WindowWidth=2), ["+Wi", "1"]),
    "linear, fractions": (gray(WindowCenter=40.5, WindowWidth=399.75), ["+Wi", "1"]),
    "linear, wider than the data": (gray(WindowCenter=100, WindowWidth=20000), ["+Wi", "1"]),
    "sigmoid": (gray(VOILUTFunction="SIGMOID", **SHOWN), ["+Wi", "1"]),
    "the second window": (gray(WindowCenter=[40, 700], WindowWidth=[400, 1500]), ["+Wi", "2"]),
    "no window": (gray(), ["+Wm"]),
    "padding left out": (gray(PixelPaddingValue=-1024), ["+Wm"]),
    "slope and intercept": (gray(RescaleSlope=2, RescaleIntercept=-100, **SHOWN), ["+Wi", "1"]),
    "negative slope": (gray(RescaleSlope=-1, RescaleIntercept=100, **SHOWN), ["+Wi", "1"]),
    "broken slope": (gray(RescaleSlope="0.61", RescaleIntercept="-12.5", **SHOWN), ["+Wi", "1"]),
    "1, identity": (shaped("MONOCHROME1", "IDENTITY"), ["+Wi", "1"]),
    "1, inverse": (shaped("MONOCHROME1", "INVERSE"), ["+Wi", "1"]),
    "2, identity": (shaped("MONOCHROME2", "IDENTITY"), ["+Wi", "1"]),
    "2, inverse": (shaped("MONOCHROME2", "INVERSE"), ["+Wi", "1"]),
    "1, no shape": (gray(PhotometricInterpretation="MONOCHROME1", **SHOWN), ["+Wi", "1"]),
    "12 of 16 bits": (gray(BitsStored=12, HighBit=11, **SHOWN), ["+Wi", "1"]),
    "signed table": (gray(VOILUTSequence=[table_item([2048, -512, 12], RAMP, "SS")]), ["+Wl", "1"]),
    "table and window": (
        gray(VOILUTSequence=[table_item([2048, -512, 12], RAMP, "SS")], **SHOWN),
        ["+Wl", "1"],
    ),
    "color by pixel": (color(RGB, PlanarConfiguration=0), []),
    "color by plane": (color(np.ascontiguousarray(np.moveaxis(RGB, 2, 0)), PlanarConfiguration=1), []),
    "color that carries a window": (color(RGB, PlanarConfiguration=0, **SHOWN), []),
    "palette of 16 bits": (palette(), []),
}


def by_dcmtk(data, options, tmp_path):
    """What dcmj2pnm makes of the bytes."""
    file, out = tmp_path / "in.dcm", tmp_path / "out.png"
    file.write_bytes(data)
    subprocess.run(["/usr/bin/dcmj2pnm", "+on", *options, file, out], check=True, capture_output=True)
    return np.asarray(Image.open(out).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", VARIANTS)
def test_each_rule_of_display_is_dcmtks(name, tmp_path):
    """Within one gray level everywhere."""
    data, options = VARIANTS[name]
    instance = Instance(data)
    window = instance.windows(0)[1] if name == "the second window" else None

    ours = render(instance, View(percentile=0, window=window)).astype(int)

    assert np.abs(ours - by_dcmtk(data, ["--no-overlays", *options], tmp_path)).max() <= 1


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (40.5, 3), (-200, 5000), (300, 2)])
def test_each_curve_is_highdicoms(function, center, width):
    """The one oracle here that knows LINEAR_EXACT."""
    data = gray("CT", WindowCenter=center, WindowWidth=width, VOILUTFunction=function, RescaleSlope=1,
                RescaleIntercept=0, RescaleType="HU", FrameOfReferenceUID="2.25.1",
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0], ImagePositionPatient=[0, 0, 0], PixelSpacing=[1, 1],
                SliceThickness=1, StudyTime="", StudyID="", AccessionNumber="", ReferringPhysicianName="")  # fmt: skip
    image = hd.Image.from_dataset(pydicom.dcmread(BytesIO(data)), copy=False)

    with np.errstate(over="ignore"):  # their exponential of values far outside
        theirs = image.get_frame(1, apply_voi_transform=True, voi_output_range=(0, 255))

    assert np.abs(render(Instance(data))[..., 0] - theirs).max() <= 0.5 + 1e-6


def overlay(rows, columns, bits, origin=(1, 1), **more):
    """Elements of one plane of drawings at group 6000, for `add_new`."""
    packed = np.packbits(np.asarray(bits, np.uint8).reshape(-1), bitorder="little").tobytes()
    elements = {0x0010: ("US", rows), 0x0011: ("US", columns), 0x0040: ("CS", "G"), 0x0050: ("SS", list(origin)),
                0x0100: ("US", 1), 0x0102: ("US", 0), 0x3000: ("OW", packed + b"\x00" * (len(packed) % 2))}  # fmt: skip
    return {**elements, **more}


def with_overlay(data, elements):
    """The file with that plane."""
    ds = pydicom.dcmread(BytesIO(data))
    for element, (vr, value) in elements.items():
        ds.add_new((0x6000, element), vr, value)
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


CHANCE = np.random.default_rng(3)
IN_THE_WORDS = {0x0010: ("US", 64), 0x0011: ("US", 64), 0x0040: ("CS", "G"), 0x0050: ("SS", [1, 1]),
                0x0100: ("US", 16), 0x0102: ("US", 13)}  # fmt: skip
TWELVE_BITS = (GRADIENT + 1024).astype(np.uint16)
DRAWN = {
    "examples_overlay.dcm": lambda: file_named("examples_overlay.dcm"),
    "MR-SIEMENS-DICOM-WithOverlays.dcm": lambda: file_named("MR-SIEMENS-DICOM-WithOverlays.dcm"),
    "at its place": lambda: with_overlay(gray(**SHOWN), overlay(20, 30, CHANCE.integers(0, 2, 600), (10, 5))),
    "over the edge": lambda: with_overlay(gray(**SHOWN), overlay(33, 41, CHANCE.integers(0, 2, 1353), (50, 40))),
    "inside of the words": lambda: with_overlay(
        dicom_bytes(
            TWELVE_BITS | (CHANCE.integers(0, 2, (64, 64)) << 13).astype(np.uint16),
            modality="DX", BitsStored=12, HighBit=11, **SHOWN,
        ),
        IN_THE_WORDS,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # pydicom warns about its own test files
@pytest.mark.parametrize("name", DRAWN)
def test_drawings_lie_where_dcmtk_lays_them(name, tmp_path):
    """Picture and drawing in white; nothing is drawn unless asked for."""
    data = DRAWN[name]()
    instance = Instance(data)
    options = ["+Wi", "1"] if instance.windows(0) else ["+Wm"]

    plain = render(instance, View(percentile=0)).astype(int)
    drawn = render(instance, View(percentile=0, overlays=True)).astype(int)

    assert np.abs(plain - by_dcmtk(data, ["--no-overlays", *options], tmp_path)).max() <= 1
    theirs = by_dcmtk(data, ["--display-overlay", "0", "+Omr", *options], tmp_path)
    assert np.abs(drawn - theirs).max() <= 1 and (drawn != plain).any()
    assert instance.inspect().overlays == 1
    assert "dicom.warning.overlays" in instance.inspect().warnings


def test_a_reader_may_take_any_window_of_a_file():
    """One that the file names, or their own."""
    instance = Instance(gray(WindowCenter=[40, 700], WindowWidth=[400, 1500]))

    first, second = (render(instance, View(window=window)) for window in instance.windows(0))

    assert (first == render(instance)).all() and (first != second).any()
    assert (render(instance, View(window=Window(700, 1500))) == second).all()


def test_what_lies_over_a_picture_is_given_alone():
    """White where the drawing lies, nothing elsewhere; laid over the plain picture it is the picture with drawings."""
    opened = Instance(file_named("examples_overlay.dcm"))

    alone = np.asarray(Image.open(BytesIO(laid(opened, View(overlays=True)))))
    nothing = np.asarray(Image.open(BytesIO(laid(opened, View()))))
    there = alone[..., 3] == 255

    assert there.sum() == 222 == (alone[..., 3] > 0).sum()
    assert not nothing[..., 3].any()
    together = np.where(there[..., None], alone[..., :3], render(opened))
    assert (together == render(opened, View(overlays=True))).all()


def test_colors_of_a_supplement_are_given_alone():
    """The values below the palette stay free; the others carry its color."""
    opened = Instance(file_named("eCT_Supplemental.dcm"))

    alone = np.asarray(Image.open(BytesIO(laid(opened, View(supplemental=True)))))
    there = alone[..., 3] == 255

    assert 0 < there.sum() < there.size
    together = np.where(there[..., None], alone[..., :3], render(opened))
    assert (together == render(opened, View(supplemental=True))).all()
