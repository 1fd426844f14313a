"""The first half of the training, which the ablation shares: a tower that sees, a language model that names crops."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from model.demo.drawn import Drawn, Lens, Progress, draw_all
from model.demo.naming import align, named
from model.demo.phantoms import EDITION
from model.demo.shape import new_config, new_processor
from model.demo.stages import Stages, seeded
from model.demo.tower import Heads, average_precisions, cache_features, fold_statistics, pooled, train_tower
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor

WATCHED_FIRST_SEED, WATCHED = 900_000, 120
"""Drawings that training watches itself with; neither trained on nor measured with."""


@dataclass(frozen=True, slots=True)
class Aligned:
    """A model that names crops, with all that later stages need of what came before."""

    model: DragonflyForCausalLM
    processor: DragonflyProcessor
    heads: Heads
    drawn: list[Drawn]
    features: Tensor
    """fp16 (drawings, 41, 17, width)"""
    took: dict[str, Any]
    stages: Stages
    draw_seconds: float


def train_aligned(
    drawings: int, tower_steps: int, naming_steps: int, seed: int, keep: Path | None, progress: Progress
) -> Aligned:
    """The tower, and a language model that names what it sees of single crops.

    keep: a folder for what each stage leaves; stages that lie there are not repeated
    raises: TrainingUnusable where they belong to another recipe
    """
    recipe = {
        "edition": EDITION,
        "drawings": drawings,
        "tower_steps": tower_steps,
        "seed": seed,
    }
    stages = Stages(keep, recipe)
    seeded(seed)
    processor = new_processor()
    model = DragonflyForCausalLM(new_config(processor.tokenizer)).float()
    heads = Heads(model.config.vision_config.hidden_size)
    lens = Lens(processor.image_processor)
    started = time.process_time()
    drawn = list(draw_all(0, drawings, processor.zoom_plan, progress))
    watched = list(draw_all(WATCHED_FIRST_SEED, min(WATCHED, drawings), processor.zoom_plan, progress))
    draw_seconds = time.process_time() - started
    tower = model.model.image_encoder

    def see() -> dict[str, Any]:
        return {"tower_loss": train_tower(model, heads, lens, drawn, tower_steps, seed, progress)}

    took = recipe | stages.weights("tower", {"tower": tower, "heads": heads}, see)
    features = stages.tensor("features", lambda: cache_features(model, lens, drawn, progress))
    stages.recipe = recipe | {"naming_steps": naming_steps}
    unseen = cache_features(model, lens, watched, progress)

    def name() -> dict[str, Any]:
        seeded(seed + 1)
        fold_statistics(model, pooled(features[:400]))
        losses = align(model, processor, drawn, features, naming_steps, seed, progress)
        return {
            "naming_loss": float(np.mean(losses[-50:])),
            "average_precision": average_precisions(heads, watched, unseen),
            "named": named(model, processor, watched, unseen),
        }

    took |= {"naming_steps": naming_steps}
    took |= stages.weights("aligned", {"model": model}, name)
    return Aligned(model, processor, heads, drawn, features, took, stages, draw_seconds)
