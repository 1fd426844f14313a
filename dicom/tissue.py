"""Tissue on a slide's overview, and the fields worth reading: found by color, spread over what was found."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dicom.windowing import Values

Mask = np.ndarray[Any, np.dtype[np.bool_]]
LEAST_COLOR = 12
"""Difference of channels below which nothing is stained: paper, glass and dust are gray, and Otsu's method always
finds two halves, of noise too."""
SMOOTH = 5
WORTH = 0.5
"""Share of a field that has to be tissue; where no field has as much, the fullest ones are taken."""


@dataclass(frozen=True, slots=True)
class Field:
    """A square to be read: x, y, width, height in pixels of the slide's largest level, and how much of it is tissue."""

    box: tuple[int, int, int, int]
    coverage: float


def tissue_mask(overview: Values) -> Mask:
    """Where there is tissue: bool (rows, columns).

    overview: uint8 (rows, columns, 3)
    source: N. Otsu, A threshold selection method from gray-level histograms, 1979, over the smoothed difference
        of the largest and the smallest channel
    """
    wide = overview.astype(np.int16)
    color = _smoothed(wide.max(2) - wide.min(2))
    return color > max(otsu(color), LEAST_COLOR)


def otsu(values: Values) -> int:
    """The level that parts values 0..255 into two classes of the least spread; what is above it is the upper class."""
    counts = np.bincount(np.clip(values, 0, 255).astype(np.int64).ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    sums = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where((below > 0) & (above > 0), sums / below - (sums[-1] - sums) / above, 0.0)
    return int(np.argmax(below * above * apart**2))


def _smoothed(values: Values) -> Values:
    """The mean over a square of 5 pixels, edges repeated: a speck of ink is no tissue, a lumen is."""
    half = SMOOTH // 2
    sums = np.pad(values.astype(np.float64), half + 1, mode="edge").cumsum(0).cumsum(1)
    rows, columns = values.shape
    full = slice(SMOOTH, SMOOTH + rows), slice(0, rows)
    wide = slice(SMOOTH, SMOOTH + columns), slice(0, columns)
    total = sums[full[0], wide[0]] - sums[full[1], wide[0]] - sums[full[0], wide[1]] + sums[full[1], wide[1]]
    return np.asarray(total / SMOOTH**2)


def propose(mask: Mask, size: tuple[int, int], side: int, most: int) -> list[Field]:
    """Up to `most` fields of `side` pixels, far from each other on the tissue, in reading order.

    mask: tissue on the overview of a slide of `size` (width, height) pixels
    """
    grid = _grid(mask, size, side)
    worth = [field for field in grid if field.coverage >= WORTH] or [f for f in grid if f.coverage > 0]
    if not worth:
        return []
    centers = np.array([(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in worth])
    coverage = np.array([field.coverage for field in worth])
    chosen = [int(np.argmax(coverage))]
    distance = np.full(len(worth), np.inf)
    while len(chosen) < min(most, len(worth)):
        distance = np.minimum(distance, np.hypot(*(centers - centers[chosen[-1]]).T))
        # The farthest from all chosen ones; between equals the fuller one.
        chosen.append(int(np.lexsort((-coverage, -np.round(distance, 3)))[0]))
    return sorted((worth[one] for one in chosen), key=lambda field: (field.box[1], field.box[0]))


def _grid(mask: Mask, size: tuple[int, int], side: int) -> list[Field]:
    """Squares side by side over the whole slide, in its middle; a slide smaller than one is one field."""
    (width, height), (rows, columns) = size, mask.shape
    across, down = max(1, width // side), max(1, height // side)
    wide, high = min(side, width), min(side, height)
    left, top = (width - across * wide) // 2, (height - down * high) // 2
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    fields = []
    for row in range(down):
        for column in range(across):
            box = (left + column * wide, top + row * high, wide, high)
            x0, x1 = _places(box[0], wide, columns / width, columns)
            y0, y1 = _places(box[1], high, rows / height, rows)
            inside = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
            fields.append(Field(box, round(float(inside) / ((x1 - x0) * (y1 - y0)), 3)))
    return fields


def _places(start: int, length: int, scale: float, limit: int) -> tuple[int, int]:
    first = min(int(start * scale), limit - 1)
    return first, min(max(round((start + length) * scale), first + 1), limit)
