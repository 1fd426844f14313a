"""Thirty ways in which pictures go wrong elsewhere, each with a file that shows it, and what is done here instead.

Where a trap lies in volumes, slides or the network, its test stands beside that part and bears the same number.
"""

import re
from importlib.metadata import requires, version
from io import BytesIO

import imagecodecs
import numpy as np
import pydicom
import pytest
from packaging.requirements import Requirement
from pydicom.data import get_charset_files
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders import JPEGBaseline8BitDecoder, JPEGLosslessSV1Decoder, RLELosslessDecoder

from dicom.codecs import ends_as_jpeg
from dicom.deidentify import deidentify
from dicom.errors import Damaged, DicomError, LabelPicture, NoPixels
from dicom.reading import Instance
from dicom.render import View, render
from dicom.sandbox import Decoder
from dicom.scope import scope_of
from dicom.series import Member, group
from dicom.text import clean_name
from dicom.windowing import Window
from tests.corpus import ROOT, corpus, file_named
from tests.dicom.hostile import panicking_rle
from tests.dicom.test_render import GRADIENT, TWELVE_BITS, by_dcmtk
from tests.samples import dicom_bytes

pytestmark = pytest.mark.filterwarnings("ignore")  # pydicom warns about what these files do on purpose
WHOLE = View(percentile=0)


def opened(name):
    return Instance(file_named(name))


def gray(name, **view):
    return render(opened(name), View(percentile=0, **view))[..., 0]


@pytest.mark.parametrize("name", ["image_dfl.dcm", "SCImageStorage_Deflated.dcm", "SC_rgb_jpeg.dcm"])
def test_t01_a_file_reads_the_same_from_disk_and_from_memory(name, tmp_path):
    """Deflated and oddly wrapped files fail for whoever reads pixels straight from the path."""
    file = tmp_path / "file.dcm"
    file.write_bytes(file_named(name))

    assert (Instance(file).frame(0).values == opened(name).frame(0).values).all()


@pytest.mark.parametrize("name", ["MR_small.dcm", "RG1_UNCR.dcm", "17166"])
def test_t02_a_window_is_not_stretched_to_the_range_of_the_data(name):
    """A window wider than the data leaves black and white unused; stretching would fill them."""
    instance = opened(name)
    frame = instance.frame(0)
    low, high = frame.window.center - frame.window.width / 2, frame.window.center + frame.window.width / 2
    values = frame.values if not frame.invert else low + high - frame.values

    shown = render(instance, WHOLE)[..., 0]

    for level, value in ((shown.min(), values.min()), (shown.max(), values.max())):
        assert level == pytest.approx(255 * np.clip((value - low) / (high - low), 0, 1), abs=1)


@pytest.mark.parametrize("name", ["RG1_UNCR.dcm", "RG3_UNCR.dcm", "6154"])
def test_t03_monochrome_1_is_inverted_after_the_window(name):
    """The negative of the same values as MONOCHROME2, level for level: 255 together, 1 for rounding."""
    data = file_named(name)
    assert opened(name).dataset.PhotometricInterpretation == "MONOCHROME1"

    shown, negative = gray(name).astype(int), render(Instance(as_positive(data)), WHOLE)[..., 0].astype(int)

    assert set(np.unique(shown + negative)) <= {255, 256}


def as_positive(data):
    ds = pydicom.dcmread(BytesIO(data))
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.pop("PresentationLUTShape", None)
    out = BytesIO()
    pydicom.dcmwrite(out, ds)
    return out.getvalue()


