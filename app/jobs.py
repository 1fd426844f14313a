"""What a worker does: answer one question, safe to run twice, and keep what came of it in one commit."""

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import structlog

from app import analysis, reporting, viewing
from app.queue import Queue
from app.wiring import Services
from model.answers import Answerer, Completion, Delta, ModelCard, Sampling
from model.prompts import prompt
from storage import answers, studies
from storage.answers import StoredAnswer
from storage.database import Actor, Tx
from storage.studies import Study

ATTEMPTS = 3
log = structlog.get_logger()
Say = Callable[[int, str], None]


@dataclass(frozen=True, slots=True)
class Worker:
    """What a job works with."""

    services: Services
    queue: Queue
    answerer: Answerer
    actor: Actor
    note: Callable[[str], None] = lambda _: None
    """Told the code of each failure, for the system page."""


def begin(worker: Worker, answer_id: str) -> StoredAnswer | None:
    """Note the attempt; None when the answer is over, or now failed after too many deaths."""
    with worker.services.database.write(worker.actor) as tx:
        study = _study(tx, answer_id)
        started = answers.start(tx, study, answer_id)
        if started is None:
            tx.record(
                "answer.started", object_type="answer", object_id=answer_id, outcome="failure", reason="over"
            )
            return None
        if started.attempt > ATTEMPTS:
            answers.fail(tx, study, answer_id, "worker.died")
            _after(worker, tx, study, started, None)
            return None
    return started


def piece_key(worker: Worker, answer_id: str) -> bytes:
    """The key that seals the pieces of an answer on their way to the reader."""
    with worker.services.database.read(worker.actor) as tx:
        return answers.piece_key(tx, _study(tx, answer_id))


def answer(worker: Worker, asked: StoredAnswer, say: Say, stopped: threading.Event) -> bool:
    """Look, speak piece by piece, and keep the result; a failure is kept with its cause.

    False when it broke off although no reader stopped it: this worker is leaving, or was taken for dead, and
    what it said so far is no answer; another worker begins anew.
    """
    try:
        completion = _speak(worker, asked, say, stopped)
        if completion.stop_reason == "stopped" and not worker.queue.is_cancelled(asked.id):
            log.info("answer handed over", answer_id=asked.id, attempt=asked.attempt)
            return False
        _keep(worker, asked, completion)
    except Exception as error:  # every cause is shown to the reader, by its code
        code = str(getattr(error, "code", "worker.failed"))
        log.error("answer failed", answer_id=asked.id, kind=type(error).__name__, code=code)
        worker.note(code)
        _fail(worker, asked, code)
    return True


def settle(worker: Worker, answer_id: str) -> None:
    """End an answer whose work is over although nothing came of it: its worker died while it was stopped."""
    with worker.services.database.read(worker.actor) as tx:
        asked = answers.get(tx, _study(tx, answer_id), answer_id)
    _fail(worker, asked, "worker.died")


def _fail(worker: Worker, asked: StoredAnswer, code: str) -> None:
    with worker.services.database.write(worker.actor) as tx:
        study = _study(tx, asked.id)
        if _is_ours(tx, study, asked) and answers.fail(tx, study, asked.id, code):
            _after(worker, tx, study, asked, None)
        else:
            tx.record(
                "answer.failed", object_type="answer", object_id=asked.id, outcome="failure", reason=code
            )


def _is_ours(tx: Tx, study: Study, asked: StoredAnswer) -> bool:
    """Whether nobody took it over: a worker that was frozen and thaws must not end another one's attempt."""
    return answers.get(tx, study, asked.id).attempt == asked.attempt


