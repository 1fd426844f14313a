"""Planes through a volume: along its axes or oblique, thin or as a thick slab, square pixels of a stated size in mm.

Along the volume's axes the voxels of a slab are projected first and then drawn at their size, so that a plane whose
pixels are square shows the voxels themselves; oblique planes are sampled between eight voxels each, and the samples
projected. Whole numbers stay whole numbers.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np

from dicom.grid import Grid
from dicom.volume import Volume
from dicom.windowing import Values

How = Literal["mean", "max", "min"]
Point = tuple[float, float, float]
LONGEST_SIDE = 2048
"""Pixels; a finer plane would show nothing that a screen can."""
ON_A_VOXEL = 1e-6
"""Share of the way to the next voxel below which a sample lies on a voxel."""
AT_ONCE = 1 << 17
"""Samples that are computed together: enough for the arithmetic, few for the memory."""
STRAIGHT = 1e-6
"""By how much given directions may miss length 1 and a right angle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where to cut. at: a point of it in mm; right, down: directions of the picture's rows and columns, length 1.

    slab_mm: thickness; planes of samples at most half of it away from the plane are projected, at 0 the plane alone
    how: mean of a slab, its highest values (MIP) or its lowest (MinIP)
    """

    at: Point
    right: Point
    down: Point
    slab_mm: float = 0.0
    how: How = "mean"

    @property
    def is_straight(self) -> bool:
        """Whether its directions are two of length 1 at a right angle; from outside they may be anything."""
        right, down = np.array(self.right), np.array(self.down)
        numbers = np.array([*self.at, *self.right, *self.down, self.slab_mm])
        if not np.isfinite(numbers).all() or self.slab_mm < 0:
            return False
        misses = abs(right @ right - 1), abs(down @ down - 1), abs(right @ down)
        return bool(max(misses) < STRAIGHT)

    @property
    def normal(self) -> Values:
        """Away from who looks at it; length 1."""
        return np.cross(self.right, self.down)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A plane of values. first_mm: where the center of its first pixel lies; pixel_mm: side of its square pixels."""

    values: Values
    first_mm: Point
    pixel_mm: float
    planes: int
    """How many planes of samples were projected."""


def reslice(volume: Volume, plane: Plane) -> Cut:
    """What a plane shows: as large as the volume is from there, outside of it the background."""
    grid = volume.grid
    inverse = np.linalg.inv(grid.affine[:3, :3])
    right, down, normal = np.array(plane.right), np.array(plane.down), plane.normal
    first, size, pixel = extent(grid, plane)
    # The way through the voxels for one pixel to the right, one down, one plane deeper, in voxels.
    deeper = _spacing_along(inverse, normal)
    ways = np.stack([inverse @ (pixel * right), inverse @ (pixel * down), inverse @ (deeper * normal)])
    each_side = int(np.floor(plane.slab_mm / 2 / deeper + ON_A_VOXEL))
    start = grid.to_voxel(first)
    depths = np.arange(-each_side, each_side + 1)
    along = _axes_along(ways, size, depths)
    if along is not None:
        values = _along_axes(volume, start, ways, size, depths, along, plane.how)
    else:
        values = _oblique(volume, start, ways, size, depths, plane.how)
    return Cut(values=values, first_mm=tuple(first.tolist()), pixel_mm=pixel, planes=len(depths))


def extent(grid: Grid, plane: Plane) -> tuple[Values, tuple[int, int], float]:
    """First pixel in mm, width and height in pixels, pixel in mm: all of the volume's voxels seen from there."""
    inverse = np.linalg.inv(grid.affine[:3, :3])
    corners = grid.to_mm(list(product(*((0, size - 1) for size in grid.shape)))) - np.array(plane.at)
    right, down = np.array(plane.right), np.array(plane.down)
    across, along = corners @ right, corners @ down
    wide, high = float(np.ptp(across)), float(np.ptp(along))
    pixel = min(_spacing_along(inverse, right), _spacing_along(inverse, down))
    pixel = max(pixel, max(wide, high) / (LONGEST_SIDE - 1))
    first = np.array(plane.at) + across.min() * right + along.min() * down
    return first, (int(wide / pixel + ON_A_VOXEL) + 1, int(high / pixel + ON_A_VOXEL) + 1), pixel


def _spacing_along(inverse: Values, direction: Values) -> float:
    """Way in mm from layer to layer of voxels in a direction, of the layers that come closest."""
    return float(1 / np.abs(inverse @ direction).max())


def _axes_along(ways: Values, size: tuple[int, int], depths: Values) -> tuple[int, int, int] | None:
    """Which axis of the volume each way follows; None where one of them leaves its axis by more than rounding."""
    steps = np.array([size[0], size[1], len(depths)])[:, None]
    axes = np.abs(ways).argmax(1)
    others = np.abs(ways * steps)
    others[range(3), axes] = 0
    if len(set(axes.tolist())) < 3 or others.max() > 1e-3:
        return None
    return int(axes[0]), int(axes[1]), int(axes[2])


