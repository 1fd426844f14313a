"""What tells whose a file is, by name and kind and never by value."""

from io import BytesIO

import numpy as np
import pydicom
from PIL import Image, PngImagePlugin
from pydicom.dataset import Dataset

from dicom.deidentify import deidentify
from dicom.lens import told_by
from dicom.photos import Photo
from dicom.profile import Options
from tests.samples import dicom_bytes


def test_everything_that_the_profile_would_change_is_listed_with_its_kind():
    """Persons first; at any depth; a private attribute by its group alone; what is empty tells nothing."""
    inner = Dataset()
    inner.PatientID, inner.OperatorsName = "DEEP-1", "Deep^Operator"
    ds = pydicom.dcmread(
        BytesIO(dicom_bytes(np.zeros((8, 8), np.int16), AccessionNumber="", ImageComments="seen by Lee"))
    )
    ds.SharedFunctionalGroupsSequence = [inner]
    ds.private_block(0x0099, "MAKER", create=True).add_new(1, "LO", "secret")
    ds.add_new(0x60000022, "LO", "overlay text")
    ds.preamble = b"x" * 128

    told = told_by(ds)

    found = {one.attribute: (one.kind, one.places) for one in told}
    assert found["PatientName"] == ("person", 1) and found["OperatorsName"] == ("person", 1)
    assert found["PatientID"] == ("number", 2)
    assert found["PatientBirthDate"] == ("date", 1) and found["StudyDate"] == ("date", 1)
    assert found["StudyInstanceUID"] == ("uid", 1)
    assert found["(0099,xxxx)"] == ("private", 2)
    assert found["overlay"] == ("drawing", 1) and found["preamble"] == ("other", 1)
    assert found["ImageComments"] == ("text", 1)
    assert not {"AccessionNumber", "Rows", "Modality", "SOPClassUID"} & set(found)
    assert [one.kind for one in told][:2] == ["person", "person"]
    assert not any(value in str(told) for value in ("DEEP", "Lee", "secret", "Phantom", "1961"))


def test_frames_are_told_of_by_the_first():
    """Thousands of items of one device would be counted for nothing."""
    frames = []
    for _ in range(3):
        frame = Dataset()
        frame.FrameReferenceDateTime = "20260101"
        frames.append(frame)
    ds = pydicom.dcmread(BytesIO(dicom_bytes(np.zeros((8, 8), np.int16))))
    ds.PerFrameFunctionalGroupsSequence = frames

    assert {one.attribute: one.places for one in told_by(ds)}["FrameReferenceDateTime"] == 1


def test_a_photograph_tells_by_what_stands_beside_its_pixels():
    """EXIF and texts of a PNG; a text is named by whoever wrote it, so its name is not repeated."""
    picture, out = Image.fromarray(np.zeros((8, 8, 3), np.uint8)), BytesIO()
    notes, exif = PngImagePlugin.PngInfo(), Image.Exif()
    notes.add_text("Hong Gildong", "was here")
    exif[0x010E] = "somebody"
    picture.save(out, "PNG", pnginfo=notes, exif=exif)
    plain = BytesIO()
    picture.save(plain, "PNG")

    assert [one["attribute"] for one in Photo(out.getvalue()).told()] == ["exif", "text"]
    assert Photo(plain.getvalue()).told() == []


def identifying(**elements):
    """What somebody could be known by alone."""
    return {one.attribute for one in told_by(dataset_of(**elements)) if one.identifies}


def dataset_of(**elements):
    return pydicom.dcmread(BytesIO(dicom_bytes(np.zeros((8, 8), np.int16), **elements)))


def test_names_and_numbers_identify_and_dates_of_the_study_do_not():
    """Birth date and address do; sex, descriptions and UIDs tell only whoever has other records beside them."""
    found = identifying(OperatorsName="Lee^A", PatientAddress="Seoul", PatientAge="065Y", PatientWeight=70)

    assert found == {"PatientName", "PatientID", "PatientBirthDate", "OperatorsName", "PatientAddress"}


def test_of_a_file_without_identity_the_pseudonym_identifies_nobody():
    """But a physician who was left in it does."""
    empty = {"name": "P-1", "patient_id": "P-1", "PatientBirthDate": "", "PatientIdentityRemoved": "YES"}

    assert identifying(**empty) == set()
    assert identifying(**empty, OperatorsName="Lee^A") == {"OperatorsName"}


def test_what_the_profile_leaves_identifies_nobody():
    """The copy that this house makes is one that this house takes in; what stands for a removed value is no value."""
    ds = dataset_of(OperatorsName="Lee^A", VerifyingObserverName="Kim^B", ImageComments="seen by Lee")
    copy, _ = deidentify(ds, b"k" * 32, Options(keyed_pseudonym=True))

    told = told_by(pydicom.dcmread(BytesIO(copy)))

    assert {one.kind for one in told} == {"uid", "person", "number"}
    assert not any(one.identifies for one in told)
