"""An instance to one without identity, and the list of what was removed (PS3.15 E.1).

Covered: every attribute of the table at every depth, private groups, curves, overlays, the preamble, UIDs by
keyed hash so that separate runs agree. Not covered: text burned into pixels, and free text in attributes
that the table does not list.
"""

import hashlib
import hmac
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID

from dicom.profile import basic_profile

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
    "DA": "19000101",
    "TM": "000000",
    "DT": "19000101000000",
    "AS": "000Y",
    "AE": "REMOVED",
    "UR": "urn:removed",
    "IS": "0",
    "DS": "0",
}


@dataclass(frozen=True, slots=True)
class Removed:
    """An attribute that is no longer what it was: keyword or tag, and what was done; never its value."""

    attribute: str
    action: str


def deidentify(dataset: Dataset, secret: bytes) -> tuple[bytes, list[Removed]]:
    """The file without identity, and what was done to it; the same UID gives the same new UID."""
    removed: list[Removed] = []
    _scrub(dataset, secret, removed)
    dataset.PatientIdentityRemoved = "YES"
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


def new_uid(uid: str, secret: bytes) -> str:
    """A UID by keyed hash: 2.25 and 128 bits (PS3.5 B.2)."""
    digest = hmac.new(secret, uid.encode(), hashlib.sha256).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"


def _scrub(dataset: Dataset, secret: bytes, removed: list[Removed]) -> None:
    rules = basic_profile()
    for tag in list(dataset.keys()):
        name = pydicom.datadict.keyword_for_tag(tag) or f"{tag}"
        if tag.group % 2 or tag.group & 0xFF00 in (0x5000, 0x6000):
            del dataset[tag]
            removed.append(Removed(name, "X"))
            continue
        try:
            element = dataset[tag]
        except Exception:  # a value that cannot be read cannot be checked
            del dataset[tag]
            removed.append(Removed(name, "X"))
            continue
        rule = rules.get(int(tag), "")
        action = _action(rule, element.VR)
        if action:
            removed.append(Removed(name, action))
        if action == "X":
            del dataset[tag]
        elif element.VR == "SQ":
            for item in element.value or []:
                _scrub(item, secret, removed)
        elif action == "U":
            many = isinstance(element.value, pydicom.multival.MultiValue)
            values = list(element.value) if many else [element.value]
            fresh = [new_uid(str(value), secret) for value in values if value]
            element.value = fresh if many else (fresh[0] if fresh else "")
        elif action == "Z":
            element.value = ""
        elif action == "D":
            element.value = _DUMMY.get(element.VR, "")


def _action(rule: str, vr: str) -> str:
    """The one thing to do where the table leaves a choice: the mildest that its type allows."""
    if not rule or rule == "K":
        return ""
    choices = rule.rstrip("*").split("/")
    if "U" in choices:
        return "U" if vr == "UI" else "D"
    if vr == "SQ":
        # D of a sequence keeps its shape and scrubs inside.
        return "X" if "X" in choices else "D"
    for action in ("D", "Z", "X"):
        if action in choices:
            return action
    return "X"
