"""A report and what it rests on as one Bundle: who wrote what, on which pictures, with which model, and where it stands
in the record.

A program that receives it needs nothing else: every reference leads inside. What the report says is in it three times,
each for another reader: `conclusion`, the whole text, and the canonical content whose digest was signed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import sections
from app.fhir.values import (
    address,
    attached,
    coded,
    coding,
    day,
    filled,
    identified,
    instant,
    is_oid,
    text,
)
from storage.answers import StoredAnswer
from storage.audit.canonical import canonical
from storage.audit.messages import DCM, OURS
from storage.reports import Report
from storage.studies import Series, Study

KIND = "application/fhir+json"
STATUS = {"draft": "partial", "preliminary": "preliminary", "final": "final", "amended": "amended"}
GENDER = {"M": "male", "F": "female", "O": "other"}
# Groups of a person's name (PS3.5 6.2.1.1) as ISO 21090 calls them.
WRITTEN = {"alphabetic": "ABC", "ideographic": "IDE", "phonetic": "SYL"}
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
TEST_DATA = coding("v3-ActReason", "HTEST", "test health data")
BY_MODEL = coding("v3-ObservationValue", "AIAST", "Artificial Intelligence asserted")

RADIOLOGY = (
    coded("v2-0074", "RAD", "Radiology"),
    coded("http://loinc.org", "18748-4", "Diagnostic imaging study"),
)
PATHOLOGY = (
    coded("v2-0074", "PAT", "Pathology (gross & histopath, not surgical)"),
    coded("http://loinc.org", "11526-1", "Pathology study"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a bundle is made of."""

    study: Study
    series: Sequence[Series]
    report: Report
    used: Sequence[StoredAnswer]
    """Answers whose words stand in the report, as they are or edited."""
    names: Mapping[str, str]
    """Of people, by id."""
    demonstration: bool
    signing: Mapping[str, Any] | None
    """The AuditEvent of the signature, while its entry stands in the open log."""


def bundle(told: Told) -> dict[str, Any]:
    """The Bundle of a report, as JSON."""
    report, moment = told.report, _moment(told.report)
    people = dict.fromkeys(filter(None, (report.signed_by, *(one.signed_by for one in report.addenda))))
    resources = [
        (_report(told), address(report.id)),
        (_patient(told.study), _patient_address(told.study)),
        (_imaging(told.study, told.series), address(told.study.id)),
        *((_device(model), _device_address(model)) for model in _models(told.used)),
        *((_practitioner(told, one), address(one)) for one in people),
        (_provenance(told, moment), address("provenance", report.id, str(report.version), report.state)),
    ]
    if told.signing:
        resources.append((dict(told.signing), address("entry", str(told.signing["id"]))))
    made: dict[str, Any] = filled(
        {
            "resourceType": "Bundle",
            "meta": _labels(told),
            "identifier": {"system": f"{OURS}:report", "value": f"{report.id}/{report.version}"},
            "type": "collection",
            "timestamp": instant(moment),
            "entry": [{"fullUrl": url, "resource": resource} for resource, url in resources],
        }
    )
    return made


def _moment(report: Report) -> datetime:
    """When this version of it was made: signed, added to, or saved."""
    if report.addenda:
        return report.addenda[-1].signed_at
    return report.signed_at or report.updated_at


def as_bytes(made: Mapping[str, Any]) -> bytes:
    """The one way in which it is written."""
    return canonical(dict(made))


def _labels(told: Told) -> dict[str, Any]:
    origins = {row["origin"] for rows in told.report.content["sections"].values() for row in rows}
    return {
        "security": [
            *([TEST_DATA] if told.demonstration else ()),
            *([BY_MODEL] if origins & {"model", "edited"} else ()),
        ]
    }


def _report(told: Told) -> dict[str, Any]:
    report, study = told.report, told.study
    is_pathology = sections.names_in(report.content) == sections.PATHOLOGY
    category, code = PATHOLOGY if is_pathology else RADIOLOGY
    concluded = [
        row["text"]
        for name in sections.names_in(report.content)
        if name in sections.CONCLUSION
        for row in report.content["sections"].get(name, ())
    ]
    whole = _whole(report)
    return {
        "resourceType": "DiagnosticReport",
        "meta": _labels(told),
        "identifier": [
            {"system": f"{OURS}:report", "value": report.id},
            {"system": f"{OURS}:content-sha256", "value": report.sha256},
        ],
        "status": STATUS[report.state],
        "category": [category],
        "code": {**code, "text": text(study.facts.get("description"))},
        "subject": {"reference": _patient_address(study)},
        "effectiveDateTime": day(study.facts.get("study_date")),
        "issued": instant(_moment(report)) if report.is_signed else None,
        "resultsInterpreter": [{"reference": address(report.signed_by)}] if report.signed_by else [],
        "imagingStudy": [{"reference": address(study.id)}],
        "conclusion": text(" ".join(concluded)),
        "presentedForm": [
            attached("text/plain; charset=utf-8", "Text", whole.encode()) if whole else {},
            attached("application/json", "Content", canonical(dict(report.content))),
        ],
    }


def _whole(report: Report) -> str:
    """Every section under its name, then the addenda."""
    blocks = [
        (name, " ".join(row["text"] for row in rows))
        for name in sections.names_in(report.content)
        if (rows := report.content["sections"].get(name))
    ]
    blocks += [(f"addendum {one.number}", one.text) for one in report.addenda]
    return "\n\n".join(f"{name.upper()}\n{said}" for name, block in blocks if (said := text(block)))


def _patient_address(study: Study) -> str:
    return address(study.patient_id)


