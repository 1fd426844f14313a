"""What only a GPU can show: answers in bfloat16 beside float32, and going on after its memory ran out.

Everything here takes the device as an argument and is tested on the CPU; what a GPU says is written down by
`dragonfly-med prove-gpu`, and nowhere claimed before.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.answers import Completion, Sampling
from model.demo.phantoms import draw_phantom, kind_of
from model.engine import Engine
from model.errors import NotEnoughMemory
from model.loading import load_model
from model.processing_dragonfly import DragonflyProcessor, chat

TOWER_TOLERANCE, LOGITS_TOLERANCE = 0.02, 0.05
"""Largest relative errors that count as parity: bfloat16 keeps 8 bits, so one rounding is up to 0.004."""
QUESTION = "Is the heart enlarged?"
Squeeze = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """Norm of the difference over the norm of float32's values, the largest of all pictures."""

    pictures: int
    tower: float
    """Of the projected tokens of all crops."""
    logits: float
    """Of the scores of the first word."""
    same_word: int
    """For how many pictures the first word is the same."""

    @property
    def holds(self) -> bool:
        """Whether both are within their tolerance."""
        return self.tower <= TOWER_TOLERANCE and self.logits <= LOGITS_TOLERANCE


def drawn(count: int) -> list[np.ndarray]:
    """Drawings of every kind, the same each time."""
    return [draw_phantom(kind_of(number), number).pixels for number in range(count)]


@torch.inference_mode()
def parity(folder: Path, *, device: str, dtype: str, pictures: int = 10) -> Parity:
    """A checkpoint in a narrow precision on a device, beside float32 on the CPU, picture by picture.

    v1 chooses crops by scores that rounding can turn; the demonstration model is v2 and keeps them all
    """
    processor = DragonflyProcessor.from_pretrained(folder)
    wide = load_model(folder, device="cpu", dtype="float32")
    narrow = load_model(folder, device=device, dtype=dtype)
    tower, logits, same = [], [], 0
    for picture in drawn(pictures):
        batch = processor(text=[chat(QUESTION)], images=[picture], is_generate=True)
        crops = batch["image_patches"][0]
        there = crops.to(narrow.device, narrow.dtype)
        tower.append(_apart(wide.model.encode_crops(crops), narrow.model.encode_crops(there)))
        one, other = wide(**batch).logits[0, -1], narrow(**batch.to(device)).logits[0, -1]
        logits.append(_apart(one, other))
        same += int(one.argmax() == other.argmax().cpu())
    return Parity(pictures=pictures, tower=max(tower), logits=max(logits), same_word=same)


def _apart(one: Tensor, other: Tensor) -> float:
    return float((one - other.float().cpu()).norm() / one.norm())


def recovers(engine: Engine, squeeze: Squeeze) -> str | None:
    """Whether an engine goes on after its memory ran out; None when it does, else what went wrong.

    squeeze: leaves no memory while it is entered
    """
    before, *others = drawn(3)
    expected = _answer(engine, before)
    with squeeze():
        try:
            _answer(engine, others[0])
        except NotEnoughMemory:
            pass
        else:
            return "a question was answered although there was no memory: nothing was proven"
    if _answer(engine, before) != expected:
        return "the same question has another answer after memory ran out"
    if not _answer(engine, others[1]).text:
        return "a new picture gets no answer after memory ran out"
    return None


def _answer(engine: Engine, picture: np.ndarray) -> "Said":
    *_, done = engine.answer([picture], QUESTION, Sampling(max_new_tokens=16))
    assert isinstance(done, Completion)
    return Said(done.text, done.generated_tokens)


@dataclass(frozen=True, slots=True)
class Said:
    """What is compared of an answer."""

    text: str
    tokens: int


@contextmanager
def squeezed(device: torch.device) -> Iterator[None]:
    """All memory of a CUDA device taken, down to blocks of one megabyte."""
    taken, size = [], torch.cuda.mem_get_info(device)[0]
    try:
        while size >= 1 << 20:
            try:
                taken.append(torch.empty(size, dtype=torch.uint8, device=device))
            except torch.OutOfMemoryError:
                size //= 2
        yield
    finally:
        taken.clear()
        torch.cuda.empty_cache()


def record(day: str, device: str, facts: Iterator[tuple[str, str]]) -> str:
    """The record of a run as Markdown; facts: what was looked at, and what was found."""
    lines = [f"# {device}, {day}", "", "Written by `make gpu`.", "", "| what | found |", "|---|---|"]
    return "\n".join([*lines, *(f"| {what} | {found.strip()} |" for what, found in facts)]) + "\n"
