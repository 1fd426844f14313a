"""radeval is called as its signature says, offline, and every way in which it can be missing is a sentence."""

import json
from pathlib import Path

import pytest

from model.errors import EvaluationUnusable
from model.evaluation.clinical import METRICS, clinical
from model.evaluation.examples import Example
from model.evaluation.scoring import Answered

STAND_IN = """
import json, os
from pathlib import Path

class RadEval:
    def __init__(self, metrics=None, openai_api_key=None, gemini_api_key=None, per_sample=False, detailed=False,
                 show_progress=True, cache_dir=None):
        self.asked = {"metrics": metrics, "per_sample": per_sample, "progress": show_progress}
        print("a banner")

    def __call__(self, refs, hyps):
        if not (isinstance(hyps, list) and isinstance(refs, list)):
            raise TypeError("hyps and refs must be of type list")
        if any("missing" in one for one in hyps):
            raise FileNotFoundError("/somewhere/kim.pth")
        where = {name: os.environ[name] for name in ("XDG_CACHE_HOME", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
        (Path(where["XDG_CACHE_HOME"]) / "asked.json").write_text(json.dumps(self.asked | where | {"refs": refs}))
        import statistics
        statistics.mean([1, 2])
        same = [float(a == b) for a, b in zip(refs, hyps)]
        return {"radgraph_simple": same, "ratescore": same[:-1] if "short" in hyps else same}
"""


def answered(*pairs):
    return [
        Answered(
            example=Example(
                id="1", pictures=(Path("x"),), question="", answers=(gold,), kind="findings", split="test"
            ),
            text=said,
        )
        for said, gold in pairs
    ]


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package of the name with the signature of radeval 2.2.1; returns the folder for its weights."""
    (tmp_path / "site" / "radeval").mkdir(parents=True)
    (tmp_path / "site" / "radeval" / "__init__.py").write_text(STAND_IN)
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    return tmp_path / "weights"


def test_it_is_asked_offline_for_each_report(installed):
    """Lists of references and answers, a score for each, its caches in the folder; what it prints is no answer."""
    lines = clinical(answered(("clear", "clear"), ("effusion", "clear")), installed)

    asked = json.loads((installed / "asked.json").read_text())
    assert asked["metrics"] == list(METRICS) and asked["per_sample"] is True and asked["progress"] is False
    assert asked["refs"] == ["clear", "clear"]
    assert (asked["XDG_CACHE_HOME"], asked["HF_HUB_OFFLINE"], asked["TRANSFORMERS_OFFLINE"]) == (
        str(installed),
        "1",
        "1",
    )
    assert {line.metric: line.ours.value for line in lines} == {"radgraph_simple": 0.5, "ratescore": 0.5}
    assert all("radeval" in line.ours.definition for line in lines)


def test_an_absent_package_or_folder_is_said(tmp_path):
    """With what to install."""
    with pytest.raises(EvaluationUnusable, match=r"radeval is not installed: pip install .*\[clinical\]"):
        clinical(answered(("a", "b")), tmp_path)
    with pytest.raises(EvaluationUnusable, match="not there"):
        clinical(answered(("a", "b")), tmp_path / "none")


def test_a_missing_weight_file_is_said_without_its_path(installed):
    """The kind of error, and that nothing is fetched."""
    with pytest.raises(EvaluationUnusable, match=r"FileNotFoundError.*nothing is fetched") as caught:
        clinical(answered(("missing", "b")), installed)
    assert "kim" not in str(caught.value)


def test_scores_that_do_not_fit_are_refused(installed):
    """One figure for two reports belongs to neither."""
    with pytest.raises(EvaluationUnusable, match="1 figures of ratescore for 2 reports"):
        clinical(answered(("short", "b"), ("a", "a")), installed)
