"""One's own account: where one is signed in, and the second factor; for the administrator, ending both for others."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app import quotas, second
from app.auth import Caller, Confirmed, allow, confirm, services_of
from app.errors import Refused
from app.shapes import Nothing
from app.shapes.people import Ended, FactorState, NewFactor, OpenSessions, Quotas, Recovery
from storage import factors, sessions, users
from storage.sessions import ID_LENGTH

router = APIRouter(tags=["account"])
ANYONE, ADMIN, CLINICIAN = allow(), allow("admin"), allow("clinician")


class FirstCode(BaseModel):
    """The first code of a new authenticator."""

    code: str = Field(max_length=60)


@router.get("/api/account/sessions")
def signed_in(request: Request, caller: Caller = ANYONE) -> OpenSessions:
    """Where the caller is signed in."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        found = sessions.of_user(tx, caller.user.id, idle=services.idle)
    here = (caller.digest or "")[:ID_LENGTH]
    return {
        "sessions": [
            {
                "id": one.id,
                "device": one.device,
                "ip": one.ip,
                "opened_at": one.opened_at.isoformat(),
                "last_seen_at": one.last_seen_at.isoformat(),
                "here": one.id == here,
            }
            for one in found
        ]
    }


@router.delete("/api/account/sessions/{session_id}")
def end_one(request: Request, session_id: str, caller: Caller = ANYONE) -> Nothing:
    """End one of the caller's sessions."""
    with services_of(request).database.write(caller.actor) as tx:
        sessions.end_one(tx, caller.user.id, session_id)
    return {}


@router.delete("/api/account/sessions")
def end_others(request: Request, caller: Caller = ANYONE) -> Ended:
    """End every session of the caller but this one."""
    with services_of(request).database.write(caller.actor) as tx:
        return {"ended": sessions.end_all(tx, caller.user.id, but=caller.digest)}


@router.get("/api/account/quotas")
def used(request: Request, caller: Caller = CLINICIAN) -> Quotas:
    """What the caller has used of what one person may."""
    return quotas.shown(services_of(request), caller)


@router.get("/api/account/factor")
def factor(request: Request, caller: Caller = ANYONE) -> FactorState:
    """Whether the caller has a second factor, has to, and how many recovery codes are left."""
    services = services_of(request)
    found = second.state(services, caller)
    return {
        "enrolled": found.enrolled,
        "recovery_left": found.recovery_left,
        "demanded": second.is_demanded(services, caller.user),
    }


@router.post("/api/account/factor", status_code=201)
def begin(request: Request, wanted: Confirmed, caller: Caller = ANYONE) -> NewFactor:
    """A new secret, shown this once; it counts from its first code on."""
    _by_hand(caller)
    services = services_of(request)
    confirm(services, caller, wanted.password, wanted.code)
    with services.database.write(caller.actor) as tx:
        secret = factors.begin(tx, caller.user.id)
    return second.shown(services, caller.user, secret)


@router.post("/api/account/factor/confirm")
def enrol(request: Request, wanted: FirstCode, caller: Caller = ANYONE) -> Recovery:
    """The first code makes it count; recovery codes, shown this once."""
    _by_hand(caller)
    codes = factors.enrol(services_of(request).database, caller.actor, caller.user.id, wanted.code)
    if codes is None:
        raise Refused("app.wrong_code")
    return {"recovery": codes}


@router.post("/api/account/factor/recovery")
def renew(request: Request, wanted: Confirmed, caller: Caller = ANYONE) -> Recovery:
    """New recovery codes; the old ones end."""
    _by_hand(caller)
    services = services_of(request)
    confirm(services, caller, wanted.password, wanted.code)
    with services.database.write(caller.actor) as tx:
        return {"recovery": factors.renew_recovery(tx, caller.user.id)}


@router.post("/api/account/factor/remove")
def remove(request: Request, wanted: Confirmed, caller: Caller = ANYONE) -> Nothing:
    """Take the second factor off, unless the site demands it."""
    _by_hand(caller)
    services = services_of(request)
    if second.is_demanded(services, caller.user):
        raise Refused("app.factor_demanded")
    confirm(services, caller, wanted.password, wanted.code)
    with services.database.write(caller.actor) as tx:
        factors.remove(tx, caller.user.id)
    return {}


def _by_hand(caller: Caller) -> None:
    """A program's token does not decide how its owner signs in."""
    if caller.csrf is None:
        raise Refused("app.forbidden")


@router.post("/api/users/{user_id}/sign-out")
def sign_out(request: Request, user_id: str, caller: Caller = ADMIN) -> Ended:
    """End every session of a person."""
    with services_of(request).database.write(caller.actor) as tx:
        users.get(tx, user_id)
        return {"ended": sessions.end_all(tx, user_id)}


@router.post("/api/users/{user_id}/factor/remove")
def take_off(request: Request, user_id: str, wanted: Confirmed, caller: Caller = ADMIN) -> Ended:
    """Take the second factor off somebody who lost it, and end their sessions."""
    _by_hand(caller)
    services = services_of(request)
    confirm(services, caller, wanted.password, wanted.code)
    with services.database.write(caller.actor) as tx:
        factors.remove(tx, user_id)
        return {"ended": sessions.end_all(tx, user_id)}
