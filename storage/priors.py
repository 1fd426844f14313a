"""Other studies of the same patient, to be looked at beside one."""

from sqlalchemy import select

from storage import studies
from storage.database import Tx
from storage.rows import PatientRow, StudyRow
from storage.studies import Study


def of_study(tx: Tx, study: Study) -> list[Study]:
    """The other studies of this patient, for who was let to one of them; those of the latest examination first."""
    query = (
        select(StudyRow, PatientRow)
        .join(PatientRow, PatientRow.id == StudyRow.patient_id)
        .where(StudyRow.patient_id == study.patient_id, StudyRow.id != study.id)
    )
    found = [studies.of_row(tx, row, patient, study.grant) for row, patient in tx.session.execute(query)]
    return sorted(found, key=lambda one: str(one.facts.get("study_date") or ""), reverse=True)
