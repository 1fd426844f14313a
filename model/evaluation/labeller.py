"""The 14 observations of a chest report by rules: rule-based, not CheXbert.

Each mention of an observation is affirmed, unsure or denied by the words around it, within its clause; a report has
the strongest of what is said. Covered: English reports of chest radiographs, sections by their headers, negation
before and after, lists under one "no", doubt, what is asked or past. Not covered: other languages and modalities,
references over sentences ("it has resolved"), spelling mistakes.
source: the scheme of the observations and of mention, negation and doubt follows Irvin et al., AAAI 2019 (CheXpert)
and Chapman et al., J Biomed Inform 2001 (NegEx); the words are our own
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Status = Literal["affirmed", "unsure", "denied"]
DATA = Path(__file__).with_name("observations.json")
NO_FINDING, DEVICES = "No Finding", "Support Devices"
FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
NAME = "rule-based, not CheXbert"
_STRENGTH: dict[Status, int] = {"denied": 1, "unsure": 2, "affirmed": 3}
_NEAR = 300
"""Characters on each side that can speak of a mention: longer than any sentence, so that no text takes long."""
_READ = ("findings", "impression", "conclusion", "conclusions", "opinion", "report")
_NOT_READ = (
    "indication", "history", "clinical history", "clinical information", "reason for exam", "reason for examination",
    "technique", "comparison", "examination", "exam", "procedure", "study", "clinical indication",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """One mention: the observation, its status, and the clause it stands in."""

    observation: str
    status: Status
    clause: str


@dataclass(frozen=True, slots=True)
class _Patterns:
    mentions: re.Pattern[str] | None
    normal: re.Pattern[str] | None
    unsure: re.Pattern[str] | None


@cache
def _lexicon() -> tuple[dict[str, _Patterns], dict[str, re.Pattern[str]]]:
    data = json.loads(DATA.read_text(encoding="utf-8"))
    observations = {
        name: _Patterns(*(_any(words.get(kind, [])) for kind in ("mentions", "normal", "unsure")))
        for name, words in data["observations"].items()
    }
    cues = {name: _any(words) for name, words in data["cues"].items()}
    return observations, {name: found for name, found in cues.items() if found is not None}


def _any(words: list[str]) -> re.Pattern[str] | None:
    """Any of these at the edges of words; None of none."""
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?!\w)") if words else None


def observations() -> tuple[str, ...]:
    """The 14 names; the first is that there is nothing."""
    return (NO_FINDING, *_lexicon()[0])


def label(report: str) -> dict[str, Status]:
    """What a report says of each observation that it mentions; "No Finding" is affirmed where no other one but
    devices is affirmed or unsure. A text without a word says nothing."""
    found: dict[str, Status] = {}
    text = body(report)
    for one in mentions(text):
        known = found.get(one.observation)
        if known is None or _STRENGTH[one.status] > _STRENGTH[known]:
            found[one.observation] = one.status
    ill = any(status != "denied" for name, status in found.items() if name != DEVICES)
    if re.search(r"\w", text) and not ill:
        found[NO_FINDING] = "affirmed"
    return found


def body(report: str) -> str:
    """The sections that say what is seen; the whole where there is no such header."""
    heads = "|".join(sorted((*_READ, *_NOT_READ), key=len, reverse=True))
    parts = re.split(rf"(?im)(?:^|(?<=[.\n]))[ \t]*({heads})[ \t]*:", report)
    before, named = parts[0], list(zip(parts[1::2], parts[2::2], strict=True))
    if not named:
        return report
    seen = [text for head, text in named if head.lower() in _READ]
    if seen:
        return "\n\n".join(seen)
    # Without a header for what is seen, it stands before the others or in paragraphs of its own behind them.
    return "\n\n".join([before, *(paragraph for _, text in named for paragraph in text.split("\n\n")[1:])])


def mentions(text: str) -> Iterator[Said]:
    """Every mention of an observation, in the order of the text."""
    for clause in clauses(text):
        yield from _in_clause(clause)


def clauses(text: str) -> list[str]:
    """Sentences in lower case with single blanks, cut at their ends and semicolons; 3.5 cm is not an end."""
    parts = re.split(r"[.!?](?!\d)|;|\n\s*\n|\n(?=\s*(?:\d+\.|-))", text)
    plain = (" ".join(part.split()).lower() for part in parts)
    return [part for part in plain if re.search(r"[a-z]", part)]


def _in_clause(clause: str) -> Iterator[Said]:
    known, cues = _lexicon()
    for name, words in known.items():
        settled: list[tuple[int, int]] = []
        for pattern, status in (
            (words.unsure, "unsure"),
            (words.normal, "denied"),
            (words.mentions, "affirmed"),
        ):
            taken: list[tuple[int, int]] = []
            for match in pattern.finditer(clause) if pattern else ():
                if any(start < match.end() and match.start() < end for start, end in settled):
                    continue
                taken.append(match.span())
                found = _status(clause, match, cues)
                if found is None:
                    continue
                if status == "denied":
                    yield Said(name, "affirmed" if _NOT_NORMAL.search(match.group()) else "denied", clause)
                else:
                    yield Said(name, "unsure" if (status, found) == ("unsure", "affirmed") else found, clause)
            settled += taken if status != "affirmed" else []


_NOT_NORMAL = re.compile(r"\bnot (?:\w+ )?(?:normal|clear|unremarkable|sharp|preserved)\b")


def _status(clause: str, match: re.Match[str], cues: Mapping[str, re.Pattern[str]]) -> Status | None:
    """What the words around a mention make of it; None for what is only asked after or past."""
    scope = _scope(clause, match, cues)
    if cues["skip_before"].search(scope):
        return None
    doubts = [one.span() for one in cues["unsure_before"].finditer(scope)]
    denials = [
        one.start()
        for one in cues["deny_before"].finditer(scope)
        if not any(
            start <= one.start() < end for start, end in doubts
        )  # "cannot exclude" is doubt, made of denials
    ]
    doubt, denial = max((start for start, _ in doubts), default=-1), max(denials, default=-1)
    if max(doubt, denial) >= 0:
        return "unsure" if doubt > denial else "denied"
    if cues["deny_before"].search(match.group()):
        return "denied"
    behind = clause[match.end() : match.end() + _NEAR]
    end = cues["ends_before"].search(behind)
    behind = behind[: end.start()] if end else behind
    if _follows(cues["unsure_after"], behind):
        return "unsure"
    return "denied" if _follows(cues["deny_after"], behind) else "affirmed"


def _scope(clause: str, match: re.Match[str], cues: Mapping[str, re.Pattern[str]]) -> str:
    """What stands before a mention and still speaks of it: from the last word that ends a scope."""
    start = max(0, match.start() - _NEAR)
    before, onward = clause[start : match.start()], clause[start : match.end() + _NEAR]
    ends = [found.end() for found in cues["ends_before"].finditer(before)]
    # "No effusion, mild cardiomegaly": a comma and a word of degree begin something new, unless the list goes on
    # to an "or" or "nor" ("no effusion, small nodule, or mass").
    for comma in re.finditer(r",\s*(?:and\s+)?", before):
        begins = cues["starts_a_finding"].match(onward, comma.end())
        if begins and not re.search(r"\bn?or\b", onward[comma.end() :]):
            ends.append(comma.end())
    return before[max(ends, default=0) :]


def _follows(cue: re.Pattern[str], behind: str) -> bool:
    """Whether a cue stands behind a mention, with at most the rest of a list between them and no other verb.

    Behind a comma only what speaks of several counts: "effusion, consolidation and pneumothorax are absent".
    """
    found = cue.search(behind)
    if found is None:
        return False
    between = behind[: found.start()]
    if re.search(r"\b(?:is|are|was|were|has|have|with|no|but)\b", between) or len(between.split()) > 8:
        return False
    return "," not in between or re.match(r"(?:are|were|have)\b", found.group()) is not None
