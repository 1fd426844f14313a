import pydicom
from pydicom.data import get_testdata_file

from dicom.deidentify import deidentify
from dicom.reading import Instance


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
