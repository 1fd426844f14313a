"""Drawings: repeatable, radiological sides, and what the facts say is where the masks are."""

import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import islice

import numpy as np
import pytest

from model.demo.phantoms import TINY, draw_phantom, hounsfield, kind_of

MIDDLE = 192


def chests(**wanted):
    """Chest drawings with these facts, two of them."""
    fitting = (one for one in map(chest, range(200)) if wanted.items() <= one.facts.items())
    return list(islice(fitting, 2))


@cache
def chest(seed):
    return draw_phantom("chest", seed)


@pytest.mark.parametrize("kind", ["chest", "ct", "histology"])
def test_a_seed_is_a_drawing(kind):
    """The same seed gives the same picture and facts, another seed another picture."""
    first, again, other = draw_phantom(kind, 5), draw_phantom(kind, 5), draw_phantom(kind, 6)

    assert first.pixels.shape == (384, 384, 3)
    assert first.pixels.dtype == np.uint8
    assert np.array_equal(first.pixels, again.pixels)
    assert first.facts == again.facts
    assert not np.array_equal(first.pixels, other.pixels)


def test_the_kinds_come_in_their_shares():
    """Half chest, a quarter CT, a quarter histology, wherever counting starts at a multiple of four."""
    assert Counter(kind_of(seed) for seed in range(1_000_000, 1_000_600)) == {
        "chest": 300,
        "ct": 150,
        "histology": 150,
    }


FINDINGS = {"chest": "nodule", "ct": "kidney_focus", "histology": "figure"}


@pytest.mark.parametrize("kind", sorted(FINDINGS))
def test_a_drawing_holds_the_tiny_finding_of_its_facts_and_no_other(kind):
    """None, or marks of one kind, beside look-alikes."""
    for seed in range(12):
        phantom = draw_phantom(kind, seed)
        named = phantom.facts[FINDINGS[kind]]
        assert {name for name in TINY if name in phantom.masks} == {named} - {"none"}


@pytest.mark.parametrize(("kind", "fewest", "most"), [("chest", 4, 6), ("ct", 2, 2), ("histology", 4, 6)])
def test_the_number_of_spots_says_nothing(kind, fewest, most):
    """Findings take the place of look-alikes: as many spots with a finding as without one."""
    counts = {True: [], False: []}
    for seed in range(40):
        phantom = draw_phantom(kind, seed)
        marks = [mask for name, mask in phantom.masks.items() if name in (*TINY, "lookalike")]
        found = phantom.facts[FINDINGS[kind]] != "none"
        counts[found].append(sum(int(mask.sum()) for mask in marks) / 78)

    for found in counts.values():
        assert fewest - 0.5 < min(found)
        assert max(found) < most + 0.5
    assert abs(np.mean(counts[True]) - np.mean(counts[False])) < 0.8


def test_nodules_lie_in_the_lungs_and_foci_in_the_kidneys():
    """Where somebody would look for them, clear of heart, fluid and consolidation."""
    for seed in range(30):
        chest, ct = draw_phantom("chest", seed), draw_phantom("ct", seed)
        for name in {"solid", "cavitary", "spiculated", "lookalike"} & chest.masks.keys():
            assert (chest.masks[name] & chest.masks["lung"]).sum() > 0.8 * chest.masks[name].sum()
        for name in {"stone", "clip", "lookalike"} & ct.masks.keys():
            assert (ct.masks[name] & ct.masks["kidney"]).sum() > 0.8 * ct.masks[name].sum()


@pytest.mark.parametrize(("side", "on_the_left"), [("right", True), ("left", False)])
def test_the_patients_right_is_on_the_left_of_the_picture(side, on_the_left):
    """As a radiologist hangs a film: fluid and clouds of the right lung lie in the left half."""
    fluid = [one.masks["effusion"] for one in chests(effusion=side)]
    clouds = [one.masks["consolidation"] for one in chests(consolidation=f"{side} upper")]

    for mask in fluid + clouds:
        columns = np.nonzero(mask)[1]
        assert len(columns) > 50
        assert (columns < MIDDLE).all() if on_the_left else (columns > MIDDLE).all()


def test_an_enlarged_heart_is_wider_than_any_normal_one():
    """The two sizes do not overlap, so the question has an answer."""

    def width(one):
        return np.ptp(np.nonzero(one.masks["heart"])[1])

    assert min(map(width, chests(heart="enlarged"))) > max(map(width, chests(heart="normal")))


def test_the_liver_holds_as_many_cysts_as_the_facts_say():
    """Counted a second way: by flooding the mask from each untouched pixel."""
    for seed in range(5):
        phantom = draw_phantom("ct", seed)
        assert islands(phantom.masks["cyst"]) == phantom.facts["cysts"]


def islands(mask):
    """The number of connected parts."""
    left, count = {tuple(at) for at in np.argwhere(mask)}, 0
    while left:
        count += 1
        border = [left.pop()]
        while border:
            y, x = border.pop()
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in left:
                    left.remove(near)
                    border.append(near)
    return count


def test_the_window_50_400_gives_a_ct_drawing_back():
    """A real CT object made of a drawing shows the picture that the model was trained on, within a gray level."""
    phantom = draw_phantom("ct", 3)

    values = hounsfield(phantom)
    shown = np.clip(((values - (50 - 0.5)) / (400 - 1) + 0.5) * 255, 0, 255)  # PS3.3 C.11.2.1.2.1

    assert values.min() >= -150
    assert values.max() <= 250
    assert np.abs(shown - phantom.pixels[..., 0]).max() <= 1


def test_drawing_needs_no_torch():
    """The demonstration's studies are drawn in processes that never load it."""
    code = "import sys, model.demo.phantoms, model.demo; print('torch' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout == "False\n"
