"""Large files in parts: sent one after the other, each checked by its digest, and gone on with after a break.

A broken connection costs the part that was under way. A page that was reloaded asks which uploads wait, and knows
its file again by size and by the digest of its first part; names are never sent.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from app.api.uploads import intake_of, refusals_recorded
from app.auth import Caller, allow
from app.errors import Refused
from app.receiving import Partial, Receiving
from app.shapes.uploads import KeptFile, PartReceived, WaitingUploads

router = APIRouter(tags=["uploads"], prefix="/api/uploads")
CLINICIAN = allow("clinician")
PART_BYTES = 64 << 20
"""Most bytes of one part; the page sends a quarter of it."""
Digest = Annotated[str, Query(pattern="^[0-9a-f]{64}$")]


@router.get("")
def unfinished(request: Request, caller: Caller = CLINICIAN) -> WaitingUploads:
    """One's own uploads that may be gone on with, and how much of each file is here."""
    return {
        "uploads": [
            {"upload_id": one.id, "files": [_told(one, number) for number in range(len(one.sizes))]}
            for one in intake_of(request).unfinished(caller)
        ]
    }


def _told(receiving: Receiving, number: int) -> KeptFile:
    """How much of a file is here, and by what its sender knows it again."""
    part = receiving.parts.get(number)
    whole = number in receiving.received
    kept = receiving.sizes[number] if whole else part.kept if part else 0
    return {
        "n": number,
        "bytes": receiving.sizes[number],
        "kept": kept,
        "whole": whole,
        "head": part.head if part else "",
        "head_bytes": part.head_bytes if part else 0,
    }


@router.get("/{upload_id}/parts/{number}")
def kept(request: Request, upload_id: str, number: int, caller: Caller = CLINICIAN) -> KeptFile:
    """How much of a file is here."""
    receiving = intake_of(request).mine(caller, upload_id)
    if not 0 <= number < len(receiving.sizes):
        raise Refused("app.upload_state")
    return _told(receiving, number)


@router.put("/{upload_id}/parts/{number}")
async def send(
    request: Request,
    upload_id: str,
    number: int,
    offset: Annotated[int, Query(ge=0)],
    sha256: Digest | None = None,
    caller: Caller = CLINICIAN,
) -> PartReceived:
    """The next part of a file as the raw body; it counts only when it arrived whole and, where given, by its digest."""
    intake = intake_of(request)
    receiving = await run_in_threadpool(intake.mine, caller, upload_id)
    if receiving.state != "receiving" or not 0 <= number < len(receiving.sizes):
        raise Refused("app.upload_state")
    partial = receiving.parts.setdefault(number, Partial(receiving.sizes[number]))
    if number in receiving.received or partial.busy or partial.kept != offset:
        raise Refused("app.upload_part", kept=partial.kept)
    partial.busy = True
    path = receiving.folder / f"{number:06d}.parts"
    try:
        async with refusals_recorded(intake, receiving):
            await _added(request, path, partial, sha256)
    finally:
        partial.busy = False
    if partial.kept == partial.of:
        path.replace(receiving.folder / f"{number:06d}")
        intake.took(receiving, number, partial.of, partial.digest.hexdigest())
        return {"received": partial.of, "whole": True, "sha256": partial.digest.hexdigest()}
    return {"received": partial.kept, "whole": False}


async def _added(request: Request, path: Path, partial: Partial, sha256: str | None) -> None:
    """Write the body behind what is here; a part that is cut, changed or too large leaves everything as it was."""
    digest, own, size = partial.digest.copy(), hashlib.sha256(), 0
    room = min(PART_BYTES, partial.of - partial.kept)
    expected = request.headers.get("content-length", "")
    path.touch(mode=0o600)
    with path.open("r+b") as target:
        target.seek(partial.kept)
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > room:
                    raise Refused("app.upload_too_large", what="bytes", limit=room)
                await run_in_threadpool(_written, target, chunk, (digest, own))
        except ClientDisconnect as error:
            raise Refused("app.upload_cut") from error
    if expected.isdigit() and int(expected) != size:
        raise Refused("app.upload_cut")
    if sha256 is not None and own.hexdigest() != sha256:
        raise Refused("app.upload_digest")
    if not partial.kept:
        partial.head, partial.head_bytes = own.hexdigest(), size
    partial.digest, partial.kept = digest, partial.kept + size


def _written(target: Any, chunk: bytes, digests: tuple[Any, Any]) -> None:
    target.write(chunk)
    for one in digests:
        one.update(chunk)
