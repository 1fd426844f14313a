"""Confirming with the password, and the code of a second factor, that one may take something away."""

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app import leaving
from app.auth import Caller, Confirmed, allow, services_of
from app.shapes.people import GrantGiven
from storage.grants import LASTS

router = APIRouter(tags=["account"])


class Leaving(Confirmed):
    """What is to be taken away: the address of an export with its query."""

    target: str = Field(max_length=1000)


@router.post("/api/grants", status_code=201)
def confirmed(request: Request, response: Response, wanted: Leaving, caller: Caller = allow()) -> GrantGiven:
    """Let this browser open that address once, within a minute; what it needs for it comes as a cookie."""
    token = leaving.give(services_of(request), caller, wanted.target, wanted.password, wanted.code)
    seconds = int(LASTS.total_seconds())
    response.set_cookie(
        leaving.COOKIE, token, secure=True, httponly=True, samesite="strict", path="/", max_age=seconds
    )
    return {"seconds": seconds}
