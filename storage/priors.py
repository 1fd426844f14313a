"""Other studies of the same patient, to be looked at beside one."""

from sqlalchemy import select

from storage import studies
from storage.database import Tx
from storage.rows import StudyRow
from storage.studies import Study


def of_study(tx: Tx, study: Study) -> list[Study]:
    """The owner's other studies of this patient, those of the latest examination first."""
    query = select(StudyRow.id).where(
        StudyRow.owner_id == study.owner_id,
        StudyRow.patient_id == study.patient_id,
        StudyRow.id != study.id,
    )
    found = [studies.get(tx, one, study.owner_id) for one in tx.session.execute(query).scalars()]
    return sorted(found, key=lambda one: str(one.facts.get("study_date") or ""), reverse=True)
