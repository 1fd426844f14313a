"""Where to cut: the whole picture, four crops, and many small ones, in picture pixels. No torch.

The picture is resized straight to the chosen grid; its shape is not kept and nothing is padded, as the
published models were trained (both papers' code). Boxes therefore map back with separate scales.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

Grid = tuple[int, int]
"""Columns and rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoomPlan:
    """How often and how closely the model looks again."""

    version: Literal["v1", "v2"]
    crop_px: int
    """Side of each crop given to the vision tower."""
    patch_px: int
    """Side of the tower's patches."""
    middle_grids: tuple[Grid, ...] = ((2, 2), (1, 4), (4, 1))
    high_grids: tuple[Grid, ...] = ()
    """v1: chosen on their own; empty for v2, whose high grid is the middle one times three."""
    kept_per_middle: int = 3
    """v1: high crops kept for each middle crop."""
    pool: int = 4
    """v2: side of the square of patch tokens that is averaged."""

    @property
    def side_tokens(self) -> int:
        """Patch tokens along one side of a crop."""
        return self.crop_px // self.patch_px

    @property
    def crop_tokens(self) -> int:
        """Tokens of a whole crop, class token included."""
        return self.side_tokens**2 + 1

    @property
    def pooled_tokens(self) -> int:
        """Tokens of a pooled crop, class token included."""
        return (self.side_tokens // self.pool) ** 2 + 1

    @property
    def high_crops(self) -> int:
        """High-resolution crops that are encoded."""
        return 24 if self.version == "v1" else 36

    @property
    def crops(self) -> int:
        """Crops encoded for one picture."""
        return 1 + 4 + self.high_crops

    @property
    def segments(self) -> tuple[int, ...]:
        """Visual tokens of each crop that reaches the language model, in order."""
        if self.version == "v1":
            return (self.crop_tokens,) * (1 + 4 + 4 * self.kept_per_middle)
        return (self.crop_tokens,) + (self.pooled_tokens,) * (4 + self.high_crops)

    @property
    def visual_positions(self) -> int:
        """Positions one picture takes in the sequence: every token, and a newline after each crop."""
        return sum(self.segments) + len(self.segments)


V1 = ZoomPlan(
    version="v1",
    crop_px=224,
    patch_px=32,
    high_grids=((6, 4), (4, 6), (3, 8), (8, 3), (2, 12), (12, 2)),
)
V2 = ZoomPlan(version="v2", crop_px=336, patch_px=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """One crop in pixels of the picture."""

    level: Literal["low", "middle", "high"]
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPlan:
    """The two grids chosen for a picture of this size (pixels)."""

    width: int
    height: int
    middle: Grid
    high: Grid

    def crops(self) -> tuple[Crop, ...]:
        """Low, the middle ones, the high ones, each grid row by row."""
        whole = Crop(level="low", x=0, y=0, width=self.width, height=self.height)
        return (whole, *self._tiles("middle", self.middle), *self._tiles("high", self.high))

    def _tiles(self, level: Literal["middle", "high"], grid: Grid) -> list[Crop]:
        columns, rows = grid
        width, height = self.width / columns, self.height / rows
        return [
            Crop(level=level, x=column * width, y=row * height, width=width, height=height)
            for row in range(rows)
            for column in range(columns)
        ]


def plan_crops(width: int, height: int, plan: ZoomPlan) -> CropPlan:
    """The grids for a picture of this size."""
    middle = _best_grid(width, height, plan.middle_grids, plan.crop_px)
    if plan.version == "v1":
        high = _best_grid(width, height, plan.high_grids, plan.crop_px)
    else:
        high = (middle[0] * 3, middle[1] * 3)
    return CropPlan(width=width, height=height, middle=middle, high=high)


def _best_grid(width: int, height: int, grids: Sequence[Grid], crop_px: int) -> Grid:
    """The grid that keeps most of the picture's pixels, then wastes least; the first of equals."""

    def merit(grid: Grid) -> tuple[int, int]:
        wide, high = grid[0] * crop_px, grid[1] * crop_px
        scale = min(wide / width, high / height)
        kept = min(int(width * scale) * int(height * scale), width * height)
        return kept, -(wide * high - kept)

    return max(grids, key=merit)


def cut_crops(picture: Image.Image, plan: ZoomPlan, threads: int = 1) -> list[np.ndarray[Any, Any]]:
    """All crops of an RGB picture, each uint8 (3, crop_px, crop_px), in the order of `CropPlan.crops`.

    threads: how many bands of a resizing are made at once; the bytes are the same for any number
    """
    chosen, side = plan_crops(picture.width, picture.height, plan), plan.crop_px
    grids = ((1, 1), chosen.middle, chosen.high)
    with ThreadPoolExecutor(threads) as pool:
        begun = [_resize(picture, (columns * side, rows * side), threads, pool) for columns, rows in grids]
        for _, bands in begun:
            for band in bands:
                band.result()
    return [
        whole[row * side : (row + 1) * side, :, column * side : (column + 1) * side].transpose(1, 0, 2)
        for (whole, _), (columns, rows) in zip(begun, grids, strict=True)
        for row in range(rows)
        for column in range(columns)
    ]


def bands_of(size: tuple[int, int], threads: int) -> int:
    """In how many bands a picture is resized to (columns, rows): a power of two that divides the rows."""
    bands = 1
    while bands * 2 <= threads and size[1] % (bands * 2) == 0:
        bands *= 2
    return bands


def resized_band(picture: Image.Image, size: tuple[int, int], bands: int, number: int) -> Image.Image:
    """One of the bands, from top to bottom, of the picture at a size (columns, rows).

    Filters reach over the edges of a band, and a band begins at a whole multiple of 1 / 2^n of the height,
    which a float holds exactly: so the bands together are, bit for bit, the picture resized in one piece.
    """
    box = (0, picture.height * number / bands, picture.width, picture.height * (number + 1) / bands)
    return picture.resize((size[0], size[1] // bands), Image.Resampling.BICUBIC, box)


def _resize(
    picture: Image.Image, size: tuple[int, int], threads: int, pool: ThreadPoolExecutor
) -> tuple[np.ndarray[Any, Any], list[Future[None]]]:
    """The picture at a size (columns, rows) as (rows, 3, columns), and what fills it."""
    width, height = size
    whole, bands = np.empty((height, 3, width), np.uint8), bands_of(size, threads)
    rows = height // bands

    def fill(number: int) -> None:
        # Colors apart within each row, as the model takes them: what follows reads runs and not every third byte.
        values = resized_band(picture, size, bands, number).tobytes("raw", "RGB;L")
        whole[number * rows : (number + 1) * rows] = np.frombuffer(values, np.uint8).reshape(rows, 3, width)

    return whole, [pool.submit(fill, number) for number in range(bands)]
