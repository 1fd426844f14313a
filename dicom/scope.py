"""What a picture is, by header and pixels and never by its name: whether a model can say anything about it.

Facts only; what follows from them is a rule of the application. Covered: localizers, pictures without content, pages
of text, masks and dose maps, raw data, species, and text that may be burned in. Not covered: whether the anatomy is
what the header says, and text inside of a picture (`dicom.burned_in`).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from dicom.banner import may_hold_text
from dicom.naming import value_of
from dicom.text import clean
from dicom.windowing import Values

FINDINGS = ("blank", "page", "localizer", "not_human", "not_acquired", "raw", "burned_in", "may_hold_text")
HUMAN = frozenset(["homo sapiens", "human"])
HUMAN_CODES = frozenset(["337915000", "L-85B00"])
"""SNOMED CT and SRT (PS3.16 CID 7454)."""
NOT_ACQUIRED = frozenset(["SEG", "RTDOSE", "RTSTRUCT", "RTPLAN", "PR", "KO", "SR", "DOC", "REG", "RWV"])
REGIONS: dict[str, tuple[str, ...]] = {
    "chest": ("chest", "thorax", "lung", "rib", "ribs", "heart", "mediastinum"),
    "head": ("head", "brain", "skull", "face", "orbit", "sinus"),
    "neck": ("neck", "cspine", "thyroid"),
    "abdomen": ("abdomen", "abd", "liver", "kidney", "pancreas", "spleen"),
    "pelvis": ("pelvis", "hip", "prostate", "uterus", "bladder"),
    "spine": ("spine", "lspine", "tspine", "sspine", "lumbar"),
    "breast": ("breast",),
    "limb": (
        "hand",
        "wrist",
        "elbow",
        "shoulder",
        "knee",
        "ankle",
        "foot",
        "leg",
        "arm",
        "extremity",
        "finger",
    ),
}
"""Region by the words of BodyPartExamined; the first that fits."""
SAME = 3
"""Display steps within which pixels count as one brightness."""
BLANK_SHARE, PAGE_EXTREMES, PAGE_GROUND, PAGE_LINES = 0.9995, 0.93, 0.6, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What one picture is.

    region: one of REGIONS, or empty where the header does not say
    findings: of FINDINGS, in that order
    """

    modality: str
    region: str
    findings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"modality": self.modality, "region": self.region, "findings": list(self.findings)}


def scope_of(dataset: Dataset | None, shown: Values, part: Values | None = None) -> Scope:
    """What a picture is, and whether the part of it that is asked about shows anything.

    dataset: None for a picture without a header
    shown, part: uint8 (rows, columns, 3), as it is rendered; without a part, all of it
    """
    gray = _gray(shown)
    header = _by_header(dataset) if dataset is not None else {}
    found = {"blank": is_blank(gray if part is None else _gray(part)), "page": is_page(gray), **header}
    modality = clean(value_of(dataset, "Modality")).upper() if dataset is not None else ""
    return Scope(
        modality=modality if modality.isalnum() and len(modality) <= 16 else "",
        region=_region(dataset) if dataset is not None else "",
        findings=tuple(name for name in FINDINGS if found.get(name)),
    )


def _gray(shown: Values) -> Values:
    return np.asarray(shown.astype(np.float32).mean(axis=2))


def _by_header(dataset: Dataset) -> dict[str, bool]:
    kinds = value_of(dataset, "ImageType") or []
    types = {clean(kind).upper() for kind in ([kinds] if isinstance(kinds, str) else kinds)}
    said = clean(value_of(dataset, "BurnedInAnnotation")).upper()
    return {
        "localizer": "LOCALIZER" in types,
        "not_human": _is_animal(dataset),
        "not_acquired": clean(value_of(dataset, "Modality")).upper() in NOT_ACQUIRED,
        "raw": clean(value_of(dataset, "PresentationIntentType")).upper() == "FOR PROCESSING",
        "burned_in": said == "YES",
        "may_hold_text": said != "YES" and may_hold_text(dataset),
    }


def _is_animal(dataset: Dataset) -> bool:
    """By species; a breed is stated of animals only (PS3.3 C.7.1.1)."""
    species = clean(value_of(dataset, "PatientSpeciesDescription")).casefold()
    coded = value_of(dataset, "PatientSpeciesCodeSequence") or []
    codes = {clean(value_of(item, "CodeValue")) for item in coded}
    if codes and not codes & HUMAN_CODES:
        return True
    if species:
        return species not in HUMAN
    breed = clean(value_of(dataset, "PatientBreedDescription")).casefold()
    return bool(breed)


def _region(dataset: Dataset) -> str:
    words = set(clean(value_of(dataset, "BodyPartExamined")).casefold().replace("_", " ").split())
    return next((region for region, names in REGIONS.items() if words & set(names)), "")


def is_blank(gray: Values) -> bool:
    """Whether nearly every pixel has one brightness: nothing is shown. gray: (rows, columns), 0 to 255"""
    middle = np.median(gray)
    return float((np.abs(gray - middle) <= SAME).mean()) >= BLANK_SHARE


def is_page(gray: Values) -> bool:
    """Whether it is writing on a plain ground: a report that was captured as a picture.

    Nearly all is ground or ink, most is ground, and rows with ink and rows without change places again and again.
    """
    ground = float(np.median(gray))
    if 60 < ground < 195:
        return False
    ink = np.abs(gray - ground) > 120
    plain = np.abs(gray - ground) <= 12
    share = float(ink.mean())
    if plain.mean() < PAGE_GROUND or plain.mean() + share < PAGE_EXTREMES or not 0.005 < share < 0.25:
        return False
    inked: Values = np.asarray(ink.any(axis=1))
    lines = int((inked[1:] & ~inked[:-1]).sum())
    # Letters are broken strokes: along a line of writing ink begins many times, along an edge or a bar it does not.
    strokes = (ink[:, 1:] & ~ink[:, :-1]).sum(axis=1)[inked]
    return lines >= PAGE_LINES and float(np.median(strokes)) >= 6
