"""Drawings over a picture (PS3.3 C.9.2, C.9.3): planes of their own, and bits inside of the pixels' words.

They are off unless a reader asks for them: a scanner draws names and arrows there.
"""

import numpy as np
from pydicom.dataset import Dataset

from dicom.errors import Damaged
from dicom.guard import BIG_ENDIAN
from dicom.header import numbers
from dicom.windowing import Values

GROUPS = range(0x6000, 0x6020, 2)
ROWS, COLUMNS, FRAMES, ORIGIN, FIRST_FRAME = 0x0010, 0x0011, 0x0015, 0x0050, 0x0051
BITS, BIT, DATA = 0x0100, 0x0102, 0x3000


def planes_of(dataset: Dataset) -> list[int]:
    """The groups that hold a plane of drawings."""
    return [group for group in GROUPS if (group, ROWS) in dataset or (group, DATA) in dataset]


def drawn(dataset: Dataset, index: int, shape: tuple[int, int], words: Values | None) -> Values:
    """Where any plane draws on a frame: bool, of the picture's shape; raises Damaged.

    words: the frame's words with all their bits, for planes that lie inside of them; None where there are none
    """
    mask = np.zeros(shape, bool)
    for group in planes_of(dataset):
        if (group, DATA) in dataset:
            _lay(mask, dataset, group, index)
        elif words is not None and words.shape == shape:
            mask |= (words.astype(np.int64) >> _whole(dataset, group, BIT, 0)) & 1 == 1
    return mask


def needs_words(dataset: Dataset) -> bool:
    """Whether a plane lies inside of the pixels' words."""
    return any((group, DATA) not in dataset for group in planes_of(dataset))


def _lay(mask: Values, dataset: Dataset, group: int, index: int) -> None:
    """One plane at its origin (1, 1 is the first pixel); what lies outside of the picture is cut off."""
    rows, columns = _whole(dataset, group, ROWS, 0), _whole(dataset, group, COLUMNS, 0)
    frames, first = _whole(dataset, group, FRAMES, 1), _whole(dataset, group, FIRST_FRAME, 1)
    # A plane of one frame lies over every frame; of several, each lies over its own.
    at = index - (first - 1) if frames > 1 else 0
    if rows <= 0 or columns <= 0 or not 0 <= at < frames:
        return
    data = dataset[group, DATA].value
    begin, count = at * rows * columns, rows * columns
    if not isinstance(data, bytes) or len(data) * 8 < begin + count:
        raise Damaged(what="overlay")
    if dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN and dataset[group, DATA].VR == "OW":
        data = np.frombuffer(data[: len(data) // 2 * 2], ">u2").astype("<u2").tobytes()
    # Frames follow each other bit by bit; a frame may begin inside of a byte.
    part = np.frombuffer(data, np.uint8)[begin // 8 : (begin + count + 7) // 8]
    bits = np.unpackbits(part, bitorder="little")[begin % 8 :][:count].reshape(rows, columns).astype(bool)
    origin = numbers(dataset[group, ORIGIN].value if (group, ORIGIN) in dataset else None)
    top, left = (int(origin[0]) - 1, int(origin[1]) - 1) if len(origin) == 2 else (0, 0)
    high, wide = mask.shape
    up, down = max(top, 0), min(top + rows, high)
    west, east = max(left, 0), min(left + columns, wide)
    if up < down and west < east:
        mask[up:down, west:east] |= bits[up - top : down - top, west - left : east - left]


def _whole(dataset: Dataset, group: int, element: int, default: int) -> int:
    found = numbers(dataset[group, element].value) if (group, element) in dataset else []
    return int(found[0]) if found else default
