"""Questions, captions and their answers: ask, follow as a stream, stop, print."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app import analysis, delivery, viewing
from app.auth import Caller, allow, services_of
from app.browser_copies import keeping
from app.describing import PDF, PNG, gives
from app.planes import THICKEST_MM
from app.queue import Queue
from app.shapes import Nothing
from app.shapes.answers import Answer, AnswerBegun, Answers, ModelFacts, ViewSeen
from app.wiring import Services
from app.wording import sentence
from dicom.render import png
from dicom.reslice import How
from dicom.windowing import Function
from storage import answers, studies
from storage.answers import OVER, StoredAnswer
from storage.errors import NotFound

router = APIRouter(tags=["answers"])
CLINICIAN = allow("clinician")
PLACE_EVERY_SECONDS = 1.0


Number = Annotated[float, Field(allow_inf_nan=False)]


class PlaneAsked(BaseModel):
    """A plane cut through a volume: a point of it in mm, directions of its rows and columns, slab and projection."""

    at: tuple[Number, Number, Number]
    right: tuple[Number, Number, Number]
    down: tuple[Number, Number, Number]
    slab_mm: float = Field(0, ge=0, le=THICKEST_MM, allow_inf_nan=False)
    how: How = "mean"
    stack: int = Field(0, ge=0, le=20_000)


class Source(BaseModel):
    """One picture: frame, window and its curve, inverted or not, what is laid over it, a part of it.

    plane: cut through the series of the picture, in its place; the box is then in pixels of the plane
    """

    instance_id: str = Field(max_length=64)
    frame: int = Field(0, ge=0)
    center: Number | None = None
    width: Number | None = None
    function: Function | None = None
    invert: bool = False
    overlays: bool = False
    supplemental: bool = False
    box: tuple[Number, Number, Number, Number] | None = None
    plane: PlaneAsked | None = None


class View(Source):
    """What the reader had open, and which pictures they chose to be sent: none named, it is the open one."""

    finest_um: float | None = Field(None, gt=0, le=100, allow_inf_nan=False)
    """Of a slide: micrometres to the pixel of the finest picture that is made of the box."""
    sources: list[Source] = Field(default_factory=list, max_length=40)
    montage: bool = False
    """The sources are laid into one picture."""


OVERRIDDEN: Any = Field(default_factory=list, max_length=20, description="Warnings of the gate to go beyond.")


class Asked(BaseModel):
    """A question in words, or a preset by its id."""

    question: str | None = Field(None, max_length=60_000)
    preset: str | None = Field(None, max_length=40)
    view: View
    overridden: list[str] = OVERRIDDEN


class Described(BaseModel):
    """What is to be described."""

    view: View
    overridden: list[str] = OVERRIDDEN


def queue_of(request: Request) -> Queue:
    """The queue, in a route."""
    found: Queue = request.app.state.queue
    return found


@router.post("/api/studies/{study_id}/questions", status_code=202)
def ask(request: Request, study_id: str, asked: Asked, caller: Caller = CLINICIAN) -> AnswerBegun:
    """Ask about what is open; the answer is followed at its own address."""
    kept = analysis.ask(
        services_of(request),
        queue_of(request),
        caller,
        study_id,
        question=asked.question,
        preset=asked.preset,
        view=asked.view.model_dump(),
        overridden=asked.overridden,
    )
    return {"answer_id": kept.id, "place": queue_of(request).place(kept.id)}


@router.post("/api/studies/{study_id}/captions", status_code=202)
def describe(request: Request, study_id: str, asked: Described, caller: Caller = CLINICIAN) -> AnswerBegun:
    """Ask for one sentence about what is open."""
    kept = analysis.describe(
        services_of(request), queue_of(request), caller, study_id, asked.view.model_dump(), asked.overridden
    )
    return {"answer_id": kept.id, "place": queue_of(request).place(kept.id)}


@router.get("/api/studies/{study_id}/answers")
def of_study(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Answers:
    """All answers of a study, oldest first."""
    with services_of(request).database.look(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "look")
        tx.record("answer.read", subject=study.patient_ref, object_type="study", object_id=study_id)
        return {"answers": [as_json(one, caller.language) for one in answers.of_study(tx, study)]}


@router.get("/api/answers/{answer_id}")
def one(request: Request, answer_id: str, caller: Caller = CLINICIAN) -> Answer:
    """One answer."""
    with services_of(request).database.look(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id, "look")
        tx.record("answer.read", subject=study.patient_ref, object_type="answer", object_id=answer_id)
        found = as_json(answers.get(tx, study, answer_id), caller.language)
    return {**found, "place": queue_of(request).place(answer_id) if found["state"] == "waiting" else None}


@router.get("/api/answers/{answer_id}/pictures/{number}.png", response_class=Response, responses=PNG)
def picture(request: Request, answer_id: str, number: int, caller: Caller = CLINICIAN) -> Response:
    """A picture as it was sent to the model, made again from the file the same way."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id, "look")
        tx.record("answer.read", subject=study.patient_ref, object_type="answer", object_id=answer_id)
        shown = viewing.pictures(services, tx, study, answers.get(tx, study, answer_id).view)
    if not 0 <= number < len(shown):
        raise NotFound(object="picture")
    return Response(png(shown[number]), media_type="image/png", headers=keeping(study.grant))


