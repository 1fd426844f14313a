"""Uploads: announce, send each file as a stream, finish, describe pictures that have no header."""

import errno
import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, PlainSerializer
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.api.studies import line_json
from app.auth import Caller, allow, services_of
from app.describing import PNG
from app.errors import Refused
from app.intake import Intake
from app.receiving import Receiving
from app.shapes import Nothing
from app.shapes.uploads import FileReceived, UploadBegun, UploadStage, UploadState, WaitingPicture
from app.wording import sentence
from dicom import mirax
from dicom.render import View, thumbnail
from storage import studies, uploads, worklist
from storage.errors import NotFound
from storage.worklist import StudyLine

router = APIRouter(tags=["uploads"], prefix="/api/uploads")
CLINICIAN = allow("clinician")
SLACK = 1 << 20
"""Bytes by which an upload may exceed what was announced: a folder may change while it is sent."""
PREVIEW = 360
"""Longer side of a picture that waits for a decision: large enough to read what a device wrote."""
VIEW = View(square=True, overlays=True)
Part = Annotated[str, Field(pattern=rf"^\d{{1,3}}/({mirax.PART.pattern})$", max_length=64)]
"""Of a file that is no slide alone: which slide of the upload it belongs to, and its name there, as 0/Index.dat."""
Day = Annotated[date, PlainSerializer(date.isoformat, return_type=str)]


@asynccontextmanager
async def refusals_recorded(intake: Intake, receiving: Receiving) -> AsyncIterator[None]:
    """A file that is refused while it arrives stands in the record; a full disk is a refusal, another failure is none."""
    try:
        yield
    except Refused as error:
        await run_in_threadpool(intake.refused, receiving, error.code)
        raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        await run_in_threadpool(intake.refused, receiving, "storage.disk_full")
        raise Refused("storage.disk_full") from error


class Announced(BaseModel):
    """How much will come, and whether its sender wants to see what it tells of the patient before it is kept.

    sizes: bytes of each file, where large ones are to come in parts
    parts: of files that are one slide together, by their numbers
    """

    files: int = Field(ge=1)
    bytes: int = Field(ge=0)
    look_first: bool = False
    sizes: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list, max_length=20_000)
    parts: dict[Annotated[int, Field(ge=0)], Part] = Field(default_factory=dict, max_length=20_000)


class Finished(BaseModel):
    """The open study the files belong to, if they are to join one."""

    study_id: str | None = Field(None, max_length=64)


class Decided(BaseModel):
    """Keep what was found, freed of identity or as the site's rule says."""

    pseudonymise: bool = False


class OfOne(BaseModel):
    """What a person says of one slide among several; empty: what they said of all."""

    n: int = Field(ge=0)
    specimen: str = Field("", max_length=200)
    block: str = Field("", max_length=64)
    stain: str = Field("", max_length=64)


class Details(BaseModel):
    """What a person says of pictures without headers; empty stays unknown."""

    patient_name: str = Field("", max_length=200)
    patient_id: str = Field("", max_length=64)
    birth_date: Day | Literal[""] = ""
    sex: Literal["", "M", "F", "O"] = ""
    study_date: Day | Literal[""] = ""
    kind: Literal["radiology", "pathology"] = "radiology"
    specimen: str = Field("", max_length=200)
    block: str = Field("", max_length=64)
    stain: str = Field("", max_length=64)
    um_per_pixel: float | None = Field(None, gt=0, le=1000)
    description: str = Field("", max_length=200)
    each: list[OfOne] = Field(default_factory=list, max_length=500)


def intake_of(request: Request) -> Intake:
    """The uploads of this process."""
    found: Intake = request.app.state.intake
    return found


@router.post("", status_code=201)
def begin(request: Request, announced: Announced, caller: Caller = CLINICIAN) -> UploadBegun:
    """Announce an upload."""
    upload_id = intake_of(request).begin(
        caller,
        announced.files,
        announced.bytes,
        look_first=announced.look_first,
        sizes=announced.sizes,
        parts=announced.parts,
    )
    return {"upload_id": upload_id}


@router.put("/{upload_id}/files/{number}")
async def send(request: Request, upload_id: str, number: int, caller: Caller = CLINICIAN) -> FileReceived:
    """One file as the raw body; it counts only when it arrived whole."""
    intake = intake_of(request)
    receiving = await run_in_threadpool(intake.mine, caller, upload_id)
    if receiving.state != "receiving" or not 0 <= number < receiving.announced["files"]:
        raise Refused("app.upload_state")
    limit = services_of(request).settings.upload_file_bytes
    room = receiving.announced["bytes"] + SLACK - sum(receiving.received.values()) - receiving.under_way
    room = min(limit, room + receiving.received.get(number, 0))
    path = receiving.folder / f"{number:06d}"
    arriving = receiving.folder / f"{number:06d}.{secrets.token_hex(4)}.part"
    try:
        async with refusals_recorded(intake, receiving):
            size, sha256 = await _arrived(request, arriving, room)
            arriving.replace(path)
    finally:
        arriving.unlink(missing_ok=True)
    intake.took(receiving, number, size, sha256)
    return {"received": size, "sha256": sha256}


