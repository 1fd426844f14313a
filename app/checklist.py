"""What to look at before signing: rules over words, each a question to the reader, none a verdict.

Covered: empty sections, unknown patient, left and right that disagree, organs of the other sex, comparison
without a prior, impressions that no finding carries, words of the demonstration model. Not covered: whether
any of it is true.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Level = Literal["stop", "warn", "ok"]
SIDES = {"right": ("right", "우측", "오른쪽"), "left": ("left", "좌측", "왼쪽")}
BOTH = ("bilateral", "both", "양측", "양쪽")
FINDINGS = {
    "effusion": ("effusion", "흉수", "삼출"),
    "consolidation": ("consolidation", "경화"),
    "opacity": ("opacity", "opacities", "음영"),
    "nodule": ("nodule", "결절"),
    "mass": ("mass", "종괴"),
    "pneumothorax": ("pneumothorax", "기흉"),
    "fracture": ("fracture", "골절"),
    "cyst": ("cyst", "cystic", "낭종"),
    "cardiomegaly": ("cardiomegaly", "enlarged heart", "heart is enlarged", "심비대", "심장비대"),
    "edema": ("edema", "부종"),
    "hemorrhage": ("hemorrhage", "hemorrhagic", "haemorrhage", "출혈"),
    "tumor": ("tumor", "tumour", "종양"),
    "gland": ("gland", "glandular", "샘"),
}
OTHER_SEX = {
    "M": ("uterus", "uterine", "ovary", "ovarian", "자궁", "난소"),
    "F": ("prostate", "testis", "testicular", "전립선", "고환"),
}
PRIOR = (
    "compared", "comparison", "prior", "previous", "unchanged", "interval", "since the last", "stable", "new since",
    "이전", "비교", "변화 없", "호전", "악화",
)  # fmt: skip
NONE = ("no prior", "none", "not available", "없음", "없습니다")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the list: what, how much it matters, and the sentence it is about."""

    code: str
    level: Level
    section: str | None = None
    sentence_index: int | None = None


def check(content: Mapping[str, Any], *, sex: str, identified: bool, demonstration: bool) -> list[Line]:
    """The lines for a report, stops first."""
    rows_of: dict[str, list[dict[str, Any]]] = dict(content.get("sections") or {})
    texts = {name: [str(one["text"]) for one in rows] for name, rows in rows_of.items()}
    # Of a slide's report what is seen is its microscopy, and what it means the diagnosis.
    body, conclusion = ("microscopy", "diagnosis") if "diagnosis" in texts else ("findings", "impression")
    lines = [
        *([] if identified else [Line(code="check.identity", level="stop")]),
        *(
            Line(code=f"check.empty_{n}", level="stop", section=n)
            for n in (body, conclusion)
            if not texts.get(n)
        ),
        *_sides(texts, body, conclusion),
        *_sex(texts, sex, (body, conclusion)),
        *_prior(texts, (body, conclusion)),
        *_unfounded(texts, body, conclusion),
        *([Line(code="check.demonstration", level="warn")] if demonstration else []),
    ]
    return lines or [Line(code="check.nothing", level="ok")]


@dataclass(frozen=True, slots=True)
class _Claim:
    """A finding that a clause affirms, with the sides it gives it."""

    finding: str
    sides: frozenset[str]


def _claims(sentence: str) -> set[_Claim]:
    """What a sentence says is there; what it denies is no claim."""
    found = set()
    for clause in _CLAUSE.split(sentence.casefold()):
        sides = frozenset(_side(clause) or _side(sentence.casefold()))
        for name, words in FINDINGS.items():
            if any(_has(clause, word) and not _denied(clause, word) for word in words):
                found.add(_Claim(name, sides))
    return found


_CLAUSE = re.compile(r";|\b(?:but|however|although|while)\b|[가-힣](?:나|지만),?\s")
_DENIAL = re.compile(
    r"\b(?:no|not|without|absent|negative for|free of|resolved|cannot|rule out|ruled out|exclude[ds]?)\b"
)
_DENIAL_AFTER = re.compile(r"\b(?:is|are|was|were) (?:not|absent|excluded|ruled out)\b|없|않|아니|배제")


def _denied(clause: str, word: str) -> bool:
    """English denies before the word (`no effusion`) or right after it, Korean after it (`흉수 없음`)."""
    before, _, after = clause.partition(word)
    return bool(_DENIAL.search(before) or _DENIAL_AFTER.search(after))


def _side(text: str) -> set[str]:
    if any(_has(text, word) for word in BOTH):
        return {"right", "left"}
    return {side for side, words in SIDES.items() if any(_has(text, word) for word in words)}


def _sides(texts: Mapping[str, Sequence[str]], body: str, conclusion: str) -> list[Line]:
    """The same finding on one side here and on the other there."""
    found: dict[str, set[str]] = {}
    for sentence in texts.get(body, ()):
        for claim in _claims(sentence):
            found.setdefault(claim.finding, set()).update(claim.sides)
    return [
        Line(code="check.side", level="warn", section=conclusion, sentence_index=index)
        for index, sentence in enumerate(texts.get(conclusion, ()))
        if any(
            claim.sides and found.get(claim.finding) and not claim.sides <= found[claim.finding]
            for claim in _claims(sentence)
        )
    ]


def _sex(texts: Mapping[str, Sequence[str]], sex: str, names: Sequence[str]) -> list[Line]:
    words = OTHER_SEX.get(sex.upper()[:1], ())
    return [
        Line(code="check.sex", level="warn", section=name, sentence_index=index)
        for name in names
        for index, sentence in enumerate(texts.get(name, ()))
        if any(_has(sentence.casefold(), word) for word in words)
    ]


def _prior(texts: Mapping[str, Sequence[str]], names: Sequence[str]) -> list[Line]:
    """Words of comparison while no prior study is named."""
    named = " ".join(texts.get("comparison", ())).casefold().strip()
    if named and not any(_has(named, word) for word in NONE):
        return []
    return [
        Line(code="check.comparison", level="warn", section=name, sentence_index=index)
        for name in names
        for index, sentence in enumerate(texts.get(name, ()))
        if any(_has(sentence.casefold(), word) for word in PRIOR)
    ]


def _unfounded(texts: Mapping[str, Sequence[str]], body: str, conclusion: str) -> list[Line]:
    """Something in the impression that the findings do not say is there."""
    if not texts.get(body):
        return []
    known = {claim.finding for sentence in texts[body] for claim in _claims(sentence)}
    return [
        Line(code="check.unfounded", level="warn", section=conclusion, sentence_index=index)
        for index, sentence in enumerate(texts.get(conclusion, ()))
        if {claim.finding for claim in _claims(sentence)} - known
    ]


def _has(text: str, word: str) -> bool:
    """Whether a word stands in a text, inflected or not: `nodules` and `fractured`, but not `massive` for `mass`."""
    if word.isascii():
        return re.search(rf"\b{re.escape(word)}(?:s|es|d|ed|ly)?\b", text) is not None
    return word in text
