"""Intervals hold what they promise, and two runs are compared on the same examples."""

import math

import numpy as np
import pytest

from model.evaluation.captions import bleu, bleu_counts
from model.evaluation.metrics import Measure, calibration, compare, interval, mean_of


def test_the_interval_of_a_share_is_the_known_one():
    """80 of 100: the normal approximation says 0.8 within 1.96 * sqrt(0.8 * 0.2 / 100) = 0.078."""
    found = interval(mean_of("accuracy", "share", [1] * 80 + [0] * 20), resamples=4000)

    assert found.low == pytest.approx(0.722, abs=0.015)
    assert found.high == pytest.approx(0.878, abs=0.015)


def test_the_interval_is_the_same_every_time():
    """A figure in a scorecard must not change with the day."""
    measure = mean_of("f1", "mean", list(np.linspace(0, 1, 37) ** 2))

    assert interval(measure) == interval(measure)
    assert interval(measure) != interval(measure, seed=1)


def test_a_corpus_score_is_drawn_as_a_corpus():
    """BLEU of resampled sums lies around BLEU of the sums."""
    rows = np.array([bleu_counts(["a", "b", "c", "d", "e"], [["a", "b", "c", "d", "f"]]) for _ in range(5)])
    found = interval(Measure("BLEU-4", "corpus", rows, bleu))

    assert found.low == pytest.approx(bleu(rows.sum(axis=0)))
    assert found.high == pytest.approx(bleu(rows.sum(axis=0)))


def test_pairing_finds_what_two_intervals_would_hide():
    """Twelve more right of 300, none less: each interval holds the other's score, the difference is plain."""
    before = [1.0] * 150 + [0.0] * 150
    after = [1.0] * 162 + [0.0] * 138
    first, second = mean_of("accuracy", "share", before), mean_of("accuracy", "share", after)

    apart = compare(first, second)

    assert interval(first).high > second.value
    assert apart.value == pytest.approx(0.04)
    assert apart.interval.low > 0
    assert apart.p_value == pytest.approx(2 / 2001)
    assert compare(first, first).p_value == 1


def test_different_examples_are_not_compared():
    """Two scores over unequal sets say nothing about each other."""
    with pytest.raises(ValueError, match="same"):
        compare(mean_of("f1", "", [1.0]), mean_of("f1", "", [1.0, 0.0]))
    with pytest.raises(ValueError, match="no example"):
        interval(mean_of("f1", "", []))


def test_calibration_by_hand():
    """Two bins: 0.95 sure and 1 of 2 right is 0.45 off; 0.15 sure and 0 of 2 right is 0.15 off."""
    measure = calibration([0.95, 0.95, 0.15, 0.15], [True, False, False, False])

    assert measure.value == pytest.approx((2 * 0.45 + 2 * 0.15) / 4)
    assert calibration([1.0, 1.0], [True, True]).value == 0
    assert math.isclose(calibration([1.0], [False]).value, 1)
