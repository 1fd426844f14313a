"""From sums over examples to scores, each under a name, so that the rows of a run can be read and scored again."""

from functools import partial

import numpy as np

from model.evaluation.captions import bleu
from model.evaluation.metrics import Measure, Statistic, expected_error, share


def precision(sums: np.ndarray) -> float:
    """Of columns right, wrong, missed: right of all that was said."""
    return _ratio(sums[0], sums[0] + sums[1])


def recall(sums: np.ndarray) -> float:
    """Of columns right, wrong, missed: right of all that was there."""
    return _ratio(sums[0], sums[0] + sums[2])


def f1(sums: np.ndarray) -> float:
    """Of columns right, wrong, missed: the harmonic mean of precision and recall."""
    return _ratio(2 * sums[0], 2 * sums[0] + sums[1] + sums[2])


def micro_f1(sums: np.ndarray) -> float:
    """Of columns right, wrong, missed for each label in turn: F1 of their totals."""
    return f1(sums.reshape(-1, 3).sum(axis=0))


def macro_f1(sums: np.ndarray) -> float:
    """Of columns right, wrong, missed for each label in turn: the mean F1; a label on neither side counts 0."""
    return float(np.mean([f1(one) for one in sums.reshape(-1, 3)]))


def _ratio(over: float, under: float) -> float:
    return float(over / under) if under else 0.0


STATISTICS: dict[str, Statistic] = {
    "share": share,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "micro_f1": micro_f1,
    "macro_f1": macro_f1,
    "calibration": expected_error,
    **{f"bleu_{order}": partial(bleu, order=order) for order in (1, 2, 3, 4)},
}


def named(statistic: Statistic) -> str:
    """The name of a statistic of the table; raises KeyError for any other."""
    for name, known in STATISTICS.items():
        if known is statistic:
            return name
    raise KeyError(statistic)


def measure(name: str, definition: str, rows: object, statistic: str) -> Measure:
    """A measure over rows as they come from a table or a file; one column makes one column."""
    values = np.asarray(rows, dtype=float)
    if values.ndim == 1:
        values = values[:, None]
    return Measure(name, definition, values, STATISTICS[statistic])