def _keep(worker: Worker, asked: StoredAnswer, completion: Completion) -> None:
    """The answer, its entry and what follows from it, in one commit."""
    with worker.services.database.write(worker.actor) as tx:
        study = _study(tx, asked.id)
        kept = _is_ours(tx, study, asked) and answers.finish_once(
            tx,
            study,
            asked.id,
            state="stopped" if completion.stop_reason == "stopped" else "done",
            answer=completion.text,
            model=model_facts(worker.answerer.card),
            outcome=_outcome(completion),
            boxes=[asdict(box) for box in completion.boxes],
        )
        if kept:
            _after(worker, tx, study, asked, completion)
        else:
            tx.record(
                "answer.finished", object_type="answer", object_id=asked.id, outcome="failure", reason="over"
            )


def _speak(worker: Worker, asked: StoredAnswer, say: Say, stopped: threading.Event) -> Completion:
    with worker.services.database.read(worker.actor) as tx:
        study = _study(tx, asked.id)
        shown = viewing.pictures(worker.services, tx, study, asked.view)
        text = filled(tx, study, asked)
    pieces = worker.answerer.answer(
        shown, text, Sampling(**asked.sampling), stop=stopped.is_set, urgent=asked.urgent
    )
    for number, piece in enumerate(pieces):
        if isinstance(piece, Completion):
            return piece
        assert isinstance(piece, Delta)
        say(number, piece.text)
    raise RuntimeError("the model ended without a completion")


def filled(tx: Tx, study: Study, asked: StoredAnswer) -> str:
    """The prompt of an answer with its values; the impression is written over the findings before it."""
    values: dict[str, str] = json.loads(asked.question or "{}") if asked.kind.startswith("report_") else {}
    if asked.kind == "question":
        values = {"question": asked.question or ""}
    elif asked.kind in ("report_impression", "report_diagnosis"):
        values = {**values, "findings": _written_before(tx, study, asked)}
    return prompt(str(asked.prompt["name"])).fill(**values)


def _written_before(tx: Tx, study: Study, asked: StoredAnswer) -> str:
    """What a conclusion is drawn from: the answer before it, of a reading plan all its fields by number."""
    before = answers.get(tx, study, str(asked.prompt["after"]))
    if before.kind != "report_field":
        return before.answer or ""
    read = [
        one
        for one in answers.of_study(tx, study)
        if one.kind == "report_field" and one.prompt.get("plan") == before.prompt["plan"]
    ]
    read.sort(key=lambda one: int(one.view["field"]))
    return " ".join(f"Field {one.view['field']}: {one.answer}" for one in read if one.answer)


def _after(worker: Worker, tx: Tx, study: Study, asked: StoredAnswer, completion: Completion | None) -> None:
    """A report's section goes into the draft; the impression follows the findings, or falls with them."""
    if completion is not None and asked.report_id and completion.stop_reason != "stopped":
        reporting.take_section(tx, study, answers.get(tx, study, asked.id))
    following = asked.prompt.get("then")
    if not following:
        return
    if completion is not None and completion.stop_reason != "stopped":
        worker.queue.enqueue(tx, str(following), urgent=asked.urgent)
    else:
        analysis.stop_following(tx, study, asked)


def model_facts(card: ModelCard) -> dict[str, Any]:
    """What is kept of a model with each of its answers."""
    return {
        "name": card.name,
        "architecture": card.architecture,
        "fingerprint": card.fingerprint,
        "revision": card.revision,
        "demonstration": card.demonstration,
        "licence": card.licence,
        "languages": list(card.languages),
        "modalities": list(card.modalities),
        "crops_per_picture": card.crops_per_picture,
        "crop_px": card.crop_px,
    }


def _outcome(completion: Completion) -> dict[str, Any]:
    return {
        "stop_reason": completion.stop_reason,
        "prompt_tokens": completion.prompt_tokens,
        "visual_positions": completion.visual_positions,
        "generated_tokens": completion.generated_tokens,
        "milliseconds_to_first": round(completion.seconds_to_first * 1000),
        "milliseconds": round(completion.seconds * 1000),
    }


def _study(tx: Tx, answer_id: str) -> Study:
    return studies.get(tx, answers.study_of(tx, answer_id), None)
