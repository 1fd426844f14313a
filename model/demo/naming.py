"""Alignment: the language model learns to name what one crop shows, before it is asked about whole pictures.

A crop stands alone, where it may stand in a picture: as v2 shows it (class token and mean, at the crop's own
place) or whole (all its tokens, at any place that v1 has for a crop). Half of the crops show something tiny.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from model.demo import texts
from model.demo.drawn import TINY_PLACES, Drawn, Progress
from model.demo.phantoms import CLASSES, TINY
from model.demo.reading import read
from model.demo.texts import Pair
from model.demo.tower import find
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor
from model.prompts import presets

NAMES = {
    "solid": "solid nodule",
    "cavitary": "cavitary nodule",
    "spiculated": "spiculated nodule",
    "stone": "kidney stone",
    "clip": "kidney clip",
    "apoptotic": "apoptotic body",
    "mitotic": "mitotic figure",
    "wide_heart": "enlarged heart",
    "lookalike": "nothing tiny",
}
QUESTION = "What does this crop show?"
_POOLED, _WHOLE = 40, 24
"""Crops of one step in either form."""
_WHOLE_CROPS = 17
"""Of a v1 picture, each with its 17 tokens and a newline."""
_MEASURED = 400


def name_of(shown: np.ndarray[Any, Any]) -> str:
    """What a crop shows in words, tiny things first, three at most."""
    order = [*TINY_PLACES, *(n for n in range(len(CLASSES)) if n not in TINY_PLACES)]
    found = [NAMES.get(CLASSES[n], CLASSES[n]) for n in order if shown[n]][:3]
    text = ", ".join(found) or "nothing"
    return f"{text[0].upper()}{text[1:]}."


def crop_pairs(drawn: Drawn, crop: int, chance: np.random.Generator) -> Pair:
    """One question about one crop: its name, or a question of the product about tiny things, of this crop alone."""
    shown = drawn.shown()[crop]
    if chance.random() < 0.5:
        return Pair("name", texts.question(QUESTION), name_of(shown))
    here = [name for name, place in zip(TINY, TINY_PLACES, strict=True) if shown[place]]
    key = {"chest": "nodule", "ct": "kidney_focus", "histology": "figure"}[drawn.kind]
    answers = texts.facts_pairs(drawn.kind, {**drawn.facts, key: here[0] if here else "none"})
    asked = [one for one in presets() if one.id in answers and one.id in texts.FINE]
    preset = asked[int(chance.integers(len(asked)))]
    return Pair(preset.id, texts.question(preset.text), answers[preset.id])


def align(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    drawn: list[Drawn],
    features: Tensor,
    steps: int,
    seed: int,
    progress: Progress,
) -> list[float]:
    """Teach language model and projector to name crops; returns the loss of each step.

    features: (drawings, 41, 17, width) of the frozen tower
    """
    chance = np.random.default_rng(seed + 2)
    weights = [*model.model.language_model.parameters(), *model.lm_head.parameters()]
    weights += [*model.model.vision_embed_tokens.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.02, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2e-3, total_steps=steps, pct_start=max(0.1, 2 / steps)
    )
    tiny = [rows for rows in find(drawn).tiny if len(rows)]
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        total = 0.0
        for whole, count in ((False, _POOLED), (True, _WHOLE)):
            places = [_place(tiny, len(drawn), chance) for _ in range(count)]
            asked = [[crop_pairs(drawn[at], crop, chance)] for at, crop in places]
            loss = _read_crops(model, processor, features, places, asked, whole, chance).loss()
            (loss * (count / (_POOLED + _WHOLE))).backward()
            total += float(loss.detach()) * count / (_POOLED + _WHOLE)
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(total)
        if step % 20 == 0:
            progress(f"naming crops, loss {np.mean(losses[-20:]):.3f}", step / steps)
    return losses


def named(
    model: DragonflyForCausalLM, processor: DragonflyProcessor, drawn: list[Drawn], features: Tensor
) -> dict[str, float]:
    """The share of crops with something tiny whose whole name is given right, in either form."""
    chance = np.random.default_rng(5)
    places = [(int(at), int(crop)) for rows in find(drawn).tiny for at, crop in rows]
    places = [places[int(n)] for n in chance.permutation(len(places))[:_MEASURED]]
    asked = [
        [Pair("name", texts.question(QUESTION), name_of(drawn[at].shown()[crop]))] for at, crop in places
    ]
    shares = {}
    with torch.no_grad():
        for whole in (False, True):
            answered = _read_crops(model, processor, features, places, asked, whole, chance)
            shares["whole" if whole else "pooled"] = round(float(np.mean(answered.right())), 4)
    return shares


def _place(tiny: list[np.ndarray[Any, Any]], drawings: int, chance: np.random.Generator) -> tuple[int, int]:
    """A crop to name: half of the time one with something tiny, each kind as often."""
    if tiny and chance.random() < 0.5:
        rows = tiny[int(chance.integers(len(tiny)))]
        at, crop = rows[int(chance.integers(len(rows)))]
        return int(at), int(crop)
    return int(chance.integers(drawings)), int(chance.integers(1, 41))


def _read_crops(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    features: Tensor,
    places: list[tuple[int, int]],
    asked: list[list[Pair]],
    whole: bool,
    chance: np.random.Generator,
) -> Any:
    rows = features[[at for at, _ in places], [crop for _, crop in places]].float()
    plan = processor.zoom_plan
    if not whole:
        rows = torch.stack([rows[:, 0], rows[:, 1:].mean(1)], 1)
    newline = model.get_input_embeddings()(torch.tensor(processor.newline_token_id))
    seen = model.model.vision_embed_tokens(rows)
    seen = torch.cat([seen, newline.expand(len(rows), 1, -1)], 1)
    if whole:
        firsts = [int(chance.integers(_WHOLE_CROPS)) * (plan.crop_tokens + 1) for _ in places]
        first_word = _WHOLE_CROPS * (plan.crop_tokens + 1)
    else:
        ends = np.cumsum([size + 1 for size in plan.segments])
        firsts = [int(ends[crop - 1]) if crop else 0 for _, crop in places]
        first_word = plan.visual_positions
    positions = torch.tensor(firsts)[:, None] + torch.arange(seen.shape[1])
    return read(model, processor, seen, asked, positions, first_word)
