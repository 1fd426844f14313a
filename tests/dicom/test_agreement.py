"""What we show is what dcmtk shows, within one gray level, over pydicom's and pydicom-data's own files."""

import subprocess
from pathlib import Path

import data_store
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian

from dicom import codecs
from dicom.errors import DicomError
from dicom.reading import Instance
from dicom.render import View, render

NEEDED = 155


def corpus() -> list[Path]:
    """Every file of both packages, the charset folder included."""
    folders = [Path(pydicom.__file__).parent / "data", Path(data_store.__file__).parent]
    return sorted(
        file for folder in folders for file in folder.rglob("*") if file.is_file() and is_dicom(file)
    )


def is_dicom(file: Path) -> bool:
    """By its first bytes; media files have no suffix."""
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM" or file.suffix == ".dcm"


def by_dcmtk(file: Path, out: Path, options: list[str]) -> np.ndarray | None:
    """dcmj2pnm's first frame as 8-bit, or None where it cannot."""
    command = ["/usr/bin/dcmj2pnm", "+on", "--no-overlays", *options, str(file), str(out)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode or not out.exists():
        return None
    return np.asarray(Image.open(out).convert("RGB"))


def options_for(instance: Instance) -> list[str]:
    """The first window or VOI LUT of the file, else all of its range."""
    frame = instance.frame(0)
    if frame.is_color:
        return []
    if frame.table is not None:
        return ["+Wl", "1"]
    return ["+Wi", "1"] if frame.window else ["+Wm"]


def compare(file: Path, tmp_path: Path) -> tuple[str, int] | None:
    """How it was compared and the largest difference; None where there is nothing to compare."""
    codecs.register()
    how, source = "as it is", file
    try:
        data = pydicom.dcmread(file, force=True)
        if not any(k in data for k in ("PixelData", "FloatPixelData")):
            return None
    except Exception:
        return None
    out = tmp_path / "out.png"
    out.unlink(missing_ok=True)
    try:
        instance = Instance(file)
        options = options_for(instance)
        ours = render(instance, View(percentile=0))
    except DicomError:
        options, ours = ["+Wm"], None
    theirs = by_dcmtk(source, out, options)
    if theirs is None and ours is not None:
        how, source = "decompressed", tmp_path / "plain.dcm"
        if not decompressed(file, source):
            return None
        theirs = by_dcmtk(source, out, options)
    if theirs is None:
        return None
    if ours is None or ours.shape != theirs.shape:
        return how, 256
    return how, int(np.abs(ours.astype(int) - theirs.astype(int)).max())


SHOWN_BY = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsStored", "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth",
    "VOILUTFunction", "VOILUTSequence", "ModalityLUTSequence", "PresentationLUTShape", "PixelPaddingValue",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
)  # fmt: skip


def decompressed(file: Path, target: Path) -> bool:
    """The first frame and what its display needs, without compression, for a tool that has no JPEG 2000."""
    instance = Instance(file)
    if not instance.dataset.file_meta.TransferSyntaxUID.is_compressed:
        return False
    stored = instance.stored(0)
    plain = pydicom.Dataset()
    for keyword in SHOWN_BY:
        if keyword in instance.dataset:
            setattr(plain, keyword, instance.dataset[keyword].value)
    if stored.ndim == 3:
        plain.PhotometricInterpretation, plain.PlanarConfiguration = "RGB", 0
    plain.BitsAllocated = stored.dtype.itemsize * 8
    plain.PixelData = stored.tobytes()
    plain.file_meta = pydicom.dataset.FileMetaDataset()
    plain.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain.file_meta.MediaStorageSOPClassUID = plain.SOPClassUID
    plain.file_meta.MediaStorageSOPInstanceUID = plain.get("SOPInstanceUID", "1.2.3")
    pydicom.dcmwrite(target, plain, enforce_file_format=True)
    return True


@pytest.mark.filterwarnings("ignore")  # pydicom warns about what its own test files do on purpose
def test_pictures_agree_with_dcmtk(tmp_path, capsys):
    """At least 155 of the files that dcmtk can render, misses by name."""
    results = {file: result for file in corpus() if (result := compare(file, tmp_path))}
    good = [file for file, (_, worst) in results.items() if worst <= 1]
    plain = sum(how == "as it is" for how, _ in results.values())
    with capsys.disabled():
        print(f"\n{len(good)} of {len(results)} within one gray level ({plain} as they are, ", end="")
        print(f"{len(results) - plain} decompressed by us)")
        for file, (how, worst) in results.items():
            if worst > 1:
                print(f"  miss: {file.name} ({how}), largest difference {worst}")

    assert len(good) >= NEEDED, len(results)
