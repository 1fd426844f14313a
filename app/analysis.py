"""Ask, describe, stop: a question becomes an entry in the record and durable work, in one commit."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from app import quotas, scope, sections
from app.auth import Caller
from app.errors import Refused
from app.queue import Queue
from app.shapes.studies import Preset
from app.sources import checked_view
from app.wiring import Services
from app.wording import sentence
from model.answers import Sampling
from model.prompts import presets, prompt
from storage import answers, studies
from storage.answers import Kind, StoredAnswer
from storage.database import Tx, new_id
from storage.studies import Study

GROUPS = {
    "CR": "chest",
    "DX": "chest",
    "RG": "chest",
    "CT": "ct",
    "SM": "histology",
    "GM": "histology",
    "XC": "histology",
}


def ask(
    services: Services,
    queue: Queue,
    caller: Caller,
    study_id: str,
    *,
    question: str | None,
    preset: str | None,
    view: Mapping[str, Any],
    overridden: Sequence[str] = (),
) -> StoredAnswer:
    """Put a question about what is open; raises Refused for one that is empty or too long, or a picture out of scope.

    overridden: warnings of the gate that the asker has seen and goes beyond
    """
    text = (
        next((one.text for one in presets() if one.id == preset), None)
        if preset
        else (question or "").strip()
    )
    limit = services.settings.question_characters
    if not text:
        raise Refused("app.invalid", what="question")
    if len(text) > limit:
        raise Refused("app.too_long", found=len(text), limit=limit)
    going_beyond = scope.check(services, caller, study_id, [view], overridden)
    return _begin(
        services, queue, caller, study_id, kind="question", question=text, view=view, overridden=going_beyond
    )


def describe(
    services: Services,
    queue: Queue,
    caller: Caller,
    study_id: str,
    view: Mapping[str, Any],
    overridden: Sequence[str] = (),
) -> StoredAnswer:
    """Ask for one sentence about what is open; raises Refused for a picture out of scope."""
    going_beyond = scope.check(services, caller, study_id, [view], overridden)
    return _begin(
        services, queue, caller, study_id, kind="caption", question=None, view=view, overridden=going_beyond
    )


def _begin(
    services: Services,
    queue: Queue,
    caller: Caller,
    study_id: str,
    *,
    kind: Kind,
    question: str | None,
    view: Mapping[str, Any],
    overridden: Sequence[str],
) -> StoredAnswer:
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "work")
        stated = checked_view(tx, study, view)
        quotas.before_questions(services, tx)
        kept = new_answer(services, tx, study, kind=kind, question=question, view=stated)
        scope.record(tx, study, kept.id, overridden)
        queue.enqueue(tx, kept.id, urgent=study.urgent)
    return kept


def new_answer(
    services: Services,
    tx: Tx,
    study: Study,
    *,
    kind: Kind,
    question: str | None,
    view: Mapping[str, Any],
    report_id: str | None = None,
    answer_id: str | None = None,
    **links: str,
) -> StoredAnswer:
    """Keep what is asked, with its prompt by name, version and digest."""
    used = prompt(sections.PROMPTS.get(kind, kind))
    sampling = Sampling(max_new_tokens=services.settings.max_new_tokens)
    return answers.ask(
        tx,
        study,
        kind=kind,
        question=question,
        view=dict(view),
        prompt={"name": used.name, "version": used.version, "sha256": used.sha256, **links},
        sampling={
            "max_new_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
        },
        report_id=report_id,
        answer_id=answer_id,
    )


def draft(
    services: Services,
    queue: Queue,
    study: Study,
    tx: Tx,
    report_id: str,
    *,
    told: Mapping[str, str],
    view: Mapping[str, Any],
    fields: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Let what is seen be written, then what it means over it; returns the answers' ids.

    told: indication and history; fields: parts of a slide, described one after another in place of `view`
    """
    common: dict[str, Any] = {
        "question": json.dumps(dict(told), ensure_ascii=False),
        "report_id": report_id,
    }
    pathology = bool(study.facts.get("slides"))
    seen: list[Mapping[str, Any]] = [{**one, "field": n} for n, one in enumerate(fields, 1)] or [view]
    kind: Kind = "report_field" if fields else "report_microscopy" if pathology else "report_findings"
    ids = [new_id() for _ in range(len(seen) + 1)]
    quotas.before_questions(services, tx, len(ids))
    for place, one in enumerate(seen):
        new_answer(
            services,
            tx,
            study,
            kind=kind,
            view=one,
            answer_id=ids[place],
            then=ids[place + 1],
            plan=ids[0],
            **common,
        )
    last: Kind = "report_diagnosis" if pathology else "report_impression"
    new_answer(services, tx, study, kind=last, view=view, answer_id=ids[-1], after=ids[-2], **common)
    queue.enqueue(tx, ids[0], urgent=study.urgent)
    return ids


async def stop(services: Services, queue: Queue, caller: Caller, answer_id: str) -> None:
    """Stop an answer, begun or not."""
    if await asyncio.to_thread(_note_stop, services, caller, answer_id):
        await queue.cancel(answer_id)


def _note_stop(services: Services, caller: Caller, answer_id: str) -> bool:
    """Keep the wish, and end what no worker has begun; whether there is something to cancel."""
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id, "work")
        stored = answers.get(tx, study, answer_id)
        if stored.state == "waiting" and answers.stop_waiting(tx, study, answer_id):
            stop_following(tx, study, stored)
        else:
            tx.record(
                "answer.read",
                subject=study.patient_ref,
                object_type="answer",
                object_id=answer_id,
                reason="stop",
            )
    return stored.state in ("waiting", "running")


def stop_following(tx: Tx, study: Study, stopped: StoredAnswer) -> None:
    """End everything that would have been asked after an answer that will not come."""
    following = stopped.prompt.get("then")
    while following and answers.stop_waiting(tx, study, str(following)):
        following = answers.get(tx, study, str(following)).prompt.get("then")


def presets_for(study: Study, language: str) -> list[Preset]:
    """The questions that suit a study, by its modality, in the reader's language; the model gets its own English."""
    group = "histology" if study.facts.get("kind") == "pathology" else GROUPS.get(study.modality, "")
    suited = [one.id for one in presets() if one.group in ("any", group)]
    return [{"id": one, "text": sentence(f"preset.{one}", language)} for one in suited]
