"""What a training leaves behind: a checkpoint in the published layout, or an adapter that can be merged into one."""

from pathlib import Path
from typing import Any

import torch

from model.engine import load_model
from model.errors import TrainingUnusable
from model.processing_dragonfly import DragonflyProcessor
from model.training.keeping import load_weights, read_state, written_whole
from model.training.stages import Training, peft_quiet, with_adapter

PREFIX = "dragonfly."
"""The model's name inside the learner, whose names a checkpoint holds."""


def write_result(model: Path, checkpoint: Path, out: Path, *, dtype: str = "auto") -> Path:
    """The model a checkpoint stands for: `OUT/model` in the published names, or `OUT/adapter` for PEFT.

    model: what the training began from; what was not trained is taken from there
    dtype: of the weights that are written; auto: as the model it began from
    """
    training = Training(**read_state(checkpoint)["settings"])
    dragonfly: Any = load_model(model, device="cpu", dtype=dtype)
    around: Any = with_adapter(dragonfly, training) if training.stage == "adapter" else None
    named = dict(dragonfly.named_parameters())
    with torch.no_grad():
        for name, learned in load_weights(checkpoint).items():
            named[name.removeprefix(PREFIX)].copy_(learned)
    folder = out / ("model" if around is None else "adapter")
    with written_whole(folder) as part:
        if around is None:
            dragonfly.save_pretrained(part)
            DragonflyProcessor.from_pretrained(model).save_pretrained(part)
        else:
            around.save_pretrained(part)
    return folder


def merge(model: Path, adapter: Path, out: Path, *, dtype: str = "auto") -> Path:
    """A model with an adapter worked into its weights, as a checkpoint of the published layout.

    raises: TrainingUnusable where the folder holds no adapter for this model
    """
    from peft import PeftModel

    if not (adapter / "adapter_config.json").is_file():
        raise TrainingUnusable("There is no adapter_config.json in the adapter's folder.")
    dragonfly = load_model(model, device="cpu", dtype=dtype)
    with peft_quiet():
        around: Any = PeftModel.from_pretrained(dragonfly, str(adapter), local_files_only=True)
    with written_whole(out) as part:
        around.merge_and_unload().save_pretrained(part)
        DragonflyProcessor.from_pretrained(model).save_pretrained(part)
    return out