SIGNED_12 = dicom_bytes(
    (GRADIENT & 0x0FFF).astype(np.int16),
    modality="MR",
    BitsStored=12,
    HighBit=11,
    WindowCenter=40,
    WindowWidth=400,
)
WITH_DRAWING = dicom_bytes(
    TWELVE_BITS | 0x2000, modality="MR", BitsStored=12, HighBit=11, WindowCenter=1000, WindowWidth=2000
)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (lambda: file_named("mlut_18.dcm"), ["+Wm"]),
        (lambda: SIGNED_12, ["+Wi", "1"]),
        (lambda: WITH_DRAWING, ["+Wi", "1"]),
    ],
    ids=["mlut_18", "signed 12 bits", "a drawing in the unused bits"],
)
def test_t04_signs_and_unused_bits(make, options, tmp_path):
    """12 bits with a sign are extended, bits above them are no brightness: as dcmtk, within one level."""
    theirs = by_dcmtk(make(), ["--no-overlays", *options], tmp_path)

    assert np.abs(render(Instance(make()), WHOLE).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(("name", "distinct"), [("4d_multiframe_test.dcm", 25), ("philips_mprage.dcm", 142)])
def test_t05_each_frame_has_its_own_window(name, distinct):
    """Nothing at the top of the header; as many different windows as were counted."""
    instance = opened(name)
    windows = instance.inspect().frame_windows

    assert len(set(windows)) == distinct
    for index in (0, instance.frames // 2, instance.frames - 1):
        window = instance.frame(index).window
        assert (window.center, window.width) == windows[index]


def test_t06_palettes_in_big_endian():
    """The same picture in both orders of bytes has the same colors."""
    assert (opened("OBXXXX1A_expb.dcm").frame(0).values == opened("OBXXXX1A.dcm").frame(0).values).all()


def test_t07_a_panic_or_abort_of_the_rle_codec_is_one_damaged_file():
    """Neither ends the process for the next file."""
    good = file_named("MR_small_RLE.dcm")
    wide = bytearray(good)
    for tag in (b"\x28\x00\x10\x00US", b"\x28\x00\x11\x00US"):
        at = wide.index(tag) + 8
        wide[at : at + 2] = b"\xff\xff"
    with Decoder(1) as decoder:
        for hostile in (panicking_rle(), bytes(wide)):
            with pytest.raises(DicomError):
                decoder.render(hostile)
            assert decoder.render(good).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("decoder", "name"),
    [
        (JPEGLosslessSV1Decoder, "JPEG-LL.dcm"),
        (JPEGBaseline8BitDecoder, "SC_rgb_jpeg_dcmtk.dcm"),
        (RLELosslessDecoder, "MR_small_RLE.dcm"),
    ],
)
def test_t08_a_codec_that_somebody_installed_is_not_asked(decoder, name, monkeypatch):
    """pydicom asks the first it finds; here one that answers nonsense stands first."""
    before = opened(name).stored(0)
    asked = []
    monkeypatch.setattr(decoder, "_available", {"gdcm": lambda *_: asked.append(1), **decoder._available})

    assert (opened(name).stored(0) == before).all() and not asked


@pytest.mark.parametrize("name", ["JPGExtended.dcm", "JPEG-lossy.dcm"])
def test_t09_twelve_bits_of_jpeg(name):
    """Values above 255, as dcmtk and ITK read them; the second has parameters that other codecs refuse."""
    stored = opened(name).stored(0)

    assert (stored.shape, int(stored.min()), int(stored.max())) == ((1024, 256), 0, 264)
    assert "dicom.warning.lossy" in opened(name).inspect().warnings


def test_t10_a_sign_that_the_codestream_does_not_know():
    """13 bits, signed by the header only: -2000 outside of the body, and not 8192 more."""
    stored = opened("J2K_pixelrep_mismatch.dcm").stored(0)

    assert stored[0, 0] == -2000 and stored.min() == -2000 and stored.max() == 1896


def test_t11_a_codestream_in_a_box():
    """JP2 around it and YBR_RCT in the header: gray ground, and letters in pure colors."""
    colors = {
        tuple(int(part) for part in color) for color in opened("GDCMJ2K_TextGBR.dcm").stored(0).reshape(-1, 3)
    }

    assert {(128, 128, 128), (255, 0, 0), (0, 255, 0), (0, 0, 255)} <= colors


def test_t12_what_was_decoded_can_be_written():
    """The array is our own, and a copy without identity of that file has the same pixels."""
    instance = opened("J2K_pixelrep_mismatch.dcm")
    stored = instance.stored(0)
    first = stored.copy()
    stored += 1

    copy = Instance(deidentify(instance.dataset, b"secret")[0])

    assert (instance.stored(0) == first).all() and (copy.stored(0) == first).all()


@pytest.mark.parametrize("name", ["SC_jpeg_no_color_transform.dcm", "SC_jpeg_no_color_transform_2.dcm"])
def test_t13_rgb_in_a_jpeg_is_not_converted(name):
    """The components as they lie are the colors."""
    frame = next(generate_frames(opened(name).dataset.PixelData, number_of_frames=1))
    as_they_lie = imagecodecs.jpeg8_decode(frame, colorspace="RGB", outcolorspace="RGB")

    assert np.abs(opened(name).stored(0).astype(int) - as_they_lie).max() <= 1


@pytest.mark.parametrize(("name", "aspect"), [("color-px.dcm", 4 / 3), ("6293", None)])
def test_t14_pixels_that_are_not_square_become_so(name, aspect):
    """4:3, and 0.545 by 0.597 mm: the picture is as high to wide as the body was."""
    instance = opened(name)
    rows, columns = instance.stored(0).shape[:2]
    spacing = instance.inspect().spacing_mm
    aspect = aspect or spacing[0] / spacing[1]

    high, wide = render(instance, View(square=True)).shape[:2]

    assert abs(aspect - 1) > 0.05
    assert abs(high * columns - wide * rows * aspect) <= columns  # to the nearest pixel


@pytest.mark.parametrize(
    ("name", "windows"),
    [("bad_sequence.dcm", [(40, 350), (450, 1500)]), ("examples_overlay.dcm", [(450, 790), (200, 443)])],
)
def test_t15_each_window_of_a_file_can_be_chosen(name, windows):
    """All are offered, the first is shown, another one shows another picture."""
    offered = opened(name).inspect().windows

    assert [(one["center"], one["width"]) for one in offered] == windows
    assert (gray(name) == gray(name, window=Window(*windows[0]))).all()
    assert (gray(name) != gray(name, window=Window(*windows[1]))).any()


def test_t16_a_screenshot_that_carries_the_windows_of_its_ct():
    """Color as it is, whatever the tags say."""
    instance = opened("ctbrain1.dcm")

    assert instance.dataset.WindowCenter and instance.frame(0).is_color
    assert (render(instance) == instance.stored(0)).all()


def test_t17_colors_for_some_values_of_a_gray_picture():
    """Gray below 1024; above, the color that the file gives, where it is asked for."""
    instance = opened("eCT_Supplemental.dcm")
    plain, colored = render(instance), render(instance, View(supplemental=True))
    changed = (plain != colored).any(axis=2)

    assert changed.any() and (instance.stored(0)[changed] >= 1024).all()


def test_t18_two_stacks_and_localizers_in_one_series():
    """The 31 pictures of pydicom's media: each oddity is named and every picture is in a series."""
    files = [
        one
        for one in corpus()
        if "dicomdirtests" in one.path.parts and one.path.parent.name[:2] in ("CT", "MR")
    ]
    files = [one for one in files if set(one.path.parts) & {"77654033", "98892001", "98892003"}]
    members = [Member(str(n), Instance(one.read()).inspect().as_json()) for n, one in enumerate(files)]

    series = [one for study in group(members) for one in study.series]

    codes = {
        one.members[0].facts["series"]["SeriesNumber"]: {f.code for f in one.findings}
        for one in series
        if one.modality == "CT"
    }
    assert sum(len(one.members) for one in series) == len(files)
    assert codes["2"] & {"series.gap", "series.two_stacks"}
    assert "series.localizer" in codes["4"]


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("GREYSCALE_IMAGE.dcm", "burned_in"),
        ("RGB_IMAGE.dcm", "may_hold_text"),
        ("US1_UNCR.dcm", "may_hold_text"),
    ],
)
def test_t20_text_in_the_pixels_of_a_clean_header(name, finding):
    """Names stand in all three pictures; only one header admits it."""
    instance = opened(name)

    assert finding in scope_of(instance.dataset, render(instance)).findings


