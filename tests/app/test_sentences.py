"""Who wrote a sentence, and how far two texts are apart."""

import pytest

from app.sentences import distance, split, with_origins

SPOKEN = [{"text": "There is a right pleural effusion.", "answer_id": "a"}]


def test_each_sentence_knows_who_wrote_it():
    """Unchanged it is the model's, changed a little it is edited, otherwise a person's."""
    text = "There is a right pleural effusion. There is a small right pleural effusion. Clinic to follow up."

    rows = with_origins(text, SPOKEN)

    assert [(row["origin"], row["answer_id"]) for row in rows] == [
        ("model", "a"),
        ("edited", "a"),
        ("person", None),
    ]


def test_a_long_text_is_attributed_like_a_short_one():
    """4,000 sentences against a draft given fifty times over: nothing is lost, and nobody's words are the model's."""
    rows = with_origins("Abc. " * 4000 + SPOKEN[0]["text"], SPOKEN * 50)

    assert len(rows) == 4001
    assert {row["origin"] for row in rows[:-1]} == {"person"} and rows[-1]["origin"] == "model"


def test_a_measure_is_no_end_of_a_sentence():
    """The point after a number belongs to a list or a measure."""
    assert split("1. Nodule of 3. 5 cm. Stable.\nNo effusion") == [
        "1. Nodule of 3. 5 cm.",
        "Stable.",
        "No effusion",
    ]


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ("", "", 0),
        ("", "abc", 3),
        ("abc", "", 3),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("흉수", "흉막", 1),
    ],
)
def test_the_distance_counts_single_edits(before, after, edits):
    """Worked out by hand, both ways round."""
    assert distance(before, after) == distance(after, before) == edits


def test_the_distance_agrees_with_the_table_of_the_textbook():
    """Row by row, the slow way, gives the same for texts longer than a machine word."""
    before, after = (
        "the lungs are clear and the heart is large. " * 3,
        "both lungs clear; a heart of normal size. " * 3,
    )

    row = list(range(len(after) + 1))
    for i, a in enumerate(before, start=1):
        row = _next(row, i, a, after)

    assert distance(before, after) == row[-1]


def _next(above, first, character, after):
    row = [first]
    for j, other in enumerate(after, start=1):
        row.append(min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (character != other)))
    return row
