"""The vision tower of the demonstration model, which stands in for CLIP: what covers each patch, what a crop shows.

It is taught at the state that the model uses, the one before its last layer. Patch tokens say what covers
them; so that tiny findings survive pooling, the class token and the mean of the patch tokens each say what the
crop shows. Half of what it sees are full-resolution crops with a tiny finding: they are a twentieth of all
crops, and a tower that sees them that rarely never learns them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from model.demo.anatomy import NODULES
from model.demo.drawn import LOOKALIKE, TINY_PLACES, Drawn, Lens, Progress
from model.demo.phantoms import CLASSES, TINY
from model.modeling_dragonfly import DragonflyForCausalLM

_BATCH = {"tiny": 48, "lookalike": 14, "high": 14, "middle": 12, "low": 8}
"""Crops of one step."""
_FIRST_HIGH = 5
_TINY_WEIGHT = 3.0


class Heads(nn.Module):
    """What is read from the tower's tokens while it learns: linear, so that the language model can read it too."""

    def __init__(self, width: int):
        super().__init__()
        self.patch, self.token, self.mean = (nn.Linear(width, len(CLASSES)) for _ in range(3))


@dataclass(frozen=True, slots=True)
class Where:
    """Crops to choose from, as (drawing, crop) rows."""

    tiny: list[np.ndarray[Any, Any]]
    """For each of TINY."""
    lookalike: np.ndarray[Any, Any]


def states_of(model: DragonflyForCausalLM, crops: Tensor) -> Tensor:
    """The penultimate state of the tower, before projection: (crops, 17, width)."""
    tower = model.model.image_encoder
    states: Tensor = tower.pre_layrnorm(tower.embeddings(crops))
    for layer in tower.encoder.layers[:-1]:
        states = layer(states, attention_mask=None)
    return states


