"""Ask, describe, stop: a question becomes an entry in the record and durable work, in one commit."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from app.auth import Caller
from app.errors import Refused
from app.queue import Queue
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
) -> StoredAnswer:
    """Put a question about what is open; raises Refused for one that is empty or too long."""
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
    return _begin(services, queue, caller, study_id, kind="question", question=text, view=view)


def describe(
    services: Services, queue: Queue, caller: Caller, study_id: str, view: Mapping[str, Any]
) -> StoredAnswer:
    """Ask for one sentence about what is open."""
    return _begin(services, queue, caller, study_id, kind="caption", question=None, view=view)


def _begin(
    services: Services,
    queue: Queue,
    caller: Caller,
    study_id: str,
    *,
    kind: Kind,
    question: str | None,
    view: Mapping[str, Any],
) -> StoredAnswer:
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id)
        check_view(tx, study, view)
        kept = new_answer(services, tx, study, kind=kind, question=question, view=view)
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
    used = prompt(kind)
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
    caller: Caller,
    study: Study,
    tx: Tx,
    report_id: str,
    *,
    indication: str,
    history: str,
    view: Mapping[str, Any],
) -> list[str]:
    """Let findings be written, then the impression over them; returns both answers' ids."""
    values = json.dumps({"indication": indication, "history": history}, ensure_ascii=False)
    common: dict[str, Any] = {"question": values, "view": view, "report_id": report_id}
    second = new_id()
    findings = new_answer(services, tx, study, kind="report_findings", **common, then=second)
    impression = new_answer(
        services, tx, study, kind="report_impression", **common, answer_id=second, after=findings.id
    )
    queue.enqueue(tx, findings.id, urgent=study.urgent)
    return [findings.id, impression.id]


def check_view(tx: Tx, study: Study, view: Mapping[str, Any]) -> None:
    """The picture must be one of this study; raises NotFound, Refused."""
    instance = studies.instance(tx, str(view.get("instance_id")), study.owner_id)
    if instance.study_id != study.id or not 0 <= int(view.get("frame") or 0) < instance.frames:
        raise Refused("app.invalid", what="view")


async def stop(services: Services, queue: Queue, caller: Caller, answer_id: str) -> None:
    """Stop an answer, begun or not."""
    if await asyncio.to_thread(_note_stop, services, caller, answer_id):
        await queue.cancel(answer_id)


def _note_stop(services: Services, caller: Caller, answer_id: str) -> bool:
    """Keep the wish, and end what no worker has begun; whether there is something to cancel."""
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id)
        stored = answers.get(tx, study, answer_id)
        if stored.state == "waiting" and answers.stop_waiting(tx, study, answer_id):
            following = stored.prompt.get("then")
            if following:
                answers.stop_waiting(tx, study, str(following))
        else:
            tx.record(
                "answer.read",
                subject=study.patient_ref,
                object_type="answer",
                object_id=answer_id,
                reason="stop",
            )
    return stored.state in ("waiting", "running")


def presets_for(study: Study, language: str) -> list[dict[str, str]]:
    """The questions that suit a study, by its modality, in the reader's language; the model gets its own English."""
    group = "histology" if study.facts.get("kind") == "pathology" else GROUPS.get(study.modality, "")
    suited = [one.id for one in presets() if one.group in ("any", group)]
    return [{"id": one, "text": sentence(f"preset.{one}", language)} for one in suited]
