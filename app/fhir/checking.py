"""What is wrong with a Bundle of ours, in sentences; empty when nothing is.

Checked is what the models of libraries let pass: codes of required sets, references that lead nowhere or to the wrong
kind, two resources with one address, identifiers that are no OID, data that does not decode or is not what its digest
says, moments without a zone, empty values. Covered: the resources that `app.fhir.bundle` makes.
"""

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator
from datetime import date, datetime
from hashlib import sha1
from typing import Any

from app.fhir.values import is_oid

# Required bindings (R4 4.0.1) of the elements we write: element to its codes.
REQUIRED = {
    "Bundle.type": "document message transaction transaction-response batch batch-response history searchset collection",
    "DiagnosticReport.status": (
        "registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"
    ),
    "Patient.gender": "male female other unknown",
    "ImagingStudy.status": "registered available cancelled entered-in-error unknown",
    "Device.status": "active inactive entered-in-error unknown",
    "Device.deviceName.type": (
        "udi-label-name user-friendly-name patient-reported-name manufacturer-name model-name other"
    ),
    "Provenance.entity.role": "derivation revision quotation source removal",
    "AuditEvent.action": "C R U D E",
    "AuditEvent.outcome": "0 4 8 12",
    "AuditEvent.agent.network.type": "1 2 3 4 5",
}
# Elements that must be there, by the resource (cardinality 1 and more).
MUST = {
    "Bundle": "type",
    "DiagnosticReport": "status code",
    "Patient": "",
    "ImagingStudy": "status subject",
    "Device": "",
    "Practitioner": "",
    "Provenance": "target recorded agent",
    "AuditEvent": "type recorded agent source",
}
# What a reference of these elements may lead to.
LEADS = {
    "DiagnosticReport.subject": "Patient",
    "DiagnosticReport.imagingStudy": "ImagingStudy",
    "DiagnosticReport.resultsInterpreter": "Practitioner",
    "ImagingStudy.subject": "Patient",
    "Provenance.target": "DiagnosticReport",
    "Provenance.agent.who": "Practitioner Device",
    "Provenance.entity.what": "ImagingStudy",
}
INSTANTS = ("timestamp", "issued", "recorded")
DAYS = ("birthDate", "effectiveDateTime", "started")
_FULL_URL = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def problems(bundle: dict[str, Any]) -> list[str]:
    """Everything that is wrong, by the path of the element."""
    return list(_problems(bundle))


def _problems(bundle: dict[str, Any]) -> Iterator[str]:
    entries = bundle.get("entry") or []
    addresses = [one.get("fullUrl") for one in entries]
    kinds = {one.get("fullUrl"): (one.get("resource") or {}).get("resourceType") for one in entries}
    for one in addresses:
        if not isinstance(one, str) or not _FULL_URL.fullmatch(one):
            yield "Bundle.entry.fullUrl: no UUID"
        if addresses.count(one) > 1:
            yield "Bundle.entry.fullUrl: twice"
    for resource in (
        {**bundle, "entry": [{"fullUrl": "-"}] if entries else []},
        *(one.get("resource") or {} for one in entries),
    ):
        kind = str(resource.get("resourceType"))
        if kind not in MUST:
            yield f"{kind}: not a resource of ours"
            continue
        for name in MUST[kind].split():
            if name not in resource:
                yield f"{kind}.{name}: missing"
        for path, value in _walk(kind, resource):
            yield from _wrong(path, value, kinds)


def _walk(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every element below with its path; an element that repeats has one path."""
    if isinstance(value, dict):
        yield path, value
        for name, one in value.items():
            yield from _walk(f"{path}.{name}", one)
    elif isinstance(value, list):
        if not value:
            yield path, value
        for one in value:
            yield from _walk(path, one)
    else:
        yield path, value


def _wrong(path: str, value: Any, kinds: dict[Any, Any]) -> Iterator[str]:
    name = path.rpartition(".")[2]
    if value in ("", [], {}, None):
        yield f"{path}: empty"
    elif path in REQUIRED and value not in REQUIRED[path].split():
        yield f"{path}: a code outside of its set"
    elif name == "reference":
        found = kinds.get(value)
        if value not in kinds:
            yield f"{path}: leads nowhere"
        elif found not in LEADS.get(path.removesuffix(".reference"), str(found)).split():
            yield f"{path}: leads to another kind"
    elif name in INSTANTS and not _is_instant(value):
        yield f"{path}: no instant with a zone"
    elif name in DAYS and not _is_day(value):
        yield f"{path}: no day"
    elif path == "ImagingStudy.series.uid" and not is_oid(value):
        yield f"{path}: no OID"
    elif isinstance(value, dict):
        if value.get("system") == "urn:dicom:uid" and not is_oid(
            str(value.get("value")).removeprefix("urn:oid:")
        ):
            yield f"{path}: no OID"
        if "data" in value:
            yield from _wrong_data(path, value)


def _wrong_data(path: str, attachment: dict[str, Any]) -> Iterator[str]:
    try:
        data = b64decode(attachment["data"], validate=True)
        digest = b64decode(attachment.get("hash", ""), validate=True)
    except (Error, ValueError):
        yield f"{path}: does not decode"
        return
    if "hash" in attachment and digest != sha1(data, usedforsecurity=False).digest():
        yield f"{path}: not what its digest says"
    if attachment.get("size", len(data)) != len(data):
        yield f"{path}: not as long as it says"


def _is_instant(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


def _is_day(value: Any) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except (TypeError, ValueError):
        return False
