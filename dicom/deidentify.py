"""An instance to one without identity, and the list of what was removed (PS3.15 E.1, basic profile).

Covered: every attribute of the table at every depth; names, dates and times that the table does not list; private
and unknown attributes, curves, overlays, the preamble and the network names of the file header; UIDs by keyed hash,
so that separate runs agree. Not covered: text burned into pixels, comments inside a compressed stream, and free
text in attributes that the table keeps. BurnedInAnnotation stays as it is: only a person can say NO.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pydicom
from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID

from dicom.profile import basic_profile
from dicom.uids import derived_uid

METHOD = "Dragonfly-Med basic profile, PS3.15 E.1 2024e"
_DUMMY: dict[str, Any] = {
    "PN": "ANONYMOUS",
    "LO": "REMOVED",
    "SH": "REMOVED",
    "CS": "REMOVED",
    "ST": "REMOVED",
    "LT": "REMOVED",
    "UT": "REMOVED",
    "UC": "REMOVED",
    "AE": "REMOVED",
    "DA": "19000101",
    "TM": "000000",
    "DT": "19000101000000",
    "AS": "000Y",
    "UR": "urn:removed",
    "IS": "0",
    "DS": "0",
    "OB": b"\x00\x00",
    "UN": b"\x00\x00",
}
_TEXTS = frozenset(["PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE", "DA", "TM", "DT", "AS", "UR"])
FIRST_GROUP = 0x0008
"""Groups below belong to messages, file headers and directories (PS3.7 E, PS3.10 7); they have no place here."""
_NEVER_KEPT = frozenset(["PN", "DA", "TM", "DT"])
"""What can only be a person or a time, whether the table knows the attribute or not."""


@dataclass(frozen=True, slots=True)
class Removed:
    """An attribute that is no longer what it was: keyword or tag, and what was done; never its value."""

    attribute: str
    action: str


def deidentify(dataset: Dataset, secret: bytes) -> tuple[bytes, list[Removed]]:
    """The file without identity, and what was done to it; the same UID gives the same new UID."""
    removed: list[Removed] = []
    _scrub(dataset, secret, removed, all_texts=False)
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    dataset.DeidentificationMethod = METHOD
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = [code]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset.file_meta = meta
    dataset.preamble = b"\x00" * 128
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue(), removed


def _scrub(dataset: Dataset, secret: bytes, removed: list[Removed], *, all_texts: bool) -> None:
    """all_texts: inside a sequence whose values are to be replaced, texts go whether listed or not."""
    for tag in list(dataset.keys()):
        element = _readable(dataset, tag)
        action = _action(tag, element, all_texts)
        if action:
            removed.append(Removed(keyword_for_tag(tag) or str(tag), action))
        if element is None or action == "X":
            del dataset[tag]
        elif action == "Z":
            element.value = [] if element.VR == "SQ" else b"" if element.VR in ("OB", "UN") else ""
        elif element.VR == "SQ":
            for item in element.value or []:
                _scrub(item, secret, removed, all_texts=all_texts or action == "D")
        elif action == "U" or (action == "D" and element.VR == "UI"):
            _derive(element, secret)
        elif action == "D":
            element.value = _DUMMY.get(element.VR, "")


def _readable(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """The element, or nothing: a value that cannot be read cannot be checked."""
    try:
        return dataset[tag]
    except Exception:
        return None


def _action(tag: BaseTag, element: DataElement | None, all_texts: bool) -> str:
    """X absent, Z empty, D replaced, U another UID, nothing where it stays."""
    if element is None or tag.group % 2 or tag.group & 0xFF00 in (0x5000, 0x6000):
        return "X"
    if tag.group < FIRST_GROUP:
        return "X"
    if not dictionary_has_tag(tag) and tag.element != 0:
        return "X"
    rule = basic_profile().get(int(tag), "")
    if not rule:
        return "X" if element.VR in _NEVER_KEPT else "D" if all_texts and element.VR in _TEXTS else ""
    return _chosen(rule.rstrip("*").split("/"), element.VR)


def _chosen(choices: list[str], vr: str) -> str:
    """Where the table leaves it to the attribute's type: what satisfies every type, and tells the least."""
    if "U" in choices and vr == "UI":
        return "U"
    order = ("X", "Z", "D") if vr == "SQ" else ("D", "Z", "X")
    return next((action for action in order if action in choices), "" if choices == ["K"] else "X")


def _derive(element: DataElement, secret: bytes) -> None:
    many = isinstance(element.value, MultiValue | list)
    values = list(element.value) if many else [element.value]
    fresh = [derived_uid(str(value), secret) for value in values if value]
    element.value = fresh if many else (fresh[0] if fresh else "")
