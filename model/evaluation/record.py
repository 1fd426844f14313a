"""What lies in the folder of a run: what was asked of whom, and the answers as they came.

`run.json` binds the folder to one task, data, model, wording and way of choosing words; `answers.jsonl` grows by a
line for each answer, in the order in which they came. A torn last line, of a process that was killed while it wrote,
is cut off. Answers can repeat what protected data say: the folder stays where the data may be.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from model.answers import ModelCard, Sampling
from model.errors import EvaluationUnusable
from model.evaluation.examples import Example
from model.prompts import Prompt

RUN, ANSWERS = "run.json", "answers.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Everything that has a say in the answers; another run differs in one of them."""

    task: str
    split: str
    limit: int
    seed: int
    examples: int
    data_sha256: str
    """Over ids, questions, answers and choices, and name and size of every picture; not over the pictures' bytes."""
    model: dict[str, Any]
    wording: dict[str, dict[str, Any]]
    """By kind of question: name, version and SHA-256 of the prompt."""
    sampling: dict[str, Any]
    computed: dict[str, str] = field(default_factory=dict)
    """Device and precision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One answer. `failed`: why there is none, `picture` or `too_long`; the text is empty then."""

    place: int
    """Which example of the run, from 0."""
    id: str
    text: str = ""
    failed: str = ""
    stop_reason: str = ""
    tokens: int = 0
    confidence: float = 0.0


def digest(examples: Sequence[Example], folder: Path) -> str:
    """SHA-256 of what the data say; see Binding.data_sha256."""
    found = hashlib.sha256()
    for one in examples:
        row = asdict(one)
        row["pictures"] = [(_relative(path, folder), _size(path)) for path in one.pictures]
        found.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return found.hexdigest()


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def facts(card: ModelCard) -> dict[str, Any]:
    """What a scorecard says of a model."""
    names = ("name", "architecture", "fingerprint", "revision", "demonstration", "licence")
    return {name: getattr(card, name) for name in names}


def wording(prompts: dict[str, Prompt]) -> dict[str, dict[str, Any]]:
    """What a scorecard says of the words that asked."""
    return {
        kind: {"prompt": one.name, "version": one.version, "sha256": one.sha256}
        for kind, one in sorted(prompts.items())
    }


def sampled(sampling: Sampling) -> dict[str, Any]:
    """The way of choosing words as JSON values."""
    return {**asdict(sampling), "stop": list(sampling.stop)}


class Answers:
    """The growing file of answers of one run; `given` are those that are there."""

    def __init__(self, folder: Path, binding: Binding):
        """Open or begin; raises EvaluationUnusable where another run lies in the folder, or its file is damaged."""
        folder.mkdir(parents=True, exist_ok=True)
        written = json.loads(json.dumps(asdict(binding)))
        known, path = folder / RUN, folder / ANSWERS
        if known.is_file():
            _refuse_another(read_json(known), written)
        elif path.exists():
            raise EvaluationUnusable(
                f"The folder holds {ANSWERS} and no {RUN}: nothing tells what it answers."
            )
        else:
            save(known, written)
        self.given: dict[int, Given] = {}
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._file.truncate(self._read(path, binding.examples))
        except BlockingIOError as error:
            self._file.close()
            raise EvaluationUnusable("Another process is answering into this folder.") from error
        except EvaluationUnusable:
            self._file.close()
            raise

    def add(self, one: Given) -> None:
        """Append an answer; it is the operating system's before this returns."""
        self._file.write(json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n")
        self._file.flush()
        self.given[one.place] = one

    def close(self) -> None:
        """On the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _read(self, path: Path, examples: int) -> int:
        """Take in the whole lines; returns the bytes they fill."""
        data = path.read_bytes()
        kept = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:kept].splitlines(), start=1):
            try:
                one = Given(**json.loads(line))
                fits = 0 <= one.place < examples
            except (ValueError, TypeError) as error:
                raise EvaluationUnusable(f"{ANSWERS} is damaged.", line=number) from error
            if not fits:
                raise EvaluationUnusable(
                    f"{ANSWERS} answers an example that the run does not have.", line=number
                )
            self.given[one.place] = one
        return kept


def _refuse_another(known: dict[str, Any], wanted: dict[str, Any]) -> None:
    differing = [name for name in wanted if known.get(name) != wanted[name]]
    if differing:
        raise EvaluationUnusable(
            f"The folder holds another run: {', '.join(differing)} differ. Take another folder, or ask as it was asked."
        )


def read_json(path: Path) -> Any:
    """A JSON file that this module wrote; raises EvaluationUnusable where it is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EvaluationUnusable(
            f"{path.name} of the run cannot be read ({type(error).__name__})."
        ) from error


def save(path: Path, value: Any) -> None:
    """Write JSON whole or not at all."""
    write(path, json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def write(path: Path, text: str) -> None:
    """Write a text whole or not at all."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
