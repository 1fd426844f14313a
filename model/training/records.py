"""What is trained on: lines of JSON, each with pictures, a conversation about them, and where it comes from.

    {"image": "chest/1.png", "conversations": [{"from": "human", "value": "Is the heart enlarged?"},
                                               {"from": "gpt", "value": "no"}], "source": "drawn"}

Covered: the spellings in use (`image` or `image_url`, one or several; `from`/`value` or `role`/`content`;
human or user, gpt or assistant), several questions in one conversation, several lines about one picture.
Not covered: records without a picture, system turns, pictures of more than 8 bits a channel.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from model.errors import RecordsUnusable

ASKS, ANSWERS = {"human", "user"}, {"gpt", "assistant"}
PLACEHOLDER = "<image>"
EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Record:
    """Pictures and what is asked and answered about them; each pair stands alone."""

    pictures: tuple[Path, ...]
    pairs: tuple[Pair, ...]
    source: str
    line: int
    """Line of the file, counted from 1, of the first of its pairs."""


def read_records(file: Path, folder: Path | None = None) -> list[Record]:
    """All records of a file, checked one by one; no picture is opened yet.

    folder: where the pictures lie (default: beside the file); nothing outside it is ever read
    raises: RecordsUnusable
    """
    root = (folder or file.parent).resolve()
    try:
        with file.open(encoding="utf-8") as lines:
            found = [_record(text, number, root) for number, text in enumerate(lines, 1) if text.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise RecordsUnusable(f"The file cannot be read as UTF-8 text ({type(error).__name__}).") from error
    if not found:
        raise RecordsUnusable("There is no record in the file.")
    return found


def by_picture(records: Iterable[Record]) -> list[Record]:
    """Records of the same pictures and source as one, in the order of their first line; no pair twice."""
    joined: dict[tuple[Any, ...], Record] = {}
    for one in records:
        key = (one.pictures, one.source)
        before = joined.get(key)
        pairs = (*before.pairs, *one.pairs) if before else one.pairs
        joined[key] = replace(before or one, pairs=tuple(dict.fromkeys(pairs)))
    return list(joined.values())


def sources(records: Iterable[Record]) -> dict[str, int]:
    """How many pairs each source gives."""
    counts = Counter[str]()
    for one in records:
        counts[one.source] += len(one.pairs)
    return dict(sorted(counts.items()))


def open_pictures(record: Record) -> list[Image.Image]:
    """The pictures of a record, upright, as RGB; raises RecordsUnusable."""
    return [_open(picture, record.line) for picture in record.pictures]


def _open(picture: Path, line: int) -> Image.Image:
    try:
        with Image.open(picture) as opened:
            # Pillow turns deeper pixels to white when it makes them RGB.
            if opened.mode not in EIGHT_BIT:
                raise RecordsUnusable(
                    "The picture has more than 8 bits a channel; window it first.", line=line
                )
            upright: Image.Image = ImageOps.exif_transpose(opened)
            return upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RecordsUnusable(f"The picture cannot be read ({type(error).__name__}).", line=line) from error


def _record(text: str, line: int, root: Path) -> Record:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RecordsUnusable("This is not JSON.", line=line) from error
    if not isinstance(found, dict):
        raise RecordsUnusable("A record is a JSON object.", line=line)
    named = found.get("image", found.get("image_url"))
    names: list[Any] = named if isinstance(named, list) else [named]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise RecordsUnusable('"image" is a path or a list of paths; a record has a picture.', line=line)
    source = found.get("source", "")
    if not isinstance(source, str):
        raise RecordsUnusable('"source" is a text.', line=line)
    pictures = tuple(_inside(root, name, line) for name in names)
    return Record(pictures, tuple(_pairs(found.get("conversations"), line)), source, line)


def _inside(root: Path, name: str, line: int) -> Path:
    """The file of this name; links are followed before it is judged where it lies."""
    try:
        path = (root / name).resolve()
    except (OSError, ValueError) as error:
        raise RecordsUnusable("The picture's path cannot be used.", line=line) from error
    if not path.is_relative_to(root):
        raise RecordsUnusable("The picture lies outside the data folder.", line=line)
    if not path.is_file():
        raise RecordsUnusable("There is no such picture in the data folder.", line=line)
    return path


def _pairs(turns: Any, line: int) -> Iterator[Pair]:
    if not isinstance(turns, list) or not turns or len(turns) % 2:
        raise RecordsUnusable('"conversations" is a list of questions, each with its answer.', line=line)
    said = [_said(turn, line) for turn in turns]
    for (asker, question), (answerer, answer) in zip(said[::2], said[1::2], strict=True):
        if asker not in ASKS or answerer not in ANSWERS:
            raise RecordsUnusable(
                "Turns alternate: human or user asks, gpt or assistant answers; there is no system turn.",
                line=line,
            )
        if not question or not answer:
            raise RecordsUnusable("A question or an answer is empty.", line=line)
        yield Pair(question, answer)


def _said(turn: Any, line: int) -> tuple[str, str]:
    """Who speaks, and the words; the picture's place is always first, so its placeholder goes."""
    who = turn.get("from", turn.get("role")) if isinstance(turn, dict) else None
    text = turn.get("value", turn.get("content")) if isinstance(turn, dict) else None
    if not isinstance(who, str) or not isinstance(text, str):
        raise RecordsUnusable('A turn has "from" and "value", or "role" and "content".', line=line)
    return who, text.replace(PLACEHOLDER, "").strip()
