"""One learner on its device, and how processes share it: each holds a copy, or each a share of every weight.

Copies (DDP) exchange gradients. Shares (FSDP) exchange weights too, layer by layer as they are needed, so that
weights, gradients and moments together take the memory of one process divided by their number. Accelerate
starts the processes and gives each its device; the shares are torch's own (`fully_shard`), as Accelerate
offers its FSDP on GPUs only, and what is tested here on a CPU is then what runs there.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from model.errors import TrainingUnusable
from model.training.learner import Learner
from model.training.stages import Training

FOREIGN = (DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


def open_accelerator(training: Training, device: str) -> Accelerator:
    """Processes, device and precision, as `accelerate launch` or torchrun started them."""
    rounded = training.precision == "bfloat16"
    return Accelerator(cpu=device == "cpu", mixed_precision="bf16" if rounded else "no")


def spread(learner: Learner, accelerator: Accelerator, *, shard: bool = False) -> nn.Module:
    """The learner on its device, ready for one or many processes.

    shard: each process holds its share of every weight instead of a copy
    raises: TrainingUnusable where there is nobody to share with, or Accelerate was told to share in its own way
    """
    if accelerator.distributed_type in FOREIGN:
        raise TrainingUnusable(
            "Accelerate is set to wrap the model in its own way, which checkpoints here do not know; "
            "start it without FSDP, DeepSpeed or Megatron, and ask this training to shard."
        )
    if not shard:
        learner.to(accelerator.device)
        prepared: nn.Module = accelerator.prepare_model(learner)
        return prepared
    if accelerator.num_processes == 1:
        raise TrainingUnusable("Weights are shared between processes, and there is only one; start several.")
    return _sharded(learner, accelerator)


def _sharded(learner: Learner, accelerator: Accelerator) -> nn.Module:
    """Every layer is gathered when it is its turn; what stands outside the layers is gathered once a step.

    Weights travel as they are kept, in float32 where they train: then two processes compute what one does.
    """
    mesh = init_device_mesh(accelerator.device.type, (accelerator.num_processes,))
    model = learner.dragonfly.model
    # The tower's last layer is never called, so nothing would gather it: it is shared out with the rest.
    for layer in (*model.image_encoder.encoder.layers[:-1], *model.language_model.layers):
        fully_shard(layer, mesh=mesh)
    fully_shard(learner, mesh=mesh)
    return learner


@contextmanager
def exchanging(learner: nn.Module, last: bool) -> Iterator[None]:
    """Copies exchange gradients with the last piece of a step only; shares with each, or they would not fit."""
    if isinstance(learner, DistributedDataParallel) and not last:
        with learner.no_sync():
            yield
    else:
        yield


@contextmanager
def computing(learner: nn.Module, accelerator: Accelerator) -> Iterator[None]:
    """The precision in which layers are computed; around copies Accelerate has put it already."""
    if isinstance(learner, FSDPModule):
        with accelerator.autocast():
            yield
    else:
        yield


def clip(learner: nn.Module, largest: float) -> float:
    """Shorten all gradients together to at most this norm; returns the norm before."""
    trained = [one for one in learner.parameters() if one.requires_grad]
    norm = nn.utils.clip_grad_norm_(trained, largest)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


def summed(accelerator: Accelerator, *values: float) -> list[float]:
    """Each value added up over all processes."""
    # Apple's devices have no float64; sums of tokens stay exact in float32 up to 16 million.
    kind = torch.float32 if accelerator.device.type == "mps" else torch.float64
    total: Tensor = accelerator.reduce(
        torch.tensor(values, dtype=kind, device=accelerator.device), reduction="sum"
    )
    return [float(one) for one in total]
