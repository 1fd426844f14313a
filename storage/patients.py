"""Patients: known by a keyed pseudonym, their identity sealed under a key of their own.

Destroying that key erases the person: identity, texts and pictures become noise, and the audit log, which
holds only digests and the pseudonym, still verifies.
"""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select

from storage.access_rows import ShareRow
from storage.audit.canonical import canonical
from storage.database import Tx, new_id
from storage.errors import NotFound
from storage.rows import PatientKeyRow, PatientRow

IDENTITY = "identity"


def add(tx: Tx, owner_id: str, identity: Mapping[str, Any]) -> str:
    """The id of the owner's patient with this identity, made and recorded when new; the first identity stays.

    identity: plain JSON; `patient_id` and `issuer` tell patients apart, without them name and birth date do
    """
    ref = reference(tx, owner_id, identity)
    row = tx.session.execute(
        select(PatientRow).where(PatientRow.owner_id == owner_id, PatientRow.ref == ref)
    ).scalar_one_or_none()
    if row is not None and tx.session.get(PatientKeyRow, row.id) is not None:
        return row.id
    if row is not None:
        # An erased patient who comes back is a new one: the old texts stay unreadable.
        row.ref = tx.keyring.pseudonym("erased", row.id)
        tx.session.flush()
    patient_id = new_id()
    key, wrapped = tx.keyring.new_patient_key(patient_id)
    tx.remember_key(patient_id, key)
    sealed = tx.seal(patient_id, canonical(dict(identity)), f"{patient_id}:{IDENTITY}")
    tx.session.add(PatientRow(id=patient_id, owner_id=owner_id, ref=ref, identity=sealed, created_at=tx.now))
    tx.session.flush()
    tx.session.add(PatientKeyRow(patient_id=patient_id, wrapped=wrapped, created_at=tx.now))
    tx.session.flush()
    tx.record("patient.added", subject=ref, object_type="patient", object_id=patient_id)
    return patient_id


def reference(tx: Tx, owner_id: str, identity: Mapping[str, Any]) -> str:
    """The pseudonym: a keyed digest of number and issuer, or of name and birth date where there is no number."""
    number = str(identity.get("patient_id") or "").strip()
    if number:
        return tx.keyring.pseudonym("patient", number, str(identity.get("issuer") or ""))
    parts = (str(identity.get("name") or ""), str(identity.get("birth_date") or ""))
    if any(parts):
        return tx.keyring.pseudonym("patient-by-name", *parts)
    # Nothing names this patient: nobody else's pictures may ever join them.
    return tx.keyring.pseudonym("patient-unknown", owner_id, new_id())


def identity(tx: Tx, patient_id: str) -> dict[str, Any]:
    """Who it is; raises NotFound, Unreadable once erased."""
    row = tx.session.get(PatientRow, patient_id)
    if row is None:
        raise NotFound(object="patient")
    return opened(tx, row)


def opened(tx: Tx, row: PatientRow) -> dict[str, Any]:
    """The identity of a row that was read already; raises Unreadable once erased."""
    found: dict[str, Any] = json.loads(tx.unseal(row.id, row.identity, f"{row.id}:{IDENTITY}"))
    return found


def erase(tx: Tx, patient_id: str, reason: str) -> None:
    """Destroy the patient's key; everything sealed under it can never be read again."""
    row, key = tx.session.get(PatientRow, patient_id), tx.session.get(PatientKeyRow, patient_id)
    if row is None or key is None:
        raise NotFound(object="patient")
    tx.session.delete(key)
    tx.session.execute(delete(ShareRow).where(ShareRow.patient_id == patient_id))
    tx.record("patient.erased", subject=row.ref, object_type="patient", object_id=patient_id, reason=reason)
