"""Reviews of signed reports by researchers, and what clinicians released to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from storage import reports
from storage.database import Tx, new_id
from storage.errors import NotSigned, ReviewedBefore
from storage.rows import ReleaseRow, ReviewRow
from storage.studies import Study

Category = Literal[
    "false_finding",
    "missed_finding",
    "wrong_place",
    "wrong_severity",
    "invented_comparison",
    "missed_comparison",
]
CATEGORIES: tuple[Category, ...] = (
    "false_finding",
    "missed_finding",
    "wrong_place",
    "wrong_severity",
    "invented_comparison",
    "missed_comparison",
)
WHOLE_REPORT = ("missed_finding", "missed_comparison")
"""What is not there stands in no sentence: these are marked for the whole report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMark:
    """One error: its category, whether it matters for the patient, and the sentence (None: the whole report)."""

    category: Category
    significant: bool
    section: str | None
    sentence: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One researcher's judgement of one report."""

    id: str
    report_id: str
    reviewer_id: str
    rating: int
    comment: str
    seconds: int
    edit_distance: int
    marks: tuple[ErrorMark, ...]
    created_at: datetime


def add(
    tx: Tx,
    study: Study,
    report_id: str,
    *,
    rating: int,
    comment: str,
    seconds: int,
    edit_distance: int,
    marks: Sequence[ErrorMark],
) -> Review:
    """Keep a review. rating: 1 to 5; seconds: reading time; edit_distance: characters from draft to signed text.

    raises: NotSigned, ReviewedBefore, NotFound when it is not this study's, ValueError for a rating or mark
    outside the form
    """
    report = reports.get(tx, study, report_id)
    if not report.is_signed:
        raise NotSigned()
    mine = select(ReviewRow.id).where(ReviewRow.report_id == report_id, ReviewRow.reviewer_id == tx.actor.id)
    if tx.session.execute(mine).first():
        raise ReviewedBefore()
    if not 1 <= rating <= 5:
        raise ValueError("A rating is a number from 1 to 5.")
    for mark in marks:
        if mark.category not in CATEGORIES:
            raise ValueError("That is none of the six categories of error.")
        if mark.sentence is None and mark.category not in WHOLE_REPORT:
            raise ValueError(f"{mark.category} belongs to a sentence.")
        if mark.sentence is not None and not _exists(report, mark):
            raise ValueError("There is no such sentence in the report.")
    row = ReviewRow(
        id=new_id(),
        report_id=report_id,
        reviewer_id=tx.actor.id,
        rating=rating,
        comment=b"",
        seconds=max(0, seconds),
        edit_distance=max(0, edit_distance),
        marks=[
            {
                "category": m.category,
                "significant": m.significant,
                "section": m.section,
                "sentence": m.sentence,
            }
            for m in marks
        ],
        created_at=tx.now,
    )
    row.comment = tx.seal(study.patient_id, comment.encode(), f"{row.id}:comment")
    tx.session.add(row)
    tx.session.flush()
    tx.record(
        "review.added",
        subject=study.patient_ref,
        object_type="report",
        object_id=report_id,
        review=row.id,
        rating=rating,
        marks=len(marks),
        output_digest=tx.digest(study.patient_id, comment),
    )
    return _review(tx, row, study)


def _exists(report: reports.Report, mark: ErrorMark) -> bool:
    sentences = report.content.get("sections", {}).get(mark.section)
    return isinstance(sentences, list) and mark.sentence is not None and 0 <= mark.sentence < len(sentences)


def of_report(tx: Tx, study: Study, report_id: str) -> list[Review]:
    """All reviews of a report, oldest first."""
    query = select(ReviewRow).where(ReviewRow.report_id == report_id).order_by(ReviewRow.created_at)
    return [_review(tx, row, study) for row in tx.session.execute(query).scalars()]


def release(tx: Tx, study: Study, item: str) -> None:
    """Let researchers see one item of a study that was held back."""
    if tx.session.get(ReleaseRow, (study.id, item)) is None:
        tx.session.add(ReleaseRow(study_id=study.id, item=item, released_by=tx.actor.id, released_at=tx.now))
    tx.record("release.given", subject=study.patient_ref, object_type="study", object_id=study.id, item=item)


def released(tx: Tx, study_id: str) -> set[str]:
    """The items of a study that were released."""
    return set(tx.session.execute(select(ReleaseRow.item).where(ReleaseRow.study_id == study_id)).scalars())


def _review(tx: Tx, row: ReviewRow, study: Study) -> Review:
    return Review(
        id=row.id,
        report_id=row.report_id,
        reviewer_id=row.reviewer_id,
        rating=row.rating,
        comment=tx.unseal(study.patient_id, row.comment, f"{row.id}:comment").decode(),
        seconds=row.seconds,
        edit_distance=row.edit_distance,
        marks=tuple(ErrorMark(**mark) for mark in row.marks),
        created_at=row.created_at,
    )
