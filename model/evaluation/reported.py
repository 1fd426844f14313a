"""What papers report for a benchmark, to stand beside what was measured here: reported, not reproduced."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("reported.json")
_GROUPS = {
    "captions": ("iu-xray", "peir-gross", "roco", "roco-v2", "mimic-cxr"),
    "general": ("ai2d", "science-qa", "mmmu", "mm-vet", "pope"),
}
"""Caveats that hold for several tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A figure of a paper: percent, CIDEr times 100. `metric`: the line of the scorecard it stands beside."""

    task: str
    metric: str
    model: str
    value: float
    source: str


@cache
def reported(task: str) -> tuple[Reported, ...]:
    """All figures of a task, in the order of the file."""
    found = json.loads(DATA.read_text(encoding="utf-8"))["figures"]
    return tuple(Reported(**one) for one in found if one["task"] == task)


@cache
def caveats(task: str) -> tuple[str, ...]:
    """What to know before comparing with them; empty where nothing is reported."""
    if not reported(task):
        return ()
    written = json.loads(DATA.read_text(encoding="utf-8"))["caveats"]
    keys = ["all", *(name for name, tasks in _GROUPS.items() if task in tasks), task]
    return tuple(text for key in keys for text in written.get(key, ()))
