"""Clinical scores of reports through radeval (extra `clinical`), where its weights lie in a folder that is given.

Not run where this was built: radeval and its weights are not here. What is tested is how it is called, by a stand-in with
its signature. Its scores for each example go into the same table, with the same intervals.
source: radeval 2.2.1, RadEval(metrics, per_sample, show_progress)(refs, hyps)
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from model.errors import EvaluationUnusable
from model.evaluation.metrics import mean_of
from model.evaluation.scoring import Answered, Line

METRICS = ("radgraph", "f1chexbert", "ratescore")
"""Those of its metrics that score each example from weights alone, without somebody's API."""
CHILD = Path(__file__).with_name("clinical_child.py")


def clinical(answered: Sequence[Answered], weights: Path, metrics: Sequence[str] = METRICS) -> list[Line]:
    """A line for each score that radeval gives.

    weights: the folder of caches that radeval fills where it may fetch (its XDG_CACHE_HOME); nothing is fetched here
    raises: EvaluationUnusable where the folder, the package or a weight file is absent, or the scores do not fit
    """
    if not weights.is_dir():
        raise EvaluationUnusable("The folder of the clinical scorers' weights is not there.")
    asked = {
        "metrics": list(metrics),
        "refs": [one.example.answers[0] for one in answered],
        "hyps": [one.text for one in answered],
    }
    offline = {"XDG_CACHE_HOME": str(weights.resolve()), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    # -P: the folder of the child holds a statistics.py, and its libraries want Python's own.
    done = subprocess.run(
        [sys.executable, "-P", str(CHILD)],
        input=json.dumps(asked),
        env={**os.environ, **offline},
        capture_output=True,
        text=True,
        check=False,
    )
    return _lines(done.stdout, len(answered))


def _lines(said: str, count: int) -> list[Line]:
    try:
        found = json.loads(said)
    except ValueError as error:
        raise EvaluationUnusable("radeval ended without an answer.") from error
    if "absent" in found:
        raise EvaluationUnusable(
            f"The package {found['absent']} is not installed: pip install 'dragonfly-med[clinical]'."
        )
    if "failed" in found:
        raise EvaluationUnusable(
            f"radeval failed ({found['failed']}): a weight file may be missing in the folder; nothing is fetched."
        )
    lines = []
    for name, values in found["scores"].items():
        if len(values) != count or not all(math.isfinite(value) for value in values):
            raise EvaluationUnusable(f"radeval gave {len(values)} figures of {name} for {count} reports.")
        lines.append(Line(metric=name, ours=mean_of(name, f"radeval's {name} of each report, mean", values)))
    return lines