@pytest.mark.parametrize("name", ["GREYSCALE_CINE.dcm", "philips_mprage.dcm"])
def test_t21_identifiers_inside_of_sequences(name):
    """No value of a name or number of the header, top or nested, is left in the bytes of the copy."""
    dataset = opened(name).dataset
    planted = set()
    for element in dataset.iterall():
        if element.VR == "PN" or element.keyword in ("PatientID", "AccessionNumber", "InstitutionName"):
            planted |= {part for part in re.split(r"[\^=\s]+", str(element.value)) if len(part) > 4}

    copy, _ = deidentify(dataset, b"secret")

    assert planted and not [text for text in planted if text.encode() in copy]


@pytest.mark.parametrize("kind", ["LABEL", "OVERVIEW"])
def test_t22_the_label_of_a_slide_is_never_opened(kind):
    """As DICOM it says what it is; slides of other kinds have their test beside their reader."""
    data = dicom_bytes(np.zeros((8, 8), np.uint8), modality="SM", SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6",
                       ImageType=["ORIGINAL", "PRIMARY", kind, "NONE"])  # fmt: skip

    with pytest.raises(LabelPicture):
        Instance(data)


def test_t23_programs_of_dcmtk_are_called_by_their_path():
    """Packages of Python install commands of the same names, which come first in an environment."""
    called = re.compile(
        r"""(["'])(dcmj2pnm|storescu|storescp|echoscu|findscu|movescu|getscu|dcmdump|dump2dcm)\1"""
    )
    files = [file for part in ("app", "dicom", "tests") for file in (ROOT / part).rglob("*.py")]

    assert [file.name for file in files if called.search(file.read_text(encoding="utf-8"))] == []


