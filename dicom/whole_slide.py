"""A DICOM file as a part of a whole slide: which level it is, and what was cut and stained to make it.

Several files of one series are the levels of one pyramid (PS3.3 C.8.12.4). They are opened together, by OpenSlide,
and read by tile; here is only what each says of itself.
"""

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

from dicom.guard import WHOLE_SLIDE, number
from dicom.header import items_of, texts_of
from dicom.naming import value_of
from dicom.text import clean

PARENT_SPECIMEN = "111705"
"""DCM: the identifier of what a specimen was cut from (PS3.16 TID 8002)."""
USING_SUBSTANCE = ("424361007", "F-61D98", "G-C350")
"""SCT, and SRT in older files: what a specimen was stained with (PS3.16 TID 8003)."""
STEPS = 64
"""Most steps of preparation that are looked at."""


def part_of(dataset: Dataset) -> dict[str, Any] | None:
    """What a file is of a slide; None where it is none. Label and overview are refused before (`dicom.guard`).

    returns: width and height in pixels of the whole level, is_level (else a thumbnail), pyramid (a UID or empty),
        specimen, block and stain as far as the header says them
    """
    if str(dataset.get("SOPClassUID", "")) != WHOLE_SLIDE:
        return None
    return {
        "width": number(dataset, "TotalPixelMatrixColumns", 0),
        "height": number(dataset, "TotalPixelMatrixRows", 0),
        "is_level": "VOLUME" in {kind.upper() for kind in texts_of(dataset, "ImageType")},
        "pyramid": clean(value_of(dataset, "PyramidUID"))[:64],
        **_specimen(dataset),
    }


def _specimen(dataset: Dataset) -> dict[str, str]:
    """Specimen, block and stain.

    What was sampled last is what the section was cut from, the block; what was sampled first came from the patient.
    """
    described = next(iter(items_of(dataset, "SpecimenDescriptionSequence")), Dataset())
    own = clean(value_of(described, "SpecimenIdentifier"))
    parents: list[str] = []
    stains: list[str] = []
    for item in _content(described):
        code = _code(item)
        if code == PARENT_SPECIMEN and (text := clean(value_of(item, "TextValue"))):
            parents.append(text)
        elif code in USING_SUBSTANCE:
            meant = next(iter(items_of(item, "ConceptCodeSequence")), Dataset())
            stains.append(clean(value_of(meant, "CodeMeaning")) or clean(value_of(item, "TextValue")))
    return {
        "specimen": (parents[0] if len(parents) > 1 else own)[:200],
        "block": (parents[-1] if parents else "")[:64],
        "stain": ", ".join(dict.fromkeys(filter(None, stains)))[:64],
    }


def _content(described: Dataset) -> Iterator[Dataset]:
    for step in items_of(described, "SpecimenPreparationSequence")[:STEPS]:
        yield from items_of(step, "SpecimenPreparationStepContentItemSequence")[:STEPS]


def _code(item: Dataset) -> str:
    name = next(iter(items_of(item, "ConceptNameCodeSequence")), Dataset())
    return clean(value_of(name, "CodeValue"))
