"""The whole table of the standard, at the top and nested, against a checker that shares no code with the engine."""

import re
import subprocess
from collections import Counter
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

from dicom.deidentify import deidentify
from dicom.errors import DicomError
from dicom.profile import CODES, Options, rules
from dicom.reading import Instance
from tests.dicom import profile_checker as checker
from tests.samples import dicom_bytes

SECRET = b"s" * 32
MARKED = {
    "AE": "LEAKAE", "AS": "047Y", "CS": "LEAKCS", "DA": "19610314", "DS": "31415.9", "DT": "19610314031415",
    "IS": "31415", "LO": "LEAK", "LT": "LEAK", "OB": b"LEAKOB", "PN": "LEAK^Name", "SH": "LEAKSH", "ST": "LEAK",
    "TM": "031415", "UC": "LEAK", "UI": "1.2.31415.9", "UN": b"LEAKUN", "UR": "http://leak.LEAK/", "US": 31415,
    "UT": "LEAK",
}  # fmt: skip
TOKENS = (b"LEAK", b"31415", b"19610314", b"047Y")
# Groups 0000 and 0002 belong to messages and to the header of the file and cannot stand in a dataset.
ROWS = {tag: action for tag, action in checker.table().items() if tag >> 16 > 2}
SET_ANEW = {0x00120063: "Dragonfly-Med", 0x00280303: "REMOVED"}
"""Written by the cleaning itself, to say what it did."""


def filled(target, *, sequences):
    """Every attribute of the table with a value to be found again."""
    for tag in ROWS:
        vr = dictionary_VR(tag).split(" or ")[0]
        if vr != "SQ":
            target.add_new(tag, vr, MARKED[vr])
        elif sequences:
            inner = Dataset()
            inner.PatientName, inner.ReferencedSOPInstanceUID = "LEAK^Inner", "1.2.31415.9.1"
            if ROWS[tag] == "D":
                inner.CodeMeaning = "LEAK meaning"
            target.add_new(tag, "SQ", [inner])


@pytest.fixture(scope="module")
def before_and_after():
    """The bytes of the file with everything in it, and what the engine makes of it."""
    ds = pydicom.dcmread(BytesIO(dicom_bytes(np.arange(64, dtype=np.int16).reshape(8, 8))))
    filled(ds, sequences=True)
    nested = Dataset()
    filled(nested, sequences=False)
    # A sequence that the table does not list is kept, and cleaned inside.
    ds.SharedFunctionalGroupsSequence = [nested]
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.SourceApplicationEntityTitle = "LEAKAE"
    ds.preamble = b"LEAK" * 32
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue(), deidentify(pydicom.dcmread(BytesIO(out.getvalue())), SECRET)[0]


SHARED_GROUPS = 0x52009229


def wrong_rows(before, after, rows):
    """Rows whose attribute became something else than they ask."""
    return [
        f"{tag:08X} {action}"
        for tag, action in rows.items()
        if not checker.is_right(action, before[tag], after.get(tag))
        and not (tag in SET_ANEW and after[tag].text.startswith(SET_ANEW[tag]))
    ]


def test_614_attributes_at_the_top_are_treated_as_the_table_says(before_and_after):
    """Each row of the table that can stand in a dataset, judged from the bytes."""
    before, after = map(checker.dataset, before_and_after)

    assert len(ROWS) == 614
    assert set(ROWS) <= set(before)
    assert wrong_rows(before, after, ROWS) == []


def test_551_attributes_inside_a_kept_sequence_are_treated_as_the_table_says(before_and_after):
    """Depth is no hiding place."""
    before, after = (checker.dataset(data)[SHARED_GROUPS].items[0] for data in before_and_after)
    rows = {tag: ROWS[tag] for tag in before}

    assert len(rows) == 551
    assert wrong_rows(before, after, rows) == []


def test_no_marked_value_is_left_in_the_bytes(before_and_after):
    """Not in a value, not in the preamble, not in the header of the file, not between them."""
    before, after = before_and_after

    assert all(token in before for token in TOKENS)
    assert [token for token in TOKENS if token in after] == []


