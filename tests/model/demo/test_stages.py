"""Stages: done once, loaded after that, and never mixed with another recipe."""

import pytest
import torch
from torch import nn

from model.demo.stages import Stages
from model.errors import TrainingUnusable


def trained(folder, recipe, layer, value):
    """A stage that sets every weight of a layer to a value."""

    def make():
        nn.init.constant_(layer.weight, value)
        return {"value": value}

    return Stages(folder, recipe).weights("one", {"layer": layer}, make)


def test_a_stage_is_loaded_when_it_lies_there(tmp_path):
    """The weights and what was said of the first time; making it again is not tried."""
    trained(tmp_path, {"seed": 1}, nn.Linear(2, 2), 3.0)
    layer = nn.Linear(2, 2)

    said = trained(tmp_path, {"seed": 1}, layer, 5.0)

    assert said == {"value": 3.0}
    assert layer.weight.tolist() == [[3.0, 3.0], [3.0, 3.0]]


def test_without_a_folder_nothing_is_kept():
    """Each time anew."""
    layer = nn.Linear(2, 2)
    trained(None, {}, layer, 3.0)

    assert trained(None, {}, layer, 5.0) == {"value": 5.0}


def test_a_stage_of_another_recipe_is_refused(tmp_path):
    """By its name; it is neither loaded nor overwritten."""
    trained(tmp_path, {"seed": 1}, nn.Linear(2, 2), 3.0)

    with pytest.raises(TrainingUnusable, match="one"):
        trained(tmp_path, {"seed": 2}, nn.Linear(2, 2), 5.0)


def test_a_tensor_keeps_its_dtype(tmp_path):
    """Cached features are half as large as what they were computed from."""
    made = Stages(tmp_path, {}).tensor("rows", lambda: torch.ones(3, dtype=torch.float16))
    again = Stages(tmp_path, {}).tensor("rows", lambda: torch.zeros(3))

    assert again.dtype == torch.float16
    assert torch.equal(made, again)
