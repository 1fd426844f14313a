"""Tissue and the fields on it: found where it was drawn, and nowhere on glass."""

import numpy as np
import pytest

from dicom.slides import Slide
from dicom.tissue import otsu, propose, tissue_mask
from tests.dicom.test_slides import REAL

GLASS, PINK = (244, 242, 245), (220, 150, 190)


def slow_otsu(values):
    """By the definition: of all levels the one with the least spread inside both classes."""
    best, found = None, 0
    for level in range(255):
        low, high = values[values <= level], values[values > level]
        if len(low) and len(high):
            spread = low.var() * len(low) + high.var() * len(high)
            if best is None or spread < best - 1e-9:
                best, found = spread, level
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_level_is_the_one_that_parts_best(seed):
    """Against the definition, computed the slow way."""
    chance = np.random.default_rng(seed)
    values = (
        np.concatenate([chance.normal(20, 6, 300), chance.normal(90, 20, 200)]).clip(0, 255).astype(np.uint8)
    )

    assert otsu(values) == slow_otsu(values)


def test_tissue_is_found_where_it_was_drawn():
    """A pink square on glass: inside all of it, outside nothing, but for the width of the smoothing at its rim."""
    overview = np.full((60, 80, 3), GLASS, np.uint8)
    overview[20:40, 30:60] = PINK

    mask = tissue_mask(overview)

    assert mask[22:38, 32:58].all()
    rim = np.zeros_like(mask)
    rim[17:43, 27:63] = True
    assert not mask[~rim].any()


@pytest.mark.parametrize("noise", [0, 4])
def test_an_empty_slide_has_no_tissue(noise):
    """Otsu's method always finds two halves; on glass neither of them is tissue."""
    chance = np.random.default_rng(1)
    overview = np.clip(np.full((64, 64, 3), GLASS) + chance.integers(-noise, noise + 1, (64, 64, 3)), 0, 255)

    mask = tissue_mask(overview.astype(np.uint8))

    assert not mask.any()
    assert propose(mask, (6400, 6400), 640, 8) == []


def test_gray_is_no_tissue():
    """A pen's shadow, a bubble, the edge of the cover glass: dark and without color."""
    overview = np.full((64, 64, 3), GLASS, np.uint8)
    overview[10:30, 10:30] = (90, 90, 92)
    overview[40:50, 40:50] = PINK

    mask = tissue_mask(overview)

    assert mask[42:48, 42:48].all() and not mask[12:28, 12:28].any()


def test_fields_lie_on_tissue_and_apart():
    """Tissue on the left half of a slide of 8 by 8 fields: each chosen one is the farthest from those before it.

    From (0, 0) that is (3, 7), 7.6 fields away; then (3, 3), 4 from the nearer of the two; then (0, 5), 3.6 from two.
    """
    mask = np.zeros((80, 80), bool)
    mask[:, :40] = True

    found = propose(mask, (8000, 8000), 1000, 4)

    assert [field.coverage for field in found] == [1.0] * 4
    assert {field.box for field in found} == {
        (0, 0, 1000, 1000),
        (3000, 7000, 1000, 1000),
        (3000, 3000, 1000, 1000),
        (0, 5000, 1000, 1000),
    }


def test_fields_are_numbered_in_reading_order():
    """Row by row, from the left: a reader finds number 3 without searching."""
    mask = np.ones((40, 40), bool)

    boxes = [field.box[:2] for field in propose(mask, (4000, 4000), 1000, 16)]

    assert boxes == [(x, y) for y in range(0, 4000, 1000) for x in range(0, 4000, 1000)]


def test_where_no_field_is_half_full_the_fullest_are_taken():
    """A needle's core is thinner than a field."""
    mask = np.zeros((80, 80), bool)
    mask[33:36, 10:70] = True

    found = propose(mask, (8000, 8000), 1000, 3)

    assert len(found) == 3
    assert all(field.box[1] == 3000 and field.coverage == pytest.approx(0.3, abs=0.01) for field in found)


def test_a_slide_smaller_than_a_field_is_one_field():
    """Cut to the slide, never beyond it."""
    found = propose(np.ones((10, 20), bool), (500, 250), 1024, 8)

    assert [(field.box, field.coverage) for field in found] == [((0, 0, 500, 250), 1.0)]


def test_on_the_real_slide_fields_hold_nuclei():
    """On the Aperio sample the proposed fields are darker and more colorful than the slide's lightest square."""
    opened = Slide(REAL)
    mask = tissue_mask(opened.overview(1024))

    fields = propose(mask, (opened.width, opened.height), 500, 4)

    assert 0.3 < mask.mean() < 1
    assert len(fields) == 4
    for field in fields:
        shown = opened.region(field.box, (250, 250)).astype(int)
        assert (shown.max(2) - shown.min(2)).mean() > 20
