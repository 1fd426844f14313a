"""The bands of a picture where devices write whose it is, and how they are blanked.

Covered: ultrasound, secondary captures, endoscopy, photographs and whatever says of itself that text is burned in;
everything outside the ultrasound's own regions, or the top of the picture where there are none. Not covered: text
inside of a region. Whether text is left is asked in `dicom.burned_in`.
"""

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array
from pydicom.uid import ExplicitVRLittleEndian

from dicom.codestream import check_codestream
from dicom.errors import Damaged, DicomError, InvalidHeader, TooLarge
from dicom.guard import BIG_ENDIAN, number
from dicom.naming import value_of
from dicom.text import clean
from dicom.windowing import Values

SUSPECT = frozenset(["US", "IVUS", "SC", "OT", "ES", "XC", "GM", "DG", "BMUS", "EPS"])
"""Modalities whose devices write text into the pixels."""
TOP = 0.12
"""Share of the height that is blanked where no region is stated."""


def may_hold_text(dataset: Dataset) -> bool:
    """Whether text of a patient may be burned in: by modality, class, and what the header says of itself."""
    said = clean(value_of(dataset, "BurnedInAnnotation")).upper()
    if said in ("YES", "NO"):
        return said == "YES"
    is_capture = "1.2.840.10008.5.1.4.1.1.7" in str(value_of(dataset, "SOPClassUID") or "")
    return is_capture or clean(value_of(dataset, "Modality")).upper() in SUSPECT


def picture_of(dataset: Dataset) -> Values:
    """True where the picture itself is and False in the bands: bool (rows, columns); all True without bands."""
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    if not may_hold_text(dataset):
        return np.ones((rows, columns), bool)
    inside = np.zeros((rows, columns), bool)
    for region in value_of(dataset, "SequenceOfUltrasoundRegions") or []:
        left, top, right, bottom = (
            _whole(region, f"RegionLocation{end}") for end in ("MinX0", "MinY0", "MaxX1", "MaxY1")
        )
        if 0 <= left < right and 0 <= top < bottom:
            inside[top : bottom + 1, left : right + 1] = True
    if not inside.any():
        inside[round(TOP * rows) :] = True
    return inside


def _whole(dataset: Dataset, keyword: str) -> int:
    try:
        return int(value_of(dataset, keyword))
    except (TypeError, ValueError):
        return -1


def blank_bands(dataset: Dataset) -> bool:
    """Blank the bands of every frame; a compressed file is written uncompressed. Whether anything was to be done.

    raises: DicomError subclasses
    """
    inside = picture_of(dataset)
    if inside.all():
        return False
    if number(dataset, "BitsAllocated") not in (8, 16, 32) or "PixelData" not in dataset:
        raise InvalidHeader(keyword="BitsAllocated")
    frames = number(dataset, "NumberOfFrames", 1) or 1
    order = ">" if dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN else "<"
    blanked = b"".join(_blanked(dataset, index, inside, order) for index in range(frames))
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            if keyword in dataset:
                delattr(dataset, keyword)
    if number(dataset, "SamplesPerPixel", 1) == 3:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    wide = number(dataset, "BitsAllocated") > 8
    dataset.add_new(0x7FE00010, "OW" if wide else "OB", blanked + b"\x00" * (len(blanked) % 2))
    return True


def _blanked(dataset: Dataset, index: int, inside: Values, order: str) -> bytes:
    check_codestream(dataset, index)
    try:
        values: Values = np.array(pixel_array(dataset, index=index))
    except DicomError:
        raise
    except MemoryError as error:
        raise TooLarge(what="memory") from error
    except BaseException as error:  # as in `dicom.pixels`: a panic of Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise Damaged(what="pixels", kind=type(error).__name__) from error
    values[~inside] = 0 if values.ndim == 3 else _dark(values, dataset)
    bits, used = number(dataset, "BitsAllocated"), number(dataset, "BitsStored")
    stored = values.astype(np.int64) & ((1 << used) - 1)
    return stored.astype(f"{order}u{bits // 8}").tobytes()


def _dark(values: Values, dataset: Dataset) -> Any:
    """A value of the picture that is shown dark."""
    return values.max() if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else values.min()
