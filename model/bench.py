"""How fast both architectures are at a size that is said: random weights, the demonstration's tokenizer."""

import statistics
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig

from model.answers import Completion, ModelCard, Sampling
from model.configuration_dragonfly import DragonflyConfig
from model.demo import DEMO_MODEL
from model.engine import Engine
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor
from model.random_weights import processor_for

Version = Literal["v1", "v2"]
PIECES = 48
# The crops and patches of the published checkpoints, with towers of a few million parameters.
_TOWERS: dict[Version, dict[str, int]] = {
    "v1": {"image_size": 224, "patch_size": 32},
    "v2": {"image_size": 336, "patch_size": 14},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """What was measured for one architecture."""

    text_parameters: int
    vision_parameters: int
    positions: int
    preprocessing_seconds: float
    first_seconds: float
    pieces_per_second: float


def measure(version: Version) -> Speed:
    """One picture of 1024 x 1024 pixels, one question, 48 pieces; one thread."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    engine = _engine(version)
    picture = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    cut = [_seconds(lambda: engine.processor.image_processor.crops_of(picture)) for _ in range(5)]
    *_, done = engine.answer([picture], "Is the heart enlarged?", Sampling(max_new_tokens=PIECES))
    assert isinstance(done, Completion)
    vision = sum(p.numel() for p in engine.model.model.image_encoder.parameters())
    everything = sum(p.numel() for p in engine.model.parameters())
    return Speed(
        text_parameters=everything - vision,
        vision_parameters=vision,
        positions=done.visual_positions,
        preprocessing_seconds=statistics.median(cut),
        first_seconds=done.seconds_to_first,
        pieces_per_second=(done.generated_tokens - 1) / max(done.seconds - done.seconds_to_first, 1e-9),
    )


def _engine(version: Version) -> Engine:
    tokenizer = DragonflyProcessor.from_pretrained(DEMO_MODEL).tokenizer
    tower = _TOWERS[version]
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=8,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=4096,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = CLIPVisionConfig(
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=4,
        num_attention_heads=4,
        projection_dim=256,
        image_size=tower["image_size"],
        patch_size=tower["patch_size"],
    )
    config = DragonflyConfig(text_config=text, vision_config=vision, zoom={"version": version})
    card = ModelCard(
        name="random",
        architecture=version,
        fingerprint="0" * 64,
        revision="",
        demonstration=True,
        licence="",
        languages=(),
        modalities=(),
        crops_per_picture=0,
        visual_positions=0,
    )
    return Engine(DragonflyForCausalLM(config).eval(), processor_for(config), card)


def _seconds(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