def test_the_checker_sees_what_was_left():
    """A value as it was, an empty one where something has to stand, a dummy that is none of its kind."""
    date = checker.Element(b"DA", b"19610314")

    assert not checker.is_right("X/Z/D", date, date)
    assert not checker.is_right("D", date, checker.Element(b"DA", b""))
    assert not checker.is_right("D", date, checker.Element(b"DA", b"REMOVED "))
    assert not checker.is_right("X", date, checker.Element(b"DA", b"19000101"))
    assert not checker.is_right("U", checker.Element(b"UI", b"1.2"), None)
    assert checker.is_right("Z/D", date, checker.Element(b"DA", b"19000101"))


def errors_of(data, folder):
    """Errors of the validator with their values taken out, counted."""
    path = folder / "checked.dcm"
    path.write_bytes(data)
    run = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, errors="replace")
    lines = (run.stdout + run.stderr).splitlines()
    assert lines, "dciodvfy said nothing; see deploy/test-packages.sh."
    found = [line for line in lines if line.startswith("Error")]
    return Counter(re.sub(r"<[^<>/()]*>|\[\d+\]|\(0x[0-9a-f]+[^)]*\)", "", line) for line in found)


VALIDATED = [
    "CT_small.dcm", "MR_small_RLE.dcm", "examples_overlay.dcm", "examples_palette.dcm", "emri_small.dcm",
    "JPEG2000.dcm", "SC_rgb_jpeg_dcmtk.dcm", "liver_1frame.dcm", "rtdose_1frame.dcm", "color-pl.dcm",
    "eCT_Supplemental.dcm", "693_UNCR.dcm", "RG1_UNCR.dcm", "US1_UNCR.dcm",
]  # fmt: skip


@pytest.mark.parametrize("name", VALIDATED)
def test_a_validator_finds_no_new_error_in_a_real_file(name, tmp_path):
    """What the object's definition asks for is still there: dciodvfy of dicom3tools, before and after."""
    with open(get_testdata_file(name), "rb") as file:  # noqa: PTH123
        before = file.read()

    after, _ = deidentify(Instance(before).dataset, SECRET)

    assert errors_of(after, tmp_path) - errors_of(before, tmp_path) == Counter()


def test_a_validator_finds_no_new_error_in_the_file_with_everything(before_and_after, tmp_path):
    """Dummies are values of their kind; the one line that is new is asked for by the table itself."""
    before, after = before_and_after

    fresh = errors_of(after, tmp_path) - errors_of(before, tmp_path)

    # The table replaces the committee's name (D) and removes the number it belongs to (X); the trial module wants both
    # or neither.
    assert (ROWS[0x00120081], ROWS[0x00120082]) == ("D", "X")
    assert [line for line in fresh if "(0012,0081)" not in line] == []


ALL_ON = Options(
    keep_device=True, keep_institution=True, keep_characteristics=True, dates="shift", clean_descriptors=True
)


def with_options(options, **elements):
    """A CT slice with these elements, cleaned with these options and read again."""
    data = dicom_bytes(np.zeros((8, 8), np.int16), **elements)
    after, removed = deidentify(Instance(data).dataset, SECRET, options)
    return pydicom.dcmread(BytesIO(after)), removed


def test_each_option_is_written_into_the_file():
    """Who gets the file knows what was kept (PS3.16 CID 7050)."""
    after, _ = with_options(ALL_ON)
    plain, _ = with_options(Options())

    named = {item.CodeValue: item.CodeMeaning for item in after.DeidentificationMethodCodeSequence}
    assert named == {
        code: CODES[code] for code in ("113100", "113105", "113107", "113108", "113109", "113112")
    }
    assert [item.CodeValue for item in plain.DeidentificationMethodCodeSequence] == ["113100"]


