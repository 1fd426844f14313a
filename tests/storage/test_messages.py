"""Entries in the words of FHIR and DICOM hold what they must, and nothing that the record has not."""

import base64
import re
from datetime import datetime
from xml.etree import ElementTree

import pytest

from storage.audit import messages
from storage.audit.actions import ACTIONS
from storage.database import Actor

REF = "5e" * 32


@pytest.fixture
def told(database, clinician):
    """Every action once, with a subject and an address of hostile characters."""
    actor = Actor(id=clinician.id, role="clinician", ip="10.0.0.7", auth='"><x>')
    with database.write(actor) as tx:
        for action in ACTIONS:
            tx.record(action, subject=REF, object_type="report", object_id='<"&>')
        tx.record("session.refused", outcome="failure")
    with database.read(actor) as tx:
        return list(messages.entries(tx.session, 1))


def test_every_code_of_an_action_has_its_name():
    """A new action with a code that has none would fail here and not at the hospital's log server."""
    assert set(ACTIONS.values()) <= set(messages.EVENTS)


def test_each_entry_is_an_audit_event_of_fhir(told):
    """Required elements, code sets of the required bindings, times, ids; no reference that leads nowhere."""
    for entry, leaf in told:
        event = messages.fhir(entry, leaf)
        assert event["resourceType"] == "AuditEvent"
        assert re.fullmatch(r"[A-Za-z0-9\-.]{1,64}", event["id"])
        assert event["action"] in "CRUDE" and event["outcome"] in ("0", "4", "8", "12")
        assert datetime.fromisoformat(event["recorded"]).tzinfo is not None
        assert event["type"]["system"] == "http://dicom.nema.org/resources/ontology/DCM"
        assert all(one["requestor"] is True and one["who"]["identifier"]["value"] for one in event["agent"])
        assert event["source"]["observer"]["identifier"]["value"] == entry["log"]
        for one in event["entity"]:
            assert one["what"]["identifier"]["value"] and "reference" not in one["what"]
        assert {"type": "leaf", "valueString": leaf} in event["entity"][-1]["detail"]
        assert _no_empty(event)
    assert messages.fhir(*told[-1])["outcome"] == "4"


def _no_empty(value) -> bool:
    """FHIR allows no empty string, list or object anywhere."""
    if isinstance(value, dict):
        return bool(value) and all(_no_empty(one) for one in value.values())
    if isinstance(value, list):
        return bool(value) and all(_no_empty(one) for one in value)
    return value not in ("", None)


# PS3.15 A.5.1: what may stand in which element, in this order; required attributes, optional ones.
SCHEMA = {
    "AuditMessage": (["EventIdentification", "ActiveParticipant", "AuditSourceIdentification", "ParticipantObjectIdentification"], set(), set()),
    "EventIdentification": (["EventID", "EventTypeCode"], {"EventDateTime", "EventOutcomeIndicator"}, {"EventActionCode"}),
    "EventID": ([], {"csd-code", "codeSystemName", "originalText"}, set()),
    "EventTypeCode": ([], {"csd-code", "codeSystemName", "originalText"}, set()),
    "ActiveParticipant": (["RoleIDCode"], {"UserID", "UserIsRequestor"}, {"NetworkAccessPointID", "NetworkAccessPointTypeCode"}),
    "RoleIDCode": ([], {"csd-code", "codeSystemName", "originalText"}, set()),
    "AuditSourceIdentification": (["AuditSourceTypeCode"], {"AuditSourceID"}, set()),
    "AuditSourceTypeCode": ([], {"csd-code"}, set()),
    "ParticipantObjectIdentification": (["ParticipantObjectIDTypeCode", "ParticipantObjectDetail"], {"ParticipantObjectID"}, {"ParticipantObjectTypeCode", "ParticipantObjectTypeCodeRole"}),
    "ParticipantObjectIDTypeCode": ([], {"csd-code", "codeSystemName", "originalText"}, set()),
    "ParticipantObjectDetail": ([], {"type", "value"}, set()),
}  # fmt: skip


def _checked(element):
    inside, required, optional = SCHEMA[element.tag]
    names = [one.tag for one in element]
    assert names == sorted(names, key=inside.index)
    assert required <= set(element.attrib) <= required | optional
    for one in element:
        _checked(one)


def test_each_entry_is_one_line_with_an_audit_message_of_dicom(told):
    """RFC 5424 around the elements of PS3.15 A.5.1 in their order; hostile characters come back as they were."""
    for entry, leaf in told:
        line = messages.syslog(entry, leaf, "host").decode()
        head, _, text = line.partition("\ufeff")
        assert re.fullmatch(r"<85>1 \S+Z host dragonfly-med - DICOM\+RFC3881 - ", head)
        assert "\n" not in line
        message = ElementTree.fromstring(text)
        _checked(message)
        event = message.find("EventIdentification")
        assert event.get("EventOutcomeIndicator") == ("0" if entry["outcome"] == "success" else "4")
        assert event.find("EventID").get("csd-code") == entry["code"]
        assert message.find("ActiveParticipant").get("NetworkAccessPointID") == "10.0.0.7"
        last = message.findall("ParticipantObjectIdentification")[-1]
        details = {
            one.get("type"): base64.b64decode(one.get("value"))
            for one in last.iter("ParticipantObjectDetail")
        }
        assert details == {"seq": str(entry["seq"]).encode(), "leaf": leaf.encode()}
        if entry["object"]["id"]:
            assert last.get("ParticipantObjectID") == '<"&>'
            assert message.findall("ParticipantObjectIdentification")[0].get("ParticipantObjectID") == REF


def test_only_what_stands_behind_an_entry_is_told(database, clinician, told):
    """So that a log server is sent each entry once."""
    last = told[-1][0]["seq"]
    with database.write(clinician) as tx:
        tx.record("study.read")

    with database.read(clinician) as tx:
        later = [entry["seq"] for entry, _ in messages.entries(tx.session, last)]

    assert later == [last + 1]


@pytest.mark.parametrize(
    ("action", "letter"),
    [
        ("report.signed", "U"),
        ("patient.erased", "D"),
        ("study.read", "R"),
        ("mark.added", "C"),
        ("log.opened", "E"),
    ],
)
def test_an_action_is_a_letter_of_five(action, letter):
    """Create, read, update, delete; everything else executes something."""
    assert messages.verb(action) == letter
