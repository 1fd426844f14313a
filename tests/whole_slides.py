"""DICOM whole slides whose pixels can be worked out: levels of one pyramid, each a file, as scanners' archives hold them."""

from io import BytesIO

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGBaseline8Bit

CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
STEPS = (("S26-114", None), ("S26-114-A", None), (None, "hematoxylin stain"), (None, "eosin stain"))
"""A part sampled from the surgical specimen, a block from the part, a section of it stained twice."""


def whole_slide(
    *,
    side: int = 1024,
    levels: int = 3,
    cell: int = 64,
    syntax: UID = JPEGBaseline8Bit,
    series: str = "2.25.61",
    study: str = "2.25.60",
    kinds: tuple[str, ...] = (),
) -> list[bytes]:
    """The files of a slide of square cells, (8 * column, 8 * row, 128) each; the smallest level first.

    side: pixels of the largest level; each further one is half as large, half a micrometre to the pixel at first
    kinds: further pictures of the slide ("LABEL", "OVERVIEW", "THUMBNAIL"), black, after the levels
    """
    found = []
    for level in reversed(range(levels)):
        place = np.arange(side >> level) // max(1, cell >> level) * 8 % 256
        pixels = np.full((side >> level, side >> level, 3), 128, np.uint8)
        pixels[..., 0], pixels[..., 1] = place[None], place[:, None]
        found.append(_file(pixels, level, "VOLUME", syntax, (study, series), side))
    for number, kind in enumerate(kinds):
        found.append(_file(np.zeros((64, 64, 3), np.uint8), 20 + number, kind, syntax, (study, series), side))
    return found


def _file(pixels: np.ndarray, number: int, kind: str, syntax: UID, uids: tuple[str, str], side: int) -> bytes:
    rows, columns = pixels.shape[:2]
    tile = min(256, rows)
    parts = [
        pixels[y : y + tile, x : x + tile] for y in range(0, rows, tile) for x in range(0, columns, tile)
    ]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = CLASS, f"{uids[1]}.{number + 1}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uids
    dataset.FrameOfReferenceUID, dataset.Modality = f"{uids[1]}.0", "SM"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Walker^Ann", "PATH-31", "19600203"
    dataset.StudyDate, dataset.PatientSex = "20261120", "F"
    is_first = kind == "VOLUME" and number == 0
    dataset.ImageType = [
        "ORIGINAL" if is_first else "DERIVED",
        "PRIMARY",
        kind,
        "NONE" if is_first else "RESAMPLED",
    ]
    dataset.Rows = dataset.Columns = tile
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = columns, rows
    dataset.NumberOfFrames, dataset.SamplesPerPixel, dataset.PlanarConfiguration = len(parts), 3, 0
    dataset.PhotometricInterpretation = "YBR_FULL_422" if syntax.is_compressed else "RGB"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.DimensionOrganizationType = "TILED_FULL"
    dataset.NumberOfOpticalPaths = dataset.TotalPixelMatrixFocalPlanes = 1
    measures, shared, path = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [0.0005 * side / columns] * 2
    shared.PixelMeasuresSequence = [measures]
    path.OpticalPathIdentifier, path.ObjectiveLensPower = "1", 20
    dataset.SharedFunctionalGroupsSequence, dataset.OpticalPathSequence = [shared], [path]
    dataset.SpecimenDescriptionSequence = [_specimen()]
    if syntax.is_compressed:
        dataset.PixelData = encapsulate([_jpeg(part) for part in parts])
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.PixelData = b"".join(part.tobytes() for part in parts)
    dataset["PixelData"].VR = "OB"
    return _written(dataset)


def sparse(data: bytes) -> bytes:
    """The same level with the place of each tile written beside it, in place of their order (TILED_SPARSE)."""
    dataset = dcmread(BytesIO(data))
    dataset.DimensionOrganizationType = "TILED_SPARSE"
    tile, groups = dataset.Columns, []
    across = -(-dataset.TotalPixelMatrixColumns // tile)
    for number in range(dataset.NumberOfFrames):
        place, group = Dataset(), Dataset()
        place.ColumnPositionInTotalImagePixelMatrix = 1 + number % across * tile
        place.RowPositionInTotalImagePixelMatrix = 1 + number // across * tile
        group.PlanePositionSlideSequence = [place]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    return _written(dataset)


def _written(dataset: Dataset) -> bytes:
    out = BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _specimen() -> Dataset:
    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = "S26-114-A-1", "2.25.69"
    specimen.SpecimenPreparationSequence = []
    for parent, stain in STEPS:
        item, name, step = Dataset(), Dataset(), Dataset()
        if parent:
            name.CodeValue, name.CodingSchemeDesignator = "111705", "DCM"
            item.ValueType, item.TextValue = "TEXT", parent
        else:
            meant = Dataset()
            name.CodeValue, name.CodingSchemeDesignator = "424361007", "SCT"
            meant.CodeMeaning, item.ValueType = stain, "CODE"
            item.ConceptCodeSequence = [meant]
        item.ConceptNameCodeSequence = [name]
        step.SpecimenPreparationStepContentItemSequence = [item]
        specimen.SpecimenPreparationSequence.append(step)
    return specimen


def _jpeg(part: np.ndarray) -> bytes:
    out = BytesIO()
    Image.fromarray(part).save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()