def test_t24_a_report_among_the_pictures_stops_none_of_them():
    """It is named as what it is, and the picture after it is read; fetching over the network is not in this version."""
    with Decoder(1) as decoder:
        with pytest.raises(NoPixels) as refused:
            decoder.inspect(file_named("reportsi.dcm"))

        assert "SR" in refused.value.facts["sop_class"]
        assert decoder.inspect(file_named("CT_small.dcm"))["modality"] == "CT"


def test_t25_what_debians_dcmtk_cannot_do_is_held_to_others(tmp_path):
    """JPEG 2000 and segmented palettes fail there and are read here, as their twins; Japanese names are read too."""
    for name in ("JPEG2000.dcm", "gdcm-US-ALOKA-16.dcm"):
        with pytest.raises(Exception, match="non-zero exit"):
            by_dcmtk(file_named(name), ["+Wm"], tmp_path)

    assert (opened("JPEG2000.dcm").stored(0) == opened("JPEG2000_UNC.dcm").stored(0)).all()
    name = pydicom.dcmread(get_charset_files("chrH31.dcm")[0]).PatientName
    assert clean_name(name)["ideographic"] == "山田太郎"


def test_t26_elements_that_are_there_and_empty():
    """Each is as if it were absent."""
    names = (
        "WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleSlope", "RescaleIntercept", "RescaleType",
        "PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "PixelPaddingValue", "PresentationLUTShape",
        "NumberOfFrames", "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness", "InstanceNumber",
        "VOILUTSequence", "ModalityLUTSequence", "SequenceOfUltrasoundRegions", "SharedFunctionalGroupsSequence",
        "CineRate", "FrameTime", "BodyPartExamined", "ImageType", "LossyImageCompression", "DoseGridScaling",
    )  # fmt: skip
    ds = pydicom.dcmread(BytesIO(dicom_bytes(GRADIENT, modality="MR")))
    for name in names:
        is_plain = name != "PixelPaddingValue"
        ds.add_new(name, dictionary_VR(name) if is_plain else "SS", [] if "Sequence" in name else None)
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)

    empty, absent = Instance(out.getvalue()), Instance(dicom_bytes(GRADIENT, modality="MR"))

    assert (render(empty) == render(absent)).all()
    facts, without = empty.inspect().as_json(), absent.inspect().as_json()
    assert {key: value for key, value in facts.items() if value != without[key]} == {"instance_number": None}


