"""What a generated report gets right of what its reference says: findings, their sides, places, sizes and denials.

The findings are read by rules (model.evaluation.labeller): rule-based, not CheXbert.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np

from model.evaluation.labeller import FIVE, NAME, Status, body, label, mentions, observations
from model.evaluation.scoring import Answered, Line, texts
from model.evaluation.statistics import measure

Labels = dict[str, Status]
SIDES = {
    "left": r"left|left-sided|both|bilateral(?:ly)?|bibasilar|biapical",
    "right": r"right|right-sided|both|bilateral(?:ly)?|bibasilar|biapical",
}
PLACES = {
    "upper": r"upper|apical|apex|apices|biapical",
    "middle": r"mid|middle|perihilar|lingula",
    "lower": r"lower|basal|basilar|bases|base|bibasilar|retrocardiac",
}
SIZES = {
    "small": r"small|tiny|trace|minimal|minimally|mild|mildly|subtle|slight|slightly",
    "moderate": r"moderate|moderately",
    "large": r"large|severe|severely|marked|markedly|massive|extensive",
}


def reports(answered: Sequence[Answered]) -> list[Line]:
    """Scores of texts, and of findings by rules."""
    golds = [one.example.answers[0] for one in answered]
    return [*texts(answered), *findings([one.text for one in answered], golds)]


def findings(said: Sequence[str], golds: Sequence[str]) -> list[Line]:
    """F1 of the observations, uncertain both ways, and how far both agree on what both say."""
    ours, theirs = [label(one) for one in said], [label(one) for one in golds]
    lines = []
    for unsure, how in ((True, "uncertain counts as positive"), (False, "uncertain counts as negative")):
        for names, many in ((observations(), "14"), (FIVE, "5")):
            rows = np.array([_row(a, b, names, unsure) for a, b in zip(ours, theirs, strict=True)])
            for average in ("micro", "macro"):
                metric = f"{average} F1-{many}{'' if unsure else ', uncertain negative'}"
                told = f"{NAME}: {average} F1 over {many} observations, {how}"
                if average == "macro":
                    told += "; one that neither side has counts 0"
                lines.append(Line(metric=metric, ours=measure(metric, told, rows, f"{average}_f1")))
    return lines + _agreements(said, golds, ours, theirs)


def _row(said: Labels, gold: Labels, names: Sequence[str], unsure: bool) -> list[int]:
    """Right, wrong, missed of each observation in turn."""
    there = ("affirmed", "unsure") if unsure else ("affirmed",)
    row = []
    for name in names:
        a, b = said.get(name) in there, gold.get(name) in there
        row += [int(a and b), int(a and not b), int(b and not a)]
    return row


def _agreements(
    said: Sequence[str], golds: Sequence[str], ours: Sequence[Labels], theirs: Sequence[Labels]
) -> list[Line]:
    """Only of what both reports speak of; a line that nothing can be compared for is left out."""
    lines = [_agreement("presence", [_polarity(a, b) for a, b in zip(ours, theirs, strict=True)])]
    for what, words in (("side", SIDES), ("place", PLACES), ("size", SIZES)):
        rows = [_attributes(a, b, _reader(words)) for a, b in zip(said, golds, strict=True)]
        lines.append(_agreement(what, rows))
    return [line for line in lines if line is not None]


def _agreement(what: str, rows: Sequence[tuple[int, int]]) -> Line | None:
    compared = sum(many for _, many in rows)
    if not compared:
        return None
    told = {
        "presence": "observations that both affirm or both deny, of those that each affirms or denies",
        "side": "observations given the same sides, of those that both give a side",
        "place": "observations given the same zones, of those that both give a zone",
        "size": "observations given the same degree, of those that both give one",
    }[what]
    metric = f"agreement on {what}"
    return Line(metric=metric, ours=measure(metric, f"{NAME}: {told} ({compared} compared)", rows, "share"))


def _polarity(said: Labels, gold: Labels) -> tuple[int, int]:
    both = [
        (said[n], gold[n])
        for n in said
        if n in gold and "unsure" not in (said[n], gold[n]) and n != "No Finding"
    ]
    return sum(a == b for a, b in both), len(both)


Reader = Callable[[str], frozenset[str]]


def _reader(words: dict[str, str]) -> Reader:
    patterns = {
        name: re.compile(rf"(?<![\w-])(?:{alternatives})(?![\w-])") for name, alternatives in words.items()
    }
    return lambda clause: frozenset(name for name, pattern in patterns.items() if pattern.search(clause))


def _attributes(said: str, gold: str, reader: Reader) -> tuple[int, int]:
    """How many observations have the same attributes on both sides, of those that have any on both."""
    first, second = _of_each(said, reader), _of_each(gold, reader)
    shared = [name for name in first if name in second]
    return sum(first[name] == second[name] for name in shared), len(shared)


def _of_each(text: str, reader: Reader) -> dict[str, frozenset[str]]:
    """The attributes in the clauses in which an observation is affirmed or unsure; without any it is absent."""
    found: dict[str, frozenset[str]] = {}
    for one in mentions(body(text)):
        if one.status != "denied" and (given := reader(one.clause)):
            found[one.observation] = found.get(one.observation, frozenset()) | given
    return found
