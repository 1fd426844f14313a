"""Whether two runs over the same examples differ: every score's difference, with its interval, drawn in pairs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.errors import EvaluationUnusable
from model.evaluation.figure import Bar, figure
from model.evaluation.metrics import RESAMPLES, SEED, Difference, Measure, compare
from model.evaluation.record import read_json, save, write
from model.evaluation.scorecard import ROWS, percent
from model.evaluation.statistics import measure

CARD, TABLE, FIGURE = "comparison.json", "comparison.md", "comparison.svg"
SAME = ("task", "split", "limit", "seed", "examples", "data_sha256")
"""What two runs must share; the seed only where examples were drawn by it."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a run left to be compared by."""

    run: Mapping[str, Any]
    measures: Mapping[str, Measure]


def read_scored(folder: Path) -> Scored:
    """The rows of a finished run.

    raises: EvaluationUnusable where there is no scorecard yet, or its rows are not what they should be
    """
    if not (folder / ROWS).is_file():
        raise EvaluationUnusable(f"A run without {ROWS} is not finished: its command goes on with it.")
    found = read_json(folder / ROWS)
    try:
        measures = {
            one["name"]: measure(one["name"], one["definition"], one["rows"], one["statistic"])
            for one in found["measures"]
        }
        run = dict(found["run"])
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationUnusable(f"{ROWS} of a run is damaged ({type(error).__name__}).") from error
    if not measures or not all(one.rows.size and math.isfinite(one.rows.sum()) for one in measures.values()):
        raise EvaluationUnusable(f"{ROWS} of a run holds no figures.")
    return Scored(run, measures)


def compare_runs(first: Path, second: Path) -> dict[str, Any]:
    """Second minus first for every score that both have, as JSON values.

    raises: EvaluationUnusable where the two did not answer the same examples
    """
    before, after = read_scored(first), read_scored(second)
    drawn = bool(before.run.get("limit"))
    apart = [
        name for name in SAME if (name != "seed" or drawn) and before.run.get(name) != after.run.get(name)
    ]
    if apart:
        raise EvaluationUnusable(
            f"The runs are over different examples: {', '.join(apart)} differ. Only the same examples can be compared."
        )
    shared = [name for name in before.measures if name in after.measures]
    return {
        "first": dict(before.run),
        "second": dict(after.run),
        "intervals": f"95 % paired percentile bootstrap over examples, {RESAMPLES} resamples, seed {SEED}",
        "differences": [_one(before.measures[name], after.measures[name]) for name in shared],
        "differ_in": sorted(name for name in before.run if before.run[name] != after.run.get(name)),
    }


def _one(before: Measure, after: Measure) -> dict[str, Any]:
    if len(before.rows) != len(after.rows) or before.definition != after.definition:
        raise EvaluationUnusable(f"The runs do not mean the same by {before.name}.")
    found: Difference = compare(before, after)
    return {
        "score": before.name,
        "definition": before.definition,
        "n": len(before.rows),
        "first": round(before.value, 4),
        "second": round(after.value, 4),
        "difference": round(found.value, 4),
        "low": round(found.interval.low, 4),
        "high": round(found.interval.high, 4),
        "p_value": round(found.p_value, 4),
    }


def write_comparison(found: Mapping[str, Any], out: Path) -> str:
    """comparison.json, .md and .svg; returns the page."""
    out.mkdir(parents=True, exist_ok=True)
    page = markdown(found)
    save(out / CARD, found)
    write(out / TABLE, page)
    bars = [
        Bar(one["score"], 100 * one["difference"], 100 * one["low"], 100 * one["high"], one["n"])
        for one in found["differences"]
    ]
    write(out / FIGURE, figure(_title(found), bars, "Second minus first; 0 is no difference.", top=0.0))
    return page


def _title(found: Mapping[str, Any]) -> str:
    return f"{found['first']['task']}: two runs compared"


def markdown(found: Mapping[str, Any]) -> str:
    """The comparison as a page; percent, CIDEr times 100."""
    rows = [
        "| score | n | first | second | second minus first, 95 % interval | p |",
        "|---|---|---|---|---|---|",
    ]
    for one in found["differences"]:
        spread = f"{percent(one['difference'])} ({percent(one['low'])} to {percent(one['high'])})"
        rows.append(
            f"| {one['score']} | {one['n']} | {percent(one['first'])} | {percent(one['second'])} | {spread} | "
            f"{one['p_value']:.4f} |"
        )
    parts = [
        f"# {_title(found)}",
        *(f"{name.capitalize()}: {_model(found[name])}." for name in ("first", "second")),
        f"They differ in: {', '.join(found['differ_in']) or 'nothing that is recorded'}.",
        f"Intervals: {found['intervals']}. Many scores are compared: one of twenty lies outside by chance alone.",
        "\n".join(rows),
    ]
    return "\n\n".join(parts) + "\n"


def _model(run: Mapping[str, Any]) -> str:
    model = run.get("model") or {}
    return f"{model.get('name', 'unnamed')}, weights sha256 {model.get('fingerprint', 'unknown')}"
