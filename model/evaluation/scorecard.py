"""The scorecard of a run: what was measured, with its uncertainty, beside what papers report; JSON, Markdown, figure.

The same answers give the same bytes, in whatever order they came: no clock, no path, no duration stands in it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.errors import EvaluationUnusable
from model.evaluation.figure import Bar, Mark, figure
from model.evaluation.metrics import RESAMPLES, SEED, Measure, interval
from model.evaluation.record import Given, save, write
from model.evaluation.reported import caveats, reported
from model.evaluation.run import Outcome
from model.evaluation.scoring import Line
from model.evaluation.statistics import named
from model.evaluation.tasks import WORDING, Task, task

CARD, TABLE, FIGURE, ROWS = "scorecard.json", "scorecard.md", "scorecard.svg", "rows.json"
FAILED = {
    "picture": "pictures that cannot be read",
    "too_long": "questions that do not fit beside the picture",
}


def write_scorecard(outcome: Outcome, out: Path, lines: Sequence[Line] | None = None) -> dict[str, Any]:
    """Score a whole run and write scorecard.json, .md, .svg, and rows.json to compare it by; returns the JSON values.

    lines: the scores of a task that is judged elsewhere
    raises: EvaluationUnusable while examples are open, or for such a task without them
    """
    if not outcome.whole:
        raise EvaluationUnusable(f"{outcome.open} examples have no answer yet: run it again to go on.")
    what = task(outcome.binding.task)
    if lines is None:
        if what.score is None:
            raise EvaluationUnusable(f"{what.title} is judged by another model: there is no score of ours.")
        lines = what.score(outcome.answered)
    card = {
        "title": what.title,
        "run": asdict(outcome.binding),
        "terms_of_the_data": what.terms,
        "notes": list(what.notes),
        "wording_from": wording_from(outcome.binding.wording),
        "failed": failures(outcome.given),
        **scored(lines),
        "reported": [asdict(one) for one in reported(what.name)],
        "caveats": list(caveats(what.name)),
    }
    save_scored(out, card, lines)
    write(out / TABLE, markdown(card, what))
    write(out / FIGURE, drawn(card))
    return card


def wording_from(wording: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Where each prompt's words come from."""
    return {one["prompt"]: WORDING.get(one["prompt"], "the product's own") for one in wording.values()}


def failures(given: Sequence[Given]) -> dict[str, int]:
    """How many failed, by why; they are scored as empty answers."""
    counts = Counter(one.failed for one in given if one.failed)
    return {why: counts.get(why, 0) for why in FAILED}


def scored(lines: Sequence[Line]) -> dict[str, Any]:
    """The figures of lines as JSON values."""
    return {
        "intervals": f"95 % percentile bootstrap over examples, {RESAMPLES} resamples, seed {SEED}",
        "scores": [
            {
                "metric": line.metric,
                "ours": None if line.ours is None else _figure(line.ours),
                "compatible": None if line.theirs is None else _figure(line.theirs),
            }
            for line in lines
        ],
    }


