"""Marks measure what geometry and numpy say, in millimetres only where the header says how large a pixel is."""

import numpy as np
import pytest

from dicom.measure import Scale, inside, measured, scale_at

HALF_MM = Scale(0.5, 0.5, "patient")
PLAIN = Scale(1.0, 1.0)
RAMP = np.arange(100, dtype=np.int16).reshape(10, 10)
"""The value of a pixel is 10 times its row and its column."""


def test_a_length_is_that_of_the_triangle():
    """3 and 4 columns and rows are 5 pixels, at half a millimetre 2.5 mm."""
    points = [(1.0, 1.0), (4.0, 5.0)]

    assert measured("length", points, PLAIN) == {"unit": "px", "scale": None, "length": 5.0}
    assert measured("length", points, HALF_MM) == {"unit": "mm", "scale": "patient", "length": 2.5}


def test_rows_and_columns_have_their_own_size():
    """A pixel of 2 mm by 1 mm: down is twice as far as across, and a diagonal is no longer half a right angle."""
    tall = Scale(2.0, 1.0, "detector")

    assert measured("length", [(0, 0), (0, 3)], tall)["length"] == 6
    assert measured("length", [(0, 0), (3, 0)], tall)["length"] == 3
    assert measured("angle", [(1, 0), (0, 0), (1, 1)], tall)["degrees"] == pytest.approx(
        np.degrees(np.arctan(2))
    )
    assert measured("box", [(0, 0), (2, 3)], tall)["area"] == 12


@pytest.mark.parametrize(
    ("third", "degrees"), [((5, 0), 0), ((3, 3), 45), ((0, 7), 90), ((-4, 4), 135), ((-2, 0), 180)]
)
def test_an_angle_lies_at_its_second_point(third, degrees):
    """From nothing to straight, whichever way it opens."""
    for turned in (third, (third[0], -third[1])):
        assert measured("angle", [(2, 0), (0, 0), turned], PLAIN)["degrees"] == pytest.approx(degrees)


def test_an_angle_without_a_leg_is_none():
    """Two points in one place open no angle."""
    assert measured("angle", [(1, 1), (1, 1), (2, 2)], PLAIN)["degrees"] is None


def test_a_box_holds_the_pixels_whose_centers_it_holds():
    """Rows 2 and 3, columns 1 to 3: worked by hand and by numpy."""
    found = measured("box", [(4.0, 4.0), (1.0, 2.0)], HALF_MM, RAMP, values_unit="HU")

    assert found["pixels"] == 6
    assert found["mean"] == 27.0 == np.mean([21, 22, 23, 31, 32, 33])
    assert found["deviation"] == pytest.approx(np.std([21, 22, 23, 31, 32, 33]))
    assert (found["minimum"], found["maximum"], found["values_unit"]) == (21, 33, "HU")
    assert (found["width"], found["height"], found["area"]) == (1.5, 1.0, 1.5)


def test_neighbouring_boxes_share_no_pixel():
    """A side through the centers of a column belongs to one of them."""
    left, right = (inside("box", [(x, 0), (x + 2, 10)], (10, 10)) for x in (0.5, 2.5))

    assert left.sum() == right.sum() == 20
    assert not (left & right).any()


def test_an_ellipse_holds_what_the_slow_way_finds():
    """Pixel by pixel, by the equation of the ellipse; its area is that of the circle for equal axes."""
    rng = np.random.default_rng(4)
    values = rng.integers(-1000, 3000, (40, 50)).astype(np.int16)
    slow = [
        int(values[row, column])
        for row in range(40)
        for column in range(50)
        if ((column + 0.5 - 20) / 12) ** 2 + ((row + 0.5 - 18) / 7) ** 2 <= 1
    ]

    found = measured("ellipse", [(8, 11), (32, 25)], PLAIN, values)

    assert (found["pixels"], found["minimum"], found["maximum"]) == (len(slow), min(slow), max(slow))
    assert (found["mean"], found["deviation"]) == (pytest.approx(np.mean(slow)), pytest.approx(np.std(slow)))
    assert measured("ellipse", [(0, 0), (4, 4)], HALF_MM)["area"] == pytest.approx(np.pi)


def test_padding_and_what_is_no_number_are_left_out():
    """Around a picture stand fillers; a mean over them would be of nothing."""
    values = np.array([[1.0, np.nan, 5.0, -2000.0]])

    found = measured("box", [(0, 0), (4, 1)], PLAIN, values, padding=values == -2000)
    nothing = measured("box", [(3, 0), (4, 1)], PLAIN, values, padding=values == -2000)

    assert (found["pixels"], found["mean"]) == (2, 3.0)
    assert nothing["pixels"] == 0 and "mean" not in nothing


def test_a_probe_tells_the_pixel_under_it():
    """The pixel whose square holds the point; nothing beside the picture; three numbers of a color."""
    color = np.zeros((4, 4, 3), np.uint8)
    color[1, 2] = (10, 20, 30)

    assert measured("probe", [(3.9, 2.1)], PLAIN, RAMP, values_unit="HU")["value"] == 23
    assert "value" not in measured("probe", [(10.0, 2.1)], PLAIN, RAMP)
    assert measured("probe", [(2.5, 1.5)], PLAIN, color)["rgb"] == [10, 20, 30]


def test_a_mark_with_other_points_is_refused():
    """A length of three points is none."""
    with pytest.raises(ValueError, match="2 points, not 3"):
        measured("length", [(0, 0), (1, 1), (2, 2)], PLAIN)


def test_a_region_of_an_ultrasound_goes_before_the_spacing_of_the_whole():
    """Inside of the measured image its scale, in the trace below none, across both none either."""
    regions = [
        {"left": 0, "top": 0, "right": 99, "bottom": 49, "spacing_mm": [0.2, 0.1]},
        {"left": 0, "top": 50, "right": 99, "bottom": 99, "spacing_mm": None},
    ]
    given = {"spacing_mm": (1.0, 1.0), "source": "patient", "regions": regions}

    assert scale_at([(1, 1), (100, 50)], **given) == Scale(0.2, 0.1, "ultrasound")
    assert scale_at([(1, 60), (5, 70)], **given) == Scale(1.0, 1.0)
    assert scale_at([(1, 1), (5, 70)], **given).source is None


def test_the_scale_says_where_it_was_measured():
    """At the detector a length is magnified; without either value a pixel is a pixel, of its stated shape."""
    assert scale_at([(0, 0)], spacing_mm=(0.2, 0.2), source="detector") == Scale(0.2, 0.2, "detector")
    assert scale_at([(0, 0)], spacing_mm=None, source=None, aspect=1.5) == Scale(1.5, 1.0)
