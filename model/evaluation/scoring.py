"""Which scores a benchmark gets, by whose definition, from its answers: ours beside the line of work's."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from model.evaluation import captions as text
from model.evaluation import choices as chosen
from model.evaluation.examples import Example
from model.evaluation.metrics import Measure, calibration, mean_of
from model.evaluation.statistics import measure
from model.evaluation.vqa import (
    closed_compatible,
    closed_strict,
    exact_match,
    parse_closed,
    token_overlap,
    token_overlap_compatible,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An example and what was answered; `text` is empty where it failed. `confidence`: see CONFIDENCE."""

    example: Example
    text: str
    confidence: float = 0.0


CONFIDENCE = "the geometric mean of the probabilities of the answer's tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A score by our definition, and by the one that the line of work uses, where there are two."""

    metric: str
    ours: Measure | None = None
    theirs: Measure | None = None

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Those that are there."""
        return tuple(one for one in (self.ours, self.theirs) if one is not None)


def confidence(log_probabilities: Sequence[float]) -> float:
    """CONFIDENCE, 0 to 1; 0 of no tokens."""
    if not log_probabilities:
        return 0.0
    return min(1.0, math.exp(sum(log_probabilities) / len(log_probabilities)))


def short_answers(answered: Sequence[Answered]) -> list[Line]:
    """VQA-RAD, SLAKE, Path-VQA: closed, open and all questions."""
    closed = [one for one in answered if one.example.kind == "closed"]
    opened = [one for one in answered if one.example.kind != "closed"]
    lines = []
    if closed:
        judged = [closed_strict(one.text, _gold(one), one.example.choices) for one in closed]
        lines += [
            _pair(
                "closed accuracy",
                closed,
                [float(one.right) for one in judged],
                "one choice is made and it is right; what makes none is wrong",
                [float(closed_compatible(one.text, _gold(one))) for one in closed],
                'LLaVA-Med v1.0: "yes" or "no" anywhere, and the gold answer anywhere',
            ),
            _unparsed("closed", [one.parsed for one in judged]),
        ]
    if opened:
        lines += [
            _overlap("open token recall", opened, "recall"),
            _overlap("open token F1", opened, "f1"),
            Line(metric="open exact match", ours=_exact("open exact match", opened)),
        ]
    if closed and opened:
        lines.append(_overlap("closed token F1", closed, "f1"))
    lines += [
        _overlap("token F1", answered, "f1"),
        Line(metric="exact match", ours=_exact("exact match", answered)),
    ]
    if closed:
        lines.append(_calibrated(closed, [one.right for one in judged]))
    return lines


def _gold(one: Answered) -> str:
    return one.example.answers[0]


def _pair(
    metric: str, of: Sequence[Answered], ours: list[float], how: str, theirs: list[float], their_how: str
) -> Line:
    assert len(of) == len(ours) == len(theirs)
    return Line(
        metric=metric,
        ours=mean_of(metric, how, ours),
        theirs=mean_of(f"{metric} (compatible)", their_how, theirs),
    )


def _overlap(metric: str, of: Sequence[Answered], field: str) -> Line:
    return _pair(
        metric,
        of,
        [getattr(token_overlap(one.text, _gold(one)), field) for one in of],
        "words in common, each as often as it stands on both sides (as SQuAD), mean over questions",
        [getattr(token_overlap_compatible(one.text, _gold(one)), field) for one in of],
        "LLaVA-Med and Path-VQA: a right word counts as often as the answer says it",
    )


def _exact(name: str, of: Sequence[Answered]) -> Measure:
    return mean_of(
        name,
        "the same words after the VQA challenge's normalising",
        [float(any(exact_match(one.text, gold) for gold in one.example.answers)) for one in of],
    )


def _unparsed(what: str, parsed: Sequence[bool]) -> Line:
    name = f"unparsable, {what}"
    return Line(
        metric=name,
        ours=mean_of(
            name, "share of answers in which no choice could be read", [float(not p) for p in parsed]
        ),
    )


def _calibrated(of: Sequence[Answered], right: Sequence[bool]) -> Line:
    found = calibration([one.confidence for one in of], list(right))
    how = f"{found.definition}; confidence is {CONFIDENCE}, right as ours"
    return Line(metric=found.name, ours=Measure(found.name, how, found.rows, found.statistic))


def pope(answered: Sequence[Answered]) -> list[Line]:
    """Yes is the positive answer; an answer that cannot be read is wrong, and neither yes nor no."""
    gold = [_gold(one) == "yes" for one in answered]
    read = [parse_closed(one.text) for one in answered]
    theirs = [chosen.yes_no_pope(one.text) for one in answered]
    ours_rows, their_rows = _counts(read, gold), _counts(theirs, gold)
    lines = [
        _pair(
            "accuracy",
            answered,
            [float(said == ("yes" if yes else "no")) for said, yes in zip(read, gold, strict=True)],
            "yes or no is read where the answer begins, and is right",
            [float(said == ("yes" if yes else "no")) for said, yes in zip(theirs, gold, strict=True)],
            POPE_READS,
        )
    ]
    for metric, statistic in (("precision", "precision"), ("recall", "recall"), ("F1", "f1")):
        lines.append(
            Line(
                metric=metric,
                ours=measure(metric, "of yes, read as for accuracy", ours_rows, statistic),
                theirs=measure(f"{metric} (compatible)", f"of yes; {POPE_READS}", their_rows, statistic),
            )
        )
    lines += [
        _pair(
            "share of yes",
            answered,
            [float(said == "yes") for said in read],
            "answers read as yes, of all",
            [float(said == "yes") for said in theirs],
            POPE_READS,
        ),
        _unparsed("all", [said is not None for said in read]),
        _calibrated(
            answered, [said == ("yes" if yes else "no") for said, yes in zip(read, gold, strict=True)]
        ),
    ]
    return lines


POPE_READS = 'POPE: no where the first sentence has the word "No", "not" or "no", else yes'


def _counts(said: Sequence[str | None], gold: Sequence[bool]) -> np.ndarray:
    """Columns right, wrong, missed of yes. A yes that got no readable answer was missed."""
    return np.array(
        [[s == "yes" and g, s == "yes" and not g, s != "yes" and g] for s, g in zip(said, gold, strict=True)],
        dtype=float,
    )


def lettered(
    theirs: Callable[[str, Sequence[str]], str | None], how: str
) -> Callable[[Sequence[Answered]], list[Line]]:
    """Scores of questions with lettered choices, `theirs` being the benchmark's own way of reading them."""

    def score(answered: Sequence[Answered]) -> list[Line]:
        read = [chosen.parse_choice(one.text, one.example.choices) for one in answered]
        right = [said == _gold(one) for said, one in zip(read, answered, strict=True)]
        return [
            _pair(
                "accuracy",
                answered,
                [float(one) for one in right],
                "one letter is chosen, or the text of one choice is said, and it is right",
                [float(theirs(one.text, one.example.choices) == _gold(one)) for one in answered],
                how,
            ),
            _unparsed("choices", [said is not None for said in read]),
            _calibrated(answered, right),
        ]

    return score


