"""Findings, sides, places and sizes of two reports are compared, counted by hand."""

import pytest

from model.evaluation.labeller import observations
from model.evaluation.reports import findings


def scores(said, golds):
    return {line.metric: line.ours for line in findings(said, golds)}


GOLD = [
    "Moderate right pleural effusion. Possible pneumonia in the right lower lobe. No pneumothorax.",
    "Heart size is normal. The lungs are clear.",
]
SAID = [
    "Small right pleural effusion. Right upper lobe pneumonia. Pneumothorax is seen.",
    "Mild cardiomegaly. Lungs are clear.",
]


def test_f1_by_hand():
    """Uncertain positive: effusion and pneumonia right; pneumothorax and cardiomegaly wrong; no finding missed."""
    found = scores(SAID, GOLD)

    assert found["micro F1-14"].value == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert found["macro F1-14"].value == pytest.approx(2 / 14)
    assert found["micro F1-5"].value == pytest.approx(2 * 1 / (2 * 1 + 1 + 0))
    assert found["macro F1-5"].value == pytest.approx(1 / 5)


def test_uncertain_as_negative_by_hand():
    """The possible pneumonia of the reference is none: what affirms it is wrong."""
    found = scores(SAID, GOLD)

    assert found["micro F1-14, uncertain negative"].value == pytest.approx(2 * 1 / (2 * 1 + 3 + 1))
    assert "uncertain counts as negative" in found["micro F1-14, uncertain negative"].definition


def test_agreement_by_hand():
    """Both speak of effusion, of pneumothorax and of heart and lungs; sides agree, zones and sizes do not."""
    found = scores(SAID, GOLD)

    # effusion affirmed twice, pneumothorax the other way, heart the other way, opacity denied twice
    assert found["agreement on presence"].value == pytest.approx(2 / 4)
    assert found["agreement on side"].value == 1
    assert found["agreement on place"].value == 0
    assert found["agreement on size"].value == 0
    assert "(4 compared)" in found["agreement on presence"].definition


def test_both_sides_are_both():
    """ "Bilateral" is left and right; "right" alone is something else."""
    found = scores(
        ["Bibasilar atelectasis.", "Right atelectasis."],
        ["Atelectasis at both bases.", "Bilateral atelectasis."],
    )

    assert found["agreement on side"].value == 0.5


def test_what_cannot_be_compared_has_no_line():
    """No report gives a side: there is no agreement to speak of, and no figure."""
    found = scores(["Normal."], ["Nothing."])

    assert not [name for name in found if name.startswith("agreement")]


def test_the_same_report_is_right_throughout():
    """Every F1 of what occurs is 1, and every agreement."""
    found = scores(GOLD, GOLD)

    assert found["micro F1-14"].value == found["micro F1-5"].value == 1
    assert all(one.value == 1 for name, one in found.items() if name.startswith("agreement"))
    assert found["macro F1-14"].value == pytest.approx(3 / len(observations()))


def test_every_figure_says_that_it_is_by_rules():
    """Nobody takes it for CheXbert's."""
    assert all("rule-based, not CheXbert" in one.definition for one in scores(SAID, GOLD).values())
