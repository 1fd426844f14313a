"""Drawings as real DICOM objects, for the demonstration: whole headers, clearly synthetic patients."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

SOP_CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "SM": "1.2.840.10008.5.1.4.1.1.77.1.2",
}


def dicom_of(values: np.ndarray[Any, Any], modality: str, header: Mapping[str, Any]) -> bytes:
    """One file. values: int16 HU (CT), uint8 gray (DX) or uint8 RGB (SM, a VL microscopic image).

    header: DICOM keywords to values; the three UIDs among them
    """
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.Modality = SOP_CLASSES[modality], modality
    for keyword, value in header.items():
        setattr(ds, keyword, value)
    color = values.ndim == 3
    ds.Rows, ds.Columns = values.shape[:2]
    ds.SamplesPerPixel = 3 if color else 1
    ds.PhotometricInterpretation = "RGB" if color else "MONOCHROME2"
    if color:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = values.dtype.itemsize * 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(values.dtype.kind == "i")
    if modality == "CT":
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, 0, "HU"
    ds.BurnedInAnnotation = "NO"
    ds.PixelData = np.ascontiguousarray(values).tobytes()
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = (
        UID(ds.SOPClassUID),
        UID(ds.SOPInstanceUID),
    )
    ds.file_meta = meta
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()