def test_t27_the_codecs_are_the_pinned_ones_for_this_python():
    """Newer releases are for newer Pythons: what is installed is what was measured."""
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    codecs = (
        "imagecodecs",
        "pylibjpeg",
        "pylibjpeg-openjpeg",
        "pylibjpeg-rle",
        "pyjpegls",
        "pydicom",
        "numpy",
    )

    assert {name: version(name) for name in codecs} == {name: pins[name].strip() for name in codecs}


def test_t28_pillow_is_one_that_the_page_allows():
    """Gradio holds it below 13: a newer pin would break the installation."""
    (wanted,) = (one for one in map(Requirement, requires("gradio")) if one.name.lower() == "pillow")

    assert version("pillow") in wanted.specifier and "13.0.0" not in wanted.specifier


def test_t29_not_every_chest_is_a_persons():
    """A cat with a human-looking name: said at its series and found by the scope."""
    instance = opened("cat.dcm")

    assert "dicom.warning.not_human" in instance.inspect().warnings
    assert "not_human" in scope_of(instance.dataset, np.zeros((8, 8, 3), np.uint8)).findings


JPEGS = tuple(f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "57", "70", "80", "81", "90", "91"))


def test_t30_a_cut_picture_is_refused_and_never_half_gray():
    """Every frame of the JPEG families ends as it must, behind padding too; cut by 5 % and by half, each is refused."""
    checked = 0
    for file in corpus():
        if file.package == "pydicom" and file.path.parent.name == "charset_files":
            continue
        ds = pydicom.dcmread(BytesIO(file.read()), force=True)
        syntax = ds.file_meta.get("TransferSyntaxUID") if hasattr(ds, "file_meta") else None
        if syntax not in JPEGS or "PixelData" not in ds or not str(ds.get("NumberOfFrames", 1)).isdigit():
            continue
        frames = list(generate_frames(ds.PixelData, number_of_frames=int(ds.get("NumberOfFrames") or 1)))
        if ds.Rows * ds.Columns > 1 << 20 or file.name.startswith("JPEG2000-embedded"):
            continue
        assert all(map(ends_as_jpeg, frames)), file.name
        for share in (0.95, 0.5):
            with pytest.raises(Damaged):
                Instance(cut(ds, frames[0], share)).stored(0)
            checked += 1
    assert checked > 60


def cut(ds, frame, share):
    """The file with one frame that stops early, inside of a fragment that says nothing of it."""
    part = Dataset()
    part.file_meta = ds.file_meta
    for element in ds:
        if element.tag.group in (0x0008, 0x0020, 0x0028) and element.VR != "SQ":
            part.add(element)
    part.pop("NumberOfFrames", None)
    part.PixelData = encapsulate([frame[: int(len(frame) * share)]])
    part["PixelData"].VR = "OB"
    part["PixelData"].is_undefined_length = True
    out = BytesIO()
    pydicom.dcmwrite(out, part, enforce_file_format=True)
    return out.getvalue()


NUMBERS = {f"t{number:02}" for number in range(1, 31)}


def test_every_trap_has_its_test():
    """Thirty numbers, here or beside the part they belong to."""
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py")]
    found = {
        number for source in sources for number in re.findall(r"^(?:async )?def test_(t\d\d)_", source, re.M)
    }

    assert found >= NUMBERS
