"""Frames to stored values and to color: any transfer syntax, unused bits, profiles."""

from copy import copy
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.pixels import apply_icc_profile, pixel_array
from pydicom.tag import Tag

from dicom.codestream import RLE, check_codestream
from dicom.errors import Damaged, DicomError, TooLarge
from dicom.guard import BIG_ENDIAN, DEFLATED, number
from dicom.windowing import Values

PLUGINS = {
    # Pillow refuses a cut baseline stream; imagecodecs would show a gray tail.
    "50": "pillow",
    "51": "imagecodecs",
    "57": "imagecodecs",
    "70": "imagecodecs",
    "80": "pyjpegls",
    "81": "pyjpegls",
    "90": "pylibjpeg",
    "91": "pylibjpeg",
    "201": "pylibjpeg",
    "202": "pylibjpeg",
    "203": "pylibjpeg",
}
"""Who decodes which of the JPEG family. By name: pydicom takes the first it finds, which is GDCM where somebody
installed that, and GDCM aborts the process for some files."""
_JPEG_FAMILY = "1.2.840.10008.1.2.4."


def stored(source: Path | bytes, dataset: Dataset, index: int) -> Values:
    """Stored values of one frame, YBR converted to RGB: (rows, columns) or (rows, columns, 3).

    raises: Damaged, Truncated, InvalidHeader, TooLarge
    """
    check_codestream(dataset, index)
    try:
        return _shifted(source, dataset, index)
    except DicomError:
        raise
    except MemoryError as error:
        raise TooLarge(what="memory") from error
    except BaseException as error:
        # A codec written in Rust panics with a BaseException that `except Exception` would miss.
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise Damaged(what="pixels", kind=type(error).__name__) from error


def _shifted(source: Path | bytes, dataset: Dataset, index: int) -> Values:
    """pydicom takes the lowest BitsStored bits; where HighBit says otherwise, they lie higher (PS3.5 8.1.1)."""
    used, high = number(dataset, "BitsStored", 0), number(dataset, "HighBit", 0)
    shift = high + 1 - used
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if not has_high_bits(dataset) or syntax.startswith(_JPEG_FAMILY):
        return _decoded(source, dataset, index)
    values = (_words(dataset, index) >> shift) & ((1 << used) - 1)
    if number(dataset, "PixelRepresentation", 0):
        values = np.where(values >= 1 << (used - 1), values - (1 << used), values)
    return np.asarray(values, np.int32)


def _words(dataset: Dataset, index: int) -> Values:
    """The words of a frame with all their bits, as int64."""
    whole = _copy(dataset)
    whole.BitsStored, whole.PixelRepresentation = number(dataset, "BitsAllocated"), 0
    whole.HighBit = whole.BitsStored - 1
    return np.asarray(pixel_array(whole, index=index, decoding_plugin=_plugin(dataset))).astype(np.int64)


def words(dataset: Dataset, index: int) -> Values | None:
    """The same for whoever looks for drawings in unused bits; None where a codec keeps only the used ones."""
    if str(dataset.file_meta.TransferSyntaxUID).startswith(_JPEG_FAMILY):
        return None
    try:
        return _words(dataset, index)
    except Exception as error:
        raise Damaged(what="pixels", kind=type(error).__name__) from error


def has_high_bits(dataset: Dataset) -> bool:
    """Whether the values lie above unused low bits."""
    bits, used = number(dataset, "BitsAllocated", 0), number(dataset, "BitsStored", 0)
    high = number(dataset, "HighBit", max(used - 1, 0))
    return 0 < used <= high < bits


def _decoded(source: Path | bytes, dataset: Dataset, index: int) -> Values:
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated and syntax != DEFLATED and "PixelData" in dataset:
        # By place in the file: one frame of a film of 400 MB costs one frame of memory, and no header twice.
        alone = _alone(source, dataset, index)
        if alone is not None:
            return np.asarray(pixel_array(alone))
        return np.asarray(pixel_array(BytesIO(source) if isinstance(source, bytes) else source, index=index))
    return np.asarray(pixel_array(dataset, index=index, decoding_plugin=_plugin(dataset)))


def _alone(source: Path | bytes, dataset: Dataset, index: int) -> Dataset | None:
    """One native frame as a picture of its own; None where frames do not begin at a byte, or words lie across them."""
    rows, columns = number(dataset, "Rows"), number(dataset, "Columns")
    bits = rows * columns * number(dataset, "SamplesPerPixel", 1) * number(dataset, "BitsAllocated")
    if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        # Two pixels share their color (PS3.3 C.7.6.3.1.2).
        bits = bits * 2 // 3
    raw = dict(dataset.items())[Tag("PixelData")]
    if bits % 8 or dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN:
        return None
    first, size = index * bits // 8, bits // 8
    if isinstance(raw, RawDataElement) and raw.value is None:
        data = _read(source, raw.value_tell + first, size)
    else:
        data = dataset.PixelData[first : first + size]
    alone = Dataset()
    for tag in [tag for tag in dataset.keys() if tag.group == 0x0028]:  # noqa: SIM118
        alone[tag] = copy(dataset[tag])
    alone.file_meta, alone.NumberOfFrames = dataset.file_meta, 1
    alone.add_new("PixelData", raw.VR or "OW", data)
    return alone


def _read(source: Path | bytes, first: int, size: int) -> bytes:
    if isinstance(source, bytes):
        return source[first : first + size]
    with source.open("rb") as stream:
        stream.seek(first)
        return stream.read(size)


def _plugin(dataset: Dataset) -> str:
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax == RLE:
        return "pylibjpeg"
    return PLUGINS.get(syntax.removeprefix(_JPEG_FAMILY), "")


def _copy(dataset: Dataset) -> Dataset:
    """What pixels are made from, in elements of its own: setting one must not change the file's."""
    own = Dataset()
    for tag in [tag for tag in dataset.keys() if tag.group in (0x0028, 0x7FE0)]:  # noqa: SIM118
        own[tag] = copy(dataset[tag])
    own.file_meta = dataset.file_meta
    return own


def eight_bits(values: Values, bits: int) -> Values:
    """Color of any depth as uint8: the highest eight of its bits."""
    if values.dtype == np.uint8 and bits <= 8:
        return values
    return np.clip(values.astype(np.int64) >> max(0, bits - 8), 0, 255).astype(np.uint8)


def color_managed(values: Values, dataset: Dataset) -> tuple[Values, bool]:
    """sRGB by the file's own profile (PS3.3 C.11.15), and whether there is one that could be used."""
    paths = dataset.get("OpticalPathSequence")
    holder = dataset if "ICCProfile" in dataset else paths[0] if paths else dataset
    if not holder.get("ICCProfile"):
        return values, False
    try:
        return np.asarray(apply_icc_profile(values.copy(), holder, color_space="sRGB")), True
    except Exception:  # a broken profile is no reason to refuse the picture; its numbers are shown as sRGB
        return values, False
