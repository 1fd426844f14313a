"""One learner on its device, and what processes that hold copies of it tell each other."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from model.training.learner import Learner
from model.training.stages import Training


def open_accelerator(training: Training, device: str) -> Accelerator:
    """Processes, device and precision, as `accelerate launch` or torchrun started them."""
    rounded = training.precision == "bfloat16"
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if rounded else "no")


def spread(learner: Learner, accelerator: Accelerator) -> nn.Module:
    """The learner on its device, ready for one or many processes."""
    learner.to(accelerator.device)
    prepared: nn.Module = accelerator.prepare_model(learner)
    return prepared


@contextmanager
def exchanging(learner: nn.Module, last: bool) -> Iterator[None]:
    """Gradients are exchanged between processes with the last piece of a step only."""
    if isinstance(learner, DistributedDataParallel) and not last:
        with learner.no_sync():
            yield
    else:
        yield


def clip(learner: nn.Module, largest: float) -> float:
    """Shorten all gradients together to at most this norm; returns the norm before."""
    trained = [one for one in learner.parameters() if one.requires_grad]
    return float(nn.utils.clip_grad_norm_(trained, largest))


def summed(accelerator: Accelerator, *values: float) -> list[float]:
    """Each value added up over all processes."""
    # Apple's devices have no float64; sums of tokens stay exact in float32 up to 16 million.
    kind = torch.float32 if accelerator.device.type == "mps" else torch.float64
    total: Tensor = accelerator.reduce(
        torch.tensor(values, dtype=kind, device=accelerator.device), reduction="sum"
    )
    return [float(one) for one in total]
