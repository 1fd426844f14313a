"""A scorecard says what was measured and what was only reported, and nothing that changes with the day."""

import json
import re
from xml.etree import ElementTree

import pytest

from model.evaluation.figure import Bar, Mark, figure
from model.evaluation.reported import caveats, reported
from model.evaluation.run import Order, evaluate
from model.evaluation.scorecard import percent, write_scorecard
from model.evaluation.statistics import STATISTICS, macro_f1, measure, micro_f1, named
from model.evaluation.tasks import TASKS, WORDING
from model.prompts import prompt
from tests.model.evaluation import made


@pytest.fixture
def card(tmp_path):
    """The scorecard of six questions, of which every one is answered "left lung."; and its page."""
    made.vqa_rad(tmp_path / "data")
    order = Order(task="vqa-rad", data=tmp_path / "data", limit=5, seed=3)
    outcome = evaluate(
        order,
        made.Knowing(lambda *_: "left lung."),
        tmp_path / "out",
        computed={"device": "cpu", "dtype": "float32"},
    )
    write_scorecard(outcome, tmp_path / "out")
    return json.loads((tmp_path / "out" / "scorecard.json").read_text()), (
        tmp_path / "out" / "scorecard.md"
    ).read_text()


def test_it_names_model_data_words_and_terms(card):
    """Whoever reads it can ask the same again."""
    values, page = card

    assert values["run"]["model"]["fingerprint"] == "0" * 64
    assert values["run"]["wording"]["open"] == {
        "prompt": "question",
        "version": prompt("question").version,
        "sha256": prompt("question").sha256,
    }
    for told in (
        "split test, 5 examples, drawn by seed 3",
        "CC0 1.0",
        "question version 1",
        "device cpu, dtype float32",
    ):
        assert told in page
    assert "Demonstration model: it knows drawings" in page


def test_every_score_has_interval_number_and_definition(card):
    """Both columns, where there are two."""
    values, page = card
    for one in values["scores"]:
        for each in filter(None, (one["ours"], one["compatible"])):
            assert each["low"] <= each["value"] <= each["high"]
            assert each["n"] > 0 and len(each["definition"]) > 5
    assert "| closed accuracy | 0.0 (0.0 to 0.0) |" in page


def test_reported_figures_stand_apart_with_their_caveats(card):
    """Under their own heading, each with its source; the warning about the other split is there."""
    _, page = card
    measured, told = page.split("## Reported, not reproduced")

    assert "Med-Gemini" not in measured
    assert "| closed accuracy | Dragonfly-Med v1 | 77.4 |" in told
    assert "balanced split" in told


def test_no_clock_and_no_path_stands_in_it(card, tmp_path):
    """The same answers are the same bytes on another day in another folder."""
    values, page = card

    assert str(tmp_path) not in page + json.dumps(values)
    assert not re.search(r"20\d\d-\d\d-\d\dT|\d\d:\d\d:\d\d", page)


def test_what_papers_report_is_copied_as_it_stands_there():
    """The figures the README of the line of work is known by, and no task that is not ours."""
    known = {(one.task, one.metric, one.model): one.value for name in TASKS for one in reported(name)}

    assert known["path-vqa", "closed accuracy", "Dragonfly-Med v1"] == 92.3
    assert known["slake", "closed accuracy", "Dragonfly-Med v2"] == 91.6
    assert known["peir-gross", "CIDEr-D", "Dragonfly-Med v1"] == 179.9
    assert all("METEOR" in " ".join(caveats(name)) for name in ("roco", "mimic-cxr", "iu-xray"))
    assert caveats("roco-v2") == () == reported("chart-qa")


@pytest.mark.parametrize("name", TASKS)
def test_every_reported_figure_stands_beside_a_score_of_the_same_name(name, tmp_path):
    """Otherwise it would hang in the air; a task that is judged elsewhere has none of ours."""
    golds = made.MADE[name](tmp_path / "data")
    outcome = evaluate(
        Order(task=name, data=tmp_path / "data", readers=1),
        made.Knowing(made.in_turn(golds)),
        tmp_path / "out",
    )
    score = TASKS[name].score
    metrics = {line.metric for line in score(outcome.answered)} if score else {"judged score"}

    assert {one.metric for one in reported(name)} <= metrics


@pytest.mark.parametrize("name", TASKS)
def test_every_prompt_of_a_task_says_where_its_words_come_from(name):
    """The papers' own are not known, and none is passed off as theirs."""
    assert set(TASKS[name].prompts.values()) <= set(WORDING)
    assert all(WORDING[one].startswith("ours") for one in TASKS[name].prompts.values() if "short" in one)


def test_the_figure_is_drawn_to_scale():
    """50 lies in the middle of 0 to 100; text is escaped; a reported mark keeps its name."""
    text = figure("A <b> & c", [Bar("score", 50, 25, 75, 4, (Mark("m & n", 100),))], "note")
    root = ElementTree.fromstring(text)
    ns = {"s": "http://www.w3.org/2000/svg"}
    (dot,) = root.findall("s:circle", ns)
    marks = root.findall("s:rect", ns)

    assert float(dot.get("cx")) == 270 + 210
    assert float(marks[1].get("x")) + 4 == 270 + 420
    assert marks[1].find("s:title", ns).text == "m & n: 100, reported"
    assert root.find("s:text", ns).text == "A <b> & c"


def test_a_scale_grows_with_what_is_above_100():
    """CIDEr times 100 can be 179.9."""
    root = ElementTree.fromstring(figure("t", [Bar("CIDEr-D", 200, 200, 200, 1)], ""))

    assert float(root.find("{http://www.w3.org/2000/svg}circle").get("cx")) == 270 + 420


def test_labels_are_averaged_by_hand():
    """Two labels: 1 right 1 wrong, and 1 right 2 missed. Micro 4/7, macro (2/3 + 1/2) / 2."""
    rows = [[1, 1, 0, 1, 0, 0], [0, 0, 0, 0, 0, 2]]

    assert measure("f", "", rows, "micro_f1").value == pytest.approx(4 / 7)
    assert measure("f", "", rows, "macro_f1").value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (
        micro_f1(measure("f", "", [[0] * 6], "share").rows[0])
        == 0
        == macro_f1(measure("f", "", [[0] * 6], "share").rows[0])
    )


def test_every_statistic_keeps_its_name():
    """What is written into rows.json can be read again."""
    assert all(named(known) == name for name, known in STATISTICS.items())
    with pytest.raises(KeyError):
        named(len)
    assert percent(0.1234) == "12.3"
