"""What training keeps of a drawing is what the product would cut and what the masks say."""

import numpy as np
import pytest
import torch

from model.demo.drawn import TINY_PLACES, Lens, keep, patch_targets
from model.demo.phantoms import CLASSES, draw_phantom
from model.demo.shape import new_processor


@pytest.fixture(scope="module")
def processor():
    return new_processor()


@pytest.mark.parametrize(("kind", "seed"), [("chest", 3), ("ct", 2), ("histology", 3)])
def test_crops_are_those_of_the_processor_number_for_number(processor, kind, seed):
    """All 41, gray drawings kept in one channel included."""
    phantom = draw_phantom(kind, seed)
    one = keep(phantom, processor.zoom_plan)

    seen = Lens(processor.image_processor)([one.crop(number) for number in range(41)])

    assert torch.equal(seen, processor.image_processor.crops_of(phantom.pixels))


def test_targets_say_which_share_of_a_patch_is_covered(processor):
    """The low crop's patch (row 2, column 1) is 96 pixels wide: counted from the mask, then its square root."""
    phantom = draw_phantom("ct", 1)

    targets = patch_targets(phantom, processor.zoom_plan)

    share = phantom.masks["liver"][192:288, 96:192].mean()
    assert targets.shape == (41, 4, 4, len(CLASSES))
    assert targets[0, 2, 1, CLASSES.index("liver")] == pytest.approx(np.sqrt(share), abs=1e-6)


def test_a_middle_and_a_high_patch_lie_where_their_crops_lie(processor):
    """The second middle crop begins at column 192; the high crop in row 1, column 4 at (64, 256)."""
    phantom = draw_phantom("chest", 4)
    targets = patch_targets(phantom, processor.zoom_plan)
    lung = CLASSES.index("lung")

    middle = phantom.masks["lung"][48:96, 192 + 48 : 192 + 96].mean()
    high = phantom.masks["lung"][64 + 32 : 64 + 48, 256 + 16 : 256 + 32].mean()

    assert targets[1 + 1, 1, 1, lung] == pytest.approx(np.sqrt(middle), abs=1e-6)
    assert targets[5 + 6 + 4, 2, 1, lung] == pytest.approx(np.sqrt(high), abs=1e-6)


def test_a_tiny_finding_in_full_view_counts_as_one_and_from_afar_as_little(processor):
    """Its mark of 78 pixels fills a third of a patch of 16; of a patch of 96 it is less than a hundredth."""
    phantom = next(one for one in (draw_phantom("ct", seed) for seed in range(9)) if "stone" in one.masks)
    stone = patch_targets(phantom, processor.zoom_plan)[..., CLASSES.index("stone")]

    assert stone[5:].max() > 0.5
    assert stone[0].max() < 0.2
    assert keep(phantom, processor.zoom_plan).shown()[5:, TINY_PLACES].any()
