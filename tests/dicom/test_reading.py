"""Headers and pixels of real files as other tools measured them, and of drawn ones by hand."""

import json
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from data_store import __file__ as more_files
from pydicom.data import get_charset_files, get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2KLossless, HTJ2KLosslessRPCL

from dicom.header import aspect_of, spacing_of
from dicom.reading import Instance
from dicom.render import View, crop, render, squared
from dicom.text import clean, clean_name
from dicom.windowing import Window
from tests.corpus import file_named
from tests.samples import ct_series, dicom_bytes

MORE = Path(more_files).parent / "data"
WHOLE_RANGE = View(percentile=0)


def opened(name):
    file = next(MORE.rglob(name), None)
    return Instance(file or Path(get_testdata_file(name)))


# name, window, what the picture is: mean, least, most, middle pixel.
MEASURED = [
    ("CT_small.dcm", None, (96.04, 0, 255, 222)),
    ("MR_small.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("MR_small_RLE.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("MR_small_jp2klossless.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("MR_small_jpeg_ls_lossless.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("MR_small_bigendian.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("MR_small_implicit.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("MR_small_padded.dcm", (600, 1600), (113.07, 52, 255, None)),
    ("693_J2KI.dcm", (40, 100), (44.33, 0, 255, 108)),
    ("examples_overlay.dcm", (450, 790), (48.11, None, None, None)),
    ("RG1_UNCR.dcm", (15000, 30000), (192.17, 30, 248, 226)),
    ("bad_sequence.dcm", (40, 350), (119.12, 0, 255, 246)),
]


@pytest.mark.filterwarnings("ignore")  # these files break rules on purpose
@pytest.mark.parametrize(("name", "window", "picture"), MEASURED, ids=[case[0] for case in MEASURED])
def test_real_files_are_shown_as_measured(name, window, picture):
    """Their own first window, and the gray that other tools made of it."""
    instance = opened(name)

    gray = render(instance, WHOLE_RANGE)[..., 0]

    windows = instance.windows(0)
    assert (windows[0].center, windows[0].width) == window if window else not windows
    middle = int(gray[gray.shape[0] // 2, gray.shape[1] // 2])
    found = (round(float(gray.mean()), 2), int(gray.min()), int(gray.max()), middle)
    assert all(want is None or want == have for want, have in zip(picture, found, strict=True)), found


@pytest.mark.parametrize(
    ("packed", "plain"),
    [("693_J2KR.dcm", "693_UNCR.dcm"), ("RG3_J2KR.dcm", "RG3_UNCR.dcm"), ("JPEG2000.dcm", "JPEG2000_UNC.dcm"),
     ("MR2_J2KR.dcm", "MR2_UNCR.dcm"), ("US1_J2KR.dcm", "US1_UNCR.dcm")],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_lossless_is_without_loss(packed, plain):
    """Every stored value is the one of the twin that was never compressed."""
    assert (opened(packed).stored(0) == opened(plain).stored(0)).all()


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL])
def test_high_throughput_jpeg_2000_is_without_loss(syntax):
    """12 bits of noise, written by OpenJPH and read by OpenJPEG."""
    values = np.random.default_rng(0).integers(0, 4096, (32, 48), dtype=np.uint16)
    ds = pydicom.dcmread(BytesIO(dicom_bytes(values, modality="DX", BitsStored=12, HighBit=11)))
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([imagecodecs.htj2k_encode(values, reversible=True)])
    ds["PixelData"].is_undefined_length = True
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)

    assert (Instance(out.getvalue()).stored(0) == values).all()


@pytest.mark.filterwarnings("ignore")
def test_color_and_several_windows():
    """One pixel measured elsewhere; two windows of one header are both offered."""
    assert opened("SC_rgb_dcmtk_+eb+cy+np.dcm").frame(0).values[50, 50].tolist() == [128, 124, 255]
    assert [(w.center, w.width) for w in opened("bad_sequence.dcm").windows(0)] == [(40, 350), (450, 1500)]


def test_an_inspection_is_plain_json():
    """It crosses a process border and lies in a database."""
    facts = Instance(ct_series(1)[0]).inspect().as_json()

    assert json.loads(json.dumps(facts))["rows"] == 8 and facts["kind"] == "dicom"
    assert facts["spacing_mm"] == [0.5, 0.5] and facts["spacing_source"] == "patient"


def test_a_ct_without_a_window_opens_in_the_preset_of_its_region():
    """Air and metal do not decide; a localizer is no slice and keeps its range."""
    values = np.array([[-1000, 3000], [0, 80]], np.int16)
    common = {"RescaleSlope": 1, "RescaleIntercept": 0, "BodyPartExamined": "HEAD"}

    head = render(Instance(dicom_bytes(values, **common)))
    scout = render(Instance(dicom_bytes(values, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], **common)))

    assert head[..., 0].tolist() == [[0, 255], [0, 255]]
    assert scout[..., 0].tolist() != head[..., 0].tolist()


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({}, [0, 255]),
        ({"PhotometricInterpretation": "MONOCHROME1"}, [255, 0]),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}, [0, 255]),
        ({"PresentationLUTShape": "INVERSE"}, [255, 0]),
        ({"RescaleSlope": -1, "RescaleIntercept": 100}, [255, 0]),
    ],
)
def test_polarity_is_turned_once_and_last(elements, expected):
    """Stored 0 and 100 under a window that is black at 0 and white at 100."""
    data = dicom_bytes(
        np.array([[0, 100]], np.int16),
        modality="DX",
        WindowCenter=50,
        WindowWidth=100,
        VOILUTFunction="LINEAR_EXACT",
        **elements,
    )

    assert render(Instance(data))[0, :, 0].tolist() == expected
    assert render(Instance(data), View(invert=True))[0, :, 0].tolist() == expected[::-1]


