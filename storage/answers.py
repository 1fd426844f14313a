"""Answers: what was asked of the model, what it said, and everything that is needed to ask it again.

The id of an answer is the id of the work that produces it, so running that work twice leaves one answer.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select

from storage.audit.canonical import canonical
from storage.database import Tx, new_id, sha256_of
from storage.errors import NotFound
from storage.rows import AnswerRow
from storage.sealing import derived, seal, unseal
from storage.studies import Study

Kind = Literal[
    "question",
    "caption",
    "report_findings",
    "report_impression",
    "report_field",
    "report_microscopy",
    "report_diagnosis",
]
State = Literal["waiting", "running", "done", "stopped", "failed"]
OVER = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer as it is kept, texts opened."""

    id: str
    study_id: str
    report_id: str | None
    kind: Kind
    state: State
    asked_by: str
    question: str | None
    answer: str | None
    view: dict[str, Any]
    prompt: dict[str, Any]
    sampling: dict[str, Any]
    model: dict[str, Any] | None
    outcome: dict[str, Any] | None
    boxes: list[Any] | None
    failure: str | None
    urgent: bool
    attempt: int
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def ask(
    tx: Tx,
    study: Study,
    *,
    kind: Kind,
    question: str | None,
    view: Mapping[str, Any],
    prompt: Mapping[str, Any],
    sampling: Mapping[str, Any],
    report_id: str | None = None,
    answer_id: str | None = None,
) -> StoredAnswer:
    """Keep a question that waits for its answer. prompt: name, version, sha256, and the values it is filled with
    only as digests; view: instance, frame, window and box."""
    answer_id = answer_id or new_id()
    row = AnswerRow(
        id=answer_id,
        study_id=study.id,
        report_id=report_id,
        kind=kind,
        state="waiting",
        asked_by=tx.actor.id,
        question=_seal(tx, study.patient_id, answer_id, "question", question),
        answer=None,
        view=dict(view),
        prompt=dict(prompt),
        sampling=dict(sampling),
        model=None,
        outcome=None,
        boxes=None,
        failure=None,
        urgent=study.urgent,
        attempt=0,
        asked_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.record(
        "answer.asked",
        subject=study.patient_ref,
        object_type="answer",
        object_id=answer_id,
        kind=kind,
        prompt=_digests(prompt),
        input_digest=tx.digest(study.patient_id, question) if question else None,
    )
    return _answer(tx, row, study.patient_id)


def start(tx: Tx, study: Study, answer_id: str) -> StoredAnswer | None:
    """Note that work on it begins, once more; None when it is over already."""
    row = _row(tx, answer_id)
    if row.state in OVER:
        return None
    row.state, row.attempt, row.started_at = "running", row.attempt + 1, tx.now
    tx.record(
        "answer.started",
        subject=study.patient_ref,
        object_type="answer",
        object_id=answer_id,
        attempt=row.attempt,
    )
    return _answer(tx, row, study.patient_id)


def finish_once(
    tx: Tx,
    study: Study,
    answer_id: str,
    *,
    state: Literal["done", "stopped"],
    answer: str,
    model: Mapping[str, Any],
    outcome: Mapping[str, Any],
    boxes: list[Any],
) -> bool:
    """Keep the answer and its entry; False, and nothing changed, when it was over already.

    outcome: token counts, milliseconds, stop reason; model: name, fingerprint, demonstration
    """
    row = _row(tx, answer_id)
    if row.state in OVER:
        return False
    row.state, row.finished_at = state, tx.now
    row.answer = _seal(tx, study.patient_id, answer_id, "answer", answer)
    row.model, row.outcome, row.boxes = dict(model), dict(outcome), boxes
    question = _open(tx, study.patient_id, answer_id, "question", row.question)
    tx.record(
        "answer.finished" if state == "done" else "answer.stopped",
        subject=study.patient_ref,
        object_type="answer",
        object_id=answer_id,
        kind=row.kind,
        model=_texts(model),
        prompt=_digests(row.prompt),
        sampling=_texts(row.sampling),
        view=_texts(row.view),
        result=_texts(outcome),
        crops={"count": len(boxes), "sha256": sha256_of(canonical(_texts(boxes)))},
        input_digest=tx.digest(study.patient_id, question) if question else None,
        output_digest=tx.digest(study.patient_id, answer),
        attempt=row.attempt,
    )
    return True


def fail(tx: Tx, study: Study, answer_id: str, code: str) -> bool:
    """Show it as failed, with the code of its cause."""
    row = _row(tx, answer_id)
    if row.state in OVER:
        return False
    row.state, row.failure, row.finished_at = "failed", code, tx.now
    tx.record(
        "answer.failed",
        subject=study.patient_ref,
        object_type="answer",
        object_id=answer_id,
        outcome="failure",
        reason=code,
        attempt=row.attempt,
    )
    return True


def stop_waiting(tx: Tx, study: Study, answer_id: str) -> bool:
    """Stop an answer that no worker has begun; False when one has."""
    row = _row(tx, answer_id)
    if row.state != "waiting":
        return False
    row.state, row.finished_at = "stopped", tx.now
    tx.record("answer.stopped", subject=study.patient_ref, object_type="answer", object_id=answer_id)
    return True


def get(tx: Tx, study: Study, answer_id: str) -> StoredAnswer:
    """One answer of a study; raises NotFound."""
    row = _row(tx, answer_id)
    if row.study_id != study.id:
        raise NotFound(object="answer")
    return _answer(tx, row, study.patient_id)


def study_of(tx: Tx, answer_id: str) -> str:
    """The study an answer belongs to; raises NotFound."""
    return _row(tx, answer_id).study_id


def of_study(tx: Tx, study: Study) -> list[StoredAnswer]:
    """All answers of a study, oldest first."""
    query = select(AnswerRow).where(AnswerRow.study_id == study.id).order_by(AnswerRow.asked_at)
    return [_answer(tx, row, study.patient_id) for row in tx.session.execute(query).scalars()]


def unfinished(tx: Tx) -> list[str]:
    """The ids of all answers that wait or run."""
    query = (
        select(AnswerRow.id).where(AnswerRow.state.in_(("waiting", "running"))).order_by(AnswerRow.asked_at)
    )
    return list(tx.session.execute(query).scalars())


def piece_key(tx: Tx, study: Study) -> bytes:
    """The key for the pieces of an answer while they travel through the job engine's own tables."""
    return derived(tx.patient_key(study.patient_id), b"pieces")


def seal_piece(key: bytes, answer_id: str, text: str) -> str:
    """A piece as text that says nothing without the patient's key."""
    return base64.b64encode(seal(key, text.encode(), answer_id.encode())).decode()


def open_piece(key: bytes, answer_id: str, sealed: str) -> str:
    """The piece; raises Unreadable."""
    return unseal(key, base64.b64decode(sealed), answer_id.encode()).decode()


def _row(tx: Tx, answer_id: str) -> AnswerRow:
    row = tx.session.get(AnswerRow, answer_id)
    if row is None:
        raise NotFound(object="answer")
    return row


def _seal(tx: Tx, patient_id: str, answer_id: str, column: str, text: str | None) -> bytes | None:
    return None if text is None else tx.seal(patient_id, text.encode(), f"{answer_id}:{column}")


def _open(tx: Tx, patient_id: str, answer_id: str, column: str, sealed: bytes | None) -> str | None:
    return None if sealed is None else tx.unseal(patient_id, sealed, f"{answer_id}:{column}").decode()


def _digests(prompt: Mapping[str, Any]) -> dict[str, Any]:
    return {name: prompt[name] for name in ("name", "version", "sha256") if name in prompt}


def _texts(value: Any) -> Any:
    """Numbers with a point as text: a record holds no floats, whose digits differ between systems."""
    if isinstance(value, float):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _texts(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return value


def _answer(tx: Tx, row: AnswerRow, patient_id: str) -> StoredAnswer:
    return StoredAnswer(
        id=row.id,
        study_id=row.study_id,
        report_id=row.report_id,
        kind=row.kind,  # type: ignore[arg-type]
        state=row.state,  # type: ignore[arg-type]
        asked_by=row.asked_by,
        question=_open(tx, patient_id, row.id, "question", row.question),
        answer=_open(tx, patient_id, row.id, "answer", row.answer),
        view=row.view,
        prompt=row.prompt,
        sampling=row.sampling,
        model=row.model,
        outcome=row.outcome,
        boxes=row.boxes,
        failure=row.failure,
        urgent=row.urgent,
        attempt=row.attempt,
        asked_at=row.asked_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
