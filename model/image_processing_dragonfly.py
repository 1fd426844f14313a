"""Pictures to normalised crops, all at once, bit-equal to the original's loop over crops.

Every value is what the original computes (float64 product, float32 from there on), to the last bit. Crop by
crop, so that the numbers in between stay in the processor's cache.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature

from model.crops import V1, V2, ZoomPlan, cut_crops
from model.errors import PicturesUnusable

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
RESCALE = 0.00392156862745098


class DragonflyImageProcessor(BaseImageProcessor):
    """Cuts and normalises; its settings are saved in preprocessor_config.json."""

    model_input_names = ["pixel_values", "image_patches"]  # noqa: RUF012

    def __init__(
        self,
        crop_size: dict[str, int] | int = 336,
        image_mean: Sequence[float] = CLIP_MEAN,
        image_std: Sequence[float] = CLIP_STD,
        rescale_factor: float = RESCALE,
        patch_size: int | None = None,
        zoom_version: str | None = None,
        pool: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        side = crop_size["height"] if isinstance(crop_size, dict) else crop_size
        base = V1 if (zoom_version or ("v1" if side == V1.crop_px else "v2")) == "v1" else V2
        self.crop_size = {"height": side, "width": side}
        self.size = dict(self.crop_size)  # a server draws its first, empty picture at this size
        self.image_mean, self.image_std, self.rescale_factor = (
            list(image_mean),
            list(image_std),
            rescale_factor,
        )
        self.patch_size, self.zoom_version = patch_size or base.patch_px, base.version
        self.pool = pool or base.pool

    @property
    def zoom_plan(self) -> ZoomPlan:
        """The crops this processor makes."""
        base = V1 if self.zoom_version == "v1" else V2
        return ZoomPlan(
            version=base.version,
            crop_px=self.crop_size["height"],
            patch_px=self.patch_size,
            high_grids=base.high_grids,
            pool=self.pool,
        )

    @classmethod
    def like(cls, other: Any) -> "DragonflyImageProcessor":
        """The same crops and values as one of the library's CLIP image processors would give."""
        if isinstance(other, cls):
            return other
        size = other.crop_size
        side = size["height"] if isinstance(size, dict) else size.height
        return cls(
            crop_size=int(side),
            image_mean=other.image_mean,
            image_std=other.image_std,
            rescale_factor=other.rescale_factor,
        )

    def preprocess(self, images: Any, **_: Any) -> BatchFeature:
        """`image_patches`: a list with one float32 (crops, 3, S, S) tensor for each picture."""
        pictures = images if isinstance(images, list | tuple) else [images]
        return BatchFeature({"image_patches": [self.crops_of(picture) for picture in pictures]})

    def stacked(self, pictures: Sequence[Any]) -> torch.Tensor:
        """All crops in one tensor, as a server takes them: float32 (pictures, crops, 3, S, S)."""
        return torch.stack([self.crops_of(picture) for picture in pictures])

    def crops_of(self, picture: Any) -> torch.Tensor:
        """Normalised crops of one picture: float32 (crops, 3, S, S); raises PicturesUnusable."""
        threads = torch.get_num_threads()
        crops = cut_crops(as_rgb(picture), self.zoom_plan, threads)
        mean, std = (np.array(one, np.float32)[:, None, None] for one in (self.image_mean, self.image_std))
        normalised = np.empty((len(crops), *crops[0].shape), np.float32)
        divisor = _divisor(self.rescale_factor)

        def normalise(number: int) -> None:
            target, crop = normalised[number], crops[number]
            if divisor is None:
                target[...] = np.multiply(crop, self.rescale_factor, dtype=np.float64)
            else:
                np.divide(crop, divisor, out=target, dtype=np.float32)
            target -= mean
            target /= std

        # Not through torch: its threads belong to the one that asks, and stay, and slow the engine's down.
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(normalise, range(len(crops))))
        return torch.from_numpy(normalised)


def _divisor(rescale: float) -> np.float32 | None:
    """A number that divides as the rescaling multiplies, every one of the 256 values equal to the last bit.

    The original multiplies in float64 and rounds to float32; a float32 division is several times faster. None
    where there is no such number.
    """
    levels = np.arange(256, dtype=np.uint8)
    divisor = np.float32(1 / rescale)
    exact = np.multiply(levels, rescale, dtype=np.float64).astype(np.float32)
    return divisor if np.array_equal(np.divide(levels, divisor, dtype=np.float32), exact) else None


def as_rgb(picture: Any) -> Image.Image:
    """A picture or a uint8 (rows, columns, 3) array as an RGB picture; raises PicturesUnusable."""
    if isinstance(picture, Image.Image):
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise PicturesUnusable(shape=array.shape, dtype=str(array.dtype))
    return Image.fromarray(array)
