"""Values of a header as plain numbers and texts, wherever a frame keeps them; nothing where they cannot be."""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom.naming import value_of
from dicom.text import clean

Pair = tuple[float, float]


def numbers(value: Any) -> list[float]:
    """Whatever a header holds as a list of finite numbers; nothing where it is not."""
    if value is None or value == "":
        return []
    parts = list(value) if hasattr(value, "__iter__") and not isinstance(value, str | bytes) else [value]
    try:
        found = [float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        return []
    return found if all(np.isfinite(found)) else []


def numbers_of(dataset: Dataset, keyword: str) -> list[float]:
    """The finite numbers of an element."""
    return numbers(value_of(dataset, keyword))


def pair(value: Any) -> Pair | None:
    """Two numbers above zero, or nothing."""
    found = numbers(value)
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None


def texts_of(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """The cleaned texts of an element that may hold several."""
    value = value_of(dataset, keyword) or []
    return tuple(map(clean, [value] if isinstance(value, str) else value))


def items_of(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where there is none."""
    value = value_of(dataset, keyword)
    return list(value) if isinstance(value, Sequence) else []


def group_of(dataset: Dataset, index: int, sequence: str) -> Dataset:
    """Where a frame's values stand: its own functional group, the shared one, or the top level (C.7.6.16)."""
    for outer, place in (("PerFrameFunctionalGroupsSequence", index), ("SharedFunctionalGroupsSequence", 0)):
        groups = dataset.get(outer) or []
        inner = groups[place].get(sequence) if place < len(groups) else None
        if inner:
            found: Dataset = inner[0]
            return found
    return dataset


def spacing_of(dataset: Dataset, index: int = 0) -> tuple[Pair | None, str | None]:
    """Row and column spacing in mm and where it was measured: "patient" or "detector"; None, None without."""
    measures = group_of(dataset, index, "PixelMeasuresSequence")
    for holder, keyword, source in (
        (measures, "PixelSpacing", "patient"),
        (dataset, "ImagerPixelSpacing", "detector"),
    ):
        if found := pair(holder.get(keyword)):
            return found, source
    return None, None


def aspect_of(dataset: Dataset, index: int = 0) -> float:
    """Height of a pixel over its width (PS3.3 C.7.6.3.1.7: the spacing goes before the ratio)."""
    spacing, source = spacing_of(dataset, index)
    ratio = pair(dataset.get("PixelAspectRatio"))
    sides = ratio if ratio and source != "patient" else spacing
    return float(sides[0] / sides[1]) if sides else 1.0


def position_of(dataset: Dataset, index: int) -> tuple[float, float, float] | None:
    """Where the center of a frame's first pixel lies, in mm."""
    found = numbers(group_of(dataset, index, "PlanePositionSequence").get("ImagePositionPatient"))
    return (found[0], found[1], found[2]) if len(found) == 3 else None


def orientation_of(dataset: Dataset, index: int) -> tuple[float, ...] | None:
    """Directions of a frame's rows and columns: six cosines."""
    found = numbers(group_of(dataset, index, "PlaneOrientationSequence").get("ImageOrientationPatient"))
    return tuple(found) if len(found) == 6 else None