def test_values_above_unused_bits_are_shifted_down():
    """12 bits in the upper part of 16: 0x1230 is 0x123; a warning says so."""
    data = dicom_bytes(np.array([[0x1230, 0x7FF0]], np.uint16), modality="DX", BitsStored=12, HighBit=15)

    instance = Instance(data)

    assert instance.stored(0).tolist() == [[0x123, 0x7FF]]
    assert instance.inspect().warnings == ("dicom.warning.high_bit",)


def test_each_frame_has_its_own_window_scale_and_place():
    """Functional groups: the frame's own goes before the shared one, that before the top (C.7.6.16)."""
    groups = []
    for frame in range(3):
        group, voi, scale, plane = Dataset(), Dataset(), Dataset(), Dataset()
        voi.WindowCenter, voi.WindowWidth = 100 * frame, 50
        scale.RescaleSlope, scale.RescaleIntercept, scale.RescaleType = frame + 1, -frame, "US"
        plane.ImagePositionPatient = [0, 0, 2 * frame]
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [plane], [scale]
        if frame:
            group.FrameVOILUTSequence = [voi]
        groups.append(group)
    shared, voi = Dataset(), Dataset()
    voi.WindowCenter, voi.WindowWidth = 7, 70
    shared.FrameVOILUTSequence = [voi]
    data = dicom_bytes(
        np.array([[10, 20]], np.int16),
        modality="MR",
        NumberOfFrames=3,
        PixelData=np.array([10, 20] * 3, np.int16).tobytes(),
        PerFrameFunctionalGroupsSequence=groups,
        SharedFunctionalGroupsSequence=[shared],
        WindowCenter=1,
        WindowWidth=2,
    )

    instance = Instance(data)
    facts = instance.inspect()

    assert [instance.frame(n).values.tolist() for n in range(3)] == [[[10, 20]], [[19, 39]], [[28, 58]]]
    assert facts.frame_windows == ((7, 70), (100, 50), (200, 50))
    assert facts.frame_positions_mm == ((0, 0, 0), (0, 0, 2), (0, 0, 4))


@pytest.mark.parametrize(
    ("elements", "aspect", "source"),
    [
        ({"PixelSpacing": [1.0, 0.5]}, 2.0, "patient"),
        ({"PixelSpacing": [1.0, 1.0], "PixelAspectRatio": [4, 3]}, 1.0, "patient"),
        ({"PixelAspectRatio": [4, 3], "ImagerPixelSpacing": [0.1, 0.1]}, 4 / 3, "detector"),
        ({"ImagerPixelSpacing": [0.2, 0.1]}, 2.0, "detector"),
        ({"PixelSpacing": [0, 0]}, 1.0, None),
    ],
)
def test_the_shape_of_a_pixel(elements, aspect, source):
    """Spacing in the body goes before a ratio, a ratio before the detector's spacing; zeros are no spacing."""
    instance = Instance(dicom_bytes(np.zeros((8, 8), np.int16), modality="DX", **elements))

    assert aspect_of(instance.dataset) == pytest.approx(aspect)
    assert spacing_of(instance.dataset)[1] == source