def _figure(measure: Measure) -> dict[str, Any]:
    found = interval(measure)
    return {
        "value": round(measure.value, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "n": len(measure.rows),
        "definition": measure.definition,
    }


def save_scored(out: Path, card: dict[str, Any], lines: Sequence[Line]) -> None:
    """scorecard.json and rows.json; rows are numbers for each example, without a word of it."""
    out.mkdir(parents=True, exist_ok=True)
    save(out / CARD, card)
    measures = [one for line in lines for one in line.measures]
    rows = [
        {
            "name": one.name,
            "definition": one.definition,
            "statistic": named(one.statistic),
            "rows": [[_short(value) for value in row] for row in one.rows.tolist()],
        }
        for one in measures
    ]
    save(out / ROWS, {"run": card["run"], "measures": rows})


def _short(value: float) -> float | int:
    return int(value) if value == int(value) else value


def markdown(card: Mapping[str, Any], what: Task) -> str:
    """The scorecard as a page: percent, CIDEr times 100."""
    run = card["run"]
    model = run["model"]
    parts = [
        f"# {what.title}",
        _line("Model", f"{model['name']} ({model['architecture']}), weights sha256 {model['fingerprint']}"),
    ]
    if model["demonstration"]:
        parts.append("**Demonstration model: it knows drawings and nothing about patients.**")
    drawn_by = f", drawn by seed {run['seed']}" if run["limit"] else ""
    parts += [
        _line(
            "Data", f"split {run['split']}, {run['examples']} examples{drawn_by}, sha256 {run['data_sha256']}"
        ),
        _line("Terms of the data", card["terms_of_the_data"]),
        _line("Asked", _asked(card)),
        _line("Words chosen", _chosen(run)),
        _line("Failed", _failed(card["failed"])),
        *(_line("Note", note) for note in card["notes"]),
        table(card),
        *_reported(card),
    ]
    return "\n\n".join(parts) + "\n"


def _line(name: str, text: str) -> str:
    return f"{name}: {text}."


def _asked(card: Mapping[str, Any]) -> str:
    origin = card["wording_from"]
    return "; ".join(
        f"{kind} by prompt {one['prompt']} version {one['version']} ({origin[one['prompt']]})"
        for kind, one in card["run"]["wording"].items()
    )


def _chosen(run: Mapping[str, Any]) -> str:
    how = run["sampling"]
    way = (
        "the likeliest"
        if how["temperature"] == 0
        else f"temperature {how['temperature']}, seed {how['seed']}"
    )
    where = ", ".join(f"{name} {value}" for name, value in sorted(run["computed"].items()))
    return f"{way}, at most {how['max_new_tokens']} tokens{'; ' + where if where else ''}"


def _failed(counts: Mapping[str, int]) -> str:
    told = "; ".join(f"{FAILED[why]}: {count}" for why, count in counts.items())
    return f"{told}; they count as empty answers"


def table(card: Mapping[str, Any]) -> str:
    """Scores as a table and their definitions below it."""
    rows = ["| score | ours, 95 % interval | n | line of work's, 95 % interval |", "|---|---|---|---|"]
    told = []
    for one in card["scores"]:
        both = [one["ours"], one["compatible"]]
        count = next(each["n"] for each in both if each)
        rows.append(f"| {one['metric']} | {_spread(both[0])} | {count} | {_spread(both[1])} |")
        how = [
            f"{name}: {each['definition']}"
            for name, each in zip(("ours", "line of work's"), both, strict=True)
            if each
        ]
        told.append(f"- {one['metric']}: {'; '.join(how)}")
    return "\n".join([*rows, "", f"Intervals: {card['intervals']}.", "", *told])


def _spread(one: Mapping[str, Any] | None) -> str:
    return (
        "–" if one is None else f"{percent(one['value'])} ({percent(one['low'])} to {percent(one['high'])})"
    )


def percent(value: float) -> str:
    """A score times 100 with one place."""
    return f"{100 * value:.1f}"


def _reported(card: Mapping[str, Any]) -> list[str]:
    if not card["reported"]:
        return ["Reported by the papers: no figure for this task is known."]
    rows = ["| score | model | reported | source |", "|---|---|---|---|"]
    rows += [
        f"| {one['metric']} | {one['model']} | {one['value']} | {one['source']} |" for one in card["reported"]
    ]
    return [
        "## Reported, not reproduced",
        "\n".join(rows),
        "\n".join(f"- {text}" for text in card["caveats"]),
    ]


def drawn(card: Mapping[str, Any]) -> str:
    """The figure: each score with its interval, the reported ones as open marks."""
    known: dict[str, list[Mark]] = {}
    for one in card["reported"]:
        known.setdefault(one["metric"], []).append(Mark(one["model"], one["value"]))
    bars = []
    for one in card["scores"]:
        for name, each in (("ours", one["ours"]), ("line of work's", one["compatible"])):
            if each:
                label = one["metric"] if name == "ours" else f"{one['metric']}, {name}"
                marks = tuple(known.get(one["metric"], ())) if name == "ours" or not one["ours"] else ()
                bars.append(
                    Bar(label, 100 * each["value"], 100 * each["low"], 100 * each["high"], each["n"], marks)
                )
    return figure(card["title"], bars, "Open marks: reported by papers, not reproduced.")
