"""A drawn slide: a pyramidal TIFF of any size, of the demonstration's histology fields, written tile by tile.

For tests, measurements and the demonstration: two pieces of tissue on glass, half a micrometre to the pixel.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from model.demo.phantoms import draw_phantom
from model.demo.strokes import SIZE

Pixels = np.ndarray[Any, Any]
FACTORS = (1, 4, 16, 64)
UM_PER_PIXEL = 0.5
FIELDS = 8
GLASS = (244, 242, 245)
QUALITY = 85


def write_drawn_slide(path: Path, side: int, *, seed: int = 1) -> Pixels:
    """Write the slide; returns which field lies in each cell of 384 pixels, 0 for glass: int (cells, cells)."""
    plan = tissue_plan(-(-side // SIZE), seed)
    fields = [np.full((SIZE, SIZE, 3), GLASS, np.uint8)]
    fields += [draw_phantom("histology", seed * 100 + number).pixels for number in range(FIELDS)]
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for factor in FACTORS:
            if factor > 1 and side // factor < 64:
                break
            per_cm = 10_000 / UM_PER_PIXEL / factor
            writer.write(
                _tiles(plan, fields, factor, side // factor),
                shape=(side // factor, side // factor, 3),
                dtype=np.uint8,
                tile=(SIZE, SIZE),
                photometric="ycbcr",
                subsampling=(2, 2),
                compression="jpeg",
                subfiletype=int(factor > 1),
                resolution=(per_cm, per_cm),
                resolutionunit="CENTIMETER",
                metadata=None,
            )
    return plan


def tissue_plan(cells: int, seed: int) -> Pixels:
    """Two uneven ellipses of tissue: the number of the field in each cell, 0 for glass."""
    chance = np.random.default_rng(seed)
    y, x = (np.mgrid[0:cells, 0:cells] + 0.5) / cells
    angle = np.arctan2(y - 0.5, x - 0.5)
    rim = 1 + 0.12 * np.sin(5 * angle + seed) + 0.06 * np.sin(11 * angle)
    pieces = (((x - 0.34) / 0.22) ** 2 + ((y - 0.42) / 0.30) ** 2 < rim) | (
        ((x - 0.74) / 0.15) ** 2 + ((y - 0.66) / 0.20) ** 2 < rim
    )
    return np.asarray(np.where(pieces, chance.integers(1, FIELDS + 1, (cells, cells)), 0))


def _tiles(plan: Pixels, fields: list[Pixels], factor: int, side: int) -> Iterator[bytes]:
    """The tiles of one level as JPEG, row by row."""
    small = np.stack([_reduced(field, factor) for field in fields])
    across = -(-side // SIZE)
    packed: dict[bytes, bytes] = {}
    for row in range(across):
        for column in range(across):
            part = plan[row * factor : (row + 1) * factor, column * factor : (column + 1) * factor]
            whole = np.zeros((factor, factor), plan.dtype)
            whole[: part.shape[0], : part.shape[1]] = part
            key = whole.tobytes()
            if factor > 1 and whole.any():
                yield _jpeg(_mosaic(whole, small))
                continue
            # The same field again is the same tile again: packing each anew would take minutes.
            if key not in packed:
                packed[key] = _jpeg(_mosaic(whole, small))
            yield packed[key]


def _reduced(field: Pixels, factor: int) -> Pixels:
    blocks = field.reshape(SIZE // factor, factor, SIZE // factor, factor, 3)
    return np.asarray(np.rint(blocks.mean((1, 3))), np.uint8)


def _mosaic(cells: Pixels, small: Pixels) -> Pixels:
    (rows, columns), side = cells.shape, small.shape[1]
    return small[cells].swapaxes(1, 2).reshape(rows * side, columns * side, 3)


def _jpeg(tile: Pixels) -> bytes:
    out = BytesIO()
    Image.fromarray(tile).save(out, "JPEG", quality=QUALITY, subsampling=2)
    return out.getvalue()
