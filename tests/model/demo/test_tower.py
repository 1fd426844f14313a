"""The tower's lessons: chosen crops, pooled forms and the figures that watch them."""

import numpy as np
import pytest
import torch

from model.demo.drawn import TINY_PLACES, Lens, draw_all
from model.demo.phantoms import TINY
from model.demo.shape import new_config, new_processor
from model.demo.tower import average_precision, cache_features, find, fold_statistics, pooled
from model.modeling_dragonfly import DragonflyForCausalLM
from model.zoom import pool_tokens


@pytest.fixture(scope="module")
def seen():
    """An untrained model, its processor, eight drawings and what the tower makes of them."""
    torch.manual_seed(2)
    processor = new_processor()
    model = DragonflyForCausalLM(new_config(processor.tokenizer)).float().eval()
    drawn = list(draw_all(0, 8, processor.zoom_plan, lambda _stage, _share: None))
    lens = Lens(processor.image_processor)
    return model, processor, drawn, cache_features(model, lens, drawn, lambda _stage, _share: None)


def test_average_precision_by_hand():
    """Right ones at ranks 1, 3 and 4 of five: (1/1 + 2/3 + 3/4) / 3. Without a right one 0."""
    scores, right = np.array([5.0, 4.0, 3.0, 2.0, 1.0]), np.array([True, False, True, True, False])

    assert average_precision(scores, right) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision(scores, np.zeros(5, bool)) == 0.0


def test_features_are_what_the_model_itself_would_see(seen):
    """Projected, and pooled after that as the model does: the same tokens, to the rounding of what is kept."""
    model, processor, drawn, features = seen
    with torch.no_grad():
        pixels = np.repeat(drawn[0].pixels, 3, 2)
        encoded = model.model.encode_crops(processor.image_processor.crops_of(pixels))
        expected = torch.cat([encoded[0], pool_tokens(encoded[1:], 4, 4).flatten(0, 1)])
        found = model.model.vision_embed_tokens(pooled(features[:1])[0].float())

    assert found.shape == (97, 192)
    assert torch.allclose(found, expected, atol=0.02)


def test_crops_with_something_tiny_are_found_at_full_resolution(seen):
    """Every drawing whose facts name a finding has a crop among them, unless it lies on the edge of several."""
    _, _, drawn, _ = seen
    where = find(drawn)

    for name, rows in zip(TINY, where.tiny, strict=True):
        assert all(crop >= 5 for _, crop in rows)
        assert {int(at) for at, _ in rows} <= {n for n, one in enumerate(drawn) if name in one.facts.values()}
    for at, crop in where.lookalike:
        assert not drawn[at].shown()[crop, TINY_PLACES].any()


def test_the_projector_begins_with_small_centred_output(seen):
    """Mean zero and a deviation of 0.06 in every direction together, from features of any scale."""
    model, _, _, features = seen
    rows = pooled(features)

    torch.manual_seed(0)
    fold_statistics(model, rows)
    with torch.no_grad():
        out = model.model.vision_embed_tokens(rows.float()).flatten(0, 1)

    assert out.mean(0).abs().max() < 1e-3
    assert 0.03 < out.std() < 0.09
