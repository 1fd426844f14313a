"""What is asked of a drawing is what the product asks, and what is answered is true of the drawing."""

import numpy as np
import pytest

from model.demo import texts
from model.demo.phantoms import draw_phantom
from model.prompts import presets, prompt


def taught(kind, seed=0, rounds=60):
    """Everything trained on one drawing over many rounds."""
    phantom, chance = draw_phantom(kind, seed), np.random.default_rng(seed)
    return [
        pair for _ in range(rounds) for pair in texts.all_pairs(kind, phantom.facts, chance)
    ], phantom.facts


@pytest.mark.parametrize("kind", ["chest", "ct", "histology"])
def test_every_preset_of_a_kind_is_taught_and_answered(kind):
    """A question offered with one click is one the model was trained on, word for word."""
    pairs, facts = taught(kind)
    wanted = {one.id: one.text for one in presets() if one.group in {"any", kind}}

    assert set(texts.facts_pairs(kind, facts)) == set(wanted)
    for name, words in wanted.items():
        answers = {pair.answer for pair in pairs if pair.turn == prompt("question").fill(question=words)}
        assert answers == {texts.facts_pairs(kind, facts)[name]}


def test_measured_questions_are_the_presets():
    """The eight about large structures and the four about tiny findings."""
    assert {one.id for one in presets()} == set(texts.SCORED)


@pytest.mark.parametrize("kind", ["chest", "ct", "histology"])
def test_what_the_referrer_writes_never_changes_the_report(kind):
    """With or without indication and history, in any words, a drawing has one findings text and one impression."""
    pairs, facts = taught(kind)
    turns = {pair.turn for pair in pairs if pair.name == "findings"}

    assert len(turns) > 20
    assert any("Indication:" in turn and "History:" in turn for turn in turns)
    assert any("Indication:" not in turn and "History:" not in turn for turn in turns)
    assert {pair.answer for pair in pairs if pair.name == "findings"} == {texts.findings(kind, facts)}
    assert {pair.answer for pair in pairs if pair.name == "impression"} == {texts.impression(kind, facts)}


def test_the_report_of_one_drawing_in_full():
    """Several plain sentences, worked out by hand."""
    facts = {"heart": "enlarged", "effusion": "left", "consolidation": "right upper", "nodule": "cavitary"}

    assert texts.findings("chest", facts) == (
        "The heart is enlarged. There is a consolidation in the right upper zone. "
        "There is a left pleural effusion. There is a cavitary lung nodule. The spine is in the midline."
    )
    assert texts.impression("chest", facts) == (
        "Consolidation in the right upper zone. Left pleural effusion. Cavitary lung nodule. Cardiomegaly."
    )
    assert texts.caption("ct", {"cysts": 2, "kidney_focus": "stone"}) == (
        "A CT slice of the upper abdomen with two liver cysts and kidney stone."
    )
    assert texts.caption("histology", {"cellularity": "low", "glands": 1, "figure": "apoptotic"}) == (
        "A histology field of low cellularity with one gland and an apoptotic body."
    )


def test_a_question_about_another_kind_of_image_is_turned_away():
    """Nobody is told how many liver cysts a chest radiograph has."""
    pairs, _ = taught("chest", rounds=200)
    cysts = prompt("question").fill(question="How many liver cysts are there?")

    assert {pair.answer for pair in pairs if pair.turn == cysts} == {texts.CANNOT_TELL}


def test_held_out_questions_are_never_taught():
    """Otherwise the figure for questions never trained on would mean nothing."""
    trained = {pair.turn for kind in ("chest", "ct", "histology") for pair in taught(kind)[0]}

    assert not trained & {texts.question(one) for one in texts.held_out_outside()}


def test_korean_questions_are_korean():
    """Hangul throughout, words or syllables that mean nothing."""
    chance = np.random.default_rng(1)

    for _ in range(50):
        letters = [one for one in texts.korean(chance) if one not in " ?"]
        assert letters
        assert all("가" <= one <= "힣" for one in letters)
