"""Every DICOM file of six packages: what other people's test suites thought worth keeping.

pydicom (its charset folder included), pydicom-data and deid-data are installed; nibabel's and pynetdicom's files are
in their sources only, which `deploy/test-files.sh` fetches by pinned digest. A file that is not there is an error
with that command, never a test that is left out.
"""

import gzip
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import data_store
import deid_data
import pydicom
import pytest

ROOT = Path(__file__).parent.parent
FETCHED = ROOT / "build" / "test-files"
FETCH = "sh deploy/test-files.sh PYTHON (make test does it)"
SOURCES = {
    "pydicom": Path(pydicom.__file__).parent / "data",
    "pydicom-data": Path(data_store.__file__).parent,
    "deid-data": Path(deid_data.__file__).parent / "data",
    "nibabel": FETCHED / "nibabel-5.4.2" / "nibabel" / "nicom" / "tests" / "data",
    "pynetdicom": FETCHED / "pynetdicom-3.0.4" / "pynetdicom" / "tests" / "dicom_files",
}


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One DICOM file; inside of a ZIP or gzip file it has a member's name, or none."""

    package: str
    path: Path
    member: str | None = None

    @property
    def name(self) -> str:
        """Its name as people know it."""
        return self.member.rpartition("/")[2] if self.member else self.path.name.removesuffix(".gz")

    def read(self) -> bytes:
        """Its bytes, unpacked."""
        if self.member:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(self.member)
        data = self.path.read_bytes()
        return gzip.decompress(data) if self.path.suffix == ".gz" else data

    def plain(self, folder: Path) -> Path:
        """A file with those bytes: its own, or an unpacked one in `folder`."""
        if not self.member and self.path.suffix != ".gz":
            return self.path
        unpacked = folder / "unpacked.dcm"
        unpacked.write_bytes(self.read())
        return unpacked


@cache
def corpus() -> tuple[CorpusFile, ...]:
    """All of them, whether or not there is a picture inside; fails the test where a package's are missing."""
    return tuple(file for package in SOURCES for file in sorted(_files_of(package), key=lambda one: one.name))


def file_named(name: str, package: str | None = None) -> bytes:
    """The bytes of the file of that name, the first in the order of SOURCES."""
    return next(one for one in corpus() if one.name == name and package in (None, one.package)).read()


def _files_of(package: str) -> Iterator[CorpusFile]:
    folder = SOURCES[package]
    if not folder.is_dir():
        pytest.fail(f"{package}'s files are not there. Fetch them: {FETCH}")
    for path in folder.rglob("*"):
        if path.suffix == ".zip" and package == "deid-data":
            with zipfile.ZipFile(path) as archive:
                members = [
                    one for one in archive.namelist() if one.endswith(".dcm") and "__MACOSX" not in one
                ]
            yield from (CorpusFile(package, path, member) for member in members)
        elif path.is_file() and (file := CorpusFile(package, path)) and _is_dicom(file):
            yield file


def _is_dicom(file: CorpusFile) -> bool:
    """By its name, or its first bytes: media files have no suffix."""
    if file.path.suffix == ".gz":
        return file.name.endswith(".dcm")
    with file.path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM" or file.path.suffix == ".dcm"
