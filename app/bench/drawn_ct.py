"""A drawn CT to measure with: tissue, bone, air and the noise of a scanner; native or in another transfer syntax."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, RLELossless

from dicom.drawn import dicom_of

Pixels = np.ndarray[Any, Any]
SIDE, SLICE_MM, PIXEL_MM = 512, 1.0, 0.7
NATIVE = "1.2.840.10008.1.2.1"
_JPEG = "1.2.840.10008.1.2.4."
JPEG_LOSSLESS = f"{_JPEG}70"


def slice_values(place: int, count: int) -> Pixels:
    """One slice: int16 HU (512, 512)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) / SIDE - 0.5
    wide = 0.32 + 0.1 * np.sin(np.pi * place / count)
    values = np.where((x / wide) ** 2 + (y / (0.75 * wide)) ** 2 < 1, 40.0, -1000.0)
    values[(x - 0.12) ** 2 + y**2 < 0.012] = -850
    values[(x + 0.12) ** 2 + y**2 < 0.012] = -850
    values[x**2 + (y - 0.2) ** 2 < 0.0015] = 600
    noise = np.random.default_rng(place).normal(0, 12, values.shape)
    return np.asarray(np.clip(values + noise, -1024, 3071), np.int16)


def _encoders() -> dict[str, tuple[str, Callable[[Pixels], bytes | bytearray], bool]]:
    """Name, how one frame is compressed, and whether frames are 8-bit color, by the end of the transfer syntax."""
    return {
        "50": ("JPEG baseline, 8-bit color", lambda one: imagecodecs.jpeg8_encode(one, level=90), True),
        "70": (
            "JPEG lossless",
            lambda one: imagecodecs.ljpeg_encode(one.astype(np.uint16), bitspersample=16),
            False,
        ),
        "80": ("JPEG-LS lossless", lambda one: imagecodecs.jpegls_encode(one.astype(np.uint16)), False),
        "90": (
            "JPEG 2000 lossless",
            lambda one: imagecodecs.jpeg2k_encode(
                one.astype(np.uint16), codecformat="j2k", reversible=True, level=0, bitspersample=12
            ),
            False,
        ),
        "201": (
            "HTJ2K lossless",
            lambda one: imagecodecs.htj2k_encode(one.astype(np.uint16), reversible=True),
            False,
        ),
    }


def film(end: str, frames: int) -> tuple[str, bytes]:
    """What it is called, and a film of one transfer syntax: unsigned 12-bit values, or 8-bit color.

    end: of the UID behind the JPEG family's root, "native" or "rle"
    """
    gray = [(slice_values(n, frames).astype(np.int32) + 1024).astype(np.uint16) for n in range(frames)]
    if end in ("native", "rle"):
        data = _film(gray, NATIVE)
        return ("native", data) if end == "native" else ("RLE", _as_rle(data))
    name, encode, is_color = _encoders()[end]
    pictures = [np.repeat((one >> 4).astype(np.uint8)[..., None], 3, 2) for one in gray] if is_color else gray
    return name, _film(pictures, _JPEG + end, [bytes(encode(one)) for one in pictures])


def _film(pictures: list[Pixels], syntax: str, encoded: list[bytes] | None = None) -> bytes:
    header = {
        "PatientName": "PHANTOM^Bench",
        "PatientID": "BENCH-2",
        "StudyInstanceUID": "2.25.910",
        "SeriesInstanceUID": "2.25.910.1",
        "SOPInstanceUID": "2.25.910.1.1",
    }
    ds = pydicom.dcmread(BytesIO(dicom_of(pictures[0], "SM" if pictures[0].ndim == 3 else "DX", header)))
    ds.NumberOfFrames = len(pictures)
    if pictures[0].ndim == 2:
        ds.BitsStored, ds.HighBit = 12, 11
    elif encoded:
        ds.PhotometricInterpretation = "YBR_FULL_422"
    _put_pixels(ds, syntax, encoded, b"".join(one.tobytes() for one in pictures))
    return _written(ds)


def _put_pixels(ds: Dataset, syntax: str, encoded: list[bytes] | None, native: bytes) -> None:
    ds.PixelData = encapsulate(encoded) if encoded else native
    ds["PixelData"].VR = "OB" if encoded else "OW"
    ds["PixelData"].is_undefined_length = encoded is not None
    ds.file_meta.TransferSyntaxUID = UID(syntax)


def _written(ds: Dataset) -> bytes:
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def _as_rle(data: bytes) -> bytes:
    ds = pydicom.dcmread(BytesIO(data))
    ds.compress(RLELossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    return _written(ds)


def series(count: int, syntax: str = NATIVE, number: int = 1) -> Iterator[bytes]:
    """A file for each slice of a CT, from the feet up."""
    for place in range(count):
        header = {
            "PatientName": "PHANTOM^Bench",
            "PatientID": "BENCH-2",
            "StudyInstanceUID": f"2.25.92{number}",
            "SeriesInstanceUID": f"2.25.92{number}.1",
            "SOPInstanceUID": f"2.25.92{number}.1.{place + 1}",
            "StudyDate": "20261125",
            "InstanceNumber": place + 1,
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "ImagePositionPatient": [0, 0, SLICE_MM * place],
            "PixelSpacing": [PIXEL_MM, PIXEL_MM],
            "WindowCenter": 40,
            "WindowWidth": 400,
        }
        values = slice_values(place, count)
        data = dicom_of(values, "CT", header)
        if syntax == NATIVE:
            yield data
            continue
        ds = pydicom.dcmread(BytesIO(data))
        # Stored from 0 on, as scanners do that compress: the same HU by the intercept.
        stored = (values.astype(np.int32) + 1024).astype(np.uint16)
        ds.RescaleIntercept, ds.PixelRepresentation = -1024, 0
        _put_pixels(ds, syntax, [bytes(imagecodecs.ljpeg_encode(stored, bitspersample=16))], b"")
        yield _written(ds)
