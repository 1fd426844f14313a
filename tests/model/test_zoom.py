"""Which crops are looked at more closely: the published rule unless a checkpoint names another."""

import json

import pytest
import torch
from safetensors import safe_open

from model.configuration_dragonfly import DragonflyConfig
from model.errors import WeightsMismatch
from model.loading import load_model
from model.modeling_dragonfly import DragonflyForCausalLM
from model.zoom import select_crops
from tests.model.small import small_model


def crops(*means):
    """Crops of two tokens each whose mean is the one given: the tokens lie 1 to either side of it."""
    return torch.stack([torch.tensor(mean) + torch.tensor([[1.0], [-1.0]]) for mean in means])


@pytest.mark.parametrize(("strategy", "kept"), [("faithful", [0]), ("cosine", [1])])
def test_long_vectors_win_by_the_published_rule_and_like_ones_by_cosine(strategy, kept):
    """Beside (1, 0): dot products 10, 2, 0; cosines 0.71, 1, 0."""
    high = crops([10.0, 10.0], [2.0, 0.0], [0.0, 5.0])

    assert select_crops(crops([1.0, 0.0]), high, 1, strategy).tolist() == kept


@pytest.mark.parametrize("strategy", ["faithful", "cosine"])
def test_each_middle_crop_chooses_among_the_high_crops_of_its_turn(strategy):
    """Worked out a second way: one middle crop, one high crop and one sum at a time."""
    chance = torch.Generator().manual_seed(3)
    middle, high = (torch.randn(count, 5, 8, generator=chance) for count in (4, 24))

    expected = []
    for number in range(4):
        scores = {}
        for place in range(number * 6, number * 6 + 6):
            one, other = middle[number].mean(0), high[place].mean(0)
            scores[place] = sum(float(a * b) for a, b in zip(one, other, strict=True))
            if strategy == "cosine":
                scores[place] /= float(one.norm()) * float(other.norm())
        expected += sorted(scores, key=lambda place: -scores[place])[:3]

    assert select_crops(middle, high, 3, strategy).tolist() == sorted(expected)


def test_a_crop_without_any_feature_is_comparable():
    """Its cosine is 0: better than the opposite direction, worse than a like one, and never not-a-number."""
    high = crops([0.0, 0.0], [-1.0, 0.0], [1.0, 1.0])

    assert select_crops(crops([1.0, 0.0]), high, 2, "cosine").tolist() == [0, 2]


def test_a_checkpoint_names_its_strategy():
    """The published rule where it names none; the named one in what the model looks at, also after a save."""
    model, _ = small_model()
    chance = torch.Generator().manual_seed(1)
    encoded = 2 + torch.randn(29, 5, 32, generator=chance, dtype=torch.float64)
    # All are alike, and every other high crop is ten times as strong, which only the published rule rewards.
    encoded[6::2] *= 10

    kept = {}
    for zoom in ({}, {"strategy": "faithful"}, {"strategy": "cosine"}):
        saved = {**model.config.to_dict(), "zoom": {**model.config.zoom, **zoom}}
        model.model.config = DragonflyConfig.from_dict(saved)
        kept[zoom.get("strategy")] = model.model.look(encoded)[1].tolist()

    assert kept[None] == kept["faithful"] == list(range(1, 24, 2))
    assert kept["cosine"] == select_crops(encoded[1:5], encoded[5:], 3, "cosine").tolist()
    assert kept["cosine"] != kept["faithful"]


def test_a_learned_choice_takes_the_best_patches_wherever_they_lie():
    """Four middle crops keep one each, so four in all: those whose best patch, not class token, scores highest."""
    tokens = torch.zeros(8, 3, 2)
    tokens[:, 1, 0] = torch.tensor([5.0, 1.0, 7.0, 6.0, 2.0, 0.0, 3.0, 4.0])
    tokens[:, 2, 0] = torch.tensor([0.0, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    tokens[5, 0] = 100.0

    kept = select_crops(torch.zeros(4, 3, 2), tokens, 1, "learned", lambda rows: rows.sum(-1, keepdim=True))

    assert kept.tolist() == [0, 1, 2, 3]


def learned_model():
    """A model that names the learned strategy, its scorer in double precision like the rest of it."""
    model, processor = small_model()
    saved = {**model.config.to_dict(), "zoom": {**model.config.zoom, "strategy": "learned"}}
    torch.manual_seed(8)
    return DragonflyForCausalLM(DragonflyConfig.from_dict(saved)).double().eval(), processor


def test_a_learned_choice_travels_with_its_checkpoint(tmp_path):
    """Its scorer is one layer of the checkpoint, under a name of its own, and chooses the same after loading."""
    model, processor = learned_model()
    encoded = torch.randn(29, 5, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    model.float().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)

    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert {"crop_scorer.weight", "crop_scorer.bias"} <= set(file.keys())
    again = load_model(tmp_path, device="cpu", dtype="float32")
    seen, kept = again.model.look(encoded.float())
    scores = encoded[5:, 1:].float() @ model.model.crop_scorer.weight[0]
    assert kept.tolist() == sorted(scores.amax(1).topk(12).indices.tolist())
    assert torch.equal(seen, torch.cat([encoded[:5], encoded[5:][kept]]).flatten(0, 1).float())


def test_a_learned_choice_without_its_scorer_is_refused_by_name(tmp_path):
    """A published checkpoint has none, so it cannot be told to choose that way; and without the name none is made."""
    model, processor = small_model()
    assert not [name for name, _ in model.named_parameters() if "scorer" in name]
    model.float().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["zoom"]["strategy"] = "learned"
    (tmp_path / "config.json").write_text(json.dumps(config))

    with pytest.raises(WeightsMismatch, match="crop_scorer"):
        load_model(tmp_path, device="cpu", dtype="float32")


@pytest.mark.parametrize(
    ("zoom", "words"),
    [
        ({"version": "v1", "strategy": "nearest"}, "nearest"),
        ({"version": "v2", "strategy": "cosine"}, "v2 keeps every crop"),
        ({"version": "v2", "strategy": "learned"}, "v2 keeps every crop"),
    ],
)
def test_a_strategy_that_means_nothing_is_refused_when_the_file_is_read(zoom, words):
    """Never silently replaced by another one."""
    with pytest.raises(WeightsMismatch, match=words):
        DragonflyConfig(zoom=zoom)
