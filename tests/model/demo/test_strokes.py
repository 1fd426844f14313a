"""Forms of the same ink: what a small picture shows of them is the same spot."""

import numpy as np
import pytest

from model.demo.strokes import INK, SIZE, ellipse, form, spot

FORMS = ("disc", "ring", "star", "cross", "streak")


def drawn(kind, seed=0, at=(190.3, 201.6)):
    canvas = np.zeros((SIZE, SIZE), np.float32)
    form(canvas, kind, *at, np.random.default_rng(seed))
    return canvas


@pytest.mark.parametrize("kind", FORMS)
def test_every_form_carries_the_same_ink(kind):
    """Whatever its turn and its place between the pixels; so brightness in a small picture tells nothing."""
    for seed in range(5):
        at = np.random.default_rng(seed).uniform(50, 300, 2)
        assert drawn(kind, seed, at).sum() == pytest.approx(INK, rel=1e-4)


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_is_tiny_and_about_as_strong_as_any_other(kind):
    """Within a window of 19 pixels, and none needs more than a third more strength for the same ink."""
    canvas = drawn(kind)
    rows, columns = np.nonzero(canvas > 0.05)

    assert np.ptp(rows) < 19
    assert np.ptp(columns) < 19
    assert 0.75 <= canvas.max() <= 1.34


def test_forms_differ_where_they_are_looked_at_closely():
    """A ring has a hole where a disc has its middle; a streak is longer than it is wide."""
    middle = (slice(201, 203), slice(190, 192))

    assert drawn("disc")[middle].min() > 0.9
    assert drawn("ring")[middle].max() < 0.05


def test_the_mark_of_a_form_does_not_tell_which():
    """One disc of five pixels radius: 78 or 79 pixels, wherever it lies."""
    mask = np.zeros((SIZE, SIZE), bool)

    spot(mask, 100.0, 100.0)

    assert mask.sum() == sum(x * x + y * y < 25 for x in range(-5, 6) for y in range(-5, 6))


def test_an_ellipse_is_the_same_computed_over_the_whole_picture():
    """The window it is drawn in cuts nothing off, also where it lies over the edge, turned."""
    x, y, wide, high, soft, turn = 30.0, 370.0, 60.0, 9.0, 4.0, 0.7
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float64)
    dx, dy = columns - x, rows - y
    along, across = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    distance = (np.sqrt((along / wide) ** 2 + (across / high) ** 2) - 1) * min(wide, high)

    assert (
        np.abs(ellipse(x, y, wide, high, soft, turn) - np.clip(0.5 - distance / (2 * soft), 0, 1)).max()
        < 1e-4
    )
