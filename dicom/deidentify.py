"""An instance to one without identity, and the list of what was removed (PS3.15 E.1: basic profile and options).

Covered: every attribute of the table at every depth; names, dates and times that the table does not list, and UIDs
that are none of the standard's; private and unknown attributes, curves, overlays, the preamble, the network names of
the file header and bytes behind the last pixel; UIDs by keyed hash, so that separate runs agree. Not covered: text
burned into pixels outside of the blanked bands, comments inside a compressed stream, and free text in attributes
that the table keeps. BurnedInAnnotation stays as it is: only a person can say NO.
"""

from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pydicom
from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID_dictionary

from dicom.banner import blank_bands
from dicom.dates import capped_age, offset_of, shifted
from dicom.descriptors import cleaned
from dicom.errors import InvalidHeader
from dicom.guard import number
from dicom.naming import named_in, value_of
from dicom.profile import BASIC, CODES, Options, basic_profile, rules
from dicom.text import clean
from dicom.uids import derived_uid, patient_of, pseudonym_of

METHOD = "Dragonfly-Med, PS3.15 E.1 2024e"
_DUMMY: dict[str, Any] = {
    **dict.fromkeys(["LO", "SH", "CS", "ST", "LT", "UT", "UC", "AE"], "REMOVED"),
    **dict.fromkeys(["OB", "OW", "UN"], b"\x00\x00"),
    **dict.fromkeys(["US", "SS", "UL", "SL", "FL", "FD"], 0),
    "PN": "ANONYMOUS",
    "DA": "19000101",
    "TM": "000000",
    "DT": "19000101000000",
    "AS": "000Y",
    "UR": "urn:removed",
    "IS": "0",
    "DS": "0",
}
_TEXTS = frozenset(["PN", "LO", "SH", "ST", "LT", "UT", "UC", "AE", "DA", "TM", "DT", "AS", "UR"])
_DESCRIBED = frozenset(["LO", "SH", "ST", "LT", "UT", "UC"])
FIRST_GROUP = 0x0008
"""Groups below belong to messages, file headers and directories (PS3.7 E, PS3.10 7); they have no place here."""
_NEVER_KEPT = frozenset(["PN", "DA", "TM", "DT"])
"""What can only be a person or a time, whether the table knows the attribute or not."""
_NO_OBJECT = ("ClassUID", "SOPClassesInStudy", "SOPClassesInSeries", "SOPClassesSupported", "SyntaxUID",
              "CodingSchemeUID", "ContextUID", "CreatorUID", "ResourceUID", "CreatorVersionUID")  # fmt: skip
"""Ends of keywords whose UID names a kind or a list and never an object of somebody."""
_OPTIONAL = frozenset([0x00081110])
"""Sequences for which the table leaves X or Z, and which no image needs: empty, they would be an error of form."""


@dataclass(frozen=True, slots=True)
class Removed:
    """An attribute that is no longer what it was: keyword or tag, and what was done; never its value."""

    attribute: str
    action: str


@dataclass(frozen=True, slots=True)
class _Cleaning:
    """What one file is cleaned with."""

    secret: bytes
    options: Options
    days: int
    names: tuple[str, ...]
    removed: list[Removed] = field(default_factory=list)


def deidentify(dataset: Dataset, secret: bytes, options: Options = BASIC) -> tuple[bytes, list[Removed]]:
    """The file without identity, and what was done to it; the same UID gives the same new UID.

    raises: InvalidHeader without the UIDs that every file has; DicomError subclasses, where pixels are to be
        cleaned that cannot be decoded
    """
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        if not value_of(dataset, keyword):
            raise InvalidHeader(keyword=keyword)
    patient = _patient(dataset)
    cleaning = _Cleaning(secret, options, offset_of(patient, secret), tuple(named_in(dataset)))
    called = options.pseudonym
    if options.keyed_pseudonym:
        # Nobody is known by nothing: without a number or a name each study is a patient of its own.
        called = pseudonym_of(patient or clean(value_of(dataset, "StudyInstanceUID")), secret)
    if options.clean_pixels and blank_bands(dataset):
        cleaning.removed.append(Removed("PixelData", "C"))
    _cut_tail(dataset)
    _scrub(dataset, cleaning, all_texts=False)
    if called:
        dataset.PatientName = dataset.PatientID = called
    _say_so(dataset, options)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", "")
    meta.MediaStorageSOPInstanceUID = dataset.get("SOPInstanceUID", "")
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset.file_meta = meta
    dataset.preamble = b"\x00" * 128
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue(), cleaning.removed


def _patient(dataset: Dataset) -> str:
    known = (clean(value_of(dataset, one)) for one in ("IssuerOfPatientID", "PatientID", "PatientName"))
    return patient_of(*known)