def _patient(study: Study) -> dict[str, Any]:
    facts = study.identity
    sex, species = str(facts.get("sex") or "").upper(), text(facts.get("species"))
    return {
        "resourceType": "Patient",
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-animal",
                "extension": [{"url": "species", "valueCodeableConcept": {"text": species}}],
            }
            if species
            else {}
        ],
        "identifier": [
            {
                "type": coded("v2-0203", "MR", "Medical record number"),
                "value": number,
                "assigner": {"display": text(facts.get("issuer"))},
            }
            if (number := text(facts.get("patient_id")))
            else {}
        ],
        "name": _names(facts.get("name")),
        "gender": GENDER.get(sex, "unknown") if sex else None,
        "birthDate": day(facts.get("birth_date")),
    }


def _names(name: Any) -> list[dict[str, Any]]:
    if not isinstance(name, Mapping):
        return [{"text": text(name)}]
    return [
        {
            "extension": [{"url": REPRESENTATION, "valueCode": WRITTEN[group]}] if group in WRITTEN else [],
            "text": said,
        }
        for group, one in name.items()
        if (said := text(one))
    ]


def _imaging(study: Study, found: Sequence[Series]) -> dict[str, Any]:
    pictures = [one for series in found for one in series.instances]
    uid = next((one.facts.get("study_instance_uid") for one in pictures), None)
    return {
        "resourceType": "ImagingStudy",
        "identifier": [
            {"system": "urn:dicom:uid", "value": f"urn:oid:{uid}"} if is_oid(uid) else {},
            {"type": coded("v2-0203", "ACSN", "Accession ID"), "value": number}
            if (number := text(study.facts.get("accession")))
            else {},
        ],
        "status": "available",
        "modality": [_modality(one) for one in dict.fromkeys(series.modality for series in found)],
        "subject": {"reference": _patient_address(study)},
        "started": day(study.facts.get("study_date")),
        "numberOfSeries": len(_by_uid(found)) or None,
        "numberOfInstances": len(pictures) or None,
        "description": text(study.facts.get("description")),
        "series": [_series(uid, parts) for uid, parts in _by_uid(found).items() if is_oid(uid)],
    }


def _by_uid(found: Sequence[Series]) -> dict[Any, list[Series]]:
    """A series whose stacks are shown one by one is one series to others."""
    together: dict[Any, list[Series]] = {}
    for one in found:
        if one.instances:
            together.setdefault(one.instances[0].facts.get("series_instance_uid") or one.id, []).append(one)
    return together


def _series(uid: str, parts: Sequence[Series]) -> dict[str, Any]:
    number = str(parts[0].facts.get("number") or "")
    return {
        "uid": uid,
        "number": int(number) if number.isdecimal() and int(number) < 1 << 31 else None,
        "modality": _modality(parts[0].modality),
        "description": text(parts[0].facts.get("description")),
        "numberOfInstances": sum(len(one.instances) for one in parts),
    }


def _modality(code: str) -> dict[str, Any]:
    return {"system": DCM, "code": text(code) or "OT"}


def _models(used: Sequence[StoredAnswer]) -> list[Mapping[str, Any]]:
    """Each model once, in the order of its first answer."""
    return list({_device_address(one.model): one.model for one in used if one.model}.values())


def _device_address(model: Mapping[str, Any]) -> str:
    return address("model", str(model.get("fingerprint", "")), str(model.get("name", "")))


def _device(model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "identifier": [{"system": f"{OURS}:weights-sha256", "value": text(model.get("fingerprint"))}]
        if text(model.get("fingerprint"))
        else [],
        "status": "active",
        "deviceName": [{"name": text(model.get("name")) or "model", "type": "model-name"}],
        "version": [
            {"type": {"text": kind}, "value": said}
            for kind in ("architecture", "revision")
            if (said := text(model.get(kind)))
        ],
        "note": [
            {"text": "Demonstration model: it knows drawings and nothing about patients."}
            if model.get("demonstration")
            else {}
        ],
    }


def _practitioner(told: Told, user_id: str) -> dict[str, Any]:
    return {
        "resourceType": "Practitioner",
        "identifier": [{"system": f"{OURS}:user", "value": user_id}],
        "name": [{"text": text(told.names.get(user_id))}],
    }


def _provenance(told: Told, moment: datetime) -> dict[str, Any]:
    report = told.report
    return {
        "resourceType": "Provenance",
        "target": [{"reference": address(report.id)}],
        "occurredDateTime": instant(moment),
        "recorded": instant(moment),
        "activity": coded("v3-DocumentCompletion", "LA", "legally authenticated")
        if report.is_signed
        else coded("v3-DocumentCompletion", "IP", "in progress"),
        "agent": _agents(told),
        "entity": [
            {"role": "source", "what": {"reference": address(told.study.id)}},
            {"role": "source", "what": identified("content-sha256", report.sha256)},
            *({"role": "source", "what": identified("answer", one.id)} for one in told.used),
        ],
    }


def _agents(told: Told) -> list[dict[str, Any]]:
    """The models assembled, who saved it last wrote, who signed verified."""
    report = told.report
    agents = [
        {"type": _part("assembler", "Assembler"), "who": {"reference": _device_address(model)}}
        for model in _models(told.used)
    ]
    agents.append({"type": _part("author", "Author"), "who": identified("user", report.updated_by)})
    if report.signed_by:
        agents.append(
            {"type": _part("verifier", "Verifier"), "who": {"reference": address(report.signed_by)}}
        )
    return agents


def _part(code: str, display: str) -> dict[str, Any]:
    return coded("provenance-participant-type", code, display)
