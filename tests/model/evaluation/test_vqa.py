"""Short answers are judged as each definition says, and where definitions differ both are right."""

import pytest

from model.evaluation.vqa import (
    Closed,
    closed_compatible,
    closed_strict,
    exact_match,
    normalise,
    parse_closed,
    token_overlap,
    token_overlap_compatible,
)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        (" The Left  Lung. ", "left lung"),
        ("chest/abdomen", "chest abdomen"),
        ("two nodules, right", "2 nodules right"),
        ("1,000 mL", "1000 ml"),
        ("3.5 cm", "3.5 cm"),
        ("Don't know", "dont know"),
        ("None", "0"),
        ("", ""),
    ],
)
def test_what_does_not_matter_is_taken_away(text, same):
    """Case, articles, marks and number words do not make an answer wrong; a decimal point stays."""
    assert normalise(text) == same


@pytest.mark.parametrize(
    ("answer", "made"),
    [
        ("Yes.", "yes"),
        ("No, there is none.", "no"),
        ("The answer is yes", "yes"),
        ("Normal lungs", None),
        ("There is no doubt that it is enlarged", None),
        ("It could be yes or no", None),
        ("", None),
    ],
)
def test_a_choice_is_read_only_where_one_is_made(answer, made):
    """ "no" inside of "normal", or in the middle of a sentence, is not an answer."""
    assert parse_closed(answer) == made


def test_choices_other_than_yes_and_no_are_read():
    """Left or right is a closed question too; the longest choice that begins the answer is meant."""
    assert parse_closed("On the left side", ("left", "right")) == "left"
    assert parse_closed("left and right", ("left", "right", "left and right")) == "left and right"
    assert parse_closed("from left to right it looks, well", ("left", "right")) is None


def test_strict_and_compatible_accuracy_part_where_they_are_known_to():
    """ "Normal" holds "no"; "left" alone holds neither yes nor no."""
    assert closed_compatible("Normal", "no")
    assert closed_strict("Normal", "no") == Closed(right=False, parsed=False)
    assert not closed_compatible("left", "left")
    assert closed_strict("Left.", "left") == Closed(right=True, parsed=True)
    assert closed_strict("no", "yes") == Closed(right=False, parsed=True)


def test_a_repeated_word_counts_once_unless_the_old_way_is_asked_for():
    """4 times "lung" for "left lung": 1 of 4 and 1 of 2 by us; 4 of 4 and 4 of 5 by the old way."""
    ours = token_overlap("lung lung lung lung", "left lung")
    old = token_overlap_compatible("lung lung lung lung", "left lung")

    assert (ours.precision, ours.recall, ours.f1) == (0.25, 0.5, pytest.approx(1 / 3))
    assert (old.precision, old.recall, old.f1) == (1, 0.8, pytest.approx(8 / 9))


def test_nothing_in_common_is_zero_and_never_an_error():
    """An empty answer is a bad answer."""
    assert token_overlap("", "lung").f1 == token_overlap("heart", "lung").f1 == 0
    assert token_overlap_compatible("", "lung").f1 == 0
    assert exact_match("The heart", "heart")
    assert not exact_match("hearts", "heart")
