"""The last lessons: whatever a note says, findings are those of the drawing and impressions those of the findings."""

import numpy as np
import pytest

from model.demo import texts
from model.demo.claims import harder_pairs
from model.demo.evaluate import LONG_NOTES, MISLEADING, OPEN

FACTS = {
    "chest": (
        {"heart": "normal", "effusion": "none", "consolidation": "none", "nodule": "none"},
        {"heart": "enlarged", "effusion": "both", "consolidation": "left upper", "nodule": "solid"},
    ),
    "ct": ({"cysts": 0, "kidney_focus": "none"}, {"cysts": 3, "kidney_focus": "clip"}),
    "histology": (
        {"cellularity": "low", "glands": 0, "figure": "none"},
        {"cellularity": "high", "glands": 2, "figure": "apoptotic"},
    ),
}


def lessons(kind, rounds=150):
    """Everything taught on one drawing, next to another one."""
    chance = np.random.default_rng(4)
    return [pair for _ in range(rounds) for pair in harder_pairs(kind, *FACTS[kind], chance)]


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_findings_are_those_of_the_drawing(kind):
    """Claimed or not: one findings text, under hundreds of notes."""
    found = [pair for pair in lessons(kind) if pair.name == "findings"]

    assert {pair.answer for pair in found} == {texts.findings(kind, FACTS[kind][0])}
    assert len({pair.turn for pair in found}) > 200
    assert any("effusion" in pair.turn for pair in found)


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_an_impression_is_that_of_its_findings(kind):
    """Also when the findings in the prompt belong to another drawing."""
    own, other = FACTS[kind]
    sections = [pair for pair in lessons(kind) if pair.name == "impression"]

    for pair in sections:
        shown = own if texts.findings(kind, own) in pair.turn else other
        assert texts.findings(kind, shown) in pair.turn
        assert pair.answer == texts.impression(kind, shown)
    assert {pair.answer for pair in sections} == {texts.impression(kind, own), texts.impression(kind, other)}


@pytest.mark.parametrize("kind", sorted(FACTS))
def test_one_question_has_one_answer(kind):
    """No wording stands for two questions or is both answered and turned away."""
    answers = {}
    for pair in lessons(kind):
        if pair.name not in {"impression", "korean"}:
            answers.setdefault(pair.turn, set()).add(pair.answer)

    assert {turn: found for turn, found in answers.items() if len(found) > 1} == {}


def test_what_is_measured_was_not_taught():
    """The notes and open questions of the evaluation are not among the lessons."""
    turns = " ".join(pair.turn for kind in FACTS for pair in lessons(kind))

    assert [text for text in (*LONG_NOTES, *MISLEADING, *OPEN) if text in turns] == []
