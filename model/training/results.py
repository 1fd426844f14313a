"""What a training leaves behind: a checkpoint in the published layout, or an adapter that can be merged into one."""

import json
from pathlib import Path
from typing import Any

import torch

from model.checkpoints import CARD, fingerprint
from model.errors import TrainingUnusable
from model.loading import load_model
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
            _write_model(dragonfly, part, model)
        else:
            around.save_pretrained(part)
    return folder


def merge(model: Path, adapter: Path, out: Path, *, dtype: str = "auto") -> Path:
    """A model with an adapter worked into its weights, as a checkpoint of the published layout.

    dtype: of the weights that are written (auto: as the model); each is added up in float32 and rounded once
    raises: TrainingUnusable where the folder holds no adapter for this model, or `out` is there already
    """
    from peft import PeftModel
    from peft.tuners.lora import LoraLayer

    if not (adapter / "adapter_config.json").is_file():
        raise TrainingUnusable("There is no adapter_config.json in the adapter's folder.")
    if out.exists():
        raise TrainingUnusable("The folder to write is there already; name another.")
    dragonfly = load_model(model, device="cpu", dtype=dtype)
    try:
        with peft_quiet():
            around: Any = PeftModel.from_pretrained(dragonfly, str(adapter), local_files_only=True)
    except (ValueError, RuntimeError) as error:  # other layers, other shapes
        raise TrainingUnusable("The adapter was not made for this model.") from error
    adapted: list[Any] = [one for one in around.modules() if isinstance(one, LoraLayer)]
    for layer in adapted:
        weight = layer.get_base_layer().weight
        # PEFT's own merge rounds the change before it adds it.
        weight.data = (weight.float() + layer.get_delta_weight("default").float()).to(weight.dtype)
    with written_whole(out) as part:
        _write_model(around.unload(), part, model)
    return out


def _write_model(dragonfly: Any, out: Path, origin: Path) -> None:
    """Weights, processor, and of the card what a model's descendants keep: what it is and under which licence."""
    dragonfly.save_pretrained(out)
    DragonflyProcessor.from_pretrained(origin).save_pretrained(out)
    if not (origin / CARD).is_file():
        return
    facts = json.loads((origin / CARD).read_text(encoding="utf-8"))
    kept = {
        name: facts[name] for name in ("demonstration", "licence", "languages", "modalities") if name in facts
    }
    card = {
        "name": f"{facts.get('name', origin.name)}, trained further",
        **kept,
        "fingerprint": fingerprint(out),
    }
    (out / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
