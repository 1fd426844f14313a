"""A benchmark's scores are the sums worked out by hand, ours and the line of work's beside each other."""

import math
from pathlib import Path

import pytest

from model.evaluation import scoring
from model.evaluation.choices import parse_choice_mmmu
from model.evaluation.examples import Example
from model.evaluation.scoring import Answered, confidence


def answered(text, *golds, kind="open", id="1", choices=(), sure=0.5):
    """An answer and its example."""
    example = Example(
        id=id, pictures=(Path("x"),), question="?", answers=golds, kind=kind, split="test", choices=choices
    )
    return Answered(example=example, text=text, confidence=sure)


def values(lines):
    """By metric: ours, theirs."""
    return {
        line.metric: tuple(None if one is None else round(one.value, 4) for one in (line.ours, line.theirs))
        for line in lines
    }


def test_short_answers_by_hand():
    """ "Normal" is a no to the line of work and unreadable to us; a repeated word counts once to us."""
    rows = [
        answered("Yes, it is", "yes", kind="closed", sure=0.9),
        answered("Normal", "no", kind="closed", sure=0.3),
        answered("left", "left", kind="closed", sure=0.9),
        answered("lung lung lung lung", "left lung"),
        answered("left lung", "left lung"),
    ]

    found = values(scoring.short_answers(rows))

    assert found["closed accuracy"] == (round(2 / 3, 4), round(2 / 3, 4))
    assert found["unparsable, closed"] == (round(1 / 3, 4), None)
    assert found["open token recall"] == (0.75, 0.9)
    assert found["open token F1"] == (round((1 / 3 + 1) / 2, 4), round((8 / 9 + 1) / 2, 4))
    assert found["exact match"] == (0.4, None)
    assert found["calibration error"] == (round((2 * 0.1 + 0.3) / 3, 4), None)


def test_a_set_without_closed_questions_has_no_line_for_them():
    """A share of nothing is no figure."""
    assert "closed accuracy" not in values(scoring.short_answers([answered("a", "a")]))
    assert "open token F1" not in values(scoring.short_answers([answered("yes", "yes", kind="closed")]))


def test_pope_by_hand():
    """Gold yes yes no no; said yes, nothing readable, no, yes. The unreadable one is a yes to POPE's own rule."""
    rows = [
        answered(t, g, kind="closed")
        for t, g in zip(("yes", "dog", "No.", "yes"), ("yes", "yes", "no", "no"), strict=True)
    ]

    found = values(scoring.pope(rows))

    assert found["accuracy"] == (0.5, 0.75)
    assert found["precision"] == (0.5, round(2 / 3, 4))
    assert found["recall"] == (0.5, 1)
    assert found["F1"] == (0.5, 0.8)
    assert found["share of yes"] == (0.5, 0.75)
    assert found["unparsable, all"] == (0.25, None)


def test_lettered_questions_by_hand():
    """A text of three words is a choice to us and none to MMMU, which wants more than five."""
    rows = [
        answered(t, "B", kind="choice", choices=("heart", "left lung"))
        for t in ("B", "the left lung", "dunno")
    ]

    found = values(scoring.lettered(parse_choice_mmmu, "MMMU")(rows))

    assert found["accuracy"] == (round(2 / 3, 4), round(1 / 3, 4))
    assert found["unparsable, choices"] == (round(1 / 3, 4), None)


def test_mmmu_counts_both_kinds():
    """Lettered and open together and apart."""
    rows = [answered("B", "B", kind="choice", choices=("x", "y")), answered("It is 3.141", "3.14")]

    found = values(scoring.mmmu(rows))

    assert found["accuracy"] == (0.5, 1)
    assert found["accuracy, choices"] == (1, 1)
    assert found["accuracy, open"] == (0, 1)


def test_charts_and_ten_answers_by_hand():
    """Each half of ChartQA for itself; TextVQA's most frequent answer beside its own accuracy."""
    rows = [answered("14.5", "14", id="human-0"), answered("korea", "Korea", id="augmented-0")]
    found = values(scoring.charts(rows))
    assert found["relaxed accuracy"] == (0.5, 1)
    assert found["relaxed accuracy, human"] == (0, 1)
    assert found["relaxed accuracy, augmented"] == (1, 1)

    ten = ["stop"] * 3 + ["go"] * 7
    assert values(scoring.ten_answers([answered("stop", *ten)]))["VQA accuracy"] == (0, 0.9)


def test_texts_by_hand():
    """Two of two words in a reference of three: by both weights of ROUGE-L; an empty answer is 0 everywhere."""
    found = values(scoring.texts([answered("lungs clear", "lungs clear now"), answered("", "heart")]))

    assert found["ROUGE-L"][0] == round(0.8 / 2, 4)
    assert found["ROUGE-L"][1] == round(2.44 * (2 / 3) / (2 / 3 + 1.44) / 2, 4)
    assert found["BLEU-1"] == (round(math.exp(1 - 4 / 2), 4), None)
    assert 0 < found["METEOR"][0] < 0.5


def test_confidence_is_the_geometric_mean():
    """Two tokens of one half and one eighth: a quarter."""
    assert confidence([math.log(1 / 2), math.log(1 / 8)]) == pytest.approx(1 / 4)
    assert confidence([]) == 0
