"""Scores of what the application exports for review: drafts against what was signed, and researchers' judgements.

Reports and not sections are drawn for the intervals: the sections of one report resemble each other.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model.errors import EvaluationUnusable
from model.evaluation import captions as text
from model.evaluation.edits import distance
from model.evaluation.labeller import NAME
from model.evaluation.metrics import RESAMPLES, SEED, Measure, interval, share
from model.evaluation.record import save, write
from model.evaluation.reports import findings
from model.evaluation.statistics import measure

CARD, TABLE = "review.json", "review.md"
RADIOGRAPHS = ("CR", "DX")
"""DICOM modalities whose reports the rules for chest radiographs may read; whether it is a chest they do not tell."""
MOST_CHARACTERS = 100_000
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A score in its own unit: "share" is printed in percent."""

    name: str
    unit: str
    measure: Measure


def read_export(path: Path) -> tuple[str, list[Row]]:
    """`pairs` or `reviews`, and the rows of pairs.jsonl or export.jsonl.

    raises: EvaluationUnusable naming the line, and nothing of what stands in it
    """
    rows: list[Row] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError as error:
            raise EvaluationUnusable("is not JSON.", line=number) from error
        if not isinstance(one, dict):
            raise EvaluationUnusable("is not an object.", line=number)
        _checked(one, number)
        rows.append(one)
    kinds = {"pairs" if "section" in one else "reviews" for one in rows}
    if len(kinds) != 1:
        raise EvaluationUnusable("The file holds no rows of one kind: pairs.jsonl or export.jsonl is wanted.")
    return kinds.pop(), rows


def _checked(one: Row, number: int) -> None:
    texts = ("report_id", "model", "model_fingerprint")
    if any(not isinstance(one.get(name), str) for name in texts):
        raise EvaluationUnusable("has no report, model or fingerprint.", line=number)
    if "section" in one:
        both = (one.get("generated"), one.get("signed"))
        if one.get("withheld") not in (0, 1) or any(
            not isinstance(value, str) for value in both if not one["withheld"]
        ):
            raise EvaluationUnusable("has neither its two texts nor the mark that they wait.", line=number)
        if any(len(value or "") > MOST_CHARACTERS for value in both):
            raise EvaluationUnusable(f"has a text of more than {MOST_CHARACTERS} characters.", line=number)
    elif not isinstance(one.get("rating"), int) or not isinstance(one.get("categories"), list):
        raise EvaluationUnusable("has neither a section nor a rating with its categories.", line=number)


def write_review(path: Path, out: Path) -> str:
    """Score an export, one part for each model; writes review.json and review.md and returns the page."""
    kind, rows = read_export(path)
    score = scored_pairs if kind == "pairs" else scored_reviews
    parts = []
    for fingerprint in sorted({str(one["model_fingerprint"]) for one in rows}):
        of_model = [one for one in rows if one["model_fingerprint"] == fingerprint]
        figures = score(of_model)
        parts.append(
            {
                "model": {
                    "name": of_model[0]["model"],
                    "fingerprint": fingerprint,
                    "demonstration": bool(of_model[0].get("demonstration")),
                },
                "rows": len(of_model),
                "reports": len({one["report_id"] for one in of_model}),
                "withheld": sum(int(one.get("withheld", 0)) for one in of_model),
                "scores": [_plain(one) for one in figures],
            }
        )
    card = {
        "kind": kind,
        "intervals": f"95 % percentile bootstrap over reports, {RESAMPLES} resamples, seed {SEED}",
        "models": parts,
    }
    out.mkdir(parents=True, exist_ok=True)
    save(out / CARD, card)
    page = markdown(card)
    write(out / TABLE, page)
    return page


def scored_pairs(rows: Sequence[Row]) -> list[Figure]:
    """How far what was signed is from the draft; empty where every pair waits."""
    pairs = [one for one in rows if not one["withheld"]]
    if not pairs:
        return []
    reports = [str(one["report_id"]) for one in pairs]
    both = [(str(one["generated"]), str(one["signed"])) for one in pairs]
    cut = [(text.words(a), [text.words(b)]) for a, b in both]
    distances = [distance(a, b) for a, b in both]
    longest = [max(len(a), len(b), 1) for a, b in both]

    def mean(name: str, unit: str, how: str, values: Sequence[float]) -> Figure:
        rows = np.column_stack([np.asarray(values, dtype=float), np.ones(len(values))])
        return Figure(name=name, unit=unit, measure=_by_report(Measure(name, how, rows, share), reports))

    counts = np.array([text.bleu_counts(a, b) for a, b in cut])
    bleu = measure("BLEU-4", "corpus BLEU of drafts against signed sections", counts, "bleu_4")
    figures = [
        mean(
            "signed as drafted",
            "share",
            "sections without a changed character",
            [float(a == b) for a, b in both],
        ),
        mean("edit distance", "characters", "Levenshtein distance of a section, mean", distances),
        mean(
            "changed",
            "share",
            "edit distance over the longer text",
            [d / n for d, n in zip(distances, longest, strict=True)],
        ),
        mean("ROUGE-L", "share", "F of the longest common subsequence", [text.rouge_l(a, b) for a, b in cut]),
        mean("METEOR", "share", text.METEOR_VARIANT, [text.meteor(a, b) if b[0] else 0.0 for a, b in cut]),
        Figure(name="BLEU-4", unit="share", measure=_by_report(bleu, reports)),
    ]
    return figures + _radiographs(pairs)


