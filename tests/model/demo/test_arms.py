"""The six ways: what each hands over, how much it is, and that the product's own choice of crops is the one used."""

import pytest
import torch
from torch import nn

from model.demo.arms import ARMS, crops_of, recall, show
from model.demo.drawn import TINY_PLACES, Lens, draw_all
from model.demo.reading import embed
from model.demo.shape import new_config, new_processor
from model.demo.tower import cache_features, pooled
from model.modeling_dragonfly import DragonflyForCausalLM
from model.zoom import select_crops


@pytest.fixture(scope="module")
def parts():
    """An untrained model, its processor, four drawings, what the tower makes of them, and a scorer by chance."""
    torch.manual_seed(4)
    processor = new_processor()
    model = DragonflyForCausalLM(new_config(processor.tokenizer)).float().eval()
    drawn = list(draw_all(0, 4, processor.zoom_plan, lambda _stage, _share: None))
    features = cache_features(model, Lens(processor.image_processor), drawn, lambda _stage, _share: None)
    return model, processor, drawn, features, nn.Linear(192, 1)


def test_visual_positions_of_the_arms(parts):
    """Crops of 17 tokens and a newline: 1, 5 and 17 of them; v2: one whole, forty of two tokens and a newline."""
    model, processor, _, features, scorer = parts

    with torch.no_grad():
        counted = [show(model, processor, features[:1], arm, scorer).shape[1] for arm in ARMS]

    assert counted == [18, 90, 306, 306, 306, 18 + 40 * 3]


def test_an_arm_shows_its_crops_in_order_with_a_newline_behind_each(parts):
    """Token by token for the low and the middle crops; v2 is the form that is shipped."""
    model, processor, _, features, scorer = parts

    with torch.no_grad():
        shown = show(model, processor, features[:1], "low + middle", scorer)[0].reshape(5, 18, 192)
        projected = model.model.vision_embed_tokens(features[0].float())
        newline = model.get_input_embeddings()(torch.tensor(processor.newline_token_id))
        shipped = show(model, processor, features, "v2 pooled", scorer)

    assert torch.equal(shown[:, :17], projected[:5])
    assert torch.equal(shown[:, 17], newline.expand(5, -1))
    assert torch.equal(shipped, embed(model, processor, pooled(features)))


@pytest.mark.parametrize("strategy", ["faithful", "cosine", "learned"])
def test_the_kept_crops_are_those_of_the_product(parts, strategy):
    """Low, four middle ones, and what `select_crops` keeps of the 36, at their own places."""
    model, _, _, features, scorer = parts

    with torch.no_grad():
        projected = model.model.vision_embed_tokens(features[1].float())
        found = crops_of(projected, f"v1 {strategy}", scorer)
        kept = select_crops(projected[1:5], projected[5:], 3, strategy, scorer)

    assert found.tolist() == [*range(5), *(5 + one for one in kept.tolist())]


def test_recall_counts_crops_that_clearly_show_something_tiny(parts):
    """All where all are handed over, none where only the low one is."""
    model, _, drawn, features, scorer = parts
    count = sum(int(one.shown()[5:, TINY_PLACES].any(1).sum()) for one in drawn)

    assert count > 0
    assert recall(model, drawn, features, "v2 pooled", scorer) == {"crops": count, "kept": count}
    assert recall(model, drawn, features, "low", scorer) == {"crops": count, "kept": 0}
