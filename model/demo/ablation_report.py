"""What the ablation found: shares with intervals, differences from the low-resolution arm, a table and a figure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from model.demo import texts
from model.demo.ablate import REFERENCE, Plan
from model.demo.arms import ARMS
from model.demo.evaluate import HELD_OUT_FIRST_SEED
from model.demo.phantoms import draw_phantom, kind_of
from model.evaluation.metrics import Interval, Measure, compare, interval

STOPS = ("steps", "compute")
_BASE = "low"


def summary(results: Sequence[dict[str, Any]], plan: Plan) -> dict[str, Any]:
    """JSON values: for each arm its cost, and at each stop accuracy with 95 % intervals over drawings.

    A drawing counts with the mean over the seeds; the bootstrap draws drawings, the same ones for both arms of a
    difference. `fine` is the mean of the four questions about tiny findings, `coarse` pools the eight others.
    """
    arms = []
    for arm in ARMS:
        runs = [one for one in results if one["arm"] == arm]
        if not runs:
            continue
        first = runs[0]
        arms.append(
            {
                "arm": arm,
                "seeds": [one["seed"] for one in runs],
                "positions": first["positions"],
                "answer_gflops": round(first["answer_flops"] / 1e9, 3),
                "step_gflops": round(first["flops_per_step"] / 1e9, 2),
                "recall": round(first["recall"]["kept"] / max(1, first["recall"]["crops"]), 4),
                "stops": {
                    stop: _at(stop, runs, [one for one in results if one["arm"] == _BASE], plan)
                    for stop in STOPS
                },
            }
        )
    return {
        "drawings": plan.held_out,
        "drawings_per_step": plan.drawings_per_step,
        "common_steps": plan.common_steps,
        "steps": plan.steps,
        "reference": REFERENCE,
        "tiny_crops": results[0]["recall"]["crops"],
        "majority": majority(plan.held_out),
        "arms": arms,
    }


def majority(held_out: int) -> dict[str, float]:
    """What the most frequent answer reaches: for each question, `coarse` and `fine`."""
    answers: dict[str, Counter[str]] = {}
    for seed in range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + held_out):
        kind = kind_of(seed)
        for name, answer in texts.facts_pairs(kind, draw_phantom(kind, seed).facts).items():
            answers.setdefault(name, Counter())[answer] += 1
    best = {name: (found.most_common(1)[0][1], found.total()) for name, found in answers.items()}
    shares = {name: round(right / count, 4) for name, (right, count) in best.items()}
    coarse = [best[name] for name in texts.COARSE if name in best]
    fine = [shares[name] for name in texts.FINE if name in shares]
    pooled = sum(right for right, _ in coarse) / max(1, sum(count for _, count in coarse))
    return shares | {"coarse": round(pooled, 4), "fine": round(float(np.mean(fine)), 4)}


def table(found: dict[str, Any]) -> str:
    """Markdown: cost beside accuracy, then each question about tiny findings beside the majority answer."""
    lines = [
        "| arm | visual positions | GFLOP for a first answer | crops with a tiny finding kept |"
        f" {found['steps']} steps: large | tiny | same compute: steps | large | tiny |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in found["arms"]:
        same, compute = one["stops"]["steps"], one["stops"]["compute"]
        lines.append(
            f"| {one['arm']} | {one['positions']} | {one['answer_gflops']:.2f} | {one['recall']:.3f} |"
            f" {_cell(same['coarse'])} | {_cell(same['fine'])} | {compute['step']} |"
            f" {_cell(compute['coarse'])} | {_cell(compute['fine'])} |"
        )
    lines += [
        f"| majority answer | | | | {found['majority']['coarse']:.3f} | {found['majority']['fine']:.3f} | | | |",
        "",
        f"Each question about tiny findings after {found['steps']} steps, and the gain over the low arm:",
        "",
        "| arm | " + " | ".join(name.replace("_", " ") for name in texts.FINE) + " | mean minus low |",
        "|---" * (len(texts.FINE) + 2) + "|",
    ]
    for one in found["arms"]:
        same = one["stops"]["steps"]
        gain = same["over_low"]
        lines.append(
            f"| {one['arm']} | "
            + " | ".join(_cell(same[name]) for name in texts.FINE)
            + f" | {gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}) |"
        )
    majorities = " | ".join(f"{found['majority'][name]:.3f}" for name in texts.FINE)
    return "\n".join([*lines, f"| majority answer | {majorities} | |"]) + "\n"


def _at(stop: str, runs: list[dict[str, Any]], base: list[dict[str, Any]], plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {"step": runs[0]["stops"][stop]}
    for name in ("coarse", "fine", *texts.FINE):
        measure = _measure(name, stop, runs, plan)
        found[name] = {"value": round(measure.value, 4), **_plain(interval(measure))}
    if base:
        gain = compare(_measure("fine", stop, base, plan), _measure("fine", stop, runs, plan))
        found["over_low"] = {"value": round(gain.value, 4), **_plain(gain.interval), "p": gain.p_value}
    return found


def _measure(name: str, stop: str, runs: list[dict[str, Any]], plan: Plan) -> Measure:
    """Rows: one for each drawing; a column of right answers (mean over seeds) and one of answers, for each part."""
    names = {"coarse": texts.COARSE, "fine": texts.FINE}.get(name, (name,))
    rows = np.zeros((plan.held_out, 2 * len(names)))
    for run in runs:
        for place, question in enumerate(names):
            for drawing, right in run["answers"][stop].get(question, []):
                rows[drawing, 2 * place] += right / len(runs)
                rows[drawing, 2 * place + 1] += 1 / len(runs)
    if name == "coarse":
        return Measure(
            name, "pooled exact match", rows, lambda sums: _share(sums[::2].sum(), sums[1::2].sum())
        )
    return Measure(name, "mean of exact matches", rows, _mean_share)


def _mean_share(sums: np.ndarray[Any, Any]) -> float:
    return float(np.mean([_share(right, count) for right, count in sums.reshape(-1, 2)]))


def _share(right: float, count: float) -> float:
    return float(right / count) if count else 0.0


def _plain(one: Interval) -> dict[str, float]:
    return {"low": round(one.low, 4), "high": round(one.high, 4)}


def _cell(one: dict[str, float]) -> str:
    return f"{one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
