"""What each stage trains, with which decay and rate: the published recipe, name by name."""

import math
from itertools import pairwise

import pytest
import torch

from model.errors import TrainingUnusable
from model.training.learner import Learner
from model.training.packing import collate, pack
from model.training.records import Pair
from model.training.stages import Training, choose_weights, rate_at, weight_groups


def trained(model) -> set[str]:
    return {name for name, one in model.named_parameters() if one.requires_grad}


def test_the_first_stage_trains_the_projector_alone(tiny):
    """Tower and language model stay as they are."""
    model, _ = tiny()

    choose_weights(model, Training(stage="projector"))

    assert trained(model) == {"model.vision_embed_tokens.weight", "model.vision_embed_tokens.bias"}


def test_the_second_stage_trains_everything_that_is_computed(tiny):
    """All but the tower's last layer and norm, which no answer ever passes through."""
    model, processor = tiny()
    choose_weights(model, Training(stage="all"))
    row = pack(processor, 1, [Pair("What?", "a heart")], "answers")
    crops = torch.randn(29, 3, 16, 16)

    Learner(model)(collate(processor, [row], [[crops]])).backward()

    touched = {name for name, one in model.named_parameters() if one.grad is not None}
    left = {name for name, _ in model.named_parameters()} - trained(model)
    assert touched == trained(model)
    assert all("encoder.layers.2." in name or "post_layernorm" in name for name in left)
    assert len(left) == 18


def test_an_adapter_trains_beside_every_linear_layer_of_the_language_model(tiny):
    """Seven in each of two layers, two matrices each; nothing in the tower, not the head."""
    model, _ = tiny()

    around = choose_weights(model, Training(stage="adapter", rank=4))

    assert around.get_base_model() is model
    assert len(trained(model)) == 2 * 7 * 2
    assert all(".language_model.layers." in name and ".lora_" in name for name in trained(model))


def test_what_trains_is_float32_even_where_the_rest_is_not(tiny):
    """Steps of 2e-5 vanish in bfloat16."""
    for stage in ("projector", "adapter"):
        model = tiny()[0].to(torch.bfloat16)
        choose_weights(model, Training(stage=stage, precision="bfloat16"))
        kinds = {(one.requires_grad, one.dtype) for one in model.parameters()}
        assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_decay_spares_the_names_the_original_spares(tiny):
    """Embeddings, head, Llama's layernorms and, by its name, the projector; Llama's last norm decays."""
    model, _ = tiny()
    choose_weights(model, Training(stage="all"))
    names = {id(one): name for name, one in model.named_parameters()}

    decayed, spared = (
        {names[id(one)] for one in group["params"]} for group in weight_groups(model.named_parameters(), 0.1)
    )

    assert decayed | spared == trained(model)
    assert spared == {
        "model.language_model.embed_tokens.weight",
        "model.vision_embed_tokens.weight",
        "model.vision_embed_tokens.bias",
        "lm_head.weight",
        *(
            f"model.language_model.layers.{n}.{w}_layernorm.weight"
            for n in (0, 1)
            for w in ("input", "post_attention")
        ),
    }
    assert "model.language_model.norm.weight" in decayed
    assert [g["weight_decay"] for g in weight_groups(model.named_parameters(), 0.1)] == [0.1, 0.0]


def test_the_rate_rises_in_one_hundredth_and_falls_as_half_a_cosine():
    """By hand: 200 steps, 2 of them rising; half way down in the middle of the other 198; nearly 0 at the end."""
    rates = [rate_at(step, 200, 2e-5, 0.01) for step in range(200)]

    assert rates[:3] == [1e-5, 2e-5, 2e-5]
    assert rates[101] == pytest.approx(1e-5)
    assert rates[199] == pytest.approx(2e-5 * 0.5 * (1 + math.cos(math.pi * 197 / 198)))
    assert all(after <= before for before, after in pairwise(rates[2:]))


def test_the_published_recipe_is_the_default():
    """Rates and batches of both stages; layers are computed again in the second."""
    first, second = Training(stage="projector"), Training(stage="all")

    assert (first.highest_rate, first.batch_size, first.checkpointing) == (2e-5, 32, False)
    assert (second.highest_rate, second.batch_size, second.checkpointing) == (2e-6, 8, True)
    assert (first.decay, first.clip, first.warmup, first.loss) == (0.1, 1.0, 0.01, "answers")


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "tower"},
        {"steps": -1},
        {"keep": 0},
        {"rate": float("nan")},
        {"warmup": 1.0},
        {"micro_batch": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong):
    """Before anything is opened."""
    with pytest.raises(TrainingUnusable):
        Training(**{"stage": "all", **wrong})


@pytest.mark.parametrize("stage", ["all", "adapter"])
def test_layers_computed_again_give_the_same_gradients(tiny, stage):
    """Gradient checkpointing costs time and changes nothing."""
    found = []
    for again in (False, True):
        model, processor = tiny()
        choose_weights(model, Training(stage=stage, dropout=0.0))
        if again:
            model.activation_checkpointing_enable()
        learner = Learner(model).train()
        torch.manual_seed(3)
        with torch.no_grad():  # an adapter begins at zero, where half of its gradients are zero too
            for one in model.parameters():
                if one.requires_grad:
                    one.add_(0.02 * torch.randn_like(one))
        row = pack(processor, 1, [Pair("What?", "a heart")], "answers")
        torch.manual_seed(1)
        learner(collate(processor, [row], [[torch.randn(29, 3, 16, 16)]])).backward()
        assert any(getattr(part, "gradient_checkpointing", False) for part in model.modules()) is again
        found.append({name: one.grad for name, one in model.named_parameters() if one.grad is not None})

    assert found[0].keys() == found[1].keys() and len(found[0]) > 20
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
