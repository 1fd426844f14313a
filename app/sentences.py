"""Text to sentences, who wrote each, and how two texts differ."""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from app.shapes.reports import Change
from model.evaluation.edits import distance as distance

Origin = Literal["model", "edited", "person"]
# A full stop after a digit may be that of a numbered list or a measure; a line's end always ends a sentence.
_END = re.compile(r"(?<=[^\d\s][.!?。])\s+|\n+")
ALIKE = 0.6
"""Share of equal characters from which a changed sentence still counts as the model's, edited."""


def split(text: str) -> list[str]:
    """The sentences of a text, trimmed, none empty."""
    return [part.strip() for part in _END.split(text) if part.strip()]


def cited(sentence: str, number: int) -> str:
    """A sentence with the number of what it rests on, before its full stop: `One gland is seen [3].`"""
    bare = sentence.rstrip(".!?。 ")
    return f"{bare} [{number}]{sentence[len(bare) :].strip()}"


def with_origins(text: str, spoken: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each sentence with who wrote it, by comparison with what the model said.

    spoken: the model's sentences, each with `text` and `answer_id`
    """
    known = list({str(one["text"]): one.get("answer_id") for one in spoken}.items())
    return [_attributed(sentence, known) for sentence in split(text)]


def _attributed(sentence: str, known: list[tuple[str, Any]]) -> dict[str, Any]:
    best, near = 0.0, None
    for text, answer_id in known:
        if text == sentence:
            return {"text": sentence, "origin": "model", "answer_id": answer_id}
        matcher = difflib.SequenceMatcher(None, text, sentence, autojunk=False)
        # The cheap upper bounds first: most pairs are far apart, and a report can hold thousands of sentences.
        least = max(best, ALIKE)
        if matcher.real_quick_ratio() < least or matcher.quick_ratio() < least:
            continue
        ratio = matcher.ratio()
        if ratio > best:
            best, near = ratio, answer_id
    if best >= ALIKE:
        return {"text": sentence, "origin": "edited", "answer_id": near}
    return {"text": sentence, "origin": "person", "answer_id": None}


def joined(sentences: Iterable[Mapping[str, Any]]) -> str:
    """The text of sentences."""
    return " ".join(str(one["text"]) for one in sentences)


def difference(before: str, after: str) -> list[Change]:
    """Word by word: same, removed, added."""
    old, new = re.findall(r"\S+\s*", before), re.findall(r"\S+\s*", after)
    parts: list[Change] = []
    for verb, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if verb == "equal":
            parts.append({"op": "same", "text": "".join(old[i:j])})
            continue
        if j > i:
            parts.append({"op": "removed", "text": "".join(old[i:j])})
        if m > k:
            parts.append({"op": "added", "text": "".join(new[k:m])})
    return parts
