"""Entries in the words of others: FHIR R4 AuditEvent, and DICOM audit messages by syslog (PS3.15 A.5, RFC 5424).

Copies for a hospital's own log server; what proves is the sealed export. Covered: who, what, when, from where, whose
(as a pseudonym), with which outcome, and the entry's number and leaf hash. Not covered: names, which the record has not.
"""

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.audit.merkle import leaf_hash
from storage.rows import AuditEventRow

DCM = "http://dicom.nema.org/resources/ontology/DCM"
OURS = "urn:dragonfly-med"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem"
EVENTS = {
    "110100": "Application Activity",
    "110101": "Audit Log Used",
    "110103": "DICOM Instances Accessed",
    "110105": "DICOM Study Deleted",
    "110106": "Export",
    "110107": "Import",
    "110112": "Query",
    "110113": "Security Alert",
    "110114": "User Authentication",
}
"""PS3.16 CID 400, those that `ACTIONS` names."""
# Last word of an action to the code of PS3.15 and FHIR: create, read, update, delete, execute.
VERBS = {
    "added": "C", "asked": "C", "drafted": "C", "addendum": "C", "placed": "C",
    "read": "R", "listed": "R", "exported": "R", "checked": "R", "verified": "R", "receipt": "R",
    "changed": "U", "edited": "U", "signed": "U", "preliminary": "U", "described": "U", "preferences": "U",
    "password_changed": "U", "rewrapped": "U", "rotated": "U", "given": "U", "lifted": "U",
    "uploads_removed": "D", "log_left": "D", "removed": "D", "erased": "D", "done": "D", "revoked": "D", "discarded": "D",
}  # fmt: skip
# Facility 10 (security), severity 5 (notice).
PRIORITY = 10 * 8 + 5
MESSAGE = "DICOM+RFC3881"
REPORT, RESOURCE = ("3", "Report"), ("4", "Domain Resource")


def entries(session: Session, after: int = -1) -> Iterator[tuple[dict[str, Any], str]]:
    """Entries behind this number, in order, each with its leaf hash."""
    query = (
        select(AuditEventRow.body)
        .where(AuditEventRow.seq > after)
        .order_by(AuditEventRow.seq)
        .execution_options(yield_per=2000)
    )
    with session.execute(query) as rows:
        for (body,) in rows:
            yield json.loads(body), leaf_hash(body).hex()


def fhir(entry: dict[str, Any], leaf: str) -> dict[str, Any]:
    """An AuditEvent (FHIR R4 4.0.1)."""
    actor, thing = entry["actor"], entry.get("object") or {}
    agent: dict[str, Any] = {
        "who": _identified("user", actor["id"]),
        "requestor": True,
        "role": [{"text": actor["role"]}],
    }
    if actor.get("ip"):
        agent["network"] = {"address": actor["ip"], "type": "2"}
    proof = [
        {"type": "seq", "valueString": str(entry["seq"])},
        {"type": "leaf", "valueString": leaf},
    ]
    return {
        "resourceType": "AuditEvent",
        "id": entry["id"],
        "type": {"system": DCM, "code": entry["code"], "display": EVENTS[entry["code"]]},
        "subtype": [{"system": f"{OURS}:action", "code": entry["action"]}],
        "action": verb(entry["action"]),
        "recorded": entry["time"],
        "outcome": outcome(entry),
        "agent": [agent],
        "source": {
            "observer": _identified("log", entry["log"]),
            "type": [_coding("security-source-type", "4", "Application Server")],
        },
        "entity": [
            *([_patient(entry["subject"])] if entry.get("subject") else ()),
            {
                "what": _identified(thing.get("type") or "entry", thing.get("id") or entry["id"]),
                "type": _coding("audit-entity-type", "2", "System Object"),
                "role": _coding("object-role", *(REPORT if thing.get("type") == "report" else RESOURCE)),
                "detail": proof,
            },
        ],
    }


def syslog(entry: dict[str, Any], leaf: str, host: str) -> bytes:
    """One line: RFC 5424 around the message of PS3.15 A.5."""
    head = f"<{PRIORITY}>1 {entry['time']} {host} dragonfly-med - {MESSAGE} - \ufeff"
    return (head + dicom(entry, leaf)).encode()


def dicom(entry: dict[str, Any], leaf: str) -> str:
    """An audit message (PS3.15 A.5.1) without line ends."""
    actor, thing = entry["actor"], entry.get("object") or {}
    place = (
        {"NetworkAccessPointID": actor["ip"], "NetworkAccessPointTypeCode": "2"} if actor.get("ip") else {}
    )
    proof = "".join(
        _element("ParticipantObjectDetail", {"type": name, "value": b64encode(value.encode()).decode()})
        for name, value in (("seq", str(entry["seq"])), ("leaf", leaf))
    )
    role = REPORT if thing.get("type") == "report" else RESOURCE
    return '<?xml version="1.0" encoding="UTF-8"?>' + _element(
        "AuditMessage",
        {},
        _element(
            "EventIdentification",
            {
                "EventActionCode": verb(entry["action"]),
                "EventDateTime": entry["time"],
                "EventOutcomeIndicator": outcome(entry),
            },
            _code("EventID", entry["code"], "DCM", EVENTS[entry["code"]])
            + _code("EventTypeCode", entry["action"], "99DRAGONFLY", entry["action"]),
        ),
        _element(
            "ActiveParticipant",
            {"UserID": actor["id"], "UserIsRequestor": "true", **place},
            _code("RoleIDCode", actor["role"], "99DRAGONFLY", actor["role"]),
        ),
        _element(
            "AuditSourceIdentification",
            {"AuditSourceID": entry["log"]},
            _element("AuditSourceTypeCode", {"csd-code": "4"}),
        ),
        _object(
            entry["subject"],
            "1",
            "1",
            _code("ParticipantObjectIDTypeCode", "2", "RFC-3881", "Patient Number"),
        )
        if entry.get("subject")
        else "",
        _object(
            thing.get("id") or entry["id"],
            "2",
            role[0],
            _code("ParticipantObjectIDTypeCode", thing.get("type") or "entry", "99DRAGONFLY", "id") + proof,
        ),
    )


def verb(action: str) -> str:
    """Create, read, update, delete or execute, as one letter."""
    return VERBS.get(action.rsplit(".", 1)[-1], "E")


def outcome(entry: dict[str, Any]) -> str:
    """0 success, 4 minor failure."""
    return "0" if entry["outcome"] == "success" else "4"


def _identified(kind: str, value: str) -> dict[str, Any]:
    return {"identifier": {"system": f"{OURS}:{kind}", "value": value}}


def _coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": f"{TERMINOLOGY}/{system}", "code": code, "display": display}


def _patient(pseudonym: str) -> dict[str, Any]:
    return {
        "what": _identified("pseudonym", pseudonym),
        "type": _coding("audit-entity-type", "1", "Person"),
        "role": _coding("object-role", "1", "Patient"),
    }


def _element(name: str, attributes: dict[str, str], *inside: str) -> str:
    said = "".join(f" {key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name}{said}>{''.join(inside)}</{name}>" if any(inside) else f"<{name}{said}/>"


def _code(name: str, code: str, system: str, text: str) -> str:
    return _element(name, {"csd-code": code, "codeSystemName": system, "originalText": text})


def _object(identity: str, kind: str, role: str, inside: str) -> str:
    attributes = {
        "ParticipantObjectID": identity,
        "ParticipantObjectTypeCode": kind,
        "ParticipantObjectTypeCodeRole": role,
    }
    return _element("ParticipantObjectIdentification", attributes, inside)