def _radiographs(pairs: Sequence[Row]) -> list[Figure]:
    chosen = [one for one in pairs if one.get("modality") in RADIOGRAPHS]
    if not chosen:
        return []
    lines = findings([str(one["generated"]) for one in chosen], [str(one["signed"]) for one in chosen])
    reports = [str(one["report_id"]) for one in chosen]
    return [
        Figure(name=f"{line.metric}, radiographs", unit="share", measure=_by_report(line.ours, reports))
        for line in lines
        if line.ours is not None
    ]


def _by_report(found: Measure, reports: Sequence[str]) -> Measure:
    """The same sums with a row for each report."""
    places = {name: place for place, name in enumerate(dict.fromkeys(reports))}
    rows = np.zeros((len(places), found.rows.shape[1]))
    np.add.at(rows, [places[name] for name in reports], found.rows)
    return Measure(found.name, found.definition, rows, found.statistic)


def scored_reviews(rows: Sequence[Row]) -> list[Figure]:
    """What researchers judged: ratings, and the errors they marked."""
    reports = [str(one["report_id"]) for one in rows]

    def mean(name: str, unit: str, how: str, value: Callable[[Row], float]) -> Figure:
        values = np.array([[value(one), 1.0] for one in rows])
        return Figure(name=name, unit=unit, measure=_by_report(Measure(name, how, values, share), reports))

    figures = [
        mean(
            "rating",
            "of 5",
            "1 unusable, 5 could be signed as it is; mean over reviews",
            lambda one: one["rating"],
        ),
        mean(
            "edit distance",
            "characters",
            "between the last draft and the signed text",
            lambda one: float(one.get("edit_distance") or 0),
        ),
        mean("errors", "for each review", "marks of a researcher", lambda one: len(one["categories"])),
        mean(
            "a significant error",
            "share",
            "reviews with a mark that matters for the patient",
            lambda one: any(_significant(mark) for mark in one["categories"]),
        ),
    ]
    for category in sorted({_category(mark) for one in rows for mark in one["categories"]}):
        figures.append(mean(category, "for each review", "marks of this kind", _counting(category)))
    return figures


def _counting(category: str) -> Callable[[Row], float]:
    return lambda one: sum(_category(mark) == category for mark in one["categories"])


def _category(mark: Any) -> str:
    return str(mark).split("/")[0]


def _significant(mark: Any) -> bool:
    return str(mark).split("/")[1:2] == ["1"]


def _plain(one: Figure) -> dict[str, Any]:
    found = interval(one.measure)
    return {
        "score": one.name,
        "unit": one.unit,
        "value": round(one.measure.value, 4),
        "low": round(found.low, 4),
        "high": round(found.high, 4),
        "reports": len(one.measure.rows),
        "definition": one.measure.definition,
    }


def markdown(card: Mapping[str, Any]) -> str:
    """The scores as a page."""
    what = "Drafts against signed reports" if card["kind"] == "pairs" else "Reviews"
    parts = [f"# {what}", f"Intervals: {card['intervals']}."]
    if card["kind"] == "pairs":
        parts.append(
            f"Findings are read from sections of radiographs ({', '.join(RADIOGRAPHS)}) by rules: {NAME}."
        )
    for one in card["models"]:
        model = one["model"]
        parts.append(f"## {model['name'] or 'unnamed'}")
        parts.append(
            f"Weights sha256 {model['fingerprint'] or 'unknown'}; {one['reports']} reports, {one['rows']} rows, "
            f"{one['withheld']} of them without their texts, which wait for a release."
        )
        if model["demonstration"]:
            parts.append("**Demonstration model: it knows drawings and nothing about patients.**")
        rows = ["| score | value, 95 % interval | reports | definition |", "|---|---|---|---|"]
        rows += [
            f"| {s['score']} | {_value(s, 'value')} ({_value(s, 'low')} to {_value(s, 'high')}) {_unit(s)} | {s['reports']} | {s['definition']} |"
            for s in one["scores"]
        ]
        parts.append("\n".join(rows) if one["scores"] else "Nothing can be scored: every text waits.")
    return "\n\n".join(parts) + "\n"


def _value(one: Mapping[str, Any], name: str) -> str:
    return f"{100 * one[name]:.1f}" if one["unit"] == "share" else f"{one[name]:.2f}"


def _unit(one: Mapping[str, Any]) -> str:
    return "%" if one["unit"] == "share" else str(one["unit"])
