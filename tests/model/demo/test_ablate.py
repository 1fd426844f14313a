"""The ablation in little: every arm once, nothing twice, figures worked out by hand."""

import json
from dataclasses import replace

import pytest

from model.demo import texts
from model.demo.ablate import Plan, ablate
from model.demo.ablation_report import summary, table
from model.demo.aligned import train_aligned
from model.demo.arms import ARMS
from model.demo.figure import figure

PLAN = Plan(common_steps=2, steps=2, drawings_per_step=2, seeds=(1,), held_out=4)


def silent(_stage, _share):
    pass


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What a few seconds of training give, the folder they lie in, and the aligned model."""
    folder = tmp_path_factory.mktemp("ablation")
    aligned = train_aligned(8, 4, 4, 6, None, silent)
    return ablate(folder, aligned, PLAN, silent), folder, aligned


def test_every_arm_is_measured_at_both_stops(results):
    """On the same questions; the reference stops once, cheaper arms later, dearer ones earlier."""
    found, _, _ = results
    stops = {one["arm"]: one["stops"] for one in found}

    assert [one["arm"] for one in found] == list(ARMS)
    assert stops["v2 pooled"] == {"steps": 2, "compute": 2}
    assert stops["low"]["compute"] > 2 >= stops["v1 learned"]["compute"] >= 1
    for one in found:
        for answers in one["answers"].values():
            assert sum(map(len, answers.values())) == 6 + 6 + 4 + 4
            assert set(answers) == set(texts.SCORED)


def test_cost_follows_what_is_shown(results):
    """More visual positions cost more, and the three ways of v1 the same."""
    found, _, _ = results
    steps = {one["arm"]: one["flops_per_step"] for one in found}

    assert steps["low"] < steps["low + middle"] < steps["v2 pooled"] < steps["v1 faithful"]
    assert steps["v1 faithful"] == steps["v1 cosine"]


def test_what_lies_there_is_not_done_again(results):
    """A cut-off ablation goes on; the result file is what counts."""
    found, folder, aligned = results
    file = folder / "low-1.json"
    file.write_text(json.dumps(found[0] | {"last_loss": -1.0}))

    again = ablate(folder, aligned, PLAN, silent)

    assert again[0]["last_loss"] == -1.0
    assert again[1:] == found[1:]


def answers(**shares):
    """So many of four drawings right for each question."""
    return {
        name: [[drawing, int(drawing < shares.get(name, 0))] for drawing in range(4)] for name in texts.SCORED
    }


def result(arm, seed, **shares):
    return {
        "arm": arm,
        "seed": seed,
        "positions": 18,
        "answer_flops": 2e9,
        "flops_per_step": 3e10,
        "recall": {"crops": 10, "kept": 4},
        "stops": {"steps": 2, "compute": 5},
        "answers": {stop: answers(**shares) for stop in ("steps", "compute")},
    }


def test_shares_are_means_over_seeds_and_questions():
    """Fine: the mean of four questions, 1, 1/2, 1/4 and 0 of four drawings; two seeds of 1/2 and 1 make 3/4."""
    fine = {"nodule_present": 4, "nodule_type": 2, "kidney_focus": 1}
    runs = [result("low", 1, modality=2), result("low", 2, modality=4), result("v2 pooled", 1, **fine)]

    low, v2 = summary(runs, PLAN)["arms"]

    assert low["stops"]["steps"]["coarse"]["value"] == pytest.approx((0.75 + 7 * 0) / 8, abs=1e-4)
    assert v2["stops"]["steps"]["fine"]["value"] == pytest.approx((1 + 0.5 + 0.25) / 4, abs=1e-4)
    assert v2["stops"]["steps"]["over_low"]["value"] == pytest.approx((1 + 0.5 + 0.25) / 4, abs=1e-4)
    assert low["stops"]["steps"]["over_low"]["value"] == 0
    assert low["recall"] == 0.4


def test_table_and_figure_hold_every_arm(results):
    """With its cost and positions; the figure is one whole SVG."""
    found = summary(results[0], replace(PLAN))

    lines, drawing = table(found), figure(found)

    for arm in ARMS:
        assert lines.count(f"| {arm} |") == 2
        assert arm in drawing
    assert drawing.startswith("<svg")
    assert drawing.count("<circle") == 2 * 2 * len(ARMS)
