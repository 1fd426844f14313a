"""Values as FHIR R4 wants them; what cannot be told in its types is left out, never bent.

Source: https://hl7.org/fhir/R4/datatypes.html
"""

import re
import uuid
from base64 import b64encode
from datetime import UTC, date, datetime
from hashlib import sha1
from typing import Any

from storage.audit.messages import OURS, TERMINOLOGY

OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
LONGEST_OID = 64
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def text(value: Any) -> str | None:
    """A string without control characters and blanks around it; None when nothing is left."""
    return _UNSEEN.sub("", str(value or "")).strip() or None


def day(value: Any) -> str | None:
    """A DICOM date (DA) as FHIR writes it; None when it is no day of the calendar."""
    digits = str(value or "").replace("-", "")
    try:
        return (
            date(int(digits[:4]), int(digits[4:6]), int(digits[6:])).isoformat() if len(digits) == 8 else None
        )
    except ValueError:
        return None


def instant(moment: datetime) -> str:
    """With its zone, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def is_oid(value: Any) -> bool:
    """Whether it is a DICOM UID that is also an OID (PS3.5 9.1)."""
    return isinstance(value, str) and len(value) <= LONGEST_OID and OID.fullmatch(value) is not None


def address(*parts: str) -> str:
    """The fullUrl of a resource: of an id that is a UUID already that one, of anything else one made of it."""
    if len(parts) == 1 and re.fullmatch(r"[0-9a-f]{32}", parts[0]):
        return f"urn:uuid:{uuid.UUID(parts[0])}"
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, '|'.join((OURS, *parts)))}"


def coded(system: str, code: str, display: str) -> dict[str, Any]:
    """A CodeableConcept of one coding; a short system is one of HL7's own."""
    return {"coding": [coding(system, code, display)]}


def coding(system: str, code: str, display: str) -> dict[str, Any]:
    """A Coding."""
    return {
        "system": system if ":" in system else f"{TERMINOLOGY}/{system}",
        "code": code,
        "display": display,
    }


def identified(kind: str, value: str) -> dict[str, Any]:
    """A Reference by an identifier of ours alone, to what is no resource of the bundle."""
    return {"identifier": {"system": f"{OURS}:{kind}", "value": value}}


def attached(kind: str, title: str, data: bytes) -> dict[str, Any]:
    """An Attachment that holds its data; the digest is the SHA-1 that FHIR prescribes."""
    return {
        "contentType": kind,
        "title": title,
        "size": len(data),
        "hash": b64encode(sha1(data, usedforsecurity=False).digest()).decode(),
        "data": b64encode(data).decode(),
    }


def filled(value: Any) -> Any:
    """Without what is empty: FHIR knows no empty strings, lists or objects."""
    if isinstance(value, dict):
        return {name: kept for name, one in value.items() if (kept := filled(one)) not in (None, "", [], {})}
    if isinstance(value, list | tuple):
        return [kept for one in value if (kept := filled(one)) not in (None, "", [], {})]
    return value
