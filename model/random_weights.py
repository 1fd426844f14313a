"""Checkpoints of a stated size with random weights, in the published layout: for measuring, never for answers.

Written shard by shard and straight in their dtype: the largest takes twice its own size on no machine.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPVisionConfig, LlamaConfig

from model.configuration_dragonfly import KNOWN_TOWERS, DragonflyConfig
from model.demo import DEMO_MODEL
from model.image_processing_dragonfly import DragonflyImageProcessor
from model.modeling_dragonfly import DragonflyForCausalLM
from model.names import published
from model.processing_dragonfly import DragonflyProcessor

SHARD_BYTES = 2 << 30
Layout = Literal["pickled", "safetensors"]


@dataclass(frozen=True, slots=True)
class Shape:
    """A language model behind one of the two published towers."""

    tower: str
    width: int
    inner: int
    layers: int
    heads: int
    key_heads: int
    vocabulary: int | None = None
    """None: that of the demonstration's tokenizer."""


_V1, _V2 = "openai/clip-vit-base-patch32", "openai/clip-vit-large-patch14-336"
SHAPES: dict[str, Shape] = {
    "v1-100m": Shape(_V1, 768, 2048, 14, 12, 12),
    "v2-100m": Shape(_V2, 768, 2048, 14, 12, 12),
    "v1-1b": Shape(_V1, 2048, 5632, 22, 32, 4, 32000),
    "v1-8b": Shape(_V1, 4096, 14336, 32, 32, 8, 128256),
    "v2-8b": Shape(_V2, 4096, 14336, 32, 32, 8, 128256),
}


def configuration(shape: Shape) -> DragonflyConfig:
    """The configuration of a shape; the tokenizer is the demonstration's, whatever the vocabulary."""
    tokenizer = DragonflyProcessor.from_pretrained(DEMO_MODEL).tokenizer
    text = LlamaConfig(
        vocab_size=shape.vocabulary or len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=8192,
        rms_norm_eps=1e-5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = CLIPVisionConfig(**KNOWN_TOWERS[shape.tower])
    return DragonflyConfig(text_config=text, vision_config=vision, image_encoder=shape.tower)


def processor_for(config: DragonflyConfig) -> DragonflyProcessor:
    """The crops this configuration asks for, and the demonstration's tokenizer."""
    plan = config.zoom_plan
    images = DragonflyImageProcessor(
        crop_size=plan.crop_px, patch_size=plan.patch_px, zoom_version=plan.version, pool=plan.pool
    )
    tokenizer = DragonflyProcessor.from_pretrained(DEMO_MODEL).tokenizer
    return DragonflyProcessor(image_processor=images, tokenizer=tokenizer)


def write_random(
    folder: Path,
    config: DragonflyConfig,
    *,
    dtype: torch.dtype = torch.float32,
    layout: Layout = "safetensors",
    seed: int = 0,
    shard_bytes: int = SHARD_BYTES,
    progress: Callable[[str, float], None] = lambda _what, _share: None,
) -> int:
    """Write config, tokenizer and weights; returns how many parameters there are."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = config.to_dict() | {"architectures": ["DragonflyForCausalLM"], "model_type": "dragonfly"}
    (folder / "config.json").write_text(json.dumps(facts, indent=2, default=str) + "\n", encoding="utf-8")
    processor_for(config).save_pretrained(folder)
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in DragonflyForCausalLM(config).state_dict().items()}
    total = sum(shape.numel() for shape in shapes.values())
    shards = list(_shards(shapes, shard_bytes // torch.empty(0, dtype=dtype).element_size()))
    chance, done = torch.Generator().manual_seed(seed), 0
    places: dict[str, str] = {}
    for number, names in enumerate(shards, 1):
        tensors = {published(name): _drawn(name, shapes[name], dtype, chance) for name in names}
        file = _file(layout, number, len(shards))
        places |= dict.fromkeys(tensors, file)
        if layout == "pickled":
            torch.save(tensors, folder / file)
        else:
            save_file(tensors, folder / file, metadata={"format": "pt"})
        done += sum(shapes[name].numel() for name in names)
        progress("writing", done / total)
    if len(shards) > 1:
        stem = "pytorch_model.bin" if layout == "pickled" else "model.safetensors"
        index = {
            "metadata": {"total_size": total * torch.empty(0, dtype=dtype).element_size()},
            "weight_map": places,
        }
        (folder / f"{stem}.index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return total


def _shards(shapes: dict[str, torch.Size], room: int) -> Iterator[list[str]]:
    names: list[str] = []
    taken = 0
    for name, shape in shapes.items():
        if names and taken + shape.numel() > room:
            yield names
            names, taken = [], 0
        names.append(name)
        taken += shape.numel()
    yield names


def _drawn(name: str, shape: torch.Size, dtype: torch.dtype, chance: torch.Generator) -> Tensor:
    if name.endswith("position_ids"):
        return torch.arange(shape[-1]).expand(shape).clone()
    if "norm" in name:
        return torch.ones(shape, dtype=dtype) if name.endswith("weight") else torch.zeros(shape, dtype=dtype)
    return torch.empty(shape, dtype=dtype).normal_(0, 0.02, generator=chance)


def _file(layout: Layout, number: int, count: int) -> str:
    stem, ending = ("pytorch_model", "bin") if layout == "pickled" else ("model", "safetensors")
    return f"{stem}.{ending}" if count == 1 else f"{stem}-{number:05d}-of-{count:05d}.{ending}"


def load_facts(folder: Path) -> dict[str, Any]:
    """What a checkpoint says of its size: parameters of tower and language model."""
    config = DragonflyConfig.from_pretrained(folder)
    with torch.device("meta"):
        model = DragonflyForCausalLM(config)
    everything = sum(one.numel() for one in model.parameters())
    vision = sum(one.numel() for one in model.model.image_encoder.parameters())
    return {"parameters": everything, "vision": vision, "text": everything - vision}
