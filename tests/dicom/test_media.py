"""Archives, discs and folders become files to read, or a reason why not."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom import media
from dicom.errors import BadArchive, OtherFiles, TooLarge
from dicom.media import walk
from tests.samples import dicom_bytes, photo

GOOD = dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8))
DISC = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"


def zipped(**files):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def unpacked(tmp_path, data):
    file = tmp_path / "upload"
    file.write_bytes(data)
    (tmp_path / "scratch").mkdir()
    return list(walk([file], tmp_path / "scratch"))


def test_names_in_an_archive_are_never_used(tmp_path):
    """A path that climbs out of its folder lands under a number like any other."""
    found = unpacked(tmp_path, zipped(**{"../../../evil": GOOD, "/etc/passwd": GOOD, "a\\..\\b": GOOD}))

    assert [file.path.name for file in found] == ["00000", "00001", "00002"]
    assert all(file.path.is_relative_to(tmp_path / "scratch") for file in found)
    assert sorted(tmp_path.iterdir()) == [tmp_path / "scratch", tmp_path / "upload"]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: zipped(bomb=b"\x00" * (1 << 26)), TooLarge),
        (lambda: zipped(**{f"{n}": b"" for n in range(5001)}), TooLarge),
        (lambda: zipped(inner=zipped(a=GOOD)), BadArchive),
        (lambda: zipped(text=b"nothing to see"), BadArchive),
        (lambda: zipped(), BadArchive),
        (lambda: zipped(a=GOOD)[:-30], BadArchive),
        (lambda: encrypted(), BadArchive),
        (lambda: flipped(), BadArchive),
    ],
    ids=["bomb", "too many", "archive in archive", "no picture", "empty", "cut", "encrypted", "damaged"],
)
def test_refused_archives_are_one_entry_with_its_reason(tmp_path, make, expected):
    """Refused whole, by name."""
    (found,) = unpacked(tmp_path, make())

    assert found.path is None and isinstance(found.error, expected)


def test_a_bomb_leaves_nothing_behind(tmp_path):
    """The scratch folder is empty again."""
    unpacked(tmp_path, zipped(good=GOOD, bomb=b"\x00" * (1 << 26)))

    assert list((tmp_path / "scratch").iterdir()) == []


def test_an_archive_that_lies_about_its_sizes_is_stopped_while_it_unpacks(tmp_path, monkeypatch):
    """What counts are the bytes that come out."""
    monkeypatch.setattr(media, "UNPACKED_BYTES", 1000)
    monkeypatch.setattr(media, "_check", lambda entries: None)

    (found,) = unpacked(tmp_path, zipped(good=GOOD * 2))

    assert isinstance(found.error, TooLarge) and list((tmp_path / "scratch").iterdir()) == []


def encrypted():
    """The flag of an encrypted entry, in both of its headers (APPNOTE 4.4.4)."""
    data = bytearray(zipped(a=GOOD))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def flipped():
    """One bit of the compressed bytes."""
    data = bytearray(zipped(a=GOOD))
    data[60] ^= 4
    return bytes(data)


def test_what_lies_beside_the_pictures_is_counted_and_left_out(tmp_path):
    """A disc with a viewer: its program and its icon are no pictures of the patient."""
    directory = (DISC / "DICOMDIR").read_bytes()
    files = {"DICOMDIR": directory, "I1": GOOD, "viewer.exe": b"MZ" + b"\x00" * 300, "icon.png": photo()}

    picture, beside = unpacked(tmp_path, zipped(**files))

    assert picture.path.read_bytes() == GOOD
    assert isinstance(beside.error, OtherFiles) and beside.error.facts == {"count": 2}


def test_pictures_in_an_archive_without_an_index_are_read(tmp_path):
    """A folder of photographs, zipped."""
    found = unpacked(tmp_path, zipped(a=photo(1), b=GOOD))

    assert [file.error for file in found] == [None, None]


def test_a_folder_stands_for_its_files(tmp_path):
    """The whole disc: 31 pictures and one text; the index is set aside, and links lead nowhere."""
    link = tmp_path / "folder"
    link.mkdir()
    (link / "away").symlink_to("/etc/passwd")

    found = list(walk([DISC / "77654033", DISC / "98892001", DISC / "98892003", link], tmp_path))

    assert len(found) == 31 and {file.ordinal for file in found} == {0, 1, 2}


@pytest.mark.parametrize("name", ["DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-nooffset"])
def test_an_index_is_known_by_its_header(tmp_path, name):
    """Under any name and in any syntax."""
    file = tmp_path / "anything"
    file.write_bytes((DISC / name).read_bytes())

    assert list(walk([file], tmp_path)) == []


def test_a_picture_with_an_archive_behind_it_is_a_picture(tmp_path):
    """What opens a file is its beginning."""
    (found,) = unpacked(tmp_path, photo() + zipped(a=GOOD))

    assert found.path == tmp_path / "upload"
