"""Lines of letters that are burned into a picture: a warning light, and no guarantee.

Letters are small strokes much brighter or darker than what lies around them, of one height, side by side on one line.
Covered: lines of at least four separate letters, 5 to 48 pixels high, on any ground that they stand out from. Not
covered: what they say, handwriting, letters that touch each other, white on white.
"""

from dataclasses import dataclass

import numpy as np

from dicom.windowing import Values

LOOKED_AT = frozenset(
    ["CR", "DX", "RG", "MG", "XA", "RF", "PX", "IO", "US", "IVUS", "SC", "OT", "ES", "XC", "GM", "DG"]
)
"""Kinds of single pictures. Slices come by the hundred, and what is captured of them says so by its class."""
CONTRAST = 70
"""Steps of 255 by which a stroke stands out from the mean of the 25 pixels around it."""
AROUND = 12
HEIGHTS = (5, 48)
LEAST = 4
STROKES = 40_000
"""More of them are noise or a pattern, and no writing."""

Boxes = np.ndarray[tuple[int, int], np.dtype[np.int64]]
"""One row for each: top, bottom, left, right (ends excluded), area."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line stands in pixels, and how many letters were told apart."""

    left: int
    top: int
    right: int
    bottom: int
    letters: int


def lines_of(gray: Values) -> list[Line]:
    """Lines of bright letters, then of dark ones. gray: (rows, columns), 0 to 255, as it is shown"""
    values = gray.astype(np.float64)
    above = values - _mean_around(values)
    return [line for sign in (1, -1) for line in _lines(_letters(sign * above > CONTRAST))]


def _mean_around(values: Values) -> Values:
    side = 2 * AROUND + 1
    sums = np.pad(values, AROUND + 1, mode="edge").cumsum(0).cumsum(1)
    rows, columns = values.shape
    low, high = slice(side, side + rows), slice(0, rows)
    right, left = slice(side, side + columns), slice(0, columns)
    total = sums[low, right] - sums[high, right] - sums[low, left] + sums[high, left]
    return np.asarray(total / side**2)


def _letters(mask: Values) -> Boxes:
    """Connected parts that have the size and the fill of a letter, from left to right."""
    parts = components(mask)
    height, width = parts[:, 1] - parts[:, 0], parts[:, 3] - parts[:, 2]
    fill = parts[:, 4] / np.maximum(height * width, 1)
    low, high = HEIGHTS
    fits = (height >= low) & (height <= high) & (width <= 1.6 * height) & (fill > 0.15) & (fill < 0.95)
    chosen = parts[fits]
    return chosen[np.argsort(chosen[:, 2], kind="stable")]


def components(mask: Values) -> Boxes:
    """The box of each connected part of a mask, corners counted as touching; none where there are too many."""
    rows, columns = mask.shape
    edges = np.zeros((rows, columns + 2), np.int8)
    edges[:, 1:-1] = mask
    steps = np.diff(edges, axis=1)
    row, start = np.nonzero(steps == 1)
    end = np.nonzero(steps == -1)[1]
    if not 0 < len(row) <= STROKES:
        return np.zeros((0, 5), np.int64)
    part = np.unique(_joined(row, start, end, rows), return_inverse=True)[1]
    boxes = np.zeros((part.max() + 1, 5), np.int64)
    boxes[:, (0, 2)] = max(rows, columns)
    np.minimum.at(boxes[:, 0], part, row)
    np.maximum.at(boxes[:, 1], part, row + 1)
    np.minimum.at(boxes[:, 2], part, start)
    np.maximum.at(boxes[:, 3], part, end)
    np.add.at(boxes[:, 4], part, end - start)
    return boxes


def _joined(row: Values, start: Values, end: Values, rows: int) -> Values:
    """For each run of pixels the number of its part: runs of neighbouring rows that touch are one part."""
    parent = list(range(len(row)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    first = np.searchsorted(row, np.arange(rows + 1)).tolist()
    starts, ends = start.tolist(), end.tolist()
    for below in range(1, rows):
        upper, lower = first[below - 1], first[below]
        while upper < first[below] and lower < first[below + 1]:
            if starts[upper] <= ends[lower] and starts[lower] <= ends[upper]:
                one, other = root(upper), root(lower)
                parent[max(one, other)] = min(one, other)
            if ends[upper] < ends[lower]:
                upper += 1
            else:
                lower += 1
    return np.array([root(one) for one in range(len(row))])


def _lines(letters: Boxes) -> list[Line]:
    """Letters of one height on one line, each begun close to where the one before it ended."""
    free = np.ones(len(letters), bool)
    found = []
    for first in range(len(letters)):
        if not free[first]:
            continue
        line = [first]
        while (following := _next(letters, free, first, line[-1])) is not None:
            line.append(following)
        if len(line) >= LEAST:
            free[line] = False
            part = letters[line]
            left, right = int(part[:, 2].min()), int(part[:, 3].max())
            found.append(Line(left, int(part[:, 0].min()), right, int(part[:, 1].max()), len(line)))
    return found


def _next(letters: Boxes, free: Values, first: int, last: int) -> int | None:
    height = letters[first, 1] - letters[first, 0]
    heights = letters[:, 1] - letters[:, 0]
    gap = letters[:, 2] - letters[last, 3]
    fits = free & (letters[:, 2] > letters[last, 2]) & (gap > -2) & (gap < 1.2 * height)
    fits &= np.abs(letters[:, 1] - letters[first, 1]) <= 0.2 * height + 1
    fits &= (heights <= 1.45 * height) & (heights >= 0.65 * height)
    places = np.nonzero(fits)[0]
    return int(places[np.argmin(letters[places, 2])]) if len(places) else None
