"""Figures of the demonstration model, worked out by hand on a handful of answers."""

from collections import Counter

import numpy as np

from model.demo.evaluate import HELD_OUT_FIRST_SEED, measured, pool, score, show, unmeasured
from model.demo.phantoms import draw_phantom, kind_of
from model.demo.texts import Pair


def answered(name, *rows):
    """(true answer, generated text) pairs of one question."""
    return [(Pair(name, "?", answer), text) for answer, text in rows]


def test_exact_match_stands_beside_the_majority_answer():
    """Three of four right; always saying "No." would be right twice."""
    (one,) = score(answered("cyst", ("No.", "No."), ("No.", "Yes."), ("Yes.", "Yes."), ("Two.", "Two.")))

    assert (one.count, one.right, one.exact) == (4, 3, 0.75)
    assert (one.majority_answer, one.majority) == ("No.", 0.5)


def test_pooling_keeps_the_majority_of_each_question():
    """Somebody who never looks still knows which question was asked."""
    scores = score(answered("a", ("x", "x"), ("x", "y")) + answered("b", ("z", "z"), ("w", "z"), ("z", "z")))

    together = pool(scores)

    assert (together.count, together.right, together.majority_right) == (5, 3, 4)


def test_almost_right_is_wrong():
    """Letter by letter, the full stop included."""
    (one,) = score(answered("side", ("Right.", "Right")))

    assert one.right == 0


def test_each_kind_is_asked_what_it_can_answer():
    """600 drawings: 300 chests with six questions, 150 CT slices and 150 fields with four each."""
    asked = Counter()
    for seed in range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 4):
        asked.update(pair.name for pair in measured(draw_phantom(kind_of(seed), seed)))

    assert asked == {
        "modality": 4,
        "heart_size": 2,
        "effusion_side": 2,
        "consolidation_zone": 2,
        "nodule_present": 2,
        "nodule_type": 2,
        "liver_cyst_present": 1,
        "liver_cyst_number": 1,
        "cellularity": 1,
        "gland_number": 1,
        "kidney_focus": 1,
        "apoptotic_body": 1,
    }


def test_report_sections_are_asked_in_the_products_words():
    """Five circumstances of findings, three of the impression, whose prompt carries the findings."""
    pairs = list(unmeasured(draw_phantom("chest", 1), np.random.default_rng(0)))
    findings = [pair for pair in pairs if pair.name.startswith("findings")]
    impressions = [pair for pair in pairs if pair.name.startswith("impression")]

    assert len({pair.turn for pair in findings}) == 5
    assert len({pair.answer for pair in findings}) == 1
    assert len({pair.turn for pair in impressions}) == 3
    assert all(f"Findings: {findings[0].answer}" in pair.turn for pair in impressions)


def test_the_table_names_question_count_and_both_shares():
    """A line for each question, one for large structures, one for tiny findings, and the others below."""
    row = {"name": "cyst", "count": 4, "exact": 0.75, "majority": 0.5, "majority_answer": "No."}
    scores = {"drawings": 5, "first_seed": 10, "questions": [row], "pooled": row, "fine": row}

    lines = show(scores | {"others": [row | {"name": "caption"}]}).splitlines()

    assert [line.split()[0] for line in lines if "0.750" in line] == ["cyst", "all", "all", "caption"]
    assert lines[2].split() == ["cyst", "4", "0.750", "0.500", "No."]
