"""Whose picture it is, by the header: the patient, and everybody and everything else that is named or numbered."""

from collections.abc import Iterator
from typing import Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from dicom.text import clean, clean_name

NAMING = (
    "AccessionNumber",
    "AdmissionID",
    "DeviceSerialNumber",
    "InstitutionAddress",
    "InstitutionName",
    "InstitutionalDepartmentName",
    "OtherPatientIDs",
    "PatientAddress",
    "PatientID",
    "PatientTelephoneNumbers",
    "StationName",
    "StudyID",
)
_TERMS = """
ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT IVUS
KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE
RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL
XC
"""
MODALITIES = frozenset(_TERMS.split())
"""Defined terms of Modality (PS3.3 C.7.3.1.1.1). What a header holds instead may be anything."""
PER_FRAME = "PerFrameFunctionalGroupsSequence"
"""Thousands of items that say where frames lie, and name nobody."""


def identity_of(dataset: Dataset) -> dict[str, Any]:
    """The patient, as the header has them; nothing where it says nothing."""
    return {
        "name": clean_name(value_of(dataset, "PatientName")),
        "patient_id": clean(value_of(dataset, "PatientID")),
        "issuer": clean(value_of(dataset, "IssuerOfPatientID")),
        "birth_date": clean(value_of(dataset, "PatientBirthDate")),
        "sex": clean(value_of(dataset, "PatientSex")),
        "age": clean(value_of(dataset, "PatientAge")),
        "species": clean(value_of(dataset, "PatientSpeciesDescription")),
    }


def named_in(dataset: Dataset) -> list[str]:
    """All names of people and the values of NAMING, also inside of sequences, for the search in free text."""
    return sorted(set(_named(dataset)))


def _named(dataset: Dataset) -> Iterator[str]:
    for tag in sorted(dataset.keys()):
        keyword, vr = keyword_for_tag(tag), _vr(tag)
        if vr == "SQ" and keyword != PER_FRAME:
            for item in value_of(dataset, keyword) or ():
                yield from _named(item)
        elif vr == "PN" or keyword in NAMING:
            value = value_of(dataset, keyword)
            yield from filter(None, map(clean, value if isinstance(value, list) else [value]))


def _vr(tag: BaseTag) -> str:
    return dictionary_VR(tag) if dictionary_has_tag(tag) else ""


def value_of(dataset: Dataset, keyword: str) -> Any:
    """A value, or nothing where the header holds something that cannot be one."""
    try:
        value = dataset.get(keyword)
        return list(value) if isinstance(value, MultiValue) else value
    except Exception:
        return None
