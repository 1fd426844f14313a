"""Nothing that names the patient leaves: whatever corner of the file it was written in; looked for in the bytes."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from dicom.deidentify import deidentify
from dicom.reading import Instance
from dicom.sandbox import Decoder
from dicom.uids import derived_uid
from tests.samples import dicom_bytes

SECRET = b"s" * 32
TOKENS = (b"LEAK", b"19610314")


@pytest.fixture(scope="module")
def cleaned():
    """A file with every odd corner filled, cleaned, as bytes and read again; `test_profile` has the table."""
    ds = pydicom.dcmread(BytesIO(dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8))))
    ds.PatientName = ds.ReferringPhysicianName = "LEAK^Name"
    nested = Dataset()
    deeper = Dataset()
    deeper.PatientID = "LEAK deep"
    nested.ContentSequence = [deeper]
    nested.private_block(0x0099, "LEAK creator", create=True).add_new(1, "LO", "LEAK nested private")
    # A sequence that the table does not list is kept, and cleaned inside.
    ds.SharedFunctionalGroupsSequence = [nested]
    ds.preamble = b"LEAK" * 32
    ds.file_meta.SourceApplicationEntityTitle = "LEAKAE"
    ds.private_block(0x0099, "LEAK creator", create=True).add_new(1, "LO", "LEAK private")
    ds.add_new(0x00990001, "LO", "LEAK without creator")
    ds.add_new(0x50000030, "SH", "LEAK curve")
    ds.add_new(0x60000022, "LO", "LEAK overlay")
    ds.add_new(0x00089999, "LO", "LEAK in a tag nobody knows")
    ds.PixelData = np.arange(64, dtype=np.int16).tobytes()
    data, removed = deidentify(ds, SECRET)
    return data, removed, pydicom.dcmread(BytesIO(data))


def test_no_marked_value_is_left_in_the_bytes(cleaned):
    """Private, unknown and retired attributes, preamble and file header, at the top and nested."""
    data, _, _ = cleaned

    assert [token for token in TOKENS if token in data] == []


def test_the_picture_stays(cleaned):
    """Pixels, size and window are what they were."""
    _, _, after = cleaned

    assert after.pixel_array.tolist() == np.arange(64).reshape(8, 8).tolist()


def test_what_was_removed_is_told_without_its_values(cleaned):
    """Names of attributes and what was done; never what stood there."""
    _, removed, after = cleaned

    assert {"PatientName", "PatientID", "ReferringPhysicianName"} <= {one.attribute for one in removed}
    assert "LEAK" not in str(removed)
    assert (
        after.PatientIdentityRemoved == "YES" and after.LongitudinalTemporalInformationModified == "REMOVED"
    )
    assert after.DeidentificationMethodCodeSequence[0].CodeValue == "113100"


def test_uids_change_together_and_only_with_the_secret():
    """Two files of one study stay two files of one study, in separate runs as well."""
    first, second = (
        pydicom.dcmread(BytesIO(dicom_bytes(np.zeros((8, 8), np.int16), number=n))) for n in (1, 2)
    )
    study = str(first.StudyInstanceUID)

    one, two = (pydicom.dcmread(BytesIO(deidentify(ds, SECRET)[0])) for ds in (first, second))

    assert one.StudyInstanceUID == two.StudyInstanceUID == derived_uid(study, SECRET) != study
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert one.SOPClassUID == first.SOPClassUID
    assert derived_uid(study, b"another") != derived_uid(study, SECRET)


def test_a_date_that_is_none_is_removed_and_stops_nothing():
    """Files with 1990/01/ exist."""
    data = dicom_bytes(np.zeros((8, 8), np.int16)).replace(b"19610314", b"1961/03/")

    cleaned, _ = deidentify(Instance(data).dataset, SECRET)

    assert b"1961/03/" not in cleaned


@pytest.fixture(scope="module")
def decoder():
    with Decoder(1) as decoder:
        yield decoder


# Real headers with nested identifiers, palettes, overlays, compressed and enhanced objects.
REAL = [
    "CT_small.dcm", "MR_small_RLE.dcm", "examples_overlay.dcm", "examples_palette.dcm", "emri_small.dcm",
    "JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "liver_1frame.dcm", "rtdose_1frame.dcm", "image_dfl.dcm", "color-pl.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_real_files_lose_their_identity_and_keep_their_picture(decoder, name):
    """Through the limited process; every identifier of the header is looked for in what comes out."""
    before = pydicom.dcmread(get_testdata_file(name))
    names = {
        str(before.get(k, "")).encode()
        for k in ("PatientName", "PatientID", "StudyInstanceUID", "SOPInstanceUID")
    }

    data, _ = decoder.deidentify(read(name), SECRET)

    assert [one for one in names if len(one) > 4 and one in data] == []
    assert (decoder.frame(data).values == decoder.frame(read(name)).values).all()


def read(name):
    return Path(get_testdata_file(name)).read_bytes()


def test_a_picture_keeps_its_pixels_and_nothing_else(decoder):
    """EXIF and comments of a photograph may name a person and a place."""
    values = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x010E] = "LEAK description"
    out = BytesIO()
    Image.fromarray(values).save(out, "PNG", exif=exif)

    data, removed = decoder.deidentify(out.getvalue(), SECRET)

    assert b"LEAK" in out.getvalue() and b"LEAK" not in data
    assert (np.asarray(Image.open(BytesIO(data))) == values).all()
    assert removed == [{"attribute": "metadata", "action": "X"}]
