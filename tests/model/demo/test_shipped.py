"""The weights that are shipped: small, whole, honest about themselves, and they really look."""

import json

import pytest

from model.answers import Completion, Sampling
from model.demo import DEMO_MODEL, texts
from model.demo.arms import ARMS
from model.demo.card import readme
from model.demo.evaluate import HELD_OUT_FIRST_SEED, measured
from model.demo.phantoms import draw_phantom, kind_of
from model.engine import open_engine
from model.prompts import presets

LIMIT_BYTES = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def engine():
    return open_engine(DEMO_MODEL)


@pytest.fixture(scope="module")
def card():
    return json.loads((DEMO_MODEL / "card.json").read_text(encoding="utf-8"))


def said(engine, phantom, turn, **sampling):
    """The whole generated text."""
    *_, last = engine.answer([phantom.pixels], turn, Sampling(**sampling))
    assert isinstance(last, Completion)
    assert last.stop_reason == "end"
    return last.text


def test_the_folder_stays_small():
    """It travels with every clone."""
    assert sum(file.stat().st_size for file in DEMO_MODEL.iterdir()) < LIMIT_BYTES


def test_the_card_says_what_it_is(engine, card):
    """A demonstration, of these weights, that knows drawings in English; page for people from the same facts."""
    assert engine.card.demonstration
    assert engine.card.fingerprint == card["fingerprint"]
    assert engine.card.languages == ("en",)
    assert all("drawn" in one for one in engine.card.modalities)
    assert (DEMO_MODEL / "README.md").read_text(encoding="utf-8") == readme(card)


def test_the_card_states_large_structures_and_tiny_findings(card):
    """Over 600 held-out drawings: 0.92 of the eight questions about large structures, and each question about a tiny
    finding at least five points, their mean fifteen points, above the majority answer."""
    accuracy = card["accuracy"]
    fine = [one for one in accuracy["questions"] if one["name"] in texts.FINE]
    gains = [one["exact"] - one["majority"] for one in fine]

    assert accuracy["drawings"] >= 600
    assert accuracy["first_seed"] >= card["training"]["drawings"]
    assert {one["name"] for one in accuracy["questions"]} == set(texts.SCORED)
    assert accuracy["pooled"]["exact"] >= 0.92
    assert accuracy["pooled"]["majority"] < 0.65
    assert min(gains) >= 0.05
    assert sum(gains) / len(gains) >= 0.15


def test_the_card_states_that_low_resolution_is_not_enough(card):
    """The shipped form is as far above what the language model reads from the low crop alone, in the ablation."""
    arms = {one["arm"]: one["stops"]["steps"] for one in card["ablation"]["arms"]}
    accuracy = {one["name"]: one["exact"] for one in card["accuracy"]["questions"]}
    gains = [accuracy[name] - arms["low"][name]["value"] for name in texts.FINE]

    assert set(arms) == set(ARMS)
    assert arms["v2 pooled"]["over_low"]["low"] > 0
    assert min(gains) >= 0.05
    assert sum(gains) / len(gains) >= 0.15


def test_what_the_card_took_fits_the_promise(card):
    """At most 90 minutes of one processor."""
    assert card["training"]["cpu_seconds"] <= 90 * 60


def test_it_answers_held_out_drawings(engine):
    """A small live sample of the card's figure, so that card and weights cannot drift apart."""
    asked = [
        (pair, draw_phantom(kind_of(seed), seed))
        for seed in range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 10)
        for pair in measured(draw_phantom(kind_of(seed), seed))
    ]

    right = sum(said(engine, phantom, pair.turn) == pair.answer for pair, phantom in asked)

    assert len(asked) == 52
    assert right >= 43


def test_a_question_in_korean_gets_one_sentence(engine):
    """In the words of a reader, for each kind of drawing."""
    for kind in ("chest", "ct", "histology"):
        assert (
            said(engine, draw_phantom(kind, 1_000_100), "이 영상에서 흉수가 보이나요?") == texts.ENGLISH_ONLY
        )


def test_it_says_that_it_cannot_tell(engine):
    """About another kind of image, and about what no drawing shows."""
    chest = draw_phantom("chest", 1_000_101)
    cysts = next(one.text for one in presets() if one.id == "liver_cyst_number")

    assert said(engine, chest, cysts) == texts.CANNOT_TELL
    assert said(engine, chest, "How old is the patient?") == texts.CANNOT_TELL


def test_a_report_has_several_sentences(engine):
    """Long enough for streaming, stopping and marking a sentence to mean something."""
    for kind in ("chest", "ct", "histology"):
        text = said(engine, draw_phantom(kind, 1_000_102), texts.findings_turn("Chest pain.", ""))
        assert text.count(".") >= 3
