"""What the application exports for review is scored by hand-worked figures, each report counted once."""

import json

import pytest

from model.errors import EvaluationUnusable
from model.evaluation.exports import read_export, scored_pairs, scored_reviews, write_review


def pair(report, generated, signed, section="findings", **more):
    row = {
        "report_id": report,
        "modality": "DX",
        "section": section,
        "generated": generated,
        "signed": signed,
    }
    return {**row, "withheld": 0, "model": "M", "model_fingerprint": "f" * 64, "demonstration": 0, **more}


def judged(report, rating, *categories, **more):
    row = {
        "report_id": report,
        "reviewer": "r",
        "modality": "DX",
        "rating": rating,
        "seconds": 60,
        "edit_distance": 4,
    }
    return {
        **row,
        "categories": list(categories),
        "comment": "",
        "model": "M",
        "model_fingerprint": "f",
        **more,
    }


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def values(figures):
    return {one.name: one.measure.value for one in figures}


def test_pairs_by_hand():
    """One section as drafted, one with 5 of 11 characters changed: half unchanged, 2.5 characters on average."""
    found = values(
        scored_pairs([pair("a", "No effusion.", "No effusion."), pair("b", "clear lungs", "clear heart")])
    )

    assert found["signed as drafted"] == 0.5
    assert found["edit distance"] == 2.5  # lungs to heart: five letters, none in its place
    assert found["changed"] == pytest.approx((0 + 5 / 11) / 2)
    assert found["ROUGE-L"] == pytest.approx((1 + 0.5) / 2)
    assert found["micro F1-14, radiographs"] == pytest.approx(2 * 2 / (2 * 2))


def test_sections_of_a_report_are_drawn_together():
    """Two reports of two sections are two rows; the mean is over sections all the same."""
    rows = [
        pair("a", "x", "x"),
        pair("a", "x", "y", "impression"),
        pair("b", "x", "y"),
        pair("b", "x", "y", "impression"),
    ]

    (first, *_) = scored_pairs(rows)

    assert first.measure.value == 0.25
    assert first.measure.rows.tolist() == [[1, 2], [0, 2]]


def test_findings_are_read_in_radiographs_only():
    """The rules know chest radiographs; a CT has no such lines."""
    found = scored_pairs([pair("a", "No effusion.", "Effusion.", modality="CT")])

    assert not [one for one in found if "F1" in one.name]


def test_reviews_by_hand():
    """Ratings 4 and 1; three marks, one of which matters."""
    rows = [
        judged("a", 4, "wrong_place/0/findings/1"),
        judged("b", 1, "false_finding/1/findings/0", "wrong_place/0//", edit_distance=10),
    ]

    found = values(scored_reviews(rows))

    assert found["rating"] == 2.5
    assert found["edit distance"] == 7
    assert found["errors"] == 1.5
    assert found["a significant error"] == 0.5
    assert (found["wrong_place"], found["false_finding"]) == (1, 0.5)


def test_models_are_scored_apart_and_what_waits_is_counted(tmp_path):
    """A page with a part for each model; texts that wait are in no score and in the count."""
    waiting = {**pair("c", None, None), "withheld": 1}
    rows = [
        pair("a", "x", "x"),
        waiting,
        pair("b", "x", "y", model="N", model_fingerprint="e" * 64, demonstration=1),
    ]

    page = write_review(written(tmp_path / "pairs.jsonl", rows), tmp_path / "out")

    assert "## M" in page and "## N" in page and "Demonstration model" in page
    assert "2 reports, 2 rows, 1 of them without their texts" in page
    assert "rule-based, not CheXbert" in page
    card = json.loads((tmp_path / "out" / "review.json").read_text())
    assert [one["withheld"] for one in card["models"]] == [0, 1]


def test_nothing_but_waiting_texts_is_said(tmp_path):
    """No figure is made of nothing."""
    path = written(tmp_path / "p.jsonl", [{**pair("c", None, None), "withheld": 1}])

    assert "Nothing can be scored" in write_review(path, tmp_path / "out")


@pytest.mark.parametrize(
    "line",
    [
        "{Kim",
        "[]",
        "{}",
        json.dumps({**pair("a", None, "Kim")}),
        json.dumps({**pair("a", "x", "y"), "withheld": 2}),
        json.dumps({**pair("a", "x" * 100_001, "Kim")}),
        json.dumps({"report_id": "a", "model": "M", "model_fingerprint": "f", "rating": "Kim"}),
    ],
)
def test_a_line_that_is_no_row_is_named_by_its_number(line, tmp_path):
    """And by nothing that stands in it."""
    (tmp_path / "p.jsonl").write_text(json.dumps(pair("a", "x", "y")) + "\n\n" + line + "\n")

    with pytest.raises(EvaluationUnusable, match="Line 3") as caught:
        read_export(tmp_path / "p.jsonl")
    assert "Kim" not in str(caught.value)


def test_a_file_of_two_kinds_or_none_is_refused(tmp_path):
    """Pairs and reviews are scored apart."""
    for rows in ([], [pair("a", "x", "y"), judged("a", 3)]):
        with pytest.raises(EvaluationUnusable, match="one kind"):
            read_export(written(tmp_path / "p.jsonl", rows))
