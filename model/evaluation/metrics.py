"""A score over many examples with the uncertainty of it, and whether two runs differ.

Every score here is a function of sums over the examples. So an interval comes from drawing the examples again with
replacement, summing, and applying the function: accuracy, F1 over labels, corpus BLEU and calibration alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Statistic = Callable[[np.ndarray], float]
"""From sums over examples, float (columns,), to the score."""

RESAMPLES = 2000
SEED = 20
_AT_ONCE = 200  # resamples drawn together: bounds memory for sets of tens of thousands


@dataclass(frozen=True, slots=True)
class Measure:
    """A score: its name, whose definition it is, its rows (examples, columns) and what is done with their sums."""

    name: str
    definition: str
    rows: np.ndarray
    statistic: Statistic

    @property
    def value(self) -> float:
        """The score over all examples."""
        return self.statistic(self.rows.sum(axis=0))


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the score lies in 95 of 100 draws of as many examples."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Second minus first over the same examples, and how often chance alone would be as far from zero."""

    value: float
    interval: Interval
    p_value: float


def share(sums: np.ndarray) -> float:
    """First column over the second; 0 where nothing was counted."""
    return float(sums[0] / sums[1]) if sums[1] else 0.0


def mean_of(name: str, definition: str, values: Sequence[float]) -> Measure:
    """The mean of one value for each example."""
    rows = np.column_stack([np.asarray(values, dtype=float), np.ones(len(values))])
    return Measure(name, definition, rows, share)


def interval(measure: Measure, *, resamples: int = RESAMPLES, seed: int = SEED) -> Interval:
    """95 % percentile bootstrap over examples; the same for the same seed.

    raises: ValueError without examples
    """
    low, high = np.percentile(_drawn(measure, resamples, seed), [2.5, 97.5])
    return Interval(float(low), float(high))


def compare(first: Measure, second: Measure, *, resamples: int = RESAMPLES, seed: int = SEED) -> Difference:
    """Paired bootstrap: both scores are drawn with the same examples, in the same order.

    The p-value is two-sided and never 0: (1 + draws on the other side of zero) / (1 + draws), doubled, at most 1.
    raises: ValueError where the two do not have the same number of examples, or the same name
    """
    if len(first.rows) != len(second.rows) or first.name != second.name:
        raise ValueError("Only the same score over the same examples can be compared.")
    apart = _drawn(second, resamples, seed) - _drawn(first, resamples, seed)
    low, high = np.percentile(apart, [2.5, 97.5])
    beyond = min((apart <= 0).sum(), (apart >= 0).sum())
    return Difference(
        value=second.value - first.value,
        interval=Interval(float(low), float(high)),
        p_value=float(min(1.0, 2 * (1 + beyond) / (1 + resamples))),
    )


def _drawn(measure: Measure, resamples: int, seed: int) -> np.ndarray:
    """The score of each resample: float (resamples,)."""
    count = len(measure.rows)
    if not count:
        raise ValueError("There is no example to draw from.")
    chance = np.random.default_rng(seed)
    scores: list[float] = []
    while len(scores) < resamples:
        many = min(_AT_ONCE, resamples - len(scores))
        # How often each example is drawn says as much as which ones, and sums become one product.
        times = chance.multinomial(count, np.full(count, 1 / count), size=many)
        scores += [measure.statistic(sums) for sums in times @ measure.rows]
    return np.array(scores)


def calibration(confidences: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> Measure:
    """Expected calibration error: how far confidence is from accuracy, over bins of equal width; 0 is best.

    confidences: 0 to 1, of each answer
    source: Guo et al., ICML 2017
    """
    place = np.minimum((np.asarray(confidences, dtype=float) * bins).astype(int), bins - 1)
    rows = np.zeros((len(place), bins))
    # One column for each bin carries right minus sure; the error is the sum of their absolute sums.
    rows[np.arange(len(place)), place] = np.asarray(right, dtype=float) - np.asarray(confidences, dtype=float)
    rows = np.column_stack([rows, np.ones(len(place))])
    return Measure(
        "calibration error",
        f"expected calibration error, {bins} bins of equal width",
        rows,
        expected_error,
    )


def expected_error(sums: np.ndarray) -> float:
    """Absolute sums of all columns but the last, over the last."""
    return float(np.abs(sums[:-1]).sum() / sums[-1]) if sums[-1] else 0.0
