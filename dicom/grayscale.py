"""Stored values of one frame to what its header says they mean: unit, padding, windows, look-up tables."""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from dicom.errors import Damaged
from dicom.guard import BIG_ENDIAN, number
from dicom.header import group_of, items_of, numbers, numbers_of, texts_of
from dicom.text import clean
from dicom.windowing import Function, Table, Values, Window, presets_for

DISPLAY_FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
REGION_KEYWORDS = ("BodyPartExamined", "StudyDescription", "ProtocolName", "SeriesDescription")


def after_modality(stored: Values, dataset: Dataset, index: int) -> tuple[Values, str]:
    """Values in the unit of the header, and the unit: HU, GY, BQML; raises Damaged (C.11.1, C.7.6.16.2.9)."""
    if dataset.get("ModalityLUTSequence"):
        try:
            return np.asarray(apply_modality_lut(stored, dataset)), ""
        except Exception as error:
            raise Damaged(what="modality table", kind=type(error).__name__) from error
    group = group_of(dataset, index, "PixelValueTransformationSequence")
    slope, intercept = numbers(group.get("RescaleSlope")), numbers(group.get("RescaleIntercept"))
    scale, offset = (slope[0] if slope and slope[0] else 1.0), (intercept[0] if intercept else 0.0)
    unit = _unit(dataset, group, bool(slope))
    dose = numbers_of(dataset, "DoseGridScaling")
    if dose:
        scale, unit = dose[0], clean(dataset.get("DoseUnits"))
    if scale == 1 and offset == int(offset):
        return stored.astype(np.int32) + int(offset) if stored.dtype.kind in "iu" else stored, unit
    return stored.astype(np.float64) * scale + offset, unit


def _unit(dataset: Dataset, group: Dataset, is_scaled: bool) -> str:
    modality, named = clean(dataset.get("Modality")), clean(group.get("RescaleType"))
    if modality == "PT":
        # A PET states its unit in a place of its own: BQML, CNTS, GML (C.8.9.1.1.3).
        return clean(dataset.get("Units")) or named
    return named or ("HU" if modality == "CT" and is_scaled else "")


def padding_of(stored: Values, dataset: Dataset) -> Values | None:
    """Where the picture was filled up around its edges (C.7.5.1.1.2), as a mask; None where nothing says so."""
    first = numbers_of(dataset, "PixelPaddingValue")
    if not first:
        return None
    limit = numbers_of(dataset, "PixelPaddingRangeLimit") or first
    low, high = sorted((_signed(dataset, first[0]), _signed(dataset, limit[0])))
    return np.asarray((stored >= low) & (stored <= high))


def _signed(dataset: Dataset, value: float) -> float:
    """A padding value of signed pixels that was written as unsigned: 63536 for -2000."""
    bits = number(dataset, "BitsAllocated", 16)
    wraps = value >= 1 << (bits - 1) and number(dataset, "PixelRepresentation", 0)
    return value - (1 << bits) if wraps else value


def windows_of(dataset: Dataset, index: int) -> list[Window]:
    """The usable windows of a frame, in the header's order."""
    source = group_of(dataset, index, "FrameVOILUTSequence")
    centers, widths = numbers(source.get("WindowCenter")), numbers(source.get("WindowWidth"))
    named = str(source.get("VOILUTFunction", "LINEAR") or "LINEAR")
    function: Function = named if named in DISPLAY_FUNCTIONS else "LINEAR"  # type: ignore[assignment]
    found = [Window(c, w, function) for c, w in zip(centers, widths, strict=False)]
    return [window for window in found if window.is_usable]


def usual_window(dataset: Dataset, unit: str) -> Window | None:
    """The preset of the region for a CT in HU; a localizer is a projection, whose values are no HU of a tissue."""
    if unit != "HU" or "LOCALIZER" in texts_of(dataset, "ImageType"):
        return None
    words = [", ".join(texts_of(dataset, keyword)) for keyword in REGION_KEYWORDS]
    return next(iter(presets_for(clean(dataset.get("Modality")), *words).values()), None)


def is_inverted(dataset: Dataset) -> bool:
    """Whether low values are bright: the presentation's shape goes before the photometric interpretation."""
    shape = str(dataset.get("PresentationLUTShape", ""))
    if shape in ("INVERSE", "IDENTITY"):
        return shape == "INVERSE"
    return str(dataset.get("PhotometricInterpretation", "")) == "MONOCHROME1"


def voi_table(dataset: Dataset) -> Table | None:
    """The first VOI look-up table (C.11.2.1.1); None where there is none that can be used."""
    items = items_of(dataset, "VOILUTSequence")
    descriptor = numbers_of(items[0], "LUTDescriptor") if items else []
    if len(descriptor) != 3 or items[0].get("LUTData") is None:
        return None
    count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
    # The first mapped value carries the sign of the values, whatever VR the descriptor was written in.
    if first > 32767 and number(dataset, "PixelRepresentation", 0):
        first -= 65536
    entries = _entries(items[0].LUTData, count, is_big=dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN)
    if not len(entries):
        return None
    return Table(first, entries[:count].astype(np.float64), (1 << bits) - 1)


def _entries(data: Any, count: int, *, is_big: bool) -> Values:
    if isinstance(data, bytes):
        if len(data) < 2 * count:
            return np.frombuffer(data, "u1")
        return np.frombuffer(data[: 2 * count], ">u2" if is_big else "<u2")
    return np.asarray(data if hasattr(data, "__len__") else [data], np.int64)