def test_dates_of_a_patient_move_together():
    """The time between two examinations stays, the days do not; the time of day stays."""
    one, _ = with_options(Options(dates="shift"), StudyDate="20240228", StudyTime="101500")
    other, _ = with_options(
        Options(dates="shift"), StudyDate="20240301", AcquisitionDateTime="20240301101500.25+0900"
    )

    days = [int(d.StudyDate) for d in (one, other)]
    first, second = (
        np.datetime64(f"{d.StudyDate[:4]}-{d.StudyDate[4:6]}-{d.StudyDate[6:]}") for d in (one, other)
    )
    assert (second - first).astype(int) == 2
    assert days[0] != 20240228 and one.StudyTime == "101500"
    assert other.AcquisitionDateTime == f"{other.StudyDate}101500.25+0900"
    assert one.PatientBirthDate == "" and one.LongitudinalTemporalInformationModified == "MODIFIED"


def test_dates_of_two_patients_move_differently():
    """Knowing one offset tells nothing of another patient's."""
    moved = {
        with_options(Options(dates="shift"), StudyDate="20240228", patient_id=f"P{n}")[0].StudyDate
        for n in range(8)
    }

    assert len(moved) > 4


def test_a_date_that_is_none_is_not_shifted_but_removed():
    """Files with 1990/01/ exist."""
    data = dicom_bytes(np.zeros((8, 8), np.int16), StudyDate="20240228").replace(b"20240228", b"2024/02/")

    after, _ = deidentify(Instance(data).dataset, SECRET, Options(dates="shift"))

    assert pydicom.dcmread(BytesIO(after)).StudyDate == ""


def test_characteristics_stay_except_for_the_age_of_the_very_old():
    """There are few people of 94."""
    after, _ = with_options(Options(keep_characteristics=True), PatientAge="094Y", PatientWeight="71.5")
    younger, _ = with_options(Options(keep_characteristics=True), PatientAge="047Y")
    plain, _ = with_options(Options(), PatientAge="047Y", PatientWeight="71.5")

    assert (after.PatientAge, after.PatientWeight, after.PatientSex) == ("090Y", 71.5, "F")
    assert younger.PatientAge == "047Y"
    assert "PatientAge" not in plain and "PatientWeight" not in plain and plain.PatientSex == ""


def test_descriptions_keep_the_words_that_name_nobody():
    """A radiographer's note about Mr. Hand keeps the thorax; a name that is a word of anatomy goes."""
    after, _ = with_options(
        Options(clean_descriptors=True),
        name="Hand^Peter",
        StudyDescription="CT thorax with contrast, 2.5 mm, Peter Hand, b. 19610314, r. 4",
        SeriesDescription="Miller 12345",
    )

    assert after.StudyDescription == "CT thorax with contrast 2.5 mm 4"
    assert "SeriesDescription" not in after


def test_device_and_institution_stay_when_asked_for():
    """And only then."""
    elements = {"DeviceSerialNumber": "SN-77", "StationName": "CT2", "InstitutionName": "North Clinic"}
    kept, _ = with_options(Options(keep_device=True, keep_institution=True), **elements)
    plain, _ = with_options(Options(), **elements)

    assert (kept.DeviceSerialNumber, kept.StationName, kept.InstitutionName) == tuple(elements.values())
    assert not {"SN-77", "CT2", "North Clinic"} & {str(element.value) for element in plain}


def test_uids_stay_when_asked_for():
    """For a copy that has to be found again in its archive."""
    kept, _ = with_options(Options(keep_uids=True))

    assert kept.StudyInstanceUID == "2.25.4711.1"


def test_a_pseudonym_stands_as_name_and_number():
    """Files of one patient stay together."""
    after, _ = with_options(Options(pseudonym="P-7K2M"))

    assert (str(after.PatientName), after.PatientID) == ("P-7K2M", "P-7K2M")


def test_a_keyed_pseudonym_keeps_studies_of_one_patient_together_and_strangers_apart():
    """By number and issuer, by name where there is no number, by study where there is neither."""

    def called(**elements):
        after, _ = with_options(Options(keyed_pseudonym=True), **elements)
        assert str(after.PatientName) == after.PatientID
        return after.PatientID

    nobody = {"name": "", "patient_id": ""}

    assert re.fullmatch("P-[A-Z2-7]{10}", called())
    assert called(study="1") == called(study="2", name="Other^Spelling")
    assert called() != called(IssuerOfPatientID="elsewhere")
    assert called(patient_id="", study="1") == called(patient_id="", study="2")
    assert called(**nobody, study="1") != called(**nobody, study="2")


