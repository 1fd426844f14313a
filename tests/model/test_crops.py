"""Cutting and normalising: the same bits whatever way the work is divided."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from model.crops import V1, V2, cut_crops, plan_crops
from model.image_processing_dragonfly import DragonflyImageProcessor


def drawn(width, height):
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("plan", [V1, V2], ids=["v1", "v2"])
@pytest.mark.parametrize("size", [(801, 533), (97, 1301), (40, 31), (1, 3)])
def test_bands_are_the_picture_resized_in_one_piece(plan, size):
    """Two, three or four threads: not one byte differs from one thread, for odd sizes too."""
    alone = cut_crops(drawn(*size), plan)

    for threads in (2, 3, 4):
        assert np.array_equal(cut_crops(drawn(*size), plan, threads), alone)


@pytest.mark.parametrize(("plan", "side"), [(V1, 224), (V2, 336)], ids=["v1", "v2"])
def test_crops_are_those_of_a_loop_through_the_image_library(plan, side):
    """Resized once for each level, cut by hand, each crop normalised alone by the library: equal bits."""
    picture = drawn(701, 400)
    chosen = plan_crops(picture.width, picture.height, plan)
    library = CLIPImageProcessorPil(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}, do_convert_rgb=True
    )
    expected = []
    for columns, rows in ((1, 1), chosen.middle, chosen.high):
        whole = picture.resize((columns * side, rows * side))
        boxes = [
            (c * side, r * side, (c + 1) * side, (r + 1) * side) for r in range(rows) for c in range(columns)
        ]
        expected += [library(whole.crop(box), return_tensors="pt")["pixel_values"][0] for box in boxes]

    crops = DragonflyImageProcessor(crop_size=side).crops_of(picture)

    assert torch.equal(crops, torch.stack(expected))
