"""Lines of letters in a picture: on real banners, not in real pictures without them, and in more than half of what is planted."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from dicom.burned_in import Line, components, lines_of
from dicom.reading import Instance
from dicom.render import render
from tests.corpus import SOURCES

FONT = Path(__file__).parents[2] / "storage" / "pdf" / "fonts" / "NotoSansKR-Regular.ttf"
BARE = ("693_UNCR.dcm", "MR2_UNCR.dcm", "RG1_UNCR.dcm", "RG3_UNCR.dcm")
"""CT, MR and two radiographs; the last is 1760 pixels wide."""


@cache
def shown(name):
    """A real picture as gray, from whichever package has it."""
    folders = (SOURCES["pydicom"], SOURCES["pydicom-data"], SOURCES["deid-data"])
    path = next(found for folder in folders for found in sorted(folder.rglob(name)))
    return render(Instance(path)).astype(np.float32).mean(axis=2)


def test_parts_that_touch_by_a_corner_are_one():
    """Worked out on a mask small enough to print."""
    mask = np.array(
        [
            [1, 0, 0, 1, 1],
            [0, 1, 0, 0, 0],
            [0, 0, 0, 1, 0],
            [0, 0, 0, 1, 0],
        ],
        bool,
    )

    assert sorted(components(mask).tolist()) == [[0, 1, 3, 5, 2], [0, 2, 0, 2, 2], [2, 4, 3, 4, 2]]


def letters(count, *, step=9, drop=0, value=255):
    """Open boxes of 5 by 10 pixels side by side from (20, 30) on; drop: pixels that each stands lower."""
    gray = np.full((80, 200), 100.0)
    for number in range(count):
        top, left = 30 + number * drop, 20 + number * step
        gray[top : top + 10, left : left + 5] = value
        gray[top + 2 : top + 8, left + 2 : left + 3] = 100
    return gray


def test_four_strokes_of_one_height_on_one_line_are_a_line():
    """Bright or dark; three are none, nor are four on a slope, nor four far from each other."""
    assert lines_of(letters(4)) == [Line(20, 30, 52, 40, 4)]
    assert lines_of(letters(5, value=0)) == [Line(20, 30, 61, 40, 5)]
    assert lines_of(letters(3)) == lines_of(letters(4, drop=6)) == lines_of(letters(4, step=40)) == []


@pytest.mark.parametrize("name", ["US1_UNCR.dcm", "OBXXXX1A.dcm", "color3d_jpeg_baseline.dcm", "mlut_18.dcm"])
def test_real_banners_are_found(name):
    """Three ultrasound devices, and the writing of a test pattern."""
    assert len(lines_of(shown(name))) >= 4


@pytest.mark.parametrize(
    "name", [*BARE, "CT_small.dcm", "MR_small.dcm", "bad_sequence.dcm", "JPEG2000_UNC.dcm"]
)
def test_real_pictures_without_writing_have_no_lines(name):
    """Anatomy, noise and collimation are no letters."""
    assert lines_of(shown(name)) == []


@pytest.mark.parametrize(("size_px", "least"), [(10, 7), (14, 8), (20, 7)])
def test_more_than_half_of_planted_lines_are_found(size_px, least):
    """White letters at the top, in the middle and at the bottom of four pictures; white on white stays unseen."""
    font, found = ImageFont.truetype(str(FONT), size_px), 0
    for name in BARE:
        for place, text in enumerate(("HONG GILDONG", "DOB 1961-03-14", "SEOUL MED CTR")):
            picture = Image.fromarray(shown(name).astype(np.uint8))
            top = (6, picture.height // 2, picture.height - size_px - 12)[place]
            ImageDraw.Draw(picture).text((40, top), text, font=font, fill=255)
            found += bool(lines_of(np.asarray(picture, np.float32)))

    print(f"{size_px} px: {found} of 12")
    assert found >= least


def test_a_picture_of_noise_is_given_up():
    """More strokes than any page has are no writing, and cost no more than the look."""
    noise = np.random.default_rng(1).integers(0, 256, (1200, 1200)).astype(np.float32)

    assert lines_of(noise) == []
