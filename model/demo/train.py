"""Make the demonstration model again: drawings, tokenizer, tower, naming, questions; one command, fixed seeds.

1. The vision tower learns what covers each patch and what each crop shows; it stands in for CLIP (`tower`).
2. On the frozen tower the language model learns to name what a single crop shows (`naming`).
3. It learns the questions about whole pictures: the short ones first, then reports too.
4. It goes over a part of the drawings with notes that claim findings, so that reports follow the picture.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.checkpoints import CARD, fingerprint
from model.configuration_dragonfly import DragonflyConfig
from model.demo.aligned import train_aligned
from model.demo.card import FIGURE, readme
from model.demo.claims import harder_pairs
from model.demo.drawn import Drawn, Progress
from model.demo.figure import figure
from model.demo.reading import embed, read
from model.demo.texts import Pair, all_pairs, short_pairs
from model.demo.tower import pooled
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor

LAST_DRAWINGS = 2400
"""The last stage is about words; a part of the drawings is enough for it."""
SHORT_SHARE = 0.55
"""Of the steps of questions, the first ones, that ask short questions only: they cost half as much."""
Ask = Callable[[int, int, np.random.Generator], list[Pair]]
"""The questions put, in this step, to the drawing of this number."""


def silent(_stage: str, _share: float) -> None:
    """Progress that nobody watches."""


def train_demo(
    out: Path,
    *,
    drawings: int = 6000,
    tower_steps: int = 4000,
    naming_steps: int = 200,
    steps: int = 1500,
    last_steps: int = 300,
    seed: int = 6,
    keep: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train and write the checkpoint; returns what it took. Deterministic for one machine and one thread.

    keep: a folder for what each stage leaves; a training that was cut off goes on behind the last one
    raises: TrainingUnusable where the folder holds stages of another recipe
    """
    begun = train_aligned(drawings, tower_steps, naming_steps, seed, keep, progress)
    model, processor, drawn = begun.model, begun.processor, begun.drawn
    features = pooled(begun.features)
    stages = begun.stages
    stages.recipe = stages.recipe | {"steps": steps}

    def usual(step: int, number: int, chance: np.random.Generator) -> list[Pair]:
        ask = short_pairs if step < SHORT_SHARE * steps else all_pairs
        return ask(drawn[number].kind, drawn[number].facts, chance)

    def questions() -> dict[str, Any]:
        losses = train_questions(model, processor, features, usual, steps, seed, progress)
        # Rounded as a file would hold it: the last stage can be repeated alone from a kept checkpoint.
        model.half().float()
        return {"first_loss": losses[0], "last_loss": float(np.mean(losses[-50:]))}

    took = begun.took | {"steps": steps, "last_steps": last_steps}
    took |= stages.weights("questions", {"model": model}, questions)
    stages.recipe = stages.recipe | {"last_steps": last_steps}

    def last() -> dict[str, Any]:
        part = drawn[:LAST_DRAWINGS]
        losses = train_last(model, processor, part, features, last_steps, seed, progress)
        return {"last_stage_loss": float(np.mean(losses[-50:]))}

    took |= stages.weights("last", {"model": model}, last)
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out, safe_serialization=True)
    processor.save_pretrained(out)
    return took | {"cpu_seconds": round(stages.cpu_seconds + begun.draw_seconds)}


def train_last(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    drawn: list[Drawn],
    features: Tensor,
    steps: int,
    seed: int,
    progress: Progress,
) -> list[float]:
    """Claims in the notes, findings of other drawings, more that cannot be told; at less than half the rate."""
    kinds = {kind: [one.facts for one in drawn if one.kind == kind] for kind in {one.kind for one in drawn}}

    def harder(_step: int, number: int, chance: np.random.Generator) -> list[Pair]:
        one = drawn[number]
        same = kinds[one.kind]
        return harder_pairs(one.kind, one.facts, same[int(chance.integers(len(same)))], chance)

    seen = features[: len(drawn)]
    return train_questions(model, processor, seen, harder, steps, seed + 1, progress, rate=6e-4)


def train_questions(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    features: Tensor,
    ask: Ask,
    steps: int,
    seed: int,
    progress: Progress,
    rate: float = 1.5e-3,
) -> list[float]:
    """Teach the language model and the projector; returns the loss of each step."""
    chance = np.random.default_rng(seed + 1)
    decoder = model.model.language_model
    weights = [
        *decoder.parameters(),
        *model.lm_head.parameters(),
        *model.model.vision_embed_tokens.parameters(),
    ]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=max(0.1, 2 / steps)
    )
    losses = []
    for step in range(steps):
        chosen = [int(i) for i in chance.integers(0, len(features), 8)]
        asked = [ask(step, number, chance) for number in chosen]
        loss = read(model, processor, embed(model, processor, features[chosen]), asked).loss()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 20 == 0:
            progress(f"questions, loss {np.mean(losses[-20:]):.3f}", step / steps)
    return losses


def write_card(
    out: Path, took: dict[str, Any], scores: dict[str, Any], ablation: dict[str, Any] | None = None
) -> None:
    """The model card of a trained folder with what was measured: card.json for programs, README.md for people."""
    plan: Any = DragonflyConfig.from_pretrained(out).zoom_plan
    _write(
        out,
        {
            "name": "Dragonfly-Med demonstration",
            "architecture": "v2",
            "revision": "2",
            "demonstration": True,
            "licence": "Apache-2.0",
            "languages": ["en"],
            "modalities": ["drawn chest radiograph", "drawn CT slice", "drawn histology field"],
            "fingerprint": fingerprint(out),
            "zoom": asdict(plan),
            "training": took,
            "accuracy": scores,
            "ablation": ablation,
        },
    )


def write_ablation(out: Path, found: dict[str, Any]) -> None:
    """Put the ablation into the card of a folder that has one, its figure beside it."""
    card = json.loads((out / CARD).read_text(encoding="utf-8"))
    _write(out, card | {"ablation": found})


def _write(out: Path, card: dict[str, Any]) -> None:
    (out / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "README.md").write_text(readme(card), encoding="utf-8")
    if card["ablation"]:
        (out / FIGURE).write_text(figure(card["ablation"]), encoding="utf-8")
