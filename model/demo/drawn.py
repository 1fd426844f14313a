"""What training keeps of drawings: pixels, crops as the model gets them, and what covers each patch of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from model.crops import ZoomPlan
from model.demo.phantoms import CLASSES, TINY, Kind, Phantom, draw_phantom, kind_of
from model.demo.strokes import SIZE
from model.image_processing_dragonfly import DragonflyImageProcessor

Progress = Callable[[str, float], None]
CELLS = (1, 2, 6)
"""Crops along a side: low, middle, high. A drawing is square, and its high crops are its own pixels."""
TINY_PLACES = [CLASSES.index(name) for name in TINY]
LOOKALIKE = CLASSES.index("lookalike")
_CLEAR = 0.5
"""From this target on, a patch shows the thing: a third of a tiny finding's mark, or a quarter of the patch."""
_TINY_GAIN = 1.9
"""A mark of 78 pixels, whole in a patch of 256, makes a target of 1."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawing: thousands of them lie in memory at once, so no masks and no copies of the high crops."""

    kind: Kind
    facts: dict[str, Any]
    pixels: np.ndarray[Any, Any]
    """uint8, (384, 384, 1) where the drawing is gray, else (384, 384, 3)"""
    small: np.ndarray[Any, Any]
    """uint8, the low crop and the four middle ones, (5, 64, 64, 1 or 3)"""
    targets: np.ndarray[Any, Any]
    """uint8 of 255, (crops, 4, 4, classes)"""

    def crop(self, number: int) -> np.ndarray[Any, Any]:
        """One crop in the order of the plan: uint8 (64, 64, 1 or 3)."""
        if number < len(self.small):
            return self.small[number]
        row, column = divmod(number - len(self.small), CELLS[2])
        side = SIZE // CELLS[2]
        return self.pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]

    def shown(self) -> np.ndarray[Any, Any]:
        """Which class each crop clearly shows: bool (crops, classes)."""
        return np.asarray(self.targets.max((1, 2)) >= _CLEAR * 255)


def draw_all(first: int, count: int, plan: ZoomPlan, progress: Progress) -> Iterator[Drawn]:
    """The drawings of so many seeds."""
    for seed in range(first, first + count):
        if seed % 100 == 0:
            progress("drawings", (seed - first) / count)
        yield keep(draw_phantom(kind_of(seed), seed), plan)


def keep(phantom: Phantom, plan: ZoomPlan) -> Drawn:
    """A drawing without its masks."""
    channels = 3 if phantom.kind == "histology" else 1
    pixels = phantom.pixels[..., :channels].copy()
    return Drawn(
        phantom.kind,
        phantom.facts,
        pixels,
        np.concatenate([_cut(pixels, cells, plan.crop_px) for cells in CELLS[:2]]),
        np.rint(patch_targets(phantom, plan) * 255).astype(np.uint8),
    )


def _cut(pixels: np.ndarray[Any, Any], cells: int, side: int) -> np.ndarray[Any, Any]:
    """The drawing at `cells` crops a side: as the product's cropping, without the full resolution that is not kept."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    whole = np.asarray(picture.resize((cells * side, cells * side), Image.Resampling.BICUBIC))
    grid = whole.reshape(cells, side, cells, side, -1).swapaxes(1, 2)
    return grid.reshape(cells * cells, side, side, -1)


def patch_targets(phantom: Phantom, plan: ZoomPlan) -> np.ndarray[Any, Any]:
    """For each crop and patch how much of it each class covers, 0 to 1: float32 (41, 4, 4, classes).

    Large structures: the square root of the share. Tiny ones cover a third of a patch at most, in full view,
    which counts as 1; at lower resolutions they count for as much less as they are smaller.
    """
    side = plan.side_tokens
    finest = CELLS[-1] * side
    targets = [np.zeros((cells * cells, side, side, len(CLASSES)), np.float32) for cells in CELLS]
    for number, name in enumerate(CLASSES):
        if name not in phantom.masks:
            continue
        gain = _TINY_GAIN if name in (*TINY, "lookalike") else 1.0
        mask = phantom.masks[name].view(np.uint8)
        sums = np.add.reduceat(mask, np.arange(0, SIZE, SIZE // finest), axis=0, dtype=np.float32)
        sums = np.add.reduceat(sums, np.arange(0, SIZE, SIZE // finest), axis=1)
        for cells, target in zip(CELLS, targets, strict=True):
            patches = cells * side
            within = finest // patches
            share = sums.reshape(patches, within, patches, within).sum((1, 3)) / (SIZE / patches) ** 2
            grid = share.reshape(cells, side, cells, side).transpose(0, 2, 1, 3)
            target[..., number] = np.minimum(1, gain * np.sqrt(grid)).reshape(cells * cells, side, side)
    return np.concatenate(targets)


class Lens:
    """Crops as the vision tower gets them: the processor's numbers, by table instead of by arithmetic."""

    def __init__(self, processor: DragonflyImageProcessor):
        values = np.arange(256, dtype=np.float64) * processor.rescale_factor
        rows = [
            (values.astype(np.float32) - np.float32(mean)) / np.float32(std)
            for mean, std in zip(processor.image_mean, processor.image_std, strict=True)
        ]
        self._table = np.stack(rows)

    def __call__(self, crops: list[np.ndarray[Any, Any]]) -> Tensor:
        """Crops uint8 (64, 64, 1 or 3) as float32 (crops, 3, 64, 64)."""
        side = crops[0].shape[0]
        seen = np.empty((len(crops), 3, side, side), np.float32)
        for number, crop in enumerate(crops):
            for channel in range(3):
                np.take(self._table[channel], crop[..., channel % crop.shape[2]], out=seen[number, channel])
        return torch.from_numpy(seen)
