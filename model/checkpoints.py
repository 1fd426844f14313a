"""Checkpoints on disk: their weight files, their fingerprint, and pickles turned into safetensors once."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from model.answers import ModelCard
from model.configuration_dragonfly import DragonflyConfig
from model.errors import WeightsMismatch

PATTERNS = ("model*.safetensors", "pytorch_model*.bin")
CARD = "card.json"
Progress = Callable[[str, float], None]


def weight_files(folder: Path) -> list[Path]:
    """The weight files of a checkpoint, safetensors before pickles; raises WeightsMismatch when there is none."""
    for pattern in PATTERNS:
        files = sorted(folder.glob(pattern))
        if files:
            return files
    raise WeightsMismatch(reason="there is no model.safetensors and no pytorch_model.bin in this folder")


def fingerprint(folder: Path, progress: Progress | None = None) -> str:
    """SHA-256 over the weight files, name and bytes of each, in the order of their names."""
    files = weight_files(folder)
    total, done, digest = sum(file.stat().st_size for file in files), 0, hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\x00")
        with file.open("rb") as source:
            while chunk := source.read(1 << 24):
                digest.update(chunk)
                done += len(chunk)
                if progress:
                    progress("fingerprint", done / total)
    return digest.hexdigest()


def read_card(folder: Path) -> ModelCard:
    """The card of a checkpoint; without card.json only what the files themselves tell.

    raises: WeightsMismatch when the card names other weights than those that lie there
    """
    plan = DragonflyConfig.from_pretrained(folder).zoom_plan
    found = fingerprint(folder)
    facts = json.loads((folder / CARD).read_text(encoding="utf-8")) if (folder / CARD).is_file() else {}
    if facts.get("fingerprint", found) != found:
        raise WeightsMismatch(reason="the card belongs to other weights", fingerprint=found)
    return ModelCard(
        name=facts.get("name", folder.name),
        architecture=plan.version,
        fingerprint=found,
        revision=str(facts.get("revision", "")),
        demonstration=bool(facts.get("demonstration", False)),
        licence=facts.get("licence", "see the checkpoint's own licence"),
        languages=tuple(facts.get("languages", ("en",))),
        modalities=tuple(facts.get("modalities", ())),
        crops_per_picture=plan.crops,
        visual_positions=plan.visual_positions,
        crop_px=plan.crop_px,
    )


def convert(source: Path, target: Path, progress: Progress = lambda _what, _share: None) -> str:
    """Write a published checkpoint as safetensors with its own config, tower included; returns the fingerprint.

    raises: WeightsMismatch
    """
    from model.loading import load_model
    from model.processing_dragonfly import DragonflyProcessor

    progress("reading", 0.0)
    model = load_model(source, device="cpu", dtype="auto")
    progress("writing", 0.5)
    model.save_pretrained(target)
    DragonflyProcessor.from_pretrained(source).save_pretrained(target)
    if (source / CARD).is_file():
        facts = json.loads((source / CARD).read_text(encoding="utf-8")) | {"fingerprint": fingerprint(target)}
        (target / CARD).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    progress("done", 1.0)
    return fingerprint(target)