@router.get(
    "/api/answers/{answer_id}/stream", response_class=StreamingResponse, responses=gives("text/event-stream")
)
async def stream(
    request: Request, answer_id: str, offset: int = 0, caller: Caller = CLINICIAN
) -> StreamingResponse:
    """Server-sent events: place, piece (attempt a, number s, text t), and end with the whole answer.

    A higher attempt starts the text anew: another worker took over.
    """
    services, queue = services_of(request), queue_of(request)
    key = await run_in_threadpool(_piece_key, services, caller, answer_id)
    events = _events(services, queue, caller, answer_id, key, max(0, offset))
    return StreamingResponse(events, media_type="text/event-stream")


async def _events(
    services: Services, queue: Queue, caller: Caller, answer_id: str, key: bytes, offset: int
) -> AsyncIterator[str]:
    items: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    async def pump(start: int) -> None:
        with suppress(Exception):
            async for piece in queue.follow(answer_id, start):
                items.put_nowait({**piece, "t": answers.open_piece(key, answer_id, piece["t"])})
        items.put_nowait(None)

    seen, begun = offset, False
    task = asyncio.create_task(pump(seen))
    try:
        while True:
            try:
                piece = await asyncio.wait_for(items.get(), PLACE_EVERY_SECONDS)
            except TimeoutError:
                place = 0 if begun else await run_in_threadpool(queue.place, answer_id)
                yield _event("place", {"place": place})
                continue
            if piece is not None:
                seen, begun = seen + 1, True
                yield _event("piece", piece)
                continue
            stored = await run_in_threadpool(_look, services, caller, answer_id)
            if stored.state in OVER:
                yield _event("end", {"answer": as_json(stored, caller.language)})
                return
            # Not begun, or taken over by another worker: there is nothing to follow yet.
            yield _event("place", {"place": 0 if begun else await run_in_threadpool(queue.place, answer_id)})
            await asyncio.sleep(PLACE_EVERY_SECONDS / 2)
            task = asyncio.create_task(pump(seen))
    finally:
        task.cancel()


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _piece_key(services: Services, caller: Caller, answer_id: str) -> bytes:
    with services.database.look(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id, "look")
        tx.record("answer.read", subject=study.patient_ref, object_type="answer", object_id=answer_id)
        return answers.piece_key(tx, study)


def _look(services: Services, caller: Caller, answer_id: str) -> StoredAnswer:
    """The answer again, while its stream is open: opening it is the entry in the record."""
    with services.database.read(caller.actor) as tx:
        study = studies.get(tx, answers.study_of(tx, answer_id), caller.user.id, "look")
        return answers.get(tx, study, answer_id)


@router.post("/api/answers/{answer_id}/stop")
async def stop(request: Request, answer_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """Stop it; what it said so far is kept."""
    await analysis.stop(services_of(request), queue_of(request), caller, answer_id)
    return {}


@router.get("/api/answers/{answer_id}/pdf", response_class=Response, responses=PDF)
def pdf(request: Request, answer_id: str, caller: Caller = CLINICIAN) -> Response:
    """The answer as paper, marked as unsigned."""
    data = delivery.answer_pdf(services_of(request), caller, answer_id)
    return pdf_response(data, f"answer-{answer_id[:8]}.pdf")


def pdf_response(data: bytes, name: str) -> Response:
    """A PDF to download; its name holds an id and nothing else."""
    return Response(
        data, media_type="application/pdf", headers={"content-disposition": f'inline; filename="{name}"'}
    )


def as_json(stored: StoredAnswer, language: str) -> Answer:
    """An answer as the page shows it."""
    outcome = stored.outcome or {}
    failure = stored.failure
    return {
        "id": stored.id,
        "study_id": stored.study_id,
        "report_id": stored.report_id,
        "kind": stored.kind,
        "state": stored.state,
        "question": stored.question if stored.kind == "question" else None,
        "text": stored.answer,
        "view": cast(ViewSeen, stored.view),
        "boxes": stored.boxes or [],
        "model": cast(ModelFacts | None, stored.model),
        "prompt": {
            "name": stored.prompt["name"],
            "version": stored.prompt["version"],
            "sha256": stored.prompt["sha256"],
        },
        "failure": {"code": failure, "sentence": sentence(failure, language, attempts=stored.attempt)}
        if failure
        else None,
        "asked_by": stored.asked_by,
        "created_at": stored.asked_at.isoformat(),
        "finished_at": stored.finished_at.isoformat() if stored.finished_at else None,
        "seconds": outcome["milliseconds"] / 1000 if "milliseconds" in outcome else None,
        "attempt": stored.attempt,
        "place": None,
    }