def test_a_uid_that_the_table_does_not_list_is_replaced_unless_it_names_a_kind():
    """The source of a concatenation is an object of somebody; a class of the standard is not."""
    after, _ = with_options(
        Options(),
        SOPInstanceUIDOfConcatenationSource="1.2.31415.9",
        RelatedGeneralSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
    )

    assert after.SOPInstanceUIDOfConcatenationSource.startswith("2.25.")
    assert after.RelatedGeneralSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"


def test_the_rules_of_options_are_columns_of_the_table():
    """K keeps, C cleans, and what no option speaks of stays with the basic profile."""
    basic, dates = rules(), rules(Options(dates="shift"))

    assert basic[0x00080020] == "Z" and dates[0x00080020] == "C"
    assert rules(Options(dates="keep"))[0x00080020] == "K"
    assert dates[0x00100010] == "Z"


BANNER = np.full((100, 60), 50, np.uint8)


def test_bands_are_blanked_in_what_may_hold_text():
    """Ultrasound without regions loses the top of the picture, with regions all that is outside; a CT nothing."""
    options = Options(clean_pixels=True)
    values = BANNER.copy()
    values[0, 0] = 0
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 10, 20
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 49, 89
    made = [
        deidentify(Instance(dicom_bytes(values, **elements)).dataset, SECRET, options)[0]
        for elements in (
            {"modality": "US"},
            {"modality": "US", "SequenceOfUltrasoundRegions": [region]},
            {"modality": "MR"},
        )
    ]
    top, outside, untouched = (pydicom.dcmread(BytesIO(data)).pixel_array for data in made)

    assert (top[:12] == 0).all() and (top[12:] == 50).all()
    assert (outside[20:90, 10:50] == 50).all() and (outside == 50).sum() == 70 * 40
    assert (untouched == values).all()


@pytest.mark.parametrize(
    "name", ["US1_J2KR.dcm", "SC_rgb_jpeg_dcmtk.dcm", "SC_rgb_rle_2frame.dcm", "examples_palette.dcm"]
)
def test_compressed_and_colored_pictures_are_blanked_alike(name):
    """Every frame; below the band the picture is what it was."""
    with open(get_testdata_file(name), "rb") as file:  # noqa: PTH123
        data = file.read()
    before = Instance(data)
    before.dataset.BurnedInAnnotation = "YES"
    if "SequenceOfUltrasoundRegions" in before.dataset:
        del before.dataset.SequenceOfUltrasoundRegions

    cleaned, removed = deidentify(before.dataset, SECRET, Options(clean_pixels=True))

    after, whole = Instance(cleaned), Instance(data)
    for index in range(whole.frames):
        band = round(0.12 * whole.stored(index).shape[0])
        assert (
            len(np.unique(after.stored(index)[:band].reshape(-1, *after.stored(index).shape[2:]), axis=0))
            == 1
        )
        assert (after.frame(index).values[band:] == whole.frame(index).values[band:]).all()
    assert ("PixelData", "C") in [(one.attribute, one.action) for one in removed]


def test_bytes_behind_the_last_pixel_go():
    """Nobody looks there, so anything could stand there."""
    data = dicom_bytes(np.zeros((8, 8), np.int16), PixelData=bytes(128) + b"LEAK")

    after, _ = deidentify(Instance(data).dataset, SECRET)

    assert b"LEAK" not in after and len(pydicom.dcmread(BytesIO(after)).PixelData) == 128


def test_pixels_that_cannot_be_decoded_are_not_called_clean():
    """An error, and no file."""
    data = dicom_bytes(np.zeros((8, 8), np.uint8), modality="US", BitsAllocated=64)

    with pytest.raises(DicomError):
        deidentify(pydicom.dcmread(BytesIO(data)), SECRET, Options(clean_pixels=True))
