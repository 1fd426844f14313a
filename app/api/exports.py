"""A copy of a study without identity, for its owner to take away."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from app import export, leaving
from app.auth import Caller, allow, services_of
from app.describing import gives
from dicom.profile import Dates, Options

router = APIRouter(tags=["studies"], prefix="/api/studies/{study_id}")
CLINICIAN = allow("clinician")


class Wanted(BaseModel):
    """What goes beyond the basic profile of PS3.15, or stays against it."""

    dates: Dates = "remove"
    keep_uids: bool = False
    keep_device: bool = False
    keep_institution: bool = False
    keep_characteristics: bool = False
    clean_descriptors: bool = False
    clean_pixels: bool = True
    pseudonym: bool = True


@router.get("/deidentified.zip", response_class=StreamingResponse, responses=gives("application/zip"))
def copy(
    request: Request, study_id: str, wanted: Annotated[Wanted, Query()], caller: Caller = CLINICIAN
) -> StreamingResponse:
    """A ZIP of copies without identity and report.json, which says what was done and what may still hold text."""
    leaving.check(request, caller)
    chosen = wanted.model_dump()
    options = Options(keyed_pseudonym=chosen.pop("pseudonym"), **chosen)
    pieces = export.begin(services_of(request), caller, study_id, options)
    headers = {
        "content-disposition": f'attachment; filename="study-{study_id[:8]}.zip"',
        "cache-control": "no-store",
    }
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)
