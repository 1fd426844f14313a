"""The ablation: one model, one cache of what its tower sees, and six ways to hand that to the language model.

Arms differ in nothing else: the same crops (v2's grid of 36 high ones for all), the same frozen tower and
projector, the same drawings and questions in the same order for each seed. The rate rises and then stays, and
what is measured is a running average of the weights, so that every stop is as fair as any other. Each arm is
measured after the same steps, and after the compute that the v2 arm takes for them.
"""

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from model.demo import texts
from model.demo.aligned import Aligned
from model.demo.arms import ARMS, Arm, recall, show, train_scorer
from model.demo.drawn import Drawn, Lens, Progress, draw_all
from model.demo.evaluate import HELD_OUT_FIRST_SEED
from model.demo.reading import read
from model.demo.stages import Stages
from model.demo.texts import Pair
from model.demo.tower import cache_features, states_of
from model.prompts import presets

REFERENCE: Arm = "v2 pooled"
_WARM_UP = 15
_RATE = 1e-3
_KEPT_SHARE = 0.95
"""Of the average at each step; a new step counts for the rest."""
_COARSE_ASKED = 2
_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done."""

    common_steps: int = 150
    """Before the arms part: each step in the form of another arm."""
    steps: int = 60
    drawings_per_step: int = 6
    seeds: tuple[int, ...] = (1, 2, 3)
    held_out: int = 600


def ablate(out: Path, aligned: Aligned, plan: Plan, progress: Progress) -> list[dict[str, Any]]:
    """One result for each arm and seed, each a file in `out` that is not made again when it is there."""
    out.mkdir(parents=True, exist_ok=True)
    todo = [(seed, arm) for seed in plan.seeds for arm in ARMS]
    model, processor = aligned.model, aligned.processor
    held = list(draw_all(HELD_OUT_FIRST_SEED, plan.held_out, processor.zoom_plan, progress))
    features = cache_features(model, Lens(processor.image_processor), held, progress)
    scorer = train_scorer(model, aligned.drawn, aligned.features, aligned.took["seed"])
    learn_in_common(out, aligned, plan, scorer, progress)
    flops = {arm: step_flops(aligned, arm, plan, scorer) for arm in ARMS}
    found = []
    for number, (seed, arm) in enumerate(todo):
        progress(f"{arm}, seed {seed}", number / len(todo))
        file = out / f"{arm.replace(' + ', '-').replace(' ', '-')}-{seed}.json"
        if not file.is_file():
            stops = {"steps": plan.steps, "compute": round(plan.steps * flops[REFERENCE] / flops[arm])}
            result = run_arm(aligned, arm, seed, stops, plan, held, features, scorer)
            result |= {"arm": arm, "seed": seed, "flops_per_step": flops[arm], "stops": stops}
            result |= {
                "answer_flops": answer_flops(aligned, arm, scorer),
                **_recall(aligned, held, features, arm, scorer),
            }
            file.write_text(json.dumps(result) + "\n", encoding="utf-8")
        found.append(json.loads(file.read_text(encoding="utf-8")))
    return found


def learn_in_common(out: Path, aligned: Aligned, plan: Plan, scorer: nn.Linear, progress: Progress) -> None:
    """Teach the aligned model what is asked, in the forms of all arms in turn, once; every arm goes on from there.

    Without it most of an arm's steps would go into how questions and answers are worded.
    """
    recipe = aligned.stages.recipe | {"common_steps": plan.common_steps, "batch": plan.drawings_per_step}

    def learn() -> dict[str, Any]:
        weights = _trained(aligned.model)
        optimizer = torch.optim.AdamW(weights, lr=_RATE, weight_decay=0.02, betas=(0.9, 0.98))
        losses = []
        for step in range(plan.common_steps):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * min(1.0, (step + 1) / _WARM_UP)
            loss = _loss(
                aligned, aligned.model, ARMS[step % len(ARMS)], _batch(aligned, plan, 0, step), scorer
            )
            _step(optimizer, weights, loss)
            losses.append(float(loss.detach()))
            if step % 10 == 0:
                progress(f"all arms in common, loss {np.mean(losses[-10:]):.3f}", step / plan.common_steps)
        return {"last_loss": float(np.mean(losses[-20:]))}

    Stages(out, recipe).weights("common", {"model": aligned.model}, learn)


def run_arm(
    aligned: Aligned,
    arm: Arm,
    seed: int,
    stops: dict[str, int],
    plan: Plan,
    held: list[Drawn],
    features: Tensor,
    scorer: nn.Linear,
) -> dict[str, Any]:
    """Train one arm and measure it at each stop: which answers about which drawings are right."""
    torch.manual_seed(seed)
    model = copy.deepcopy(aligned.model)
    weights = _trained(model)
    average = [one.detach().clone() for one in weights]
    optimizer = torch.optim.AdamW(weights, lr=_RATE, weight_decay=0.02, betas=(0.9, 0.98))
    answers: dict[str, Any] = {}
    losses = []
    for step in range(max(stops.values())):
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / _WARM_UP)
        loss = _loss(aligned, model, arm, _batch(aligned, plan, seed, step), scorer)
        _step(optimizer, weights, loss)
        share = min(_KEPT_SHARE, (1 + step) / (5 + step))
        torch._foreach_lerp_(average, [one.detach() for one in weights], 1 - share)
        losses.append(float(loss.detach()))
        for name in [name for name, stop in stops.items() if stop == step + 1]:
            same = [other for other in answers if stops[other] == stops[name]]
            answers[name] = (
                answers[same[0]]
                if same
                else _averaged(aligned, model, weights, average, arm, held, features, scorer)
            )
    return {"answers": answers, "last_loss": float(np.mean(losses[-20:]))}


def right_answers(
    aligned: Aligned, model: Any, arm: Arm, held: list[Drawn], features: Tensor, scorer: nn.Linear
) -> dict[str, list[list[int]]]:
    """For each question (drawing, 1 where the whole answer is right else 0), by teacher forcing.

    Every token of the answer scores highest behind the true ones before it: greedy generation says the same.
    """
    found: dict[str, list[list[int]]] = {}
    with torch.no_grad():
        for first in range(0, len(held), _AT_ONCE):
            part = held[first : first + _AT_ONCE]
            asked = [_measured(one) for one in part]
            visual = show(model, aligned.processor, features[first : first + _AT_ONCE], arm, scorer)
            right = iter(read(model, aligned.processor, visual, asked).right())
            for number, pairs in enumerate(asked, start=first):
                for pair in pairs:
                    found.setdefault(pair.name, []).append([number, int(next(right))])
    return found


def step_flops(aligned: Aligned, arm: Arm, plan: Plan, scorer: nn.Linear) -> float:
    """Floating-point operations of one step of training, counted on one batch; the tower's are cached and not in it."""
    model = copy.deepcopy(aligned.model)
    model.model.language_model.config._attn_implementation = (
        "eager"  # the counter knows no fused attention on a CPU
    )
    with FlopCounterMode(display=False) as counter:
        _loss(aligned, model, arm, _batch(aligned, plan, 0, 0), scorer).backward()  # type: ignore[no-untyped-call]
    return float(counter.get_total_flops())


