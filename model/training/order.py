"""Which sequences make up a step: told by seed and step alone, whoever asks and however many share the work."""

from functools import lru_cache
from math import ceil

import numpy as np

from model.errors import TrainingUnusable


def steps_of(count: int, batch: int, epochs: float) -> int:
    """Steps in which `count` sequences are seen `epochs` times; the last step may reach into the next epoch."""
    return max(1, ceil(round(count * epochs, 9) / batch))


def chosen(step: int, batch: int, count: int, seed: int) -> list[int]:
    """The sequences of a step (from 0), in order: epochs follow each other without a gap, each shuffled anew."""
    places = range(step * batch, (step + 1) * batch)
    return [int(_shuffled(seed, place // count, count)[place % count]) for place in places]


def share(
    step: int, batch: int, count: int, seed: int, *, micro: int, rank: int, processes: int
) -> list[list[int]]:
    """What one of several processes does of a step, in pieces of at most `micro`.

    raises: TrainingUnusable when the batch cannot be shared evenly
    """
    if batch % processes:
        raise TrainingUnusable(f"A batch of {batch} cannot be shared evenly by {processes} processes.")
    size = batch // processes
    mine = chosen(step, batch, count, seed)[rank * size : (rank + 1) * size]
    return [mine[start : start + micro] for start in range(0, size, micro)]


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, count: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)
