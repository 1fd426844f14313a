"""What of a file tells whose it is: attributes and kinds, never a value. The list a person sees before it is kept."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicom.deidentify import action_of, is_dummy, readable
from dicom.naming import NAMING, PER_FRAME, value_of
from dicom.profile import BASIC
from dicom.text import clean

KINDS = ("person", "number", "date", "uid", "private", "drawing", "text", "other")
_BY_VR = {"PN": "person", "DA": "date", "TM": "date", "DT": "date", "AS": "date", "UI": "uid"}
_TEXTS = frozenset(["LO", "SH", "ST", "LT", "UT", "UC", "AE", "UR", "CS", "SQ"])


_WHO = frozenset(["person", "number", "private", "drawing"])
_DESCRIBING = re.compile(r"^Patient(?!Sex|Age|Size|Weight|BodyMass|Position|Orientation|Species|Breed|State)")
_PSEUDONYMS = frozenset(["PatientName", "PatientID"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An attribute that the basic profile would not leave as it is: its kind (one of KINDS) and in how many places.

    identifies: whether somebody could be known by it alone; dates of the study, UIDs and descriptions tell only
        whoever has other records beside them
    """

    attribute: str
    kind: str
    places: int
    identifies: bool


def told_by(dataset: Dataset) -> list[Told]:
    """Everything with a value that identity could be read from, persons first."""
    found = Counter(_found(dataset, all_texts=False))
    # Of a file that says so of itself, name and number of the patient are words that stand for them.
    removed = clean(value_of(dataset, "PatientIdentityRemoved")).upper() == "YES"
    told = [
        Told(
            attribute=attribute,
            kind=kind,
            places=places,
            identifies=(kind in _WHO or bool(_DESCRIBING.match(attribute)))
            and not (removed and attribute in _PSEUDONYMS),
        )
        for (attribute, kind), places in found.items()
    ]
    if any(dataset.preamble or b""):
        told.append(Told(attribute="preamble", kind="other", places=1, identifies=True))
    return sorted(told, key=lambda one: (KINDS.index(one.kind), one.attribute))


def _found(dataset: Dataset, *, all_texts: bool) -> Iterator[tuple[str, str]]:
    for tag in sorted(dataset.keys()):
        element = readable(dataset, tag)
        action = action_of(tag, element, BASIC, all_texts=all_texts)
        if element is not None and (element.is_empty or is_dummy(element)):
            continue
        nested = element is not None and element.VR == "SQ"
        if action and not (nested and action in ("U", "D")):
            yield _named(tag), _kind(tag, element)
        if element is not None and nested:
            # Thousands of frames are written by one device in one way: the first tells of all.
            items = element.value[:1] if element.keyword == PER_FRAME else element.value
            for item in items:
                yield from _found(item, all_texts=all_texts or action == "D")


def _named(tag: BaseTag) -> str:
    """A keyword of the standard; private and unknown ones by group alone, for a number could be somebody's."""
    if tag.group & 0xFF00 == 0x5000:
        return "curve"
    if tag.group & 0xFF00 == 0x6000:
        return "overlay"
    if tag.group % 2 or not dictionary_has_tag(tag):
        return f"({tag.group:04X},xxxx)"
    return keyword_for_tag(tag)


def _kind(tag: BaseTag, element: DataElement | None) -> str:
    if tag.group & 0xFF00 in (0x5000, 0x6000):
        return "drawing"
    if tag.group % 2 or not dictionary_has_tag(tag):
        return "private"
    if keyword_for_tag(tag) in NAMING:
        return "number"
    vr = element.VR if element is not None else ""
    return _BY_VR.get(vr, "text" if vr in _TEXTS else "other")
