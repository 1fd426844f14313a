"""How much memory it takes to open a checkpoint, beside the size of its weights: measured in a new process.

What is counted on the host is the resident set: what the process keeps in memory, of files it has mapped
too. Pages that the system caches of files that were only read are its own, and given up when anybody needs
the room. On a CUDA device the library's own count of allocated memory is taken beside it.
"""

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import psutil
import torch

from model.answers import Completion, Sampling
from model.engine import Quantization, open_engine

TOKENS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What opening took."""

    weights: int
    """Bytes of the weights in the precision asked for."""
    host: int
    """Most bytes the process grew by until the engine was open."""
    device: int
    """Most bytes allocated on a CUDA device."""
    seconds: float
    first_seconds: float
    """From a question to its first piece; 0 when none was asked."""
    text: str

    @property
    def ratio(self) -> float:
        """Most memory where the weights lie, in sizes of the weights."""
        return (self.device or self.host) / self.weights


def opened(
    path: Path, *, device: str, dtype: str, quantization: Quantization = "none", ask: bool = True
) -> Opened:
    """Open it in a new process, and ask a question about a drawn picture; raises RuntimeError with its words."""
    command = [sys.executable, "-m", __name__, str(path), device, dtype, quantization, str(int(ask))]
    root = Path(__file__).parent.parent
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr.strip().splitlines()[-1])
    return Opened(**json.loads(ended.stdout))


def _measure(path: Path, device: str, dtype: str, quantization: Quantization, ask: bool) -> Opened:
    from model.demo.phantoms import draw_phantom, kind_of

    before, started = psutil.Process().memory_info().rss, time.perf_counter()
    _forget_peak()
    engine = open_engine(path, device=device, dtype=dtype, quantization=quantization)
    taken, host = time.perf_counter() - started, _peak() - before
    on_device = torch.cuda.max_memory_allocated(device) if device.startswith("cuda") else 0
    done: Completion | None = None
    if ask:
        picture = draw_phantom(kind_of(0), 0).pixels
        *_, last = engine.answer([picture], "Is the heart enlarged?", Sampling(max_new_tokens=TOKENS))
        assert isinstance(last, Completion)
        done = last
    return Opened(
        weights=engine.memory()["weights"],
        host=host,
        device=on_device,
        seconds=taken,
        first_seconds=done.seconds_to_first if done else 0.0,
        text=done.text if done else "",
    )


def _forget_peak() -> None:
    """Let the highest resident set begin anew: importing may have taken more than it kept."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The highest resident set since then, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    folder, on, kind, bits, asks = sys.argv[1:]
    result = _measure(Path(folder), on, kind, cast(Quantization, bits), asks == "1")
    sys.stdout.write(json.dumps(asdict(result)))