def _along_axes(
    volume: Volume,
    start: Values,
    ways: Values,
    size: tuple[int, int],
    depths: Values,
    along: tuple[int, int, int],
    how: How,
) -> Values:
    across, down, deep = along
    # As (deep, down, across) without copying: slices of this view are planes of voxels.
    turned = volume.values.transpose(deep, down, across)
    layers = start[deep] + depths * ways[2, deep]
    inside = layers[(layers > -0.5) & (layers < turned.shape[0] - 0.5)]
    if not len(inside):
        return np.full((size[1], size[0]), volume.background, volume.values.dtype)
    projected = _projected(turned, np.clip(inside, 0, turned.shape[0] - 1), how)
    rows = start[down] + np.arange(size[1]) * ways[1, down]
    columns = start[across] + np.arange(size[0]) * ways[0, across]
    drawn = _between(_between(projected, rows, 0), columns, 1)
    return _as(volume.values.dtype, drawn)


def _projected(turned: Values, layers: Values, how: How) -> Values:
    """Mean, highest or lowest of layers, (down, across); a layer between two is their mixture."""
    on_voxels = np.abs(layers - np.rint(layers)).max() < ON_A_VOXEL
    if on_voxels and len(layers) == 1:
        return turned[int(np.rint(layers[0]))]
    if on_voxels:
        low, high = sorted((int(np.rint(layers[0])), int(np.rint(layers[-1]))))
        part = turned[low : high + 1]
        if how == "mean":
            return part.mean(0, dtype=np.float32 if part.dtype.kind == "f" else np.float64)
        return part.max(0) if how == "max" else part.min(0)
    result: Any = None
    for layer in layers:
        one = _between(turned, np.array([layer]), 0)[0]
        if result is None:
            result = one.astype(np.float64)
        elif how == "mean":
            result += one
        else:
            (np.maximum if how == "max" else np.minimum)(result, one, out=result)
    return result / len(layers) if how == "mean" else result


def _between(values: Values, places: Values, axis: int) -> Values:
    """Values at places along an axis, each mixed of its two neighbours by nearness; places lie within the values."""
    low = np.clip(np.floor(places + ON_A_VOXEL).astype(int), 0, values.shape[axis] - 1)
    share = np.clip(places - low, 0, 1)
    first = np.take(values, low, axis)
    if share.max() < ON_A_VOXEL:
        return first
    second = np.take(values, np.minimum(low + 1, values.shape[axis] - 1), axis)
    weights = share.astype(np.float32).reshape([-1 if n == axis else 1 for n in range(values.ndim)])
    return first + (second.astype(np.float32) - first) * weights


def _oblique(
    volume: Volume, start: Values, ways: Values, size: tuple[int, int], depths: Values, how: How
) -> Values:
    width, height = size
    out = np.empty((height, width), volume.values.dtype)
    rows_at_once = max(1, AT_ONCE // width)
    columns = np.arange(width)
    for top in range(0, height, rows_at_once):
        rows = np.arange(top, min(top + rows_at_once, height))
        # Each axis of the volume by itself: arrays that lie in one piece are computed several times as fast.
        places = [start[axis] + rows[:, None] * ways[1, axis] + columns * ways[0, axis] for axis in range(3)]
        out[top : top + len(rows)] = _as(out.dtype, _projected_samples(volume, places, ways[2], depths, how))
    return out


def _projected_samples(
    volume: Volume, places: list[Values], deeper: Values, depths: Values, how: How
) -> Values:
    """The same for samples; those outside of the volume have no say, and where all are outside is the background."""
    shape = places[0].shape
    first = {"mean": 0.0, "max": -np.inf, "min": np.inf}[how]
    result, counted = np.full(shape, first, np.float32), np.zeros(shape, np.int32)
    for depth in depths:
        samples, inside = sampled(
            volume.values, [place + depth * way for place, way in zip(places, deeper, strict=True)]
        )
        counted += inside
        if how == "mean":
            result += np.where(inside, samples, 0)
        elif how == "max":
            np.maximum(result, samples, out=result, where=inside)
        else:
            np.minimum(result, samples, out=result, where=inside)
    if how == "mean":
        result /= np.maximum(counted, 1)
    result[counted == 0] = volume.background
    return result


def sampled(values: Values, places: list[Values]) -> tuple[Values, Values]:
    """Values at places between voxels, mixed of the eight around each, and which places lie within the volume.

    places: of slices, rows and columns, with fractions, each of the same shape
    returns: float32 and bool of that shape
    """
    inside = np.ones(places[0].shape, bool)
    base: Any = 0
    shares, steps = [], (values.shape[1] * values.shape[2], values.shape[2], 1)
    for place, size, step in zip(places, values.shape, steps, strict=True):
        inside &= (place > -ON_A_VOXEL) & (place < size - 1 + ON_A_VOXEL)
        within = np.clip(place, 0, size - 1)
        # The last voxel is reached from the one before it, so that there is always a next one.
        low = np.minimum(within.astype(np.intp), max(size - 2, 0))
        shares.append((within - low).astype(np.float32))
        base = base + low * step
    flat = values.reshape(-1)
    nexts = [step if size > 1 else 0 for size, step in zip(values.shape, steps, strict=True)]

    def mixed(at: Any, axis: int) -> Values:
        if axis == 3:
            return flat.take(at).astype(np.float32)
        low = mixed(at, axis + 1)
        high = mixed(at + nexts[axis], axis + 1)
        high -= low
        high *= shares[axis]
        low += high
        return low

    return mixed(base, 0), inside


def _as(dtype: Any, values: Values) -> Values:
    """In the volume's own kind of number, whole ones rounded."""
    if values.dtype == dtype:
        return np.ascontiguousarray(values)
    return np.ascontiguousarray(np.rint(values) if np.dtype(dtype).kind in "iu" else values, dtype=dtype)
