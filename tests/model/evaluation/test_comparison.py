"""Two runs are compared example by example, or not at all."""

import json
from xml.etree import ElementTree

import pytest

from model.errors import EvaluationUnusable
from model.evaluation.comparison import compare_runs, write_comparison
from model.evaluation.run import Order, evaluate
from model.evaluation.scorecard import write_scorecard
from tests.model.evaluation import made


def run(folder, data, say, fingerprint="0" * 64, **order):
    """A finished run."""
    outcome = evaluate(
        Order(task="vqa-rad", data=data, readers=1, **order),
        made.Knowing(say, fingerprint=fingerprint),
        folder,
    )
    write_scorecard(outcome, folder)
    return folder


@pytest.fixture
def data(tmp_path):
    """40 questions, half of them closed: yes, left lung, no, 2 in turn."""
    made.vqa_rad(tmp_path / "data", count=40)
    return tmp_path / "data"


def scores(found):
    return {one["score"]: one for one in found["differences"]}


def test_the_difference_is_second_minus_first(data, tmp_path):
    """Always "yes" has half of the closed questions, the gold answers all: the interval of 0.5 holds no zero."""
    golds = ["yes", "left lung", "no", "2"] * 10
    first = run(tmp_path / "a", data, lambda *_: "yes")
    second = run(tmp_path / "b", data, made.in_turn(golds), fingerprint="1" * 64)

    found = compare_runs(first, second)
    one = scores(found)["closed accuracy"]

    assert (one["first"], one["second"], one["difference"], one["n"]) == (0.5, 1, 0.5, 20)
    assert 0 < one["low"] <= 0.5 <= one["high"] < 1
    assert one["p_value"] < 0.01
    assert found["differ_in"] == ["model"]
    assert {"closed accuracy (compatible)", "token F1", "calibration error"} <= set(scores(found))


def test_a_run_against_itself_differs_in_nothing(data, tmp_path):
    """Zero, from zero to zero, and chance alone explains it."""
    first = run(tmp_path / "a", data, lambda *_: "yes")

    assert all(
        (one["difference"], one["low"], one["high"], one["p_value"]) == (0, 0, 0, 1)
        for one in scores(compare_runs(first, first)).values()
    )


def test_runs_over_other_examples_are_refused(data, tmp_path):
    """Another draw, another split of the data, another task: the sentence says what differs."""
    first = run(tmp_path / "a", data, lambda *_: "yes")
    fewer = run(tmp_path / "b", data, lambda *_: "yes", limit=10, seed=1)
    other = run(tmp_path / "c", data, lambda *_: "yes", limit=10, seed=2)

    with pytest.raises(EvaluationUnusable, match="limit, examples, data_sha256 differ"):
        compare_runs(first, fewer)
    with pytest.raises(EvaluationUnusable, match="seed, data_sha256 differ"):
        compare_runs(fewer, other)


def test_an_unfinished_or_damaged_run_is_refused(data, tmp_path):
    """With what is wrong, and without a traceback."""
    first = run(tmp_path / "a", data, lambda *_: "yes")
    (tmp_path / "none").mkdir()
    with pytest.raises(EvaluationUnusable, match="not finished"):
        compare_runs(first, tmp_path / "none")

    good = json.loads((first / "rows.json").read_text())
    for damage in (
        "{",
        "{}",
        json.dumps({**good, "measures": []}),
        json.dumps({**good, "measures": [{"name": 1}]}),
    ):
        (first / "rows.json").write_text(damage)
        with pytest.raises(EvaluationUnusable, match=r"rows\.json"):
            compare_runs(first, first)


def test_the_page_says_who_is_first_and_warns_of_many_scores(data, tmp_path):
    """JSON, Markdown and figure; a difference below zero widens the axis to the left."""
    second = run(tmp_path / "a", data, lambda *_: "yes")
    first = run(tmp_path / "b", data, made.in_turn(["yes", "left lung", "no", "2"] * 10))

    page = write_comparison(compare_runs(first, second), tmp_path / "out")

    assert page == (tmp_path / "out" / "comparison.md").read_text()
    assert "one of twenty" in page and "| closed accuracy | 20 | 100.0 | 50.0 | -50.0 (" in page
    assert ElementTree.parse(tmp_path / "out" / "comparison.svg").getroot().tag.endswith("svg")
    assert json.loads((tmp_path / "out" / "comparison.json").read_text())["differences"]
