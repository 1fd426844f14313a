"""Received files to the files that are read: archives unpacked under generated names, indexes set aside.

A hospital's disc holds more than pictures: viewer programs, texts, a web page with its icons. They are left out,
counted, and named as one line. A DICOMDIR is an index over files that are found anyway.
"""

import lzma
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydicom.filereader import read_file_meta_info

from dicom import mirax
from dicom.errors import BadArchive, DicomError, OtherFiles, TooLarge, in_bytes
from dicom.photos import is_photo

ENTRIES, UNPACKED_BYTES, RATIO = 5000, 4 << 30, 200
SMALL_ENTRY = 1 << 20
"""Up to here a ratio says nothing: an empty picture shrinks a thousandfold."""
MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"
_ODD = (RuntimeError, NotImplementedError, EOFError, ValueError)
"""What zipfile raises for passwords, unknown methods and entries that stop early."""
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file to read, and which of the received files it came from; or why there is none."""

    path: Path | None
    ordinal: int
    error: DicomError | None = None


def walk(files: list[Path], scratch: Path) -> Iterator[MediaFile]:
    """Every file to read; an archive that is refused is one entry with its error.

    files: as received; a folder stands for all the files in it
    Names inside archives are never used, but for those by which the files of an MRXS slide call each other.
    """
    for ordinal, received in enumerate(files):
        for file in _files_of(received):
            try:
                if _head(file).startswith(_ARCHIVES):
                    yield from (MediaFile(path, ordinal) for path in _pictures(_unpacked(file, scratch)))
                elif not _is_directory(file):
                    yield MediaFile(file, ordinal)
            except _Beside as beside:
                yield from (MediaFile(path, ordinal) for path in beside.pictures)
                yield MediaFile(None, ordinal, OtherFiles(count=beside.others))
            except DicomError as error:
                yield MediaFile(None, ordinal, error)


def _files_of(received: Path) -> Iterator[Path]:
    if not received.is_dir():
        yield received
        return
    # Links are not followed: they may lead out of the folder.
    yield from (file for file in sorted(received.rglob("*")) if file.is_file() and not file.is_symlink())


class _Beside(Exception):
    """An archive holds more than pictures."""

    def __init__(self, pictures: list[Path], others: int):
        super().__init__(others)
        self.pictures, self.others = pictures, others


def _pictures(paths: list[Path]) -> list[Path]:
    """Those that are read; raises BadArchive where there are none, _Beside where others lie beside them."""
    medium = any(_is_directory(path) for path in paths)
    dicom = [path for path in paths if _is_dicom(path) and not _is_directory(path)]
    # The icons of a disc's viewer are no photographs of the patient.
    photos = [] if medium else [path for path in paths if is_photo(_head(path)) and not _is_dicom(path)]
    found = sorted([*dicom, *photos, *filter(mirax.is_mirax, paths)])
    others = len(paths) - len(found) - sum(map(_is_directory, paths))
    if not found:
        raise BadArchive(reason="no picture")
    if others:
        raise _Beside(found, others)
    return found


def _unpacked(archive: Path, scratch: Path) -> list[Path]:
    """All files of a ZIP under new names; raises BadArchive, TooLarge, with nothing left behind."""
    folder = scratch / uuid.uuid4().hex
    folder.mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check(entries)
            budget, paths = UNPACKED_BYTES, {}
            for number, entry in enumerate(entries):
                path = folder / f"{number:05d}"
                with opened.open(entry) as source, path.open("xb") as target:
                    budget -= _copied(source, target, budget)  # type: ignore[arg-type]
                paths[PurePosixPath(entry.filename.replace("\\", "/"))] = path
            return _with_slides(paths, folder)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, *_ODD) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadArchive(reason=type(error).__name__) from error
    except BaseException:
        # A full disk is no fault of the archive: it goes on as it is, but leaves nothing behind either.
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _with_slides(paths: dict[PurePosixPath, Path], scratch: Path) -> list[Path]:
    """The unpacked files, those of each MRXS slide laid out as one; its own picture, which may show the label, is left out."""
    left = dict(paths)
    for number, index in enumerate(name for name in paths if name.name == mirax.INDEX):
        own = [name for name in left if name.parent == index.parent and mirax.PART.fullmatch(name.name)]
        folder = scratch / f"slide-{number}"
        folder.mkdir(mode=0o700)
        left[PurePosixPath(f"/{number}")] = mirax.lay_out({name.name: left.pop(name) for name in own}, folder)
        left = {name: path for name, path in left.items() if name.suffix.lower() != ".mrxs"}
    return list(left.values())


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if not entries:
        raise BadArchive(reason="empty")
    if len(entries) > ENTRIES:
        raise TooLarge(what="entries", found=len(entries), limit=ENTRIES)
    total = sum(entry.file_size for entry in entries)
    if total > UNPACKED_BYTES:
        raise TooLarge(what="archive", limit=in_bytes(UNPACKED_BYTES))
    for entry in entries:
        if entry.file_size > SMALL_ENTRY and entry.file_size > RATIO * max(entry.compress_size, 1):
            raise TooLarge(what="ratio", found=entry.file_size // max(entry.compress_size, 1), limit=RATIO)


def _copied(source: BinaryIO, target: BinaryIO, budget: int) -> int:
    """Bytes copied; the sizes an archive states are its own claim, so they are counted here."""
    copied = 0
    while chunk := source.read(1 << 20):
        copied += len(chunk)
        if copied > budget:
            raise TooLarge(what="archive", limit=in_bytes(UNPACKED_BYTES))
        target.write(chunk)
    return copied


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(132)


def _is_dicom(file: Path) -> bool:
    return _head(file)[128:] == b"DICM"


def _is_directory(file: Path) -> bool:
    """Whether it is a DICOMDIR, by its own header and not by its name."""
    with file.open("rb") as stream:
        begin = stream.read(1024)
    # The class is the second element of every file: most of a thousand slices need no parser to be told apart.
    if begin[128:132] != b"DICM" or MEDIA_DIRECTORY.encode() not in begin:
        return False
    try:
        meta = read_file_meta_info(file)
        return str(meta.get("MediaStorageSOPClassUID", "")) == MEDIA_DIRECTORY
    except Exception:
        return False  # read later, with its proper error
