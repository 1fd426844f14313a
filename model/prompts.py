"""Prompts: named, versioned, hashed texts, and filling them. No torch.

They are part of what a model was trained and measured with, so an answer keeps name, version and digest.
"""

import hashlib
import json
import string
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TEXTS = Path(__file__).parent / "prompt_texts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A text with {fields}."""

    name: str
    version: int
    sha256: str
    text: str

    @property
    def fields(self) -> tuple[str, ...]:
        """The names it can be filled with."""
        return tuple(name for _, name, _, _ in string.Formatter().parse(self.text) if name)

    def fill(self, **values: str) -> str:
        """The text with its values; a line whose field is empty is left out. Values are never parsed again.

        raises: KeyError for a name that the text does not have
        """
        unknown = set(values) - set(self.fields)
        if unknown:
            raise KeyError(f"The prompt {self.name} has no field {', '.join(sorted(unknown))}.")
        lines = []
        for line in self.text.splitlines():
            names = [name for _, name, _, _ in string.Formatter().parse(line) if name]
            if all((values.get(name) or "").strip() for name in names):
                lines.append(line.format_map({name: " ".join(values[name].split()) for name in names}))
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A question that is asked with one click; `group` is chest, ct, histology or any."""

    id: str
    group: str
    text: str


@cache
def prompt(name: str) -> Prompt:
    """A prompt by name; raises KeyError when there is none."""
    file = TEXTS / f"{name}.txt"
    if name not in prompt_names():
        raise KeyError(f"There is no prompt {name}; there are {', '.join(prompt_names())}.")
    head, _, text = file.read_text(encoding="utf-8").partition("\n\n")
    text = text.rstrip("\n")
    version = int(head.removeprefix("version:"))
    return Prompt(name=name, version=version, sha256=hashlib.sha256(text.encode()).hexdigest(), text=text)


@cache
def prompt_names() -> tuple[str, ...]:
    """All names."""
    return tuple(sorted(file.stem for file in TEXTS.glob("*.txt")))


@cache
def presets() -> tuple[Preset, ...]:
    """The questions offered with one click, in order."""
    return tuple(Preset(**one) for one in json.loads((TEXTS / "presets.json").read_text(encoding="utf-8")))
