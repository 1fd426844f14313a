"""Builders of synthetic studies whose pixels can be worked out by hand; no patient, ever."""

from io import BytesIO

import numpy as np
import pydicom
import tifffile
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

ROOT = "2.25.4711"


def dicom_bytes(
    values: np.ndarray,
    *,
    modality: str = "CT",
    study: str = "1",
    series: str = "1",
    number: int = 1,
    name: str = "TEST^Phantom",
    patient_id: str = "PHANTOM-1",
    **elements: object,
) -> bytes:
    """One file; values: int16 or uint8 (rows, columns)."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = CTImageStorage if modality == "CT" else DigitalXRayImageStorageForPresentation
    ds.SOPInstanceUID = f"{ROOT}.{study}.{series}.{number}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{ROOT}.{study}", f"{ROOT}.{study}.{series}"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = name, patient_id, "19610314", "F"
    ds.StudyDate, ds.StudyDescription, ds.Modality = "20261122", "Phantom study", modality
    ds.SeriesNumber, ds.InstanceNumber = int(series), number
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = values.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(values.dtype.kind == "i")
    ds.PixelData = values.tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


def ct_series(count: int = 3, size: int = 8, first: int = 1, **elements: object) -> list[bytes]:
    """Slices 2.5 mm apart from z = 2.5 on; slice k holds the value 100 * k everywhere.

    first: instance number of the lowest; those of two calls must differ to be different objects
    """
    return [
        dicom_bytes(
            np.full((size, size), 100 * number, np.int16),
            number=first + number - 1,
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 2.5 * number],
            PixelSpacing=[0.5, 0.5],
            RescaleSlope=1,
            RescaleIntercept=0,
            WindowCenter=200,
            WindowWidth=400,
            **elements,
        )
        for number in range(1, count + 1)
    ]


def stack_of(
    values: np.ndarray,
    *,
    spacing: tuple[float, float, float] = (2.0, 1.0, 1.0),
    orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0),
    origin: tuple[float, float, float] = (-10.0, -20.0, 5.0),
    lean: tuple[float, float, float] = (0.0, 0.0, 0.0),
    **elements: object,
) -> list[bytes]:
    """A file for each slice of a block of int16 (slices, rows, columns).

    spacing: of slices along their normal, rows, columns in mm; lean: by how much each slice is shifted in mm besides
    """
    way = spacing[0] * np.cross(orientation[:3], orientation[3:]) + np.array(lean, float)
    common = {
        "FrameOfReferenceUID": f"{ROOT}.9",
        "ImageOrientationPatient": list(orientation),
        "PixelSpacing": [spacing[1], spacing[2]],
        "RescaleSlope": 1,
        "RescaleIntercept": 0,
        "WindowCenter": 40,
        "WindowWidth": 400,
        **elements,
    }
    return [
        dicom_bytes(
            one,
            number=number,
            ImagePositionPatient=[float(value) for value in origin + (number - 1) * way],
            **{keyword: value for keyword, value in common.items() if value is not None},
        )
        for number, one in enumerate(values, 1)
    ]


def photo(seed: int = 0, size: tuple[int, int] = (96, 64)) -> bytes:
    """A PNG of random color."""
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    out = BytesIO()
    Image.fromarray(values).save(out, "PNG")
    return out.getvalue()


def slide(
    *,
    side: int = 1024,
    levels: int = 3,
    um_per_pixel: float | None = 0.5,
    cell: int = 64,
    profile: bytes | None = None,
) -> bytes:
    """A pyramidal TIFF of square cells, each of one color that says where it lies: (8 * column, 8 * row, 128).

    side: pixels of the largest level; each further level is half as large
    """
    place = np.arange(side) // cell
    largest = np.empty((side, side, 3), np.uint8)
    largest[..., 0], largest[..., 1], largest[..., 2] = 8 * place[None], 8 * place[:, None], 128
    per_cm = 10_000 / um_per_pixel if um_per_pixel else 0
    out = BytesIO()
    with tifffile.TiffWriter(out) as writer:
        for level in range(levels):
            writer.write(
                largest[:: 1 << level, :: 1 << level],
                tile=(128, 128),
                photometric="rgb",
                compression="zlib",
                subfiletype=1 if level else 0,
                resolution=(per_cm / (1 << level),) * 2 if um_per_pixel else None,
                resolutionunit="CENTIMETER" if um_per_pixel else None,
                iccprofile=profile if not level else None,
                metadata=None,
            )
    return out.getvalue()
