"""Several trainings one after the other in each of the processes that torchrun starts: for test_processes.py.

    torchrun --nproc-per-node=2 -m tests.model.training.sharing MODEL RECORDS OUT

Each training leaves what it always leaves in a folder of its name; `held.json` says what each process held.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from accelerate.state import AcceleratorState
from torch import distributed

from model.loading import load_model
from model.training.learner import Learner
from model.training.loop import Run, train
from model.training.spread import open_accelerator, spread
from model.training.stages import Stage, Training, choose_weights


@dataclass(frozen=True, slots=True)
class Case:
    """One training of four steps, or of as many as there are before its stop."""

    name: str
    stage: Stage
    shard: bool
    precision: str = "float32"
    again: bool | None = None
    """Layers computed again; None: as the stage does."""
    stops: int = 0
    """The step after which it is stopped, and taken up once more; 0: it is not."""
    ends: bool = True
    """Whether it is taken up by the same processes."""

    @property
    def training(self) -> Training:
        """Its settings. Dropout is drawn by each process for itself, so without it there is something to compare."""
        return Training(
            stage=self.stage,
            precision=self.precision,  # type: ignore[arg-type]
            gradient_checkpointing=self.again,
            batch=4,
            steps=4,
            rate=1e-3,
            rank=4,
            dropout=0.0,
        )


CASES = (
    Case("copies-projector", "projector", False),
    Case("copies-adapter", "adapter", False),
    Case("shares-projector", "projector", True),
    Case("shares-all", "all", True),
    Case("shares-all-kept", "all", True, again=False),
    Case("shares-adapter", "adapter", True),
    Case("shares-adapter-bfloat16", "adapter", True, precision="bfloat16"),
    Case("shares-all-bfloat16", "all", True, precision="bfloat16"),
    Case("shares-all-resumed", "all", True, stops=2),
    Case("shares-adapter-resumed", "adapter", True, stops=2),
    Case("shares-all-left", "all", True, stops=2, ends=False),
)


def play(case: Case, model: Path, records: Path, out: Path, *, resume: bool = False) -> None:
    """One case, in this process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    run = Run(model=model, records=records, out=out / case.name, shard=case.shard, resume=resume)
    if not case.stops or resume:
        train(run, case.training)
        return
    asked = iter(range(1, 100))
    train(run, case.training, stop=lambda: next(asked) >= case.stops)
    if case.ends:
        play(case, model, records, out, resume=True)


def held(model: Path) -> dict[str, int]:
    """Numbers this process holds of all weights, and of the moments after one step."""
    AcceleratorState._reset_state(reset_partial_state=True)
    training = Training(stage="all")
    accelerator = open_accelerator(training, "cpu")
    dragonfly = load_model(model, device="cpu", dtype="float32")
    whole = sum(one.numel() for one in dragonfly.parameters())
    choose_weights(dragonfly, training)
    learner = spread(Learner(dragonfly), accelerator, shard=True)
    optimizer = torch.optim.AdamW([one for one in learner.parameters() if one.requires_grad])
    for one in learner.parameters():
        if one.requires_grad:
            one.grad = torch.ones_like(one)
    trained = sum(one.numel() for one in learner.parameters() if one.requires_grad)
    optimizer.step()
    moments = [one for state in optimizer.state.values() for one in state.values() if one.numel() > 1]
    local = lambda values: sum(one.to_local().numel() for one in values)  # noqa: E731
    return {
        "whole": whole,
        "trained": trained,
        "weights": local(learner.parameters()),
        "moments": local(moments),
    }


def main(model: Path, records: Path, out: Path) -> None:
    """Every case, and what this process held."""
    for case in CASES:
        play(case, model, records, out)
    mine = held(model)
    everyone: list[dict[str, int]] = [{}] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    if distributed.get_rank() == 0:
        (out / "held.json").write_text(json.dumps({"held": everyone, "cases": [asdict(c) for c in CASES]}))
    distributed.barrier()
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
