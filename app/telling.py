"""Whether a text could tell who the patient is.

It does when it holds a value of the study's header or of the user table, however it is written, or a date,
e-mail, telephone or number of six digits and more.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from storage import studies, users
from storage.database import Tx
from storage.studies import Study

_BETWEEN = r"[\s().,+/_·\-\u2010-\u2015\u2212]"
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_PATTERNS = (
    re.compile(rf"\d(?:{_BETWEEN}{{0,3}}\d){{5,}}"),  # six digits and more, however they are grouped
    re.compile(r"\b\d{1,4}\s*[./\-\u2010-\u2015\u2212]\s*\d{1,2}\s*[./\-\u2010-\u2015\u2212]\s*\d{1,4}\b"),
    re.compile(r"\b(?:\d{1,2}[/-]\d{4}|\d{4}[/-]\d{1,2})\b"),
    # '3년 전' is how long ago something was, and no date.
    re.compile(r"\d{2,4}\s*년(?!\s*(?:전|간|동안))|\d{1,2}\s*월\s*\d{1,2}\s*일"),
    re.compile(
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s*(?:of\s+)?{_MONTHS}(?!\w)|\b{_MONTHS}\s*\d{{1,4}}(?:st|nd|rd|th)?\b",
        re.IGNORECASE,
    ),
    re.compile(r"[\w.+-]+\s?@\s?[\w-]+\.\w+"),
)
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_WORD = re.compile(rf"\d+|{_CJK.pattern}+|(?:(?!{_CJK.pattern})[^\W\d_])+")


def is_telling(text: str, values: Iterable[str]) -> bool:
    """Whether a text could tell who the patient is, by the values known of them and by its patterns."""
    plain = _plain(text)
    if any(pattern.search(plain) for pattern in _PATTERNS):
        return True
    words = _words(plain)
    return any(_stands_in(_words(_plain(value)), words) for value in values)


def only_together(texts: Sequence[str], values: Iterable[str]) -> set[int]:
    """Places of neighbours that tell only when read as one, such as a number broken over two lines."""
    values = list(values)
    alone = [is_telling(text, values) for text in texts]
    return {
        place + step
        for place in range(len(texts) - 1)
        if not alone[place]
        and not alone[place + 1]
        and is_telling(f"{texts[place]} {texts[place + 1]}", values)
        for step in (0, 1)
    }


def values_of(tx: Tx, study: Study) -> set[str]:
    """Every value of the study's header and of the user table; names also part by part and in any order."""
    names = [*_leaves(study.identity.get("name")), str(study.facts.get("referrer") or "")]
    found = {*_leaves([study.identity, {name: study.facts.get(name) for name in _NAMING}])}
    for series in studies.series(tx, study):
        for instance in series.instances:
            found.update(_leaves(instance.facts.get("named")))
    for user in users.everyone(tx):
        found.add(user.username)
        names.append(user.display_name)
    names += [value for value in found if "^" in value]
    for name in names:
        found |= _spellings(name)
    return {value for value in found if not _is_harmless(value)}


_NAMING = ("study_date", "accession", "referrer", "institution", "study_time", "specimen", "block")
_HARMLESS = {"", "m", "f", "o", "male", "female", "the", "of", "and", "dr", "dr.", "none", "unknown"}
_MOST_PARTS = 4


def _spellings(name: str) -> set[str]:
    """A name whole, each part of it, and its parts in any order; 홍길동 also as 길동."""
    parts = [part for part in re.split(r"[\s,^=]+", name) if part]
    found = {name, *(part for part in parts if len(part) > 1)}
    if 1 < len(parts) <= _MOST_PARTS:
        found |= {" ".join(order) for order in permutations(parts)}
    return found | {part[1:] for part in parts if re.fullmatch(r"[가-힣]{3,4}", part)}


def _is_harmless(value: str) -> bool:
    """A number of three digits is a measure as often as a number of somebody."""
    return value.casefold() in _HARMLESS or (value.isdigit() and len(value) < 4)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    elif value not in (None, ""):
        yield str(value)


def _plain(text: str) -> str:
    """One form for full-width letters, accents and what is not seen: `Ｍüller` with a hidden space is `Muller`."""
    parts = unicodedata.normalize("NFKD", "".join(c for c in text if unicodedata.category(c) != "Cf"))
    return unicodedata.normalize("NFKC", "".join(c for c in parts if unicodedata.category(c) != "Mn"))


def _words(plain: str) -> list[str]:
    return _WORD.findall(plain.casefold())


def _stands_in(value: list[str], text: list[str]) -> bool:
    """Whether the words of a value follow each other in a text, wherever spaces and hyphens stand inside of it.

    A value begins and ends with words of the text, so that `Clinic` is not found in `clinical`; Korean, Chinese
    and Japanese write no space before what follows, so there it may stand anywhere.
    """
    wanted = "".join(value)
    if len(wanted) < 2:
        return False
    if _CJK.search(wanted):
        return wanted in "".join(text)
    if len(wanted) < 4:
        return wanted in text
    starts = {0}
    for word in text:
        starts.add(max(starts) + len(word))
    joined = "".join(text)
    place = joined.find(wanted)
    while place >= 0:
        end = place + len(wanted)
        genitive = joined[end : end + 1] == "s" and end + 1 in starts
        if place in starts and (end in starts or genitive):
            return True
        place = joined.find(wanted, place + 1)
    return False
