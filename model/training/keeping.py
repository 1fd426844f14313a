"""Checkpoints of a training: what trains, its optimizer and the step, written whole or not at all.

    OUT/checkpoints/step-00000500/weights.safetensors   what trains, under its names in memory
                                  optimizer.pt          by the same names, so any number of processes can resume
                                  state.json            step, settings, digests of records and model

No state of chance is kept: everything drawn by chance is told by seed, step and process.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from model.checkpoints import weight_files
from model.errors import TrainingUnusable

WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.pt", "state.json"
PART = ".part"


def newest(out: Path) -> Path | None:
    """The checkpoint of the highest step, or None; what was not finished does not count."""
    return max(_kept(out), key=lambda folder: folder.name, default=None)


def read_state(folder: Path) -> dict[str, Any]:
    """Step, settings and digests of a checkpoint."""
    found: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    return found


def save(
    out: Path,
    learner: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    *,
    keep: int,
    writes: bool,
) -> Path:
    """Write the checkpoint of a step and drop the oldest; every process calls this, one writes."""
    gathered = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    weights: dict[str, Any] = get_model_state_dict(learner, options=gathered)
    moments = get_optimizer_state_dict(learner, optimizer, options=gathered)
    folder = out / "checkpoints" / f"step-{state['step']:08d}"
    if not writes:
        return folder
    for leftover in folder.parent.glob(f".step-*{PART}"):
        shutil.rmtree(leftover)
    with written_whole(folder) as part:
        save_file({name: one.contiguous() for name, one in weights.items()}, part / WEIGHTS)
        torch.save(moments, part / OPTIMIZER)
        (part / STATE).write_text(json.dumps(state, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for old in sorted(_kept(out))[:-keep]:
        shutil.rmtree(old)
    return folder


def restore(folder: Path, learner: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put a checkpoint into a learner and its optimizer, however they are spread over processes."""
    whole = StateDictOptions(full_state_dict=True, strict=False)
    weights: dict[str, Any] = load_weights(folder)  # type: ignore[assignment]
    expected = {name for name, one in _plain(learner) if one.requires_grad}
    if weights.keys() != expected:
        raise TrainingUnusable("The checkpoint holds other weights than this training has.")
    set_model_state_dict(learner, weights, options=whole)
    moments = torch.load(folder / OPTIMIZER, map_location="cpu", weights_only=True)
    set_optimizer_state_dict(learner, optimizer, moments, options=whole)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """What trains, of a checkpoint."""
    return load_file(folder / WEIGHTS)


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to write into that takes its name only when all of it is on the disk."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}{PART}")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir()
    yield part
    for file in part.rglob("*"):
        if file.is_file():
            with file.open("rb+") as written:
                os.fsync(written.fileno())
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)
    directory = os.open(folder.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def digest_of(file: Path) -> str:
    """SHA-256 of a file."""
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def likeness(model: Path) -> str:
    """Config, names and sizes of a model's files as one digest: enough to tell it from another at once."""
    digest = hashlib.sha256((model / "config.json").read_bytes())
    for file in weight_files(model):
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
    return digest.hexdigest()


def _kept(out: Path) -> list[Path]:
    return [folder for folder in (out / "checkpoints").glob("step-*") if (folder / STATE).is_file()]


def _plain(learner: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters by their names without the wrapper's."""
    for name, one in learner.named_parameters():
        yield name.removeprefix("module."), one