def test_pixels_become_square_and_nothing_is_lost():
    """Twice as high as wide: twice the rows."""
    picture = np.zeros((10, 20, 3), np.uint8)

    assert squared(picture, 2.0).shape == (20, 20, 3) and squared(picture, 0.5).shape == (10, 40, 3)
    assert squared(picture, 1.0) is picture


def test_a_box_outside_the_picture_is_cut_to_it():
    """Never empty."""
    picture = np.zeros((10, 20, 3), np.uint8)

    assert crop(picture, (-5, -5, 10, 10)).shape == (5, 5, 3)
    assert crop(picture, (100, 100, 5, 5)).shape == (1, 1, 3)


def test_color_is_never_windowed():
    """A screenshot may carry the window of the CT it shows."""
    rgb = np.array([[[10, 20, 30], [200, 100, 50]]], np.uint8)
    data = dicom_bytes(
        rgb[..., 0],
        modality="CT",
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        PixelData=rgb.tobytes(),
        WindowCenter=40,
        WindowWidth=80,
    )

    assert render(Instance(data)).tolist() == rgb.tolist()
    assert render(Instance(data), View(window=Window(40, 80))).tolist() == rgb.tolist()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Hong^Gildong=洪^吉洞=홍^길동", ["Hong, Gildong", "洪吉洞", "홍길동"]),
        ("Adams^John Robert Quincy^^Rev.^B.A.", ["Adams, John Robert Quincy Rev. B.A."]),
        ("^^^", [""]),
        (None, [""]),
    ],
)
def test_names_are_written_as_their_people_write_them(name, expected):
    """Three groups of a name, in their own order (PS3.5 6.2.1)."""
    assert list(clean_name(name).values()) == expected


def test_text_is_one_line_of_visible_letters():
    """No control, no turned direction, one form of each letter, and an end."""
    assert clean("A\x00B\x1b\r\nC\u202eD\u200b") == "A B CD"
    assert clean("\u1112\u1161\u11ab") == "한"
    assert clean(["L", "R"]) == "L, R"
    assert len(clean("x" * 10_000)) == 400


def test_a_korean_name_of_a_korean_console_is_read():
    """ISO 2022 IR 149, as pydicom's own test file has it."""
    data = pydicom.dcmread(get_charset_files("chrKoreanMulti.dcm")[0])

    assert clean_name(data.PatientName) == {"alphabetic": "김희중"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "frame_ms"),
    [("ultrasound-multiframe.dcm", 1000 / 18), ("RGB_CINE.dcm", 57.967), ("examples_ybr_color.dcm", 33.333)],
)
def test_a_film_says_how_fast_it_is_shown(name, frame_ms):
    """By its recommended rate, its vector of times (the usual one of them), or its frame time."""
    assert Instance(file_named(name)).inspect().frame_ms == pytest.approx(frame_ms, abs=0.001)


def test_a_dose_and_an_uptake_are_scaled_and_named():
    """By hand: 3 * 0.5 Gy; 10 * 2 + 1 Bq/ml, although a PET says HU nowhere and its unit elsewhere."""
    values = np.array([[3]], np.uint16)
    dose = Instance(dicom_bytes(values, modality="RTDOSE", DoseGridScaling=0.5, DoseUnits="GY")).frame(0)
    values = np.array([[10]], np.uint16)
    uptake = Instance(
        dicom_bytes(values, modality="PT", RescaleSlope=2, RescaleIntercept=1, Units="BQML", RescaleType="US")
    ).frame(0)

    assert (dose.values.tolist(), dose.unit, dose.usual) == ([[1.5]], "GY", None)
    assert (uptake.values.tolist(), uptake.unit, uptake.usual) == ([[21.0]], "BQML", None)


def test_padding_written_without_its_sign_is_still_padding():
    """63536 beside signed pixels is -2000: the range shown is that of the body."""
    values = np.array([[-2000, 0, 100]], np.int16)
    ds = pydicom.dcmread(BytesIO(dicom_bytes(values, modality="MR")))
    ds.add_new("PixelPaddingValue", "US", 63536)
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)

    assert render(Instance(out.getvalue()), WHOLE_RANGE)[0, :, 0].tolist() == [0, 0, 255]
