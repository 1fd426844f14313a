"""Exported folders, made once: the reference checkpoints, the demonstration model, and small ones."""

from pathlib import Path

import pytest
import torch

from model.demo import DEMO_MODEL
from model.export import export
from tests.model.small import small_model

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The exported folder of a name: v1, v2 (the reference checkpoints), demo, small-v1, small-v1-learned, small-v2."""
    made = {}

    def source(name):
        if name == "demo":
            return DEMO_MODEL
        if not name.startswith("small"):
            return REFERENCE / name / "checkpoint"
        version, _, strategy = name.removeprefix("small-").partition("-")
        model, processor = small_model(version, dtype=torch.float32, strategy=strategy or "faithful")
        folder = tmp_path_factory.mktemp(f"{name}-source")
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder

    def folder(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name) / "export"
            export(source(name), made[name])
        return made[name]

    return folder