def answer_flops(aligned: Aligned, arm: Arm, scorer: nn.Linear) -> float:
    """Floating-point operations of the first answer about a picture: crops of this arm, their reading, one question."""
    model = copy.deepcopy(aligned.model)
    model.model.language_model.config._attn_implementation = "eager"
    crops = {"low": 1, "low + middle": 5}.get(arm, 41)
    pair = _measured(aligned.drawn[0])[-1]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        states_of(model, torch.zeros(crops, 3, 64, 64))
        read(
            model,
            aligned.processor,
            show(model, aligned.processor, aligned.features[:1], arm, scorer),
            [[pair]],
        )
    return float(counter.get_total_flops())


def _trained(model: Any) -> list[nn.Parameter]:
    """The language model's weights; tower and projector stay, so that what is kept of a picture stays too."""
    model.model.vision_embed_tokens.requires_grad_(False)
    model.model.image_encoder.requires_grad_(False)
    return [one for one in model.parameters() if one.requires_grad]


def _step(optimizer: torch.optim.Optimizer, weights: list[nn.Parameter], loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()


def _averaged(
    aligned: Aligned,
    model: Any,
    weights: list[nn.Parameter],
    average: list[Tensor],
    arm: Arm,
    held: list[Drawn],
    features: Tensor,
    scorer: nn.Linear,
) -> dict[str, list[list[int]]]:
    """Measure the averaged weights, then go on with the present ones."""
    present = [one.detach().clone() for one in weights]
    with torch.no_grad():
        for one, mean in zip(weights, average, strict=True):
            one.copy_(mean)
        found = right_answers(aligned, model, arm, held, features, scorer)
        for one, kept in zip(weights, present, strict=True):
            one.copy_(kept)
    return found


def _batch(aligned: Aligned, plan: Plan, seed: int, step: int) -> tuple[list[int], list[list[Pair]]]:
    """Drawings and questions of a step, the same for every arm: all about tiny findings, some others."""
    chance = np.random.default_rng([seed, step])
    chosen = [int(one) for one in chance.integers(0, len(aligned.drawn), plan.drawings_per_step)]
    asked = []
    for number in chosen:
        pairs = _measured(aligned.drawn[number])
        others = [pair for pair in pairs if pair.name in texts.COARSE]
        taken = chance.permutation(len(others))[:_COARSE_ASKED]
        asked.append(
            [pair for pair in pairs if pair.name in texts.FINE] + [others[int(one)] for one in taken]
        )
    return chosen, asked


def _measured(one: Drawn) -> list[Pair]:
    words = {preset.id: preset.text for preset in presets()}
    return [
        Pair(name, texts.question(words[name]), answer)
        for name, answer in texts.facts_pairs(one.kind, one.facts).items()
    ]


def _loss(
    aligned: Aligned, model: Any, arm: Arm, batch: tuple[list[int], list[list[Pair]]], scorer: nn.Linear
) -> Tensor:
    chosen, asked = batch
    visual = show(model, aligned.processor, aligned.features[chosen], arm, scorer)
    return read(model, aligned.processor, visual, asked).loss()


def _recall(
    aligned: Aligned, held: list[Drawn], features: Tensor, arm: Arm, scorer: nn.Linear
) -> dict[str, Any]:
    return {
        "positions": show(aligned.model, aligned.processor, features[:1], arm, scorer).shape[1],
        "recall": recall(aligned.model, held, features, arm, scorer),
    }
