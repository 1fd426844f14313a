"""The devices a model can run on: by name, with how much room is left, and how they say that it ran out."""

import re
from pathlib import Path

import psutil
import torch

from model.errors import DeviceAbsent

NAMES = re.compile(r"cpu|mps|cuda(:\d+)?")
CGROUP = Path("/sys/fs/cgroup")


def device_named(name: str) -> torch.device:
    """The device of this name: cpu, cuda, cuda:N or mps.

    raises: DeviceAbsent where this machine, or the torch that is installed, does not have it
    """
    if not NAMES.fullmatch(name):
        raise DeviceAbsent(device=name, known="cpu, cuda, cuda:N, mps")
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise DeviceAbsent(device=name, cuda_devices=count)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceAbsent(device=name, mps="not available")
    return device


def free_bytes(device: torch.device, cgroup: Path = CGROUP) -> int:
    """Memory a model may still take there; on the host what the system, or a container's limit, leaves."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
        facts = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        # Pages of files are given up as soon as anybody needs the room.
        return free if limit == "max" else min(free, int(limit) - used + int(facts["inactive_file"]))
    except (OSError, KeyError, ValueError):
        return free  # no such limit is told here


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out; on the host the library says so in a RuntimeError of its own words."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError)
        and ("DefaultCPUAllocator" in str(error) or "MPS backend out of memory" in str(error))
    )
