"""Received files to the files that are read: archives unpacked under generated names, indexes set aside."""

import shutil
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pydicom

from dicom.errors import BadArchive, DicomError, TooLarge, in_bytes

ENTRIES, UNPACKED_BYTES, RATIO = 5000, 4 << 30, 200
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file to read, and which of the received files it came from; or why there is none."""

    path: Path | None
    ordinal: int
    error: DicomError | None = None


def walk(files: list[Path], scratch: Path) -> Iterator[MediaFile]:
    """Every file to read; an archive that is refused is one entry with its error.

    Names inside archives are never used: a DICOMDIR is an index over files that are found anyway.
    """
    for ordinal, file in enumerate(files):
        try:
            if zipfile.is_zipfile(file) and not _is_dicom(file):
                for path in _unpacked(file, scratch):
                    yield MediaFile(path, ordinal)
            elif not _is_directory(file):
                yield MediaFile(file, ordinal)
        except DicomError as error:
            yield MediaFile(None, ordinal, error)


def _unpacked(archive: Path, scratch: Path) -> list[Path]:
    """All files of a ZIP under new names; raises BadArchive, TooLarge, with nothing left behind."""
    folder = scratch / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            if not entries:
                raise BadArchive(reason="empty")
            _check(entries)
            paths = []
            budget = UNPACKED_BYTES
            for number, entry in enumerate(entries):
                path = folder / f"{number:05d}"
                with opened.open(entry) as source, path.open("xb") as target:
                    budget -= _copied(source, target, budget)
                if zipfile.is_zipfile(path) and not _is_dicom(path):
                    raise BadArchive(reason="archive in archive")
                if not _is_directory(path):
                    paths.append(path)
            return paths
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadArchive(reason=type(error).__name__) from error
    except DicomError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > ENTRIES:
        raise TooLarge(what="entries", found=len(entries), limit=ENTRIES)
    total = sum(entry.file_size for entry in entries)
    if total > UNPACKED_BYTES:
        raise TooLarge(what="archive", limit=in_bytes(UNPACKED_BYTES))
    for entry in entries:
        if entry.file_size > 1 << 20 and entry.file_size > RATIO * max(entry.compress_size, 1):
            raise TooLarge(what="ratio", found=entry.file_size // max(entry.compress_size, 1), limit=RATIO)


def _copied(source: object, target: object, budget: int) -> int:
    """Bytes copied; the sizes an archive states are its own claim, so they are counted here."""
    copied = 0
    while chunk := source.read(1 << 20):  # type: ignore[attr-defined]
        copied += len(chunk)
        if copied > budget:
            raise TooLarge(what="archive", limit=in_bytes(UNPACKED_BYTES))
        target.write(chunk)  # type: ignore[attr-defined]
    return copied


def _is_dicom(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _is_directory(file: Path) -> bool:
    """Whether it is a DICOMDIR, by its own header and not by its name."""
    if not _is_dicom(file):
        return False
    try:
        meta = pydicom.filereader.read_file_meta_info(file)
    except Exception:
        return False  # read later, with its proper error
    return str(meta.get("MediaStorageSOPClassUID", "")) == MEDIA_DIRECTORY
