"""A tiny model with random weights and the demonstration's tokenizer, and records of small pictures."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPVisionConfig, LlamaConfig

from model.configuration_dragonfly import DragonflyConfig
from model.demo import DEMO_MODEL
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor
from model.random_weights import processor_for


def tiny_model(version: str = "v1") -> tuple[DragonflyForCausalLM, DragonflyProcessor]:
    """v1: 5 tokens a crop, 102 visual positions; v2: 17, pooled to 2, 138 visual positions."""
    torch.manual_seed(0)
    tokenizer = DragonflyProcessor.from_pretrained(DEMO_MODEL).tokenizer
    side, patch = (16, 8) if version == "v1" else (16, 4)
    config = DragonflyConfig(
        text_config=LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            max_position_embeddings=512,
            initializer_range=0.3,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        ),
        vision_config=CLIPVisionConfig(
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            projection_dim=8,
            image_size=side,
            patch_size=patch,
        ),
        zoom={"version": version},
    )
    return DragonflyForCausalLM(config).eval(), processor_for(config)


@pytest.fixture
def tiny():
    """Makes the tiny model of an architecture."""
    return tiny_model


def write_model(folder: Path) -> Path:
    """The tiny v1 model as a checkpoint folder."""
    model, processor = tiny_model()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_records(folder: Path) -> Path:
    """Seven pictures of noise with one to three questions each, as a file of records."""
    folder.mkdir()
    chance = np.random.default_rng(5)
    lines = []
    for number in range(7):
        Image.fromarray(chance.integers(0, 256, (20, 24, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        turns = []
        for asked in range(1 + number % 3):
            turns.append({"from": "human", "value": f"Is the heart enlarged? {number} {asked}"})
            turns.append({"from": "gpt", "value": ["no", "yes", "there is no nodule"][(number + asked) % 3]})
        lines.append({"image": f"{number}.png", "conversations": turns, "source": f"part-{number % 2}"})
    file = folder / "records.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def kept(folder: Path) -> tuple[dict[str, torch.Tensor], Any]:
    """Weights and optimizer of a checkpoint."""
    return load_file(folder / "weights.safetensors"), torch.load(folder / "optimizer.pt", weights_only=True)


def same(one: Any, other: Any) -> bool:
    """Equal bit for bit, tensors and all."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):  # AdamW takes its betas as either
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture
def tiny_folder(tmp_path) -> Path:
    """The tiny v1 model as a checkpoint folder."""
    return write_model(tmp_path / "model")


@pytest.fixture
def drawn_records(tmp_path) -> Path:
    """Seven pictures of noise with one to three questions each, as a file of records."""
    return write_records(tmp_path / "data")


@pytest.fixture(autouse=True)
def apart():
    """Each training of a test stands alone: Accelerate keeps its first precision for the whole process."""
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