def train_tower(
    model: DragonflyForCausalLM,
    heads: Heads,
    lens: Lens,
    drawn: list[Drawn],
    steps: int,
    seed: int,
    progress: Progress,
) -> float:
    """Teach the tower and what reads it; returns the last loss."""
    chance = np.random.default_rng(seed)
    weights = [*model.model.image_encoder.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=steps, pct_start=max(0.1, 2 / steps)
    )
    where, emphasis = find(drawn), torch.ones(len(CLASSES))
    emphasis[TINY_PLACES] = _TINY_WEIGHT
    recent: list[float] = []
    for step in range(steps):
        crops, targets = _batch(drawn, where, lens, chance)
        states = states_of(model, crops)
        shown = targets.amax((1, 2))
        loss = (
            _off(heads.patch(states[:, 1:]), targets.flatten(1, 2), emphasis)
            + 0.5 * _off(heads.token(states[:, 0]), shown, emphasis)
            + 0.5 * _off(heads.mean(states[:, 1:].mean(1)), shown, emphasis)
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        recent = [*recent[-49:], float(loss.detach())]
        if step % 50 == 0:
            progress(f"vision tower, loss {np.mean(recent):.4f}", step / steps)
    return float(np.mean(recent))


def find(drawn: list[Drawn]) -> Where:
    """The full-resolution crops that show something tiny, and those that show look-alikes alone."""
    shown = np.stack([one.shown() for one in drawn])
    shown[:, :_FIRST_HIGH] = False
    tiny = [np.argwhere(shown[..., place]) for place in TINY_PLACES]
    alone = shown[..., LOOKALIKE] & ~shown[..., TINY_PLACES].any(-1)
    return Where(tiny, np.argwhere(alone))


def _batch(
    drawn: list[Drawn], where: Where, lens: Lens, chance: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Crops and their targets, flipped and transposed together at random."""
    places = []
    # Nodules twice as often: vessels, ribs and the edges of the lungs make them the hardest.
    filled = [rows for rows in (*where.tiny[: len(NODULES)], *where.tiny) if len(rows)]
    for number in range(_BATCH["tiny"] if filled else 0):
        rows = filled[number % len(filled)]
        places.append(rows[int(chance.integers(len(rows)))])
    for _ in range(_BATCH["lookalike"] if len(where.lookalike) else 0):
        places.append(where.lookalike[int(chance.integers(len(where.lookalike)))])
    for name, (first, end) in {"low": (0, 1), "middle": (1, 5), "high": (5, 41)}.items():
        for _ in range(_BATCH[name]):
            places.append(np.array([chance.integers(len(drawn)), chance.integers(first, end)]))
    crops = lens([drawn[int(at)].crop(int(crop)) for at, crop in places])
    targets = torch.from_numpy(np.stack([drawn[int(at)].targets[int(crop)] for at, crop in places]))
    targets = targets.float() / 255
    for axis in (1, 2):
        turned = torch.from_numpy(chance.random(len(places)) < 0.5)
        crops[turned] = crops[turned].flip(axis + 1)
        targets[turned] = targets[turned].flip(axis)
    turned = torch.from_numpy(chance.random(len(places)) < 0.5)
    crops[turned] = crops[turned].transpose(2, 3)
    targets[turned] = targets[turned].transpose(1, 2)
    return crops, targets


def _off(scores: Tensor, targets: Tensor, emphasis: Tensor) -> Tensor:
    loss = nn.functional.binary_cross_entropy_with_logits(scores, targets, reduction="none")
    return (loss * emphasis).mean()


def cache_features(model: DragonflyForCausalLM, lens: Lens, drawn: list[Drawn], progress: Progress) -> Tensor:
    """What the tower makes of every crop of every drawing, unprojected: fp16 (drawings, 41, 17, width)."""
    rows = []
    with torch.no_grad():
        for number, one in enumerate(drawn):
            rows.append(states_of(model, lens([one.crop(at) for at in range(len(one.targets))])).half())
            if number % 100 == 0:
                progress("features", number / len(drawn))
    return torch.stack(rows)


def pooled(features: Tensor) -> Tensor:
    """v2's tokens of cached features, whole low crops and pooled others: fp16 (drawings, 97, width)."""
    others = features[:, 1:]
    means = torch.stack([one[:, 1:].float().mean(1).half() for one in others])
    return torch.cat([features[:, 0], torch.stack([others[:, :, 0], means], 2).flatten(1, 2)], 1)


def fold_statistics(model: DragonflyForCausalLM, features: Tensor, deviation: float = 0.06) -> None:
    """Start the projector where its output has zero mean and a small deviation; it stays one linear layer.

    features: (drawings, tokens, width)
    """
    sample = features[:: max(1, len(features) // 400)].float().flatten(0, 1)
    mean, std = sample.mean(0), sample.std(0).clamp(min=1e-3)
    projector = model.model.vision_embed_tokens
    with torch.no_grad():
        weight = torch.randn_like(projector.weight) * deviation / projector.weight.shape[1] ** 0.5
        projector.weight.copy_(weight / std)
        projector.bias.copy_(-(weight / std) @ mean)


def average_precisions(heads: Heads, drawn: list[Drawn], features: Tensor) -> dict[str, dict[str, float]]:
    """How surely the tower knows each tiny finding in full-resolution crops it never saw; 1 is best.

    Average precision of the patch tokens over patches, and of class token and mean token over crops. Not the
    area under the ROC curve: with one patch in two hundred positive it is 0.98 where precision is 0.03.
    """
    found: dict[str, dict[str, float]] = {}
    high = features[:, _FIRST_HIGH:].flatten(0, 1).float()
    targets = np.concatenate([one.targets[_FIRST_HIGH:] for one in drawn]) / 255
    with torch.no_grad():
        scores = {
            "patch": (heads.patch(high[:, 1:]).flatten(0, 1), targets.reshape(-1, len(CLASSES))),
            "token": (heads.token(high[:, 0]), targets.max((1, 2))),
            "mean": (heads.mean(high[:, 1:].mean(1)), targets.max((1, 2))),
        }
    for name, place in zip(TINY, TINY_PLACES, strict=True):
        found[name] = {
            kind: round(average_precision(score[:, place].numpy(), target[:, place] >= 0.5), 4)
            for kind, (score, target) in scores.items()
        }
    return found


def average_precision(scores: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> float:
    """The mean precision at each right one, going down from the highest score; 0 without a right one."""
    if not right.any():
        return 0.0
    ranked = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(ranked) / np.arange(1, len(ranked) + 1))[ranked].mean())
