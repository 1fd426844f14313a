"""A checkpoint as a folder that a server loads: weights under the library's names, and the code they need.

The code is this package's own modules, copied with their imports made relative, so that the folder needs
nothing of this repository: transformers (5.15 or newer), torch, numpy and Pillow are enough.
"""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model.checkpoints import CARD, fingerprint, read_card, weight_files
from model.errors import WeightsMismatch

# A server takes the first class that it can use, so the base model stands before the one with a head;
# the library writes these keys in the order of the alphabet, which is the same.
MODEL_CODE = {
    "AutoConfig": "configuration_dragonfly.DragonflyConfig",
    "AutoModel": "modeling_dragonfly.DragonflyModel",
    "AutoModelForCausalLM": "modeling_dragonfly.DragonflyForCausalLM",
}
IMAGE_CODE = {"AutoImageProcessor": "image_processing_dragonfly.DragonflyImageProcessor"}
PROCESSOR_CODE = {"AutoProcessor": "processing_dragonfly.DragonflyProcessor"}
Progress = Callable[[str, float], None]


def export(source: Path, target: Path, progress: Progress = lambda _what, _share: None) -> str:
    """Write the folder; returns the name under which a server must serve it, which holds the fingerprint.

    raises: WeightsMismatch; ValueError when the target holds anything already
    """
    from model.loading import load_model
    from model.processing_dragonfly import CHAT_TEMPLATE, END, TURN_END, DragonflyProcessor

    if target.exists() and any(target.iterdir()):
        raise ValueError("The folder to write to is not empty.")
    card = read_card(source)
    progress("reading", 0.0)
    model = load_model(source, device="cpu", dtype="auto")
    processor = DragonflyProcessor.from_pretrained(source)
    progress("writing", 0.4)
    model.config.auto_map = MODEL_CODE
    ends = [processor.tokenizer.convert_tokens_to_ids(token) for token in (TURN_END, END)]
    model.generation_config.eos_token_id = ends  # the engine ends at either
    # Under the library's names: older servers do not know how published names are turned into them.
    model.save_pretrained(target, save_original_format=False)
    for file in weight_files(target):
        file.chmod(0o644)  # the library leaves them to this account alone; a server has another
    processor.save_pretrained(target)
    (target / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")
    _add(target / "preprocessor_config.json", {"auto_map": IMAGE_CODE | PROCESSOR_CODE})
    _add(target / "processor_config.json", {"auto_map": PROCESSOR_CODE})
    for name, text in code().items():
        (target / name).write_text(text, encoding="utf-8")
    progress("fingerprint", 0.8)
    found, plan = fingerprint(target), processor.zoom_plan
    served_name = f"dragonfly-med-{card.architecture}-{found[:16]}"
    known = json.loads((source / CARD).read_text(encoding="utf-8")) if (source / CARD).is_file() else {}
    facts = {
        "name": card.name,
        "architecture": card.architecture,
        "revision": card.revision,
        "demonstration": card.demonstration,
        "licence": card.licence,
        "languages": list(card.languages),
        "modalities": list(card.modalities),
        "crops_per_picture": card.crops_per_picture,
        "visual_positions": card.visual_positions,
        "fingerprint": found,
        "exported_from": card.fingerprint,
        "served_name": served_name,
        "ends": [TURN_END, END],
        "crop_px": plan.crop_px,
        "patch_px": plan.patch_px,
    }
    _write(target / CARD, known | facts)
    progress("done", 1.0)
    return served_name


def code() -> dict[str, str]:
    """File name and text of every module that the classes above need, found by following their imports.

    raises: WeightsMismatch for an import that cannot be made relative
    """
    named = {place.split(".")[0] for place in (MODEL_CODE | IMAGE_CODE | PROCESSOR_CODE).values()}
    found: dict[str, str] = {}
    waiting = sorted(named)
    while waiting:
        module = waiting.pop()
        if f"{module}.py" in found:
            continue
        text = (Path(__file__).parent / f"{module}.py").read_text(encoding="utf-8")
        needed = re.findall(r"^from model\.(\w+) import ", text, re.MULTILINE)
        relative = re.sub(r"^from model\.(\w+) import ", r"from .\1 import ", text, flags=re.MULTILINE)
        if "model" in _absolute_imports(relative):
            raise WeightsMismatch(reason=f"{module}.py imports this package in a way that cannot be exported")
        found[f"{module}.py"] = relative
        waiting += needed
    return found


def _absolute_imports(text: str) -> set[str]:
    """The first name of everything a module imports by its full name."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            roots |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            roots.add(node.module.split(".")[0])
    return roots


def _add(file: Path, facts: dict[str, Any]) -> None:
    _write(file, json.loads(file.read_text(encoding="utf-8")) | facts)


def _write(file: Path, facts: dict[str, Any]) -> None:
    file.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
