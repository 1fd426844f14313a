"""Checkpoints: convert, train and measure the demonstration, figures of speed."""

import sys
from argparse import Namespace

from app.settings import Settings


class _Progress:
    """A bar on a terminal; in a log, where nothing can be painted over, a line for each tenth."""

    def __init__(self) -> None:
        self.said = ("", -1)

    def __call__(self, stage: str, share: float) -> None:
        if sys.stderr.isatty():
            filled = round(share * 30)
            sys.stderr.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {share:4.0%} {stage:<40}")
        elif (stage, int(share * 10)) != self.said:
            self.said = (stage, int(share * 10))
            sys.stderr.write(f"{share:4.0%} {stage}\n")
        sys.stderr.flush()


_progress = _Progress()


def convert(settings: Settings, options: Namespace) -> int:
    """Pickles to safetensors."""
    from model.checkpoints import convert as run

    fingerprint = run(options.source, options.target, _progress)
    sys.stdout.write(f"\n{options.target}: sha256 {fingerprint}\n")
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
        steps=options.steps,
        last_steps=options.last_steps,
        seed=options.seed,
        progress=_progress,
    )
    scores = measure(options.out, progress=_progress)
    write_card(options.out, took, scores)
    sys.stdout.write("\n" + show(scores))
    return 0


def evaluate_demo(settings: Settings, options: Namespace) -> int:
    """Print accuracy beside the majority answer, for each question."""
    import json

    from model.demo import DEMO_MODEL
    from model.demo.evaluate import evaluate_demo as measure
    from model.demo.evaluate import show
    from model.demo.train import write_card

    folder = options.model or DEMO_MODEL
    scores = measure(folder, count=options.count, progress=_progress)
    sys.stdout.write("\n" + show(scores))
    if options.card:
        card = folder / "card.json"
        took = json.loads(card.read_text())["training"] if card.is_file() else {}
        write_card(folder, took, scores)
    return 0


def bench(settings: Settings, options: Namespace) -> int:
    """Print figures."""
    from app.bench import run

    sys.stdout.write(run())
    return 0
