"""Erasing a patient, from the request to the last plaintext copy."""

from app import slides
from app.auth import Caller, confirm
from app.wiring import SYSTEM, Services
from storage import erasures, patients, studies
from storage.database import Tx
from storage.erasures import HoldReason, Reason


def ask(services: Services, caller: Caller, study_id: str, reason: Reason) -> str:
    """Ask for the patient of one's own study to be erased; returns the request's id."""
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id)
        return erasures.ask(tx, study.patient_id, reason)


def decide(services: Services, caller: Caller, erasure_id: str, password: str, code: str = "") -> int:
    """Erase as a second person, who has just given their password; returns how many rows of the patient are gone.

    The key goes first and with the record's entry: from then on all is noise, whatever happens to what follows.
    raises: Refused, Held, SecondPerson, Conflict
    """
    confirm(services, caller, password, code)
    with services.database.write(caller.actor) as tx:
        erased = erasures.confirm(tx, erasure_id)
        copies = [
            slides.copy_name(patient_id, files)
            for patient_id in erased
            for files in erasures.series_files(tx, patient_id)
        ]
    _remove(services, erased, copies)
    services.database.scrub()
    return len(erased)


def finish(services: Services) -> None:
    """At the start: remove the files of who was erased while the process died."""
    with services.database.read(SYSTEM) as tx:
        gone = erasures.erased_patients(tx)
    _remove(services, gone, [])


def hold(services: Services, caller: Caller, number: str, issuer: str, reason: HoldReason) -> str:
    """Keep the patient of this number from being erased; the number itself is not kept."""
    with services.database.write(caller.actor) as tx:
        return erasures.hold(tx, reference(tx, number, issuer), reason)


def reference(tx: Tx, number: str, issuer: str) -> str:
    """The pseudonym under which a patient of this number is known."""
    return patients.reference(tx, "", {"patient_id": number, "issuer": issuer})


def _remove(services: Services, erased: list[str], copies: list[str]) -> None:
    for name in copies:
        services.copies.forget(name)
    for patient_id in erased:
        services.files.remove_patient(patient_id)
