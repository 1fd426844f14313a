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
    scores = measure(folder, count=options.count, quantization=options.quantization, progress=progress)
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


def bench_load(settings: Settings, options: Namespace) -> int:
    """Print what opening takes, and what comes of a question."""
    import torch

    from model.bench_load import opened

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model or Path(scratch) / options.shape
        if options.model is None:
            _write_random(folder, options.shape, getattr(torch, options.stored), options.layout)
        took = opened(
            folder,
            device=settings.device,
            dtype=settings.dtype,
            quantization=settings.quantization,
            ask=not options.silent,
        )
    where = "the device" if took.device else "the process"
    sys.stdout.write(
        f"\n{settings.device}, {settings.dtype}, quantization {settings.quantization}\n"
        f"  weights{took.weights / 1e6:>54.0f} MB\n"
        f"  most memory of {where} until it was open"
        f"{(took.device or took.host) / 1e6:>{26 - len(where)}.0f} MB, {took.ratio:.3f} of the weights\n"
        f"  opened in{took.seconds:>52.1f} s\n"
    )
    if not options.silent:
        sys.stdout.write(f"  first piece of an answer after{took.first_seconds:>31.1f} s\n")
    return 0


def prove_gpu(settings: Settings, options: Namespace) -> int:
    """Parity, recovery and figures on a CUDA device, written down; returns 1 where something does not hold."""
    from datetime import date

    import torch

    from model.bench_model import measure
    from model.demo import DEMO_MODEL
    from model.devices import device_named
    from model.engine import open_engine
    from model.proof import LOGITS_TOLERANCE, TOWER_TOLERANCE, parity, record, recovers, squeezed

    device = device_named("cuda")
    name = torch.cuda.get_device_name(device)
    found = parity(DEMO_MODEL, device="cuda", dtype="bfloat16", pictures=20)
    engine = open_engine(DEMO_MODEL, device="cuda", dtype="bfloat16")
    fault = recovers(engine, lambda: squeezed(device))
    engine.close()
    facts = [
        ("torch, CUDA", f"{torch.__version__}, {torch.version.cuda}"),
        (
            f"bfloat16 beside float32 (tower within {TOWER_TOLERANCE}, logits within {LOGITS_TOLERANCE})",
            f"{'holds' if found.holds else 'DOES NOT HOLD'}: tower {found.tower:.4f}, logits {found.logits:.4f}, "
            f"first word equal for {found.same_word} of {found.pictures}",
        ),
        ("goes on after memory ran out", fault or "holds"),
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.model or Path(scratch) / options.shape
        if options.model is None:
            _write_random(folder, options.shape, torch.bfloat16, "pickled")
        facts += measure(folder, device="cuda", dtype="bfloat16", threads=os.cpu_count() or 1, repeats=5)
    day = date.today().isoformat()
    options.folder.mkdir(parents=True, exist_ok=True)
    text = record(day, name, iter(facts))
    (options.folder / f"gpu-{day}.md").write_text(text, encoding="utf-8")
    sys.stdout.write(f"\n{text}")
    return 0 if found.holds and fault is None else 1


def _write_random(folder: Path, shape: str, dtype: Any, layout: Any) -> int:
    from model.random_weights import SHAPES, configuration, write_random

    if shape not in SHAPES:
        raise ValueError(f"There is no shape {shape}; there are {', '.join(SHAPES)}.")
    return write_random(folder, configuration(SHAPES[shape]), dtype=dtype, layout=layout, progress=progress)
