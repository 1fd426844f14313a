"""Which crops are looked at more closely: the published rule unless a checkpoint names another."""

import pytest
import torch

from model.configuration_dragonfly import DragonflyConfig
from model.errors import WeightsMismatch
from model.zoom import STRATEGIES, select_crops
from tests.model.small import small_model


def crops(*means):
    """Crops of two tokens each whose mean is the one given: the tokens lie 1 to either side of it."""
    return torch.stack([torch.tensor(mean) + torch.tensor([[1.0], [-1.0]]) for mean in means])


@pytest.mark.parametrize(("strategy", "kept"), [("faithful", [0]), ("cosine", [1])])
def test_long_vectors_win_by_the_published_rule_and_like_ones_by_cosine(strategy, kept):
    """Beside (1, 0): dot products 10, 2, 0; cosines 0.71, 1, 0."""
    high = crops([10.0, 10.0], [2.0, 0.0], [0.0, 5.0])

    assert select_crops(crops([1.0, 0.0]), high, 1, strategy).tolist() == kept


@pytest.mark.parametrize("strategy", STRATEGIES)
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


@pytest.mark.parametrize(
    ("zoom", "words"),
    [
        ({"version": "v1", "strategy": "nearest"}, "nearest"),
        ({"version": "v2", "strategy": "cosine"}, "v2 keeps every crop"),
    ],
)
def test_a_strategy_that_means_nothing_is_refused_when_the_file_is_read(zoom, words):
    """Never silently replaced by another one."""
    with pytest.raises(WeightsMismatch, match=words):
        DragonflyConfig(zoom=zoom)
