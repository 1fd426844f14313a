"""Where the facts of a bundle come from: the report, its study, and the entry of its signature in the record."""

from typing import Any

from app import reporting
from app.auth import Caller
from app.fhir.bundle import Told, as_bytes, bundle
from app.fhir.checking import problems
from app.wiring import Services
from storage import reports, studies, users
from storage.audit.canonical import canonical
from storage.audit.merkle import leaf_hash
from storage.audit.messages import fhir
from storage.audit.search import find
from storage.database import Tx, sha256_of
from storage.reports import Report
from storage.studies import Study


def report_bundle(services: Services, caller: Caller, report_id: str) -> bytes:
    """The report as a FHIR R4 Bundle; that it left is in the record, with the digest of these bytes."""
    with services.database.read(caller.actor) as tx:
        study = reporting.study_of(tx, report_id, caller)
        data = of_report(tx, study, reports.get(tx, study, report_id))
    with services.database.write(caller.actor) as tx:
        tx.record(
            "bundle.exported",
            subject=study.patient_ref,
            object_type="report",
            object_id=report_id,
            output_sha256=sha256_of(data),
            bytes=len(data),
        )
    return data


def of_report(tx: Tx, study: Study, report: Report) -> bytes:
    """The same without an entry, for what is recorded as part of something else.

    raises: RuntimeError, by the elements' paths, for a bundle that our own checks find fault with: none such leaves
    """
    told = Told(
        study=study,
        series=studies.series(tx, study),
        report=report,
        used=reporting.answers_used(tx, study, report),
        names={user.id: user.display_name for user in users.everyone(tx)},
        demonstration=reporting.has_demonstration_words(tx, study, report),
        signing=_signing(tx, report),
    )
    made = bundle(told)
    if found := problems(made):
        raise RuntimeError(f"A bundle with faults does not leave: {'; '.join(found)}.")
    return as_bytes(made)


def _signing(tx: Tx, report: Report) -> dict[str, Any] | None:
    """The entry of the signature with its number and leaf hash, by which an auditor finds it again."""
    if not report.is_signed:
        return None
    found = find(tx.session, action="report.signed", object_id=report.id, limit=1)
    if not found:
        return None
    event = fhir(found[0], leaf_hash(canonical(found[0])).hex())
    for agent in event["agent"]:
        # The address of a reader's desk is nothing that leaves the hospital with a paper.
        agent.pop("network", None)
    return event
