"""Whose picture it is: everybody and everything that a header names or numbers."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom.naming import identity_of, named_in


def test_people_and_numbers_are_found_at_any_depth():
    """Referrer, other numbers and the requesting physician in a sequence; the description is nobody."""
    inner, outer, dataset = Dataset(), Dataset(), Dataset()
    inner.PatientID, inner.TypeOfPatientID = "OLD-77", "TEXT"
    outer.RequestingPhysician, outer.StudyID = "Requester^Rob", "S-9"
    dataset.PatientName, dataset.PatientID = "Hong^Gildong", "P-1"
    dataset.ReferringPhysicianName, dataset.PhysiciansOfRecord = "Referrer^Ann", ["Record^A", "Record^B"]
    dataset.StudyDescription = "Chest"
    dataset.OtherPatientIDsSequence = Sequence([inner])
    dataset.RequestAttributesSequence = Sequence([outer])

    found = named_in(dataset)

    assert found == [
        "Hong^Gildong",
        "OLD-77",
        "P-1",
        "Record^A",
        "Record^B",
        "Referrer^Ann",
        "Requester^Rob",
        "S-9",
    ]
    assert identity_of(dataset)["patient_id"] == "P-1"


def test_items_of_frames_are_not_gone_through():
    """Thousands of them say where frames lie."""
    frame, dataset = Dataset(), Dataset()
    frame.OperatorsName = "Nobody^Here"
    dataset.PerFrameFunctionalGroupsSequence = Sequence([frame])

    assert named_in(dataset) == []
