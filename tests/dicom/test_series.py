"""Slices stand in scan order; what is odd is named."""

import random

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

from dicom.deidentify import deidentify
from dicom.guard import Limits
from dicom.reading import Instance
from dicom.sandbox import open_source
from dicom.series import Member, group
from dicom.windowing import Window, apply_window, to_gray
from tests.samples import ct_series, dicom_bytes


def members(files):
    return [Member(str(n), open_source(data, Limits()).inspect().as_json()) for n, data in enumerate(files)]


def test_slices_are_ordered_by_position_whatever_their_numbers():
    """A second reconstruction pass numbers from 1 again; position does not."""
    files = ct_series(6)
    random.Random(3).shuffle(files)

    (study,) = group(members(files))

    (series,) = study.series
    assert [member.facts["position_mm"][2] for member in series.members] == [2.5, 5.0, 7.5, 10.0, 12.5, 15.0]
    assert series.findings == ()


def test_a_missing_slice_is_named():
    """The reader knows that something lies between."""
    files = ct_series(6)
    del files[3]

    (study,) = group(members(files))

    (finding,) = study.series[0].findings
    assert finding.code == "series.gap" and finding.facts == {"count": 1, "largest_mm": 5.0}


def test_two_orientations_are_two_stacks():
    """A localizer across never interrupts the slices."""
    other = dicom_bytes(
        np.zeros((8, 8), np.int16),
        number=9,
        ImageOrientationPatient=[0, 1, 0, 0, 0, -1],
        ImagePositionPatient=[0, 0, 0],
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    )

    (study,) = group(members([*ct_series(3), other]))

    assert sorted(len(one.members) for one in study.series) == [1, 3]
    assert {finding.code for one in study.series for finding in one.findings} == {
        "series.split",
        "series.localizer",
    }


@pytest.mark.parametrize(
    ("window", "values", "expected"),
    [
        (Window(40, 400), [-1024, -160, 40, 240, 3071], [0, 0, 128, 255, 255]),
        (Window(0, 1), [-1, 0, 1], [0, 255, 255]),
        (Window(50, 100, "LINEAR_EXACT"), [0, 50, 100], [0, 128, 255]),
        (Window(0, 10, "SIGMOID"), [-100, 0, 100], [0, 128, 255]),
    ],
)
def test_windows_follow_the_standard(window, values, expected):
    """PS3.3 C.11.2.1.2 and C.11.2.1.3, by hand."""
    assert to_gray(apply_window(np.array(values), window), invert=False).tolist() == expected


def test_deidentified_bytes_hold_nothing_that_named_the_patient():
    """At any depth, in private groups and in the preamble; pixels stay, UIDs change together."""
    secret = b"s" * 32
    inner = pydicom.Dataset()
    inner.PatientName, inner.PatientID, inner.ReferencedSOPInstanceUID = "LEAK^Nested", "LEAK-ID", "1.2.3"
    ds = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    pixels = ds.pixel_array
    ds.preamble = b"LEAK" * 32
    ds.PatientName, ds.OtherPatientIDs, ds.PatientComments = "LEAK^Name", "LEAK-2", "LEAK comment"
    ds.RequestAttributesSequence = [inner]
    ds.private_block(0x0099, "LEAK creator", create=True).add_new(1, "LO", "LEAK private")
    uid = str(ds.SOPInstanceUID)

    data, removed = deidentify(ds, secret)

    assert b"LEAK" not in data and uid.encode() not in data
    again = Instance(data).dataset
    assert (again.pixel_array == pixels).all()
    assert (
        again.PatientIdentityRemoved == "YES"
        and again.file_meta.MediaStorageSOPInstanceUID == again.SOPInstanceUID
    )
    assert {"PatientName", "PatientID"} <= {one.attribute for one in removed}
