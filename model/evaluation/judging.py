"""Answers that only another model can judge: written for its evaluator, or sent to an endpoint that is stated.

MM-Vet's own few-shot prompt belongs to MM-Vet and is not shipped: whoever states a judge states its prompt too, as a
file. Each judgement is kept as it comes, so that a broken connection costs one.
"""

import hashlib
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.answers import never
from model.errors import EvaluationUnusable
from model.evaluation.metrics import mean_of
from model.evaluation.record import read_json, save
from model.evaluation.run import Outcome
from model.evaluation.scoring import Answered, Line

EXPORT, JUDGED = "for-judging.json", "judged.json"
TRIES, SECONDS, MOST_BYTES = 3, 120, 1 << 20
REFUSED = (
    "These answers are judged by another model, and none was stated. They lie in for-judging.json, in the shape the "
    "benchmark's own evaluator reads; or state a judge with --judge, --judge-model and --judge-prompt."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """An OpenAI-compatible endpoint, the model there, and the benchmark's few-shot prompt."""

    url: str
    """Up to and without /chat/completions."""
    model: str
    prompt: str
    key: str = ""


def export(outcome: Outcome, out: Path) -> Path:
    """The answers by the ids of their questions, as MM-Vet's evaluator reads them."""
    path = out / EXPORT
    save(path, {one.example.id: one.text for one in outcome.answered})
    return path


def judged(
    outcome: Outcome,
    judge: Judge,
    out: Path,
    *,
    progress: Callable[[str, float], None] = lambda _stage, _share: None,
    stop: Callable[[], bool] = never,
) -> list[Line]:
    """The judge's mean score over all answers.

    raises: EvaluationUnusable where it cannot be reached, or stopped before the end; what was judged is kept
    """
    by = {
        "url": judge.url,
        "model": judge.model,
        "prompt_sha256": hashlib.sha256(judge.prompt.encode()).hexdigest(),
    }
    path = out / JUDGED
    kept: dict[str, Any] = read_json(path) if path.is_file() else {"judge": by, "scores": {}}
    if kept.get("judge") != by:
        raise EvaluationUnusable(f"{JUDGED} holds the scores of another judge or prompt; move it away first.")
    scores: dict[str, float | None] = kept["scores"]
    for number, one in enumerate(outcome.answered, start=1):
        if stop():
            raise EvaluationUnusable("Stopped while judging; the same command goes on.")
        key = _key(one)
        if key not in scores:
            scores[key] = _score(judge, one)
            save(path, kept)
        progress("judging", number / len(outcome.answered))
    found = [scores[_key(one)] for one in outcome.answered]
    unread = sum(one is None for one in found)
    how = f"mean of the score that {judge.model} gives by the benchmark's prompt; no number in {TRIES} tries is 0"
    return [
        Line(
            metric="judged score",
            ours=mean_of("judged score", f"{how} ({unread} such)", [one or 0.0 for one in found]),
        )
    ]


def _key(one: Answered) -> str:
    """Of question and answer: an answer that was asked again is judged again."""
    return hashlib.sha256(json.dumps([one.example.id, one.text]).encode()).hexdigest()


def _score(judge: Judge, one: Answered) -> float | None:
    """The first number from 0 to 1 that the judge begins with; None where it gives none."""
    gold = one.example.answers[0].replace("<AND>", " <AND> ").replace("<OR>", " <OR> ")
    row = " | ".join([one.example.question, gold, one.text, ""])
    text = f"{judge.prompt}\n{row}"
    for _ in range(TRIES):
        found = re.match(r"\s*([01](?:\.\d+)?)(?!\d)", _said(judge, text))
        if found and 0 <= float(found[1]) <= 1:
            return float(found[1])
        text = f"{judge.prompt}\n{row}\nPredict the correctness of the answer (digit): "
    return None


def _said(judge: Judge, text: str) -> str:
    if not judge.url.startswith(("http://", "https://")):
        raise EvaluationUnusable("The judge's address is no http or https address.")
    asked = {
        "model": judge.model,
        "messages": [{"role": "user", "content": text}],
        "temperature": 0,
        "max_tokens": 8,
    }
    headers = {"Content-Type": "application/json"} | (
        {"Authorization": f"Bearer {judge.key}"} if judge.key else {}
    )
    request = urllib.request.Request(
        f"{judge.url.rstrip('/')}/chat/completions", json.dumps(asked).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            found: Any = json.loads(answer.read(MOST_BYTES))
        return str(found["choices"][0]["message"]["content"])
    except urllib.error.HTTPError as error:
        raise EvaluationUnusable(f"The judge answered with HTTP {error.code}.") from error
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise EvaluationUnusable(
            f"The judge gave no answer that can be read ({type(error).__name__})."
        ) from error
