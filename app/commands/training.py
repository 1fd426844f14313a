"""Training from the command line: one process, or as many as `accelerate launch` or torchrun start."""

import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from app.commands.progress import progress
from app.settings import Settings

PATH: dict[str, Any] = {"type": Path}
ARGUMENTS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (
        ("--stage",),
        {
            "required": True,
            "choices": ["projector", "all", "adapter"],
            "help": "what is trained: the projector alone, everything, or a LoRA adapter of the language model",
        },
    ),
    (("--data",), {**PATH, "required": True, "help": "records, one JSON object a line"}),
    (("--model",), {**PATH, "required": True, "help": "checkpoint folder to begin from"}),
    (("--out",), {**PATH, "required": True, "help": "folder for checkpoints, log and result"}),
    (("--images",), {**PATH, "help": "folder of the pictures (default: beside the records)"}),
    (
        ("--loss",),
        {
            "choices": ["answers", "whole"],
            "default": "answers",
            "help": "what is learned: the answers, or as the original every word of both turns",
        },
    ),
    (("--epochs",), {"type": float, "default": 1.0, "help": "how often each sequence is seen"}),
    (("--steps",), {"type": int, "default": 0, "help": "steps, instead of epochs"}),
    (
        ("--batch",),
        {"type": int, "default": 0, "help": "sequences of a step over all processes (default: the recipe's)"},
    ),
    (("--micro-batch",), {"type": int, "default": 1, "help": "sequences a process takes at a time"}),
    (("--rate",), {"type": float, "default": 0.0, "help": "highest learning rate (default: the recipe's)"}),
    (
        ("--precision",),
        {
            "choices": ["float32", "bfloat16"],
            "default": "float32",
            "help": "in which layers are computed; what trains is kept in float32",
        },
    ),
    (("--rank",), {"type": int, "default": 16, "help": "rank of an adapter"}),
    (("--save-every",), {"type": int, "default": 500, "help": "steps between checkpoints"}),
    (("--keep",), {"type": int, "default": 2, "help": "newest checkpoints that are kept"}),
    (
        ("--seed",),
        {"type": int, "default": 0, "help": "seed of the order and of all that is drawn by chance"},
    ),
    (
        ("--resume",),
        {"action": "store_true", "help": "go on from the newest checkpoint, or begin where there is none"},
    ),
    (("--tensorboard",), {"action": "store_true", "help": "write curves for TensorBoard too"}),
    (
        ("--device",),
        {"choices": ["auto", "cpu"], "default": "auto", "help": "auto takes the accelerator that is there"},
    ),
]
HELP = (
    "Train on records of pictures and conversations; a stop (Ctrl-C) leaves a checkpoint to resume from. "
    "Exit status: 0 done, 3 stopped before the end."
)
EXAMPLE = (
    "  dragonfly-med train --stage projector --data data/records.jsonl --model /srv/base --out runs/one\n"
    "  accelerate launch --num_processes 2 --module app train --stage all --data data/records.jsonl "
    "--model runs/one/model --out runs/two"
)


def train(settings: Settings, options: Namespace) -> int:
    """Train to the end or to a stop."""
    from model.training.loop import Run
    from model.training.loop import train as run
    from model.training.stages import Training

    training = Training(
        stage=options.stage,
        loss=options.loss,
        epochs=options.epochs,
        steps=options.steps,
        batch=options.batch,
        micro_batch=options.micro_batch,
        rate=options.rate,
        precision=options.precision,
        rank=options.rank,
        save_every=options.save_every,
        keep=options.keep,
        seed=options.seed,
    )
    where = Run(
        model=options.model,
        records=options.data,
        out=options.out,
        images=options.images,
        resume=options.resume,
        device=options.device,
        tensorboard=options.tensorboard,
    )
    asked: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: asked.append(received))
    outcome = run(where, training, progress, stop=lambda: bool(asked))
    if outcome.step < outcome.steps:
        sys.stderr.write(f"\nStopped after step {outcome.step} of {outcome.steps}; resume with --resume.\n")
        return 3
    if outcome.result is not None:
        sys.stdout.write(f"\n{outcome.result}\n")
    return 0
