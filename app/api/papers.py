"""Papers: is this one ours, unaltered, and the latest?"""

from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from app import papers
from app.auth import Caller, allow, services_of
from app.policy import HOMES
from app.shapes.system import NotedPaper, PaperChecked, PaperSeal
from storage.audit.papers import Noted

router = APIRouter(tags=["papers"])
ANYONE = allow()


class PaperAsked(BaseModel):
    """The digest of a file, which never leaves the reader's machine, and the code on it."""

    sha256: str = Field("", pattern="^([0-9a-f]{64})?$")
    code: str = Field("", max_length=500)


@router.get("/PAPER/{code}", include_in_schema=False)
def printed(request: Request, code: str, caller: Caller = ANYONE) -> RedirectResponse:
    """Where the code on a paper leads: the page of papers of whoever scanned it."""
    found = papers.parse(f"/PAPER/{code}")
    shown = code.upper() if found else ""
    return RedirectResponse(f"{HOMES[caller.user.role]}paper?code={shown}", 303)


@router.post("/api/papers/check")
def check(request: Request, wanted: PaperAsked, caller: Caller = ANYONE) -> PaperChecked:
    """What the record says of it."""
    found = papers.check(services_of(request), caller, wanted.sha256, wanted.code)
    return {
        "verdict": found.verdict,
        "kind": found.kind,
        "left": _noted(found.left),
        "newer": _noted(found.newer),
        "seal": cast(PaperSeal, dict(found.left.seal)) if found.left and found.left.seal else None,
        "version": found.version,
        "signed_at": found.signed_at.isoformat() if found.signed_at else None,
    }


def _noted(one: Noted | None) -> NotedPaper | None:
    return {"entry": one.seq, "time": one.time.isoformat(), "action": one.action} if one else None
