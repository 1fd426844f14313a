"""Checkpoints: convert, train and measure the demonstration, figures of speed."""

import os
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from app.commands.progress import progress
from app.settings import Settings


def convert(settings: Settings, options: Namespace) -> int:
    """Pickles to safetensors."""
    from model.checkpoints import convert as run

    fingerprint = run(options.source, options.target, progress)
    sys.stdout.write(f"\n{options.target}: sha256 {fingerprint}\n")
    return 0


def export(settings: Settings, options: Namespace) -> int:
    """A folder for a model server."""
    from model.export import export as run

    name = run(options.source, options.target, progress)
    sys.stdout.write(
        f"\n{options.target}: serve it as {name}, for example\n"
        f"  vllm serve {options.target} --trust-remote-code --model-impl transformers --served-model-name {name}\n"
    )
    return 0


def train_demo(settings: Settings, options: Namespace) -> int:
    """Train, measure, write the card."""
    from model.demo.evaluate import evaluate_demo as measure
    from model.demo.evaluate import show
    from model.demo.train import train_demo as run
    from model.demo.train import write_card

    took = run(
        options.out,
        drawings=options.drawings,
        tower_steps=options.tower_steps,
        naming_steps=options.naming_steps,
        steps=options.steps,
        last_steps=options.last_steps,
        seed=options.seed,
        keep=options.keep,
        progress=progress,
    )
    scores = measure(options.out, progress=progress)
    write_card(options.out, took, scores)
    sys.stdout.write("\n" + show(scores))
    return 0


def ablate(settings: Settings, options: Namespace) -> int:
    """Train and measure every arm that has no result yet; write table and figure."""
    import json

    from model.demo.ablate import Plan
    from model.demo.ablate import ablate as run
    from model.demo.ablation_report import summary, table
    from model.demo.aligned import train_aligned
    from model.demo.figure import figure
    from model.demo.train import write_ablation

    plan = Plan(
        common_steps=options.common_steps,
        steps=options.steps,
        drawings_per_step=options.batch,
        seeds=tuple(range(1, options.seeds + 1)),
        held_out=options.count,
    )
    aligned = train_aligned(
        options.drawings, options.tower_steps, options.naming_steps, options.seed, options.keep, progress
    )
    found = summary(run(options.out, aligned, plan, progress), plan)
    (options.out / "ablation.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (options.out / "ablation.md").write_text(table(found), encoding="utf-8")
    (options.out / "ablation.svg").write_text(figure(found), encoding="utf-8")
    if options.card:
        write_ablation(options.card, found)
    sys.stdout.write("\n" + table(found))
    return 0


def evaluate_demo(settings: Settings, options: Namespace) -> int:
    """Print accuracy beside the majority answer, for each question."""
    import json

    from model.demo import DEMO_MODEL
    from model.demo.evaluate import evaluate_demo as measure
    from model.demo.evaluate import show
    from model.demo.train import write_card

    folder = options.model or DEMO_MODEL
    scores = measure(folder, count=options.count, progress=progress)
    sys.stdout.write("\n" + show(scores))
    if options.card:
        card = folder / "card.json"
        kept = json.loads(card.read_text(encoding="utf-8")) if card.is_file() else {}
        write_card(folder, kept.get("training", {}), scores, kept.get("ablation"))
    return 0


def bench(settings: Settings, options: Namespace) -> int:
    """Print figures."""
    from app.bench import run

    sys.stdout.write(run())
    return 0


def random_checkpoint(settings: Settings, options: Namespace) -> int:
    """Write one."""
    import torch

    count = _write_random(options.out, options.shape, getattr(torch, options.dtype), options.layout)
    sys.stdout.write(f"\n{options.out}: {count:,} parameters\n")
    return 0


def bench_model(settings: Settings, options: Namespace) -> int:
    """Print figures as they come."""
    import torch

    from model.bench_model import measure

    threads = options.threads or os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model or Path(scratch) / options.shape
        if options.model is None:
            _write_random(folder, options.shape, getattr(torch, settings.dtype), "safetensors")
        sys.stdout.write(f"\n{settings.device}, {settings.dtype}, {threads} threads\n")
        figures = measure(
            folder, device=settings.device, dtype=settings.dtype, threads=threads, repeats=options.repeats
        )
        for what, figure in figures:
            sys.stdout.write(f"  {what:<58}{figure}\n")
            sys.stdout.flush()
    return 0


def _write_random(folder: Path, shape: str, dtype: Any, layout: Any) -> int:
    from model.random_weights import SHAPES, configuration, write_random

    if shape not in SHAPES:
        raise ValueError(f"There is no shape {shape}; there are {', '.join(SHAPES)}.")
    return write_random(folder, configuration(SHAPES[shape]), dtype=dtype, layout=layout, progress=progress)
