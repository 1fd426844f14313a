"""What each stage trains, with which rate: the published recipe's settings, and an adapter of our own.

Source: the original's shell scripts (both branches): AdamW, weight decay 0.1, clipping at 1.0, cosine with
1 % warm-up; projector at 2e-5 in batches of 32 pictures, everything at 2e-6 in batches of 8. The papers name no
adapter: its rate, rank and scale are the usual ones of LoRA.
"""

import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import nn

from model.errors import TrainingUnusable
from model.modeling_dragonfly import DragonflyForCausalLM
from model.training.packing import Loss

Stage = Literal["projector", "all", "adapter"]
STAGES: tuple[Stage, ...] = ("projector", "all", "adapter")
RATES: dict[Stage, float] = {"projector": 2e-5, "all": 2e-6, "adapter": 1e-4}
BATCHES: dict[Stage, int] = {"projector": 32, "all": 8, "adapter": 8}
# The original's rule, by name. It spares the projector too ("vision_embed_tokens"), and not Llama's norms or
# most of the tower's, whose names are spelled otherwise.
UNDECAYED = ("layernorm", "lm_head", "embed_tokens")
LINEAR = r".*language_model\.layers\.\d+\.(self_attn\.[qkvo]|mlp\.(gate|up|down))_proj"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to train. Another value of any field but the last four is another training."""

    stage: Stage
    loss: Loss = "answers"
    epochs: float = 1.0
    """How often each sequence is seen, where `steps` is 0."""
    steps: int = 0
    """Optimizer steps; 0: as many as the epochs take."""
    batch: int = 0
    """Sequences of one step, over all processes; 0: the stage's own."""
    rate: float = 0.0
    """Highest learning rate; 0: the stage's own."""
    warmup: float = 0.01
    """Share of the steps in which the rate rises."""
    decay: float = 0.1
    clip: float = 1.0
    """Largest norm of all gradients together."""
    words: int = 0
    """Tokens of questions and answers in one sequence; 0: half the published length, less one."""
    join: bool = True
    """Whether lines about one picture share a sequence."""
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    rank: int = 16
    scale: float = 32.0
    """LoRA's alpha: the adapter counts alpha / rank times."""
    dropout: float = 0.05
    micro_batch: int = 1
    """Sequences a process takes at a time; the rest of its share is accumulated."""
    gradient_checkpointing: bool | None = None
    """Compute layers again instead of keeping them; None: for the stage that trains all."""
    save_every: int = 500
    """Steps between checkpoints; there is one at the end in any case."""
    keep: int = 2
    """Checkpoints kept, the newest."""

    def __post_init__(self) -> None:
        whole = {"steps": 0, "batch": 0, "words": 0, "rank": 1, "micro_batch": 1, "save_every": 1, "keep": 1}
        for name, least in whole.items():
            if getattr(self, name) < least:
                raise TrainingUnusable(f"{name} is at least {least}.")
        for name in ("epochs", "rate", "decay", "clip", "scale"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise TrainingUnusable(f"{name} is a number that is not below 0.")
        for name in ("warmup", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingUnusable(f"{name} is a share from 0 to below 1.")
        if self.stage not in STAGES:
            raise TrainingUnusable(f"The stage is one of {', '.join(STAGES)}.")

    @property
    def batch_size(self) -> int:
        """Sequences of one step."""
        return self.batch or BATCHES[self.stage]

    @property
    def highest_rate(self) -> float:
        """The rate after warm-up."""
        return self.rate or RATES[self.stage]

    @property
    def checkpointing(self) -> bool:
        """Whether layers are computed again."""
        return self.stage == "all" if self.gradient_checkpointing is None else self.gradient_checkpointing

    @property
    def frozen_dtype(self) -> str:
        """In which the weights are opened: what trains is float32, what does not may be as it is computed."""
        return "float32" if self.stage == "all" else self.precision

    def identity(self) -> dict[str, Any]:
        """What a training that is resumed must have in common with the one that began."""
        free = ("micro_batch", "gradient_checkpointing", "save_every", "keep")
        return {name: value for name, value in asdict(self).items() if name not in free}


def choose_weights(model: DragonflyForCausalLM, training: Training) -> Any:
    """Freeze what the stage does not train; the PEFT model around it for an adapter, else None.

    The tower's last layer and its last norm are never computed, and a learned choice of crops carries no gradient,
    so they stay as they are in every stage.
    """
    model.requires_grad_(False)
    if training.stage == "adapter":
        return with_adapter(model, training)
    last = model.config.vision_config.num_hidden_layers - 1
    unused = (f"image_encoder.encoder.layers.{last}.", "image_encoder.post_layernorm.", "crop_scorer.")
    for name, weight in model.named_parameters():
        weight.requires_grad = (
            "vision_embed_tokens" in name
            if training.stage == "projector"
            else not any(part in name for part in unused)
        )
        if weight.requires_grad:
            weight.data = weight.data.float()
    return None


def with_adapter(model: DragonflyForCausalLM, training: Training) -> Any:
    """LoRA on every linear layer of the language model, put into the model in its place."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(training.seed)  # LoRA's first matrix is drawn by chance
    chosen = LoraConfig(
        r=training.rank,
        lora_alpha=training.scale,  # type: ignore[arg-type]
        lora_dropout=training.dropout,
        target_modules=LINEAR,
        task_type="CAUSAL_LM",
    )
    with peft_quiet():
        return get_peft_model(model, chosen)


@contextmanager
def peft_quiet() -> Iterator[None]:
    """PEFT 0.21 asks transformers 5.23 by a name that is going away; nobody who trains can do anything about it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def weight_groups(named: Iterable[tuple[str, nn.Parameter]], decay: float) -> list[dict[str, Any]]:
    """What trains, in two groups: with weight decay and, by the original's rule, without."""
    trained = [(name, weight) for name, weight in named if weight.requires_grad]
    spared = [weight for name, weight in trained if any(part in name for part in UNDECAYED)]
    others = [weight for name, weight in trained if not any(part in name for part in UNDECAYED)]
    groups = [{"params": others, "weight_decay": decay}, {"params": spared, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def rate_at(step: int, steps: int, highest: float, warmup: float) -> float:
    """The rate of a step (counted from 0): a line up to the highest, then half a cosine down to 0.

    The first step of the warm-up is already above 0, unlike in the library's schedule, which spends it on
    nothing.
    """
    rising = math.ceil(steps * warmup)
    if step < rising:
        return highest * (step + 1) / rising
    return highest * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
