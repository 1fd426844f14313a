"""All questions of a picture in one sequence: the picture is read once, and no question sees another.

    positions  0 1 2 ... v-1 | v v+1 v+2 ... | v v+1 ... | v v+1 v+2 ...
    block      0 (pictures)  | 1             | 2         | 3

Each block begins with the begin token and takes its positions behind the pictures, so every question and
answer stands exactly where it would stand alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import torch
from torch import Tensor

from model.errors import PromptTooLong, RecordsUnusable
from model.processing_dragonfly import END, TURN_END, DragonflyProcessor, chat
from model.training.records import Pair, Record

Loss = Literal["answers", "whole"]
"""answers: the answer and its closing token. whole: as the original, everything after each begin token, the
user's words and headers included, up to the end token. The original also learned its right padding (its
labels were copied after padding); that is a fault and is left out of both."""
IGNORED = -100
PADDING = -1
PICTURES = 0


@dataclass(frozen=True, slots=True)
class Packed:
    """One picture (or several) with its questions; four lists of the same length."""

    ids: list[int]
    labels: list[int]
    """The id where it is to be learned, else -100."""
    blocks: list[int]
    """0 for the pictures, then 1 for the first question, 2 for the second."""
    positions: list[int]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences padded to one length; their pictures in one row."""

    ids: Tensor
    """(rows, length)"""
    labels: Tensor
    """(rows, length); -100 is not learned"""
    mask: Tensor
    """bool (rows, 1, length, length): true where a position (third axis) may look (fourth)"""
    positions: Tensor
    """(rows, length)"""
    places: Tensor
    """(rows, length): which visual embedding of the whole batch stands there; -1 for words"""
    patches: Tensor
    """(pictures * crops, 3, side, side)"""
    pictures: int

    @property
    def learned(self) -> int:
        """Tokens that are learned."""
        return int((self.labels != IGNORED).sum())

    def to(self, device: torch.device | str) -> "Batch":
        """The same on a device."""
        moved: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        for name, value in moved.items():
            if isinstance(value, Tensor):
                moved[name] = value.to(device)
        return Batch(**moved)


def block(processor: DragonflyProcessor, pair: Pair, loss: Loss) -> tuple[list[int], list[int]]:
    """Ids and labels of one question with its answer."""
    encode = processor.tokenizer.encode
    # A text can spell special tokens; a space inside keeps them words, as the engine does with questions.
    asked = encode(chat(pair.question.replace("<|", "< |")), add_special_tokens=False)
    answered = encode(pair.answer.replace("<|", "< |") + TURN_END, add_special_tokens=False)
    if loss == "answers":
        return [processor.begin_id, *asked, *answered], [IGNORED] * (1 + len(asked)) + answered
    learned = [*asked, *answered, processor.tokenizer.convert_tokens_to_ids(END)]
    return [processor.begin_id, *learned], [IGNORED, *learned]


def pack(processor: DragonflyProcessor, pictures: int, pairs: Iterable[Pair], loss: Loss) -> Packed:
    """One sequence of some pictures and all these pairs."""
    ids = processor.visual_ids() * pictures
    start = len(ids)
    labels, blocks, positions = [IGNORED] * start, [PICTURES] * start, list(range(start))
    for number, pair in enumerate(pairs, start=1):
        words, learned = block(processor, pair, loss)
        ids = ids + words
        labels += learned
        blocks += [number] * len(words)
        positions += range(start, start + len(words))
    return Packed(ids, labels, blocks, positions)


def fitting(
    processor: DragonflyProcessor, records: Iterable[Record], loss: Loss, words: int, room: int
) -> list[Record]:
    """The records, those with more words than fit into one sequence as several; a pair is never cut.

    words: tokens of all questions and answers of one sequence; room: positions the model was made for
    raises: PromptTooLong for a pair that has more words than that alone; RecordsUnusable where pictures and
    pair leave no room
    """
    fitted = []
    for record in records:
        visual = len(record.pictures) * processor.zoom_plan.visual_positions
        now: list[Pair] = []
        used = 0
        for pair in record.pairs:
            length = len(block(processor, pair, loss)[0])
            if length > words:
                raise PromptTooLong(length - words, words)
            if visual + length > room:
                raise RecordsUnusable(
                    f"Pictures and words take {visual + length} positions, the model has {room}.",
                    line=record.line,
                )
            if used + length > words:
                fitted.append(replace(record, pairs=tuple(now)))
                now, used = [], 0
            now.append(pair)
            used += length
        fitted.append(replace(record, pairs=tuple(now)))
    return fitted


def collate(
    processor: DragonflyProcessor, rows: Sequence[Packed], patches: Sequence[Sequence[Tensor]]
) -> Batch:
    """Rows and the crops of each row's pictures as one batch, padded on the right."""
    pad = processor.tokenizer.eos_token_id
    blocks = _padded([row.blocks for row in rows], PADDING)
    return Batch(
        ids=_padded([row.ids for row in rows], pad),
        labels=_padded([row.labels for row in rows], IGNORED),
        mask=visible(blocks)[:, None],
        positions=_padded([row.positions for row in rows], 0),
        places=_padded(_places(processor, rows, patches), -1),
        patches=torch.cat([one for row in patches for one in row]),
        pictures=sum(len(row) for row in patches),
    )


def visible(blocks: Tensor) -> Tensor:
    """Which position sees which: pictures see what stands before them, a question its pictures and itself.

    blocks: (rows, length), -1 for padding; returns: bool (rows, length, length). Padding sees itself alone, as
    a row of attention that sees nothing would have no value; nothing sees padding.
    """
    length = blocks.shape[1]
    same = (blocks[:, :, None] == blocks[:, None, :]) | (blocks[:, None, :] == PICTURES)
    seen = same & torch.ones(length, length, dtype=torch.bool).tril()
    filled = blocks != PADDING
    return (seen & filled[:, :, None] & filled[:, None, :]) | torch.eye(length, dtype=torch.bool)


def _places(
    processor: DragonflyProcessor, rows: Sequence[Packed], patches: Sequence[Sequence[Any]]
) -> list[list[int]]:
    indices = processor.visual_indices()
    tokens = sum(processor.zoom_plan.segments)
    found, start = [], 0
    for row, shown in zip(rows, patches, strict=True):
        places = [
            index if index < 0 else index + (start + number) * tokens
            for number in range(len(shown))
            for index in indices
        ]
        found.append(places + [-1] * (len(row.ids) - len(places)))
        start += len(shown)
    return found


def _padded(rows: Sequence[list[int]], value: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])