def mmmu(answered: Sequence[Answered]) -> list[Line]:
    """Lettered and open questions together, and each for itself."""
    how = "MMMU's reading, without its random choice where nothing can be read"
    lettered_ones = [one for one in answered if one.example.kind == "choice"]
    opened = [one for one in answered if one.example.kind != "choice"]
    read = {id(one): chosen.parse_choice(one.text, one.example.choices) for one in lettered_ones}

    def ours(one: Answered) -> float:
        if one.example.kind == "choice":
            return float(read[id(one)] == _gold(one))
        return float(any(exact_match(one.text, gold) for gold in one.example.answers))

    def theirs(one: Answered) -> float:
        if one.example.kind == "choice":
            return float(chosen.parse_choice_mmmu(one.text, one.example.choices) == _gold(one))
        return float(chosen.open_mmmu(one.text, one.example.answers))

    strict = "one letter is chosen, or one choice's text said, and right; open questions: exact match"
    lines = []
    for metric, part in (
        ("accuracy", answered),
        ("accuracy, choices", lettered_ones),
        ("accuracy, open", opened),
    ):
        if part:
            lines.append(_pair(metric, part, [ours(o) for o in part], strict, [theirs(o) for o in part], how))
    if lettered_ones:
        lines.append(_unparsed("choices", [read[id(one)] is not None for one in lettered_ones]))
    return lines


def charts(answered: Sequence[Answered]) -> list[Line]:
    """ChartQA: all, and its two halves; the papers' figure is the mean of the halves."""
    lines = []
    for name in ("", "human", "augmented"):
        part = [one for one in answered if one.example.id.startswith(f"{name}-" if name else "")]
        if part:
            metric = f"relaxed accuracy{', ' if name else ''}{name}"
            lines.append(
                _pair(
                    metric,
                    part,
                    [float(exact_match(one.text, _gold(one))) for one in part],
                    "exact match after the VQA challenge's normalising, numbers too",
                    [float(chosen.relaxed(one.text.strip(), _gold(one))) for one in part],
                    "ChartQA: numbers within 5 %, other text equal but for case",
                )
            )
    return lines


def ten_answers(answered: Sequence[Answered]) -> list[Line]:
    """TextVQA."""
    return [
        _pair(
            "VQA accuracy",
            answered,
            [float(exact_match(one.text, _most(one.example.answers))) for one in answered],
            "exact match with the answer that most of the people gave, the first of equals",
            [chosen.vqa_accuracy(one.text, one.example.answers) for one in answered],
            "TextVQA: min(people who gave it / 3, 1), each of them left out once",
        )
    ]


def _most(answers: Sequence[str]) -> str:
    return max(answers, key=answers.count)


def texts(answered: Sequence[Answered]) -> list[Line]:
    """Captions: BLEU, ROUGE-L, METEOR, CIDEr-D."""
    said = [text.words(one.text) for one in answered]
    wanted = [[text.words(gold) for gold in one.example.answers] for one in answered]
    pairs = list(zip(said, wanted, strict=True))
    counts = np.array([text.bleu_counts(a, b) for a, b in pairs])
    rarity = text.CiderD.over(wanted)
    lines = [
        Line(
            metric=f"BLEU-{order}",
            ours=measure(
                f"BLEU-{order}", "corpus BLEU, unsmoothed, lower case, no marks", counts, f"bleu_{order}"
            ),
        )
        for order in (1, 2, 3, 4)
    ]
    lines += [
        _pair(
            "ROUGE-L",
            answered,
            [text.rouge_l(a, b) for a, b in pairs],
            "F of the longest common subsequence, precision and recall alike (as rouge-score)",
            [text.rouge_l(a, b, beta=1.2) for a, b in pairs],
            "COCO caption evaluation: recall weighs more (beta 1.2)",
        ),
        Line(
            metric="METEOR",
            ours=mean_of("METEOR", text.METEOR_VARIANT, [text.meteor(a, b) for a, b in pairs]),
        ),
        Line(
            metric="CIDEr-D",
            ours=mean_of(
                "CIDEr-D",
                "10 is perfect, printed times 100; rarity of words from the references of this run",
                [rarity.score(a, b) for a, b in pairs],
            ),
        ),
    ]
    return lines