def _say_so(dataset: Dataset, options: Options) -> None:
    """What was done, in the words of the standard (PS3.3 C.7.1.1, C.12.1.1)."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = {
        "remove": "REMOVED",
        "shift": "MODIFIED",
        "keep": "UNMODIFIED",
    }[options.dates]
    dataset.DeidentificationMethod = METHOD
    items = []
    for used in options.codes():
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = used, "DCM", CODES[used]
        items.append(code)
    dataset.DeidentificationMethodCodeSequence = items


def _cut_tail(dataset: Dataset) -> None:
    """Remove what lies behind the last pixel, where anything could be written."""
    if "PixelData" not in dataset or dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    bits = number(dataset, "Rows") * number(dataset, "Columns") * number(dataset, "SamplesPerPixel", 1)
    bits *= number(dataset, "BitsAllocated") * (number(dataset, "NumberOfFrames", 1) or 1)
    if str(dataset.get("PhotometricInterpretation", "")) == "YBR_FULL_422":
        bits = bits * 2 // 3
    size = (bits + 7) // 8
    if len(dataset.PixelData) > size:
        dataset["PixelData"].value = dataset.PixelData[:size] + b"\x00" * (size % 2)


def _scrub(dataset: Dataset, cleaning: _Cleaning, *, all_texts: bool) -> None:
    """all_texts: inside a sequence whose values are to be replaced, texts go whether listed or not."""
    for tag in list(dataset.keys()):
        element = readable(dataset, tag)
        action = action_of(tag, element, cleaning.options, all_texts=all_texts)
        if element is not None and action == "C":
            action = _cleaned(tag, element, cleaning)
        if action and action != "K":
            cleaning.removed.append(Removed(keyword_for_tag(tag) or str(tag), action))
        if element is None or action == "X":
            del dataset[tag]
        elif action == "Z":
            element.value = [] if element.VR == "SQ" else b"" if element.VR in ("OB", "OW", "UN") else ""
        elif element.VR == "SQ":
            for item in element.value or []:
                _scrub(item, cleaning, all_texts=all_texts or action == "D")
        elif action == "U" or (action == "D" and element.VR == "UI"):
            _derive(element, cleaning.secret)
        elif action == "D":
            element.value = _DUMMY.get(element.VR, "")


def readable(dataset: Dataset, tag: BaseTag) -> DataElement | None:
    """The element, or nothing: a value that cannot be read cannot be checked."""
    try:
        return dataset[tag]
    except Exception:
        return None


def is_dummy(element: DataElement) -> bool:
    """Whether its value is the one that stands for a removed one."""
    return element.VR in _DUMMY and element.value == _DUMMY[element.VR]


def action_of(tag: BaseTag, element: DataElement | None, options: Options, *, all_texts: bool = False) -> str:
    """X absent, Z empty, D replaced, U another UID, C cleaned, K or nothing where it stays."""
    if element is None or tag.group % 2 or tag.group & 0xFF00 in (0x5000, 0x6000):
        return "X"
    rule = rules(options).get(int(tag), "")
    # The table has a row of group 0004; what belongs to a message or a file header cannot even be written.
    if tag.group < FIRST_GROUP and (tag.group != 0x0004 or not rule):
        return "X"
    if not dictionary_has_tag(tag) and tag.element != 0:
        return "X"
    if rule == "K":
        return "C" if element.VR == "AS" else "K"
    if rule == "C":
        return "C"
    if rule:
        return _chosen(tag, rule, element.VR)
    return _unlisted(tag, element, options, all_texts)


def _unlisted(tag: BaseTag, element: DataElement, options: Options, all_texts: bool) -> str:
    if element.VR == "UI":
        is_kind = keyword_for_tag(tag).endswith(_NO_OBJECT)
        known = all(str(uid) in UID_dictionary for uid in _values(element))
        return "" if is_kind or known or options.keep_uids else "U"
    if element.VR in ("DA", "DT", "TM") and options.dates != "remove":
        return "K" if options.dates == "keep" else "C"
    if element.VR in _NEVER_KEPT:
        return "X"
    return "D" if all_texts and element.VR in _TEXTS else ""


def _chosen(tag: int, rule: str, vr: str) -> str:
    """Where the table leaves it to the attribute's type: what satisfies every type, and then tells the least.

    U* of a sequence keeps its items and gives every object in them its new UID (PS3.15 table E.1-1a).
    """
    choices = rule.split("/")
    if "U" in choices and vr == "UI":
        return "U"
    if "U*" in choices and vr == "SQ":
        return "U"
    if tag in _OPTIONAL:
        return "X"
    return next((action for action in ("D", "Z", "X") if action in choices), "X")


def _cleaned(tag: BaseTag, element: DataElement, cleaning: _Cleaning) -> str:
    """Clean a value where it stands: C done, K nothing was to be done; else what the basic profile says of it."""
    texts = [str(value) for value in _values(element)]
    fresh: list[str | None] = []
    if element.VR in ("DA", "DT"):
        fresh = [shifted(text, cleaning.days) for text in texts]
    elif element.VR == "TM":
        return "K"
    elif element.VR == "AS":
        fresh = [capped_age(text) for text in texts]
    elif element.VR in _DESCRIBED:
        fresh = [cleaned(text, cleaning.names) for text in texts]
    if not fresh or not all(fresh):
        rule = basic_profile().get(int(tag), "")
        return _chosen(tag, rule, element.VR) if rule else "X"
    if fresh == texts:
        return "K"
    element.value = fresh if len(fresh) > 1 else fresh[0]
    return "C"


def _values(element: DataElement) -> list[Any]:
    value = element.value
    many = list(value) if isinstance(value, MultiValue | list) else [value]
    return [one for one in many if one not in (None, "")]


def _derive(element: DataElement, secret: bytes) -> None:
    fresh = [derived_uid(str(value), secret) for value in _values(element)]
    element.value = fresh if len(fresh) > 1 else (fresh[0] if fresh else "")
