"""What one person has used of what they may: bytes kept, uploads and answers of a day, questions that wait."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from storage.database import Tx
from storage.rows import AnswerRow, FileRow, PatientRow, UploadRow
from storage.uploads import UNFINISHED

DAY = timedelta(days=1)
"""The last 24 hours: a limit that begins anew at midnight can be used twice around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """kept: plaintext bytes of sealed files; coming: announced by uploads that are not over; waiting: begun ones too"""

    kept: int
    coming: int
    uploads: int
    waiting: int
    answers: int


def of(tx: Tx, user_id: str) -> Used:
    """What a person has used by now; within a change nobody else's change comes in between."""
    return Used(
        kept=kept(tx, user_id),
        coming=_coming(tx, user_id),
        uploads=uploads(tx, user_id),
        waiting=waiting(tx, user_id),
        answers=answers(tx, user_id),
    )


def kept(tx: Tx, user_id: str) -> int:
    """Bytes of the files of a person's patients."""
    tx.session.flush()
    query = select(func.coalesce(func.sum(FileRow.size), 0))
    owned = query.join(PatientRow, PatientRow.id == FileRow.patient_id).where(PatientRow.owner_id == user_id)
    return int(tx.session.execute(owned).scalar_one())


def _coming(tx: Tx, user_id: str) -> int:
    query = select(UploadRow.progress).where(UploadRow.owner_id == user_id, UploadRow.state.in_(UNFINISHED))
    return sum(int(told["announced"]["bytes"]) for told in tx.session.execute(query).scalars())


def uploads(tx: Tx, user_id: str) -> int:
    """Uploads that a person began within a day."""
    began = UploadRow.created_at > tx.now - DAY
    query = select(func.count()).select_from(UploadRow).where(UploadRow.owner_id == user_id, began)
    return int(tx.session.execute(query).scalar_one())


def waiting(tx: Tx, user_id: str) -> int:
    """Answers that a person waits for."""
    open_still = AnswerRow.state.in_(("waiting", "running"))
    query = select(func.count()).select_from(AnswerRow).where(AnswerRow.asked_by == user_id, open_still)
    return int(tx.session.execute(query).scalar_one())


def answers(tx: Tx, user_id: str) -> int:
    """Answers that a person asked for within a day."""
    asked = AnswerRow.asked_at > tx.now - DAY
    query = select(func.count()).select_from(AnswerRow).where(AnswerRow.asked_by == user_id, asked)
    return int(tx.session.execute(query).scalar_one())