async def _arrived(request: Request, part: Path, room: int) -> tuple[int, str]:
    """Write the body to a file; returns its size and digest. Raises Refused when it is too large or cut."""
    size, digest = 0, hashlib.sha256()
    expected = request.headers.get("content-length", "")
    if expected.isdigit() and int(expected) > room:
        raise Refused("app.upload_too_large", what="bytes", limit=room)
    try:
        with part.open("wb") as target:
            async for chunk in request.stream():
                size += len(chunk)
                if size > room:
                    raise Refused("app.upload_too_large", what="bytes", limit=room)
                digest.update(chunk)
                await run_in_threadpool(target.write, chunk)
    except ClientDisconnect as error:
        raise Refused("app.upload_cut") from error
    if expected.isdigit() and int(expected) != size:
        raise Refused("app.upload_cut")
    return size, digest.hexdigest()


@router.post("/{upload_id}/finish", status_code=202)
def finish(request: Request, upload_id: str, wanted: Finished, caller: Caller = CLINICIAN) -> Nothing:
    """Everything was sent: read it."""
    intake = intake_of(request)
    receiving = intake.mine(caller, upload_id)
    if wanted.study_id is not None:
        with services_of(request).database.read(caller.actor) as tx:
            studies.get(tx, wanted.study_id, caller.user.id)
    intake.finish(receiving, wanted.study_id)
    return {}


@router.post("/{upload_id}/decision", status_code=202)
def decide(request: Request, upload_id: str, wanted: Decided, caller: Caller = CLINICIAN) -> Nothing:
    """What the files tell was seen: let them in."""
    intake = intake_of(request)
    intake.decide(intake.mine(caller, upload_id), pseudonymise=wanted.pseudonymise)
    return {}


@router.get("/{upload_id}/lens/{number}.png", response_class=Response, responses=PNG)
def seen(
    request: Request, upload_id: str, number: int, masked: bool = False, caller: Caller = CLINICIAN
) -> Response:
    """A picture that waits for a decision, small: as it is, or as it would be with its bands blanked."""
    receiving: Receiving = intake_of(request).mine(caller, upload_id)
    if not 0 <= number < len(receiving.waiting):
        raise NotFound(object="picture")
    path, decoder = receiving.waiting[number][1].path, services_of(request).decoder
    picture = decoder.masked(path, VIEW)[0] if masked else decoder.render(path, VIEW)
    return Response(
        thumbnail(picture, PREVIEW), media_type="image/png", headers={"cache-control": "no-store"}
    )


@router.post("/{upload_id}/details", status_code=202)
def describe(request: Request, upload_id: str, details: Details, caller: Caller = CLINICIAN) -> Nothing:
    """Say what the pictures are; they become a study."""
    intake = intake_of(request)
    intake.describe(intake.mine(caller, upload_id), details.model_dump())
    return {}


@router.delete("/{upload_id}")
def discard(request: Request, upload_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """Forget it."""
    intake = intake_of(request)
    intake.discard(intake.mine(caller, upload_id))
    return {}


@router.get("/{upload_id}")
def progress(request: Request, upload_id: str, caller: Caller = CLINICIAN) -> UploadState:
    """How far it got, what was found, what was refused and why."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        upload = uploads.get(tx, upload_id, caller.user.id)
        live = intake_of(request).uploads.get(upload_id)
        state, found = (live.state, live.progress()) if live else (upload.state, upload.progress)
        lines = [line_json(tx, one) for one in _studies(tx, found.get("studies", ()), caller)]
    return {
        "state": cast(UploadStage, state),
        "received": found.get("received", {"files": 0, "bytes": 0}),
        "read": found.get("read", {"done": 0, "total": 0}),
        "studies": lines,
        "pictures": [
            cast(
                WaitingPicture, {**one, "thumbnail_url": f"/api/uploads/{upload_id}/pictures/{one['n']}.png"}
            )
            for one in found.get("pictures", ())
        ],
        "refused": [
            {
                "n": one["n"],
                "code": one["code"],
                "sentence": sentence(one["code"], caller.language, **one["facts"]),
            }
            for one in found.get("refused", ())
        ],
        "duplicates": found.get("duplicates", 0),
        "lens": found.get("lens"),
    }


def _studies(tx: Any, ids: Any, caller: Caller) -> list[StudyLine]:
    wanted = set(ids)
    if not wanted:
        return []
    return [line for line in worklist.listed(tx, caller.user.id, way="owner") if line.study.id in wanted]


@router.get("/{upload_id}/pictures/{number}.png", response_class=Response, responses=PNG)
def picture(request: Request, upload_id: str, number: int, caller: Caller = CLINICIAN) -> Response:
    """A picture that waits for its details, small."""
    receiving: Receiving = intake_of(request).mine(caller, upload_id)
    path = next((path for n, path, _ in receiving.pictures if n == number), None)
    if path is None:
        raise NotFound(object="picture")
    return Response(services_of(request).decoder.thumbnail(path), media_type="image/png")
