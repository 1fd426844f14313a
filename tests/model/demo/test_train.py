"""The whole recipe in little: the loss falls, a cut-off training goes on, and the engine opens what was written."""

import pytest
import torch

from model.answers import Completion, Sampling
from model.demo.phantoms import draw_phantom
from model.demo.shape import new_processor
from model.demo.train import train_demo
from model.engine import open_engine
from model.errors import TrainingUnusable
from model.loading import load_model

SMALL = {"drawings": 8, "tower_steps": 4, "naming_steps": 3, "steps": 12, "last_steps": 4}


def test_any_unicode_text_survives_the_tokenizer():
    """Korean, hanja, accents and emoji come back as they were."""
    tokenizer = new_processor().tokenizer
    text = "흉수가 있습니까? 胸水 café 🫁"

    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_a_short_training_learns_and_goes_on_where_it_was_cut_off(tmp_path):
    """Stages that lie in the folder are loaded: the same weights, bit for bit; of another recipe they are refused."""
    heard = []

    took = train_demo(
        tmp_path / "one", **SMALL, keep=tmp_path / "kept", progress=lambda stage, share: heard.append(stage)
    )
    (tmp_path / "kept" / "last.safetensors").unlink()
    (tmp_path / "kept" / "questions.safetensors").unlink()
    again = train_demo(tmp_path / "two", **SMALL, keep=tmp_path / "kept")
    *_, last = open_engine(tmp_path / "one").answer(
        [draw_phantom("chest", 1).pixels], "Is the heart enlarged?", Sampling(max_new_tokens=3)
    )

    assert took["last_loss"] < took["first_loss"]
    assert {"drawings", "features"} <= set(heard)
    assert isinstance(last, Completion)
    assert last.generated_tokens <= 3
    one, two = (
        load_model(tmp_path / name, device="cpu", dtype="float32").state_dict() for name in ("one", "two")
    )
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert {name: again[name] for name in took if name != "cpu_seconds"} == {
        name: value for name, value in took.items() if name != "cpu_seconds"
    }
    with pytest.raises(TrainingUnusable, match="tower"):
        train_demo(tmp_path / "three", **SMALL | {"tower_steps": 5}, keep=tmp_path / "kept")
