"""What a picture is, by header and pixels."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from dicom.reading import Instance
from dicom.render import render
from dicom.scope import is_blank, is_page, scope_of
from tests.samples import dicom_bytes

FONT = Path(__file__).parents[2] / "storage" / "pdf" / "fonts" / "NotoSansKR-Regular.ttf"
NOISE = np.random.default_rng(0).integers(0, 2000, (16, 16)).astype(np.int16)


def scope(**elements):
    """What a CT slice of noise with these elements is."""
    opened = Instance(dicom_bytes(NOISE, **elements))
    return scope_of(opened.dataset, render(opened))


def coded_species(value):
    """A species as a code."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "a species"
    return [item]


CASES = {
    "plain": ({}, ()),
    "localizer": ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, ("localizer",)),
    "cat by name": ({"PatientSpeciesDescription": "Feline"}, ("not_human",)),
    "horse by code": ({"PatientSpeciesCodeSequence": coded_species("388445009")}, ("not_human",)),
    "dog by breed": ({"PatientBreedDescription": "Poodle"}, ("not_human",)),
    "human": ({"PatientSpeciesCodeSequence": coded_species("337915000")}, ()),
    "mask": ({"modality": "SEG"}, ("not_acquired",)),
    "raw": ({"PresentationIntentType": "FOR PROCESSING"}, ("raw",)),
    "text by its header": ({"BurnedInAnnotation": "YES"}, ("burned_in",)),
    "ultrasound": ({"modality": "US"}, ("may_hold_text",)),
    "ultrasound that says NO": ({"modality": "US", "BurnedInAnnotation": "NO"}, ()),
    "empty tags": ({"ImageType": "", "PatientSpeciesDescription": "", "BodyPartExamined": ""}, ()),
}


@pytest.mark.parametrize("name", CASES)
def test_a_header_says_what_a_picture_is(name):
    """Each finding alone."""
    elements, expected = CASES[name]

    assert scope(**elements).findings == expected


def test_region_and_modality_are_words_of_our_own():
    """What a header holds instead of them is not repeated."""
    assert scope(BodyPartExamined="CHEST").region == "chest"
    assert scope(BodyPartExamined="HONG GILDONG").region == ""
    assert scope(modality="HONG GIL").modality == ""


def test_a_picture_of_one_brightness_is_blank():
    """A few hot pixels change nothing; something to see does."""
    gray = np.full((100, 100), 40.0)
    hot = gray.copy()
    hot[0, :4] = 255
    seen = gray.copy()
    seen[40:50, 40:50] = 90

    assert is_blank(gray) and is_blank(hot) and not is_blank(seen)


def page(ground=255, ink=0, lines=24):
    """A report as a picture."""
    picture = Image.new("L", (700, 900), ground)
    pen, font = ImageDraw.Draw(picture), ImageFont.truetype(str(FONT), 17)
    for line in range(lines):
        pen.text(
            (40, 40 + 32 * line),
            f"{line}. The heart is not enlarged; no effusion is seen.",
            font=font,
            fill=ink,
        )
    return np.asarray(picture, np.float32)


def test_a_page_of_text_is_known_on_white_and_on_black():
    """A report that was captured as a picture."""
    assert is_page(page()) and is_page(page(ground=0, ink=255))


def test_pictures_are_no_pages():
    """Noise, stripes, a sharp disc, two lines of annotation."""
    rows, columns = np.mgrid[:300, :300]
    disc = np.where((rows - 150) ** 2 + (columns - 150) ** 2 < 3600, 255.0, 0.0)
    stripes = np.where(rows % 20 < 2, 255.0, 0.0)

    assert not any(map(is_page, (NOISE.astype(np.float32) % 256, disc, stripes, page(lines=2))))


REAL = [
    "CT_small.dcm",
    "MR_small.dcm",
    "693_UNCR.dcm",
    "RG1_UNCR.dcm",
    "RG3_UNCR.dcm",
    "US1_UNCR.dcm",
    "examples_palette.dcm",
]


@pytest.mark.parametrize("name", REAL)
def test_real_pictures_are_neither_blank_nor_pages(name):
    """Radiographs with black borders, ultrasound with a banner."""
    opened = Instance(Path(get_testdata_file(name)))

    assert not {"blank", "page"} & set(scope_of(opened.dataset, render(opened)).findings)


def test_the_window_counts():
    """What is all white in the file's own window is blank, whatever is stored."""
    ds = pydicom.dcmread(BytesIO(dicom_bytes(NOISE, WindowCenter=-500, WindowWidth=10)))
    out = BytesIO()
    ds.save_as(out)
    opened = Instance(out.getvalue())

    assert scope_of(opened.dataset, render(opened)).findings == ("blank",)
