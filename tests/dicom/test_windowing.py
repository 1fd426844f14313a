"""Stored values to gray, worked out by hand."""

import numpy as np
import pytest

from dicom.windowing import PRESETS, Table, Window, apply_window, full_range, presets_for, to_gray


def test_a_tables_nodes_draw_the_table():
    """Straight lines between them are the table at every value, and outside; a straight table is two of them."""
    rng = np.random.default_rng(3)
    for entries in (
        np.arange(256.0),
        rng.integers(0, 4096, 300).astype(float),
        np.repeat([0.0, 9.0, 4095.0], 50),
    ):
        table = Table(-20, entries, 4095)
        values = np.arange(-60, 400)
        places, shares = zip(*table.nodes(), strict=True)

        assert np.allclose(np.interp(values, places, shares), table.apply(values), atol=1e-12)
    assert Table(5, np.arange(256.0), 255).nodes() == [(5, 0.0), (260, 1.0)]
    assert Table(5, np.array([7.0]), 7).nodes() == [(5, 1.0)]


@pytest.mark.parametrize(
    ("window", "values", "expected"),
    [
        (Window(40, 400), [-1024, -160, 40, 240, 3071], [0, 0, 128, 255, 255]),
        (Window(0, 1), [-1, 0, 1], [0, 255, 255]),
        (Window(50, 100, "LINEAR_EXACT"), [0, 50, 100], [0, 128, 255]),
        (Window(0, 10, "SIGMOID"), [-100, 0, 100], [0, 128, 255]),
    ],
)
def test_windows_follow_the_standard(window, values, expected):
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, by hand."""
    assert to_gray(apply_window(np.array(values), window), invert=False).tolist() == expected


def test_the_usual_preset_is_the_one_of_the_examined_part():
    """BodyPartExamined goes before words of a description that names more."""
    assert next(iter(presets_for("CT", "ABDOMEN", "CT chest and abdomen"))) == "abdomen"
    assert next(iter(presets_for("CT", "", "흉부 CT (조영)"))) == "mediastinum"
    assert next(iter(presets_for("CT", "", ""))) == "mediastinum"
    assert presets_for("MR", "HEAD") == {}


def test_every_preset_is_a_window_and_has_a_name():
    """Center and width in HU; names on the screen come from window.<id>."""
    from app.wording import catalogue

    assert all(window.is_usable for window in PRESETS.values())
    assert all(f"window.{name}" in catalogue() for name in PRESETS)


@pytest.mark.parametrize("window", [Window(0, 0), Window(0, 0.5), Window(float("nan"), 10), Window(0, -4)])
def test_windows_that_mean_nothing_are_not_used(window):
    """C.11.2.1.2: a LINEAR width is 1 or more."""
    assert not window.is_usable


def test_fractions_are_not_cut_to_black_and_white():
    """A dose between 0 and 0.5 Gy, seen through a window of 0.5."""
    values = np.array([0.0, 0.25, 0.5])

    assert to_gray(apply_window(values, Window(0.25, 0.5)), invert=False).tolist() == [0, 128, 255]


def test_padding_does_not_widen_the_range():
    """-2000 around the body is no tissue."""
    values = np.array([-2000, 0, 100])

    window = full_range(values, values == -2000)

    assert (window.center, window.width) == (50, 100)


def test_values_that_are_no_numbers_are_black_and_move_nothing():
    """A dose map may hold infinities."""
    values = np.array([np.nan, 0.0, 10.0, np.inf])

    window = full_range(values, None)

    assert (window.center, window.width) == (5, 10)
    assert to_gray(apply_window(values, window), invert=False).tolist() == [0, 0, 255, 255]


def test_a_table_clamps_at_both_ends_and_has_a_nearest_window():
    """Four entries from value 10 on: what lies outside takes the first or the last."""
    table = Table(10, np.array([0.0, 100.0, 200.0, 255.0]), 255)

    shares = table.apply(np.array([-5, 10, 11, 13, 99]))

    assert (shares * 255).round().tolist() == [0, 0, 100, 255, 255]
    assert table.window() == Window(11.5, 3, "LINEAR_EXACT")
