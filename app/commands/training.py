"""Training from the command line: one process, or as many as `accelerate launch` or torchrun start."""

import signal
import sys
from argparse import BooleanOptionalAction, Namespace
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
    (("--warmup",), {"type": float, "default": 0.01, "help": "share of the steps in which the rate rises"}),
    (("--decay",), {"type": float, "default": 0.1, "help": "weight decay, by the original's rule of names"}),
    (("--clip",), {"type": float, "default": 1.0, "help": "largest norm of all gradients together"}),
    (
        ("--words",),
        {
            "type": int,
            "default": 0,
            "help": "tokens of questions and answers in one sequence (default: the recipe's)",
        },
    ),
    (
        ("--join",),
        {
            "action": BooleanOptionalAction,
            "default": True,
            "help": "put all lines about one picture into one sequence that reads it once",
        },
    ),
    (
        ("--precision",),
        {
            "choices": ["float32", "bfloat16"],
            "default": "float32",
            "help": "in which layers are computed; what trains is kept in float32",
        },
    ),
    (
        ("--result-dtype",),
        {
            "choices": ["auto", "float32", "bfloat16", "float16"],
            "default": "auto",
            "help": "precision of the checkpoint written at the end (auto: as the one it began from)",
        },
    ),
    (
        ("--gradient-checkpointing",),
        {
            "action": BooleanOptionalAction,
            "default": None,
            "help": "compute layers again instead of keeping them (default: for stage all only)",
        },
    ),
    (
        ("--shard",),
        {
            "action": "store_true",
            "help": "of several processes each holds a share of every weight instead of a copy (FSDP)",
        },
    ),
    (("--rank",), {"type": int, "default": 16, "help": "rank of an adapter"}),
    (("--alpha",), {"type": float, "default": 32.0, "help": "an adapter counts alpha / rank times"}),
    (("--dropout",), {"type": float, "default": 0.05, "help": "share of an adapter's inputs left out"}),
    (("--readers",), {"type": int, "default": 2, "help": "threads that open and cut pictures ahead"}),
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

MERGE_ARGUMENTS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("checkpoint",), {**PATH, "help": "folder of the model that the adapter was trained beside"}),
    (("adapter",), {**PATH, "help": "folder of the adapter, as `train --stage adapter` left it"}),
    (("out",), {**PATH, "help": "folder to write; it must not be there yet"}),
    (
        ("--dtype",),
        {
            "choices": ["auto", "float32", "bfloat16", "float16"],
            "default": "auto",
            "help": "precision of the weights (auto: as the model)",
        },
    ),
]
MERGE_HELP = "Work a trained adapter into its model, as a checkpoint of its own."
MERGE_EXAMPLE = "  dragonfly-med merge-adapter /srv/med runs/three/adapter /srv/med-adapted"


def merge_adapter(settings: Settings, options: Namespace) -> int:
    """Write the merged checkpoint."""
    from model.training.results import merge

    sys.stdout.write(f"{merge(options.checkpoint, options.adapter, options.out, dtype=options.dtype)}\n")
    return 0


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
        warmup=options.warmup,
        decay=options.decay,
        clip=options.clip,
        words=options.words,
        join=options.join,
        precision=options.precision,
        gradient_checkpointing=options.gradient_checkpointing,
        rank=options.rank,
        scale=options.alpha,
        dropout=options.dropout,
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
        dtype=options.result_dtype,
        shard=options.shard,
        readers=options.readers,
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
