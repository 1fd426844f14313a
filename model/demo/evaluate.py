"""How often the demonstration model is right on drawings it never saw, beside the most common answer.

Answers are generated through the product's own engine, greedy, and compared word for word. The majority
answer of a question is the one that would be right most often on the same drawings.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from model.answers import Completion, Sampling
from model.demo.phantoms import Phantom, draw_phantom, kind_of
from model.demo.texts import (
    CANNOT_TELL,
    ENGLISH_ONLY,
    SCORED,
    caption,
    facts_pairs,
    findings,
    findings_turn,
    held_out_outside,
    impression,
    impression_turn,
    korean,
    question,
)
from model.engine import Engine, open_engine
from model.prompts import presets, prompt

FIRST_SEED = 1_000_000
"""Training draws seeds from 0; these are never among them."""
TEXTS_EVERY = 5


def evaluate_demo(
    folder: Path, *, count: int = 600, progress: Callable[[str, float], None] = lambda _what, _share: None
) -> dict[str, Any]:
    """Exact match of generated answers: for each question its count, accuracy and majority; pooled over SCORED."""
    engine = open_engine(folder)
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for number in range(count):
        phantom = draw_phantom(kind_of(number), FIRST_SEED + number)
        for name, turn, truth in _asked(phantom, number):
            pairs[name].append((_said(engine, phantom, turn), truth))
        progress("held-out drawings", (number + 1) / count)
    scores = {name: _score(found) for name, found in pairs.items()}
    pooled = [pair for name in SCORED for pair in pairs[name]]
    majority = sum(scores[name]["majority"] * scores[name]["count"] for name in SCORED if name in scores)
    scores["pooled"] = {
        "count": len(pooled),
        "accuracy": float(np.mean([said == truth for said, truth in pooled])),
        "majority": majority / len(pooled),
    }
    return scores


def _asked(phantom: Phantom, number: int) -> list[tuple[str, str, str]]:
    """The measured questions of a drawing, and for every fifth the other texts."""
    texts = {preset.id: preset.text for preset in presets()}
    truths = facts_pairs(phantom.kind, phantom.facts)
    asked = [(name, question(texts[name]), truth) for name, truth in truths.items()]
    if number % TEXTS_EVERY:
        return asked
    chance = np.random.default_rng(number)
    told = findings(phantom.kind, phantom.facts)
    outside = held_out_outside()
    return [
        *asked,
        ("caption", prompt("caption").fill(), caption(phantom.kind, phantom.facts)),
        ("report findings", findings_turn("", ""), told),
        ("report findings, with indication and history", findings_turn("Cough and fever.", "Smoker."), told),
        ("report impression", impression_turn(told, "", ""), impression(phantom.kind, phantom.facts)),
        ("cannot tell (questions never trained on)", question(outside[number % len(outside)]), CANNOT_TELL),
        ("Korean question", question(korean(chance)), ENGLISH_ONLY),
    ]


def _said(engine: Engine, phantom: Phantom, turn: str) -> str:
    for piece in engine.answer([phantom.pixels], turn, Sampling(max_new_tokens=96)):
        if isinstance(piece, Completion):
            return piece.text
    raise AssertionError("an answer ends with its completion")


def _score(found: list[tuple[str, str]]) -> dict[str, Any]:
    truths = Counter(truth for _, truth in found)
    return {
        "count": len(found),
        "accuracy": float(np.mean([said == truth for said, truth in found])),
        "majority": truths.most_common(1)[0][1] / len(found),
    }


def show(scores: dict[str, Any]) -> str:
    """The table as text."""
    lines = [f"{'question':<46} {'count':>5} {'majority':>9} {'accuracy':>9}"]
    lines += [
        f"{name:<46} {row['count']:>5} {row['majority']:>9.3f} {row['accuracy']:>9.3f}"
        for name, row in scores.items()
    ]
    return "\n".join(lines) + "\n"
