"""People, for the administrator; tokens, for their owners."""

from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.auth import Caller, Confirmed, allow, confirm, services_of
from app.errors import Refused
from app.shapes import Nothing
from app.shapes.people import Person, PersonLine, Token, TokenMade
from storage import factors, tokens, users
from storage.users import Role, User

router = APIRouter(tags=["users"])
ADMIN = allow("admin")


class NewUser(BaseModel):
    """A person to add."""

    username: str = Field(min_length=1, max_length=120)
    display_name: str = Field(min_length=1, max_length=200)
    role: Role
    password: str = Field(max_length=4000)


class ChangedUser(BaseModel):
    """What changes of a person."""

    display_name: str | None = Field(None, max_length=200)
    role: Role | None = None
    active: bool | None = None
    password: str | None = Field(None, max_length=4000)


class NewToken(Confirmed):
    """A token to add."""

    label: str = Field(min_length=1, max_length=120)
    days: int = Field(30, ge=1, le=90)
    scope: Literal["read", "write", "export"] = "read"


@router.get("/api/users")
def everyone(request: Request, caller: Caller = ADMIN) -> list[PersonLine]:
    """All people."""
    with services_of(request).database.read(caller.actor) as tx:
        enrolled = factors.enrolled(tx)
        return [{**_json(user), "second_factor": user.id in enrolled} for user in users.everyone(tx)]


@router.post("/api/users", status_code=201)
def add(request: Request, wanted: NewUser, caller: Caller = ADMIN) -> Person:
    """Add a person."""
    services = services_of(request)
    try:
        with services.database.write(caller.actor) as tx:
            return _json(users.add(tx, services.passwords, **wanted.model_dump()))
    except ValueError as error:
        raise Refused("app.invalid", what=str(error)) from error


@router.patch("/api/users/{user_id}")
def change(request: Request, user_id: str, wanted: ChangedUser, caller: Caller = ADMIN) -> Person:
    """Change a person."""
    services = services_of(request)
    try:
        with services.database.write(caller.actor) as tx:
            return _json(
                users.change(tx, services.passwords, user_id, **wanted.model_dump(exclude_none=True))
            )
    except ValueError as error:
        raise Refused("app.invalid", what=str(error)) from error


def _json(user: User) -> Person:
    return {
        "id": user.id,
        "username": user.username,
        "display_name": user.display_name,
        "role": user.role,
        "active": user.active,
    }


@router.get("/api/tokens")
def mine(request: Request, caller: Caller = allow()) -> list[Token]:
    """The caller's live tokens."""
    with services_of(request).database.read(caller.actor) as tx:
        return [_token(one) for one in tokens.of_user(tx, caller.user.id)]


@router.post("/api/tokens", status_code=201)
def new(request: Request, wanted: NewToken, caller: Caller = allow()) -> TokenMade:
    """A new token; its secret is shown this once. A token cannot make another and so outlive itself."""
    if caller.csrf is None:
        raise Refused("app.forbidden")
    services = services_of(request)
    confirm(services, caller, wanted.password, wanted.code)
    with services.database.write(caller.actor) as tx:
        secret, token = tokens.add(
            tx, caller.user.id, label=wanted.label, lifetime=timedelta(days=wanted.days), scope=wanted.scope
        )
    return {**_token(token), "secret": secret}


@router.delete("/api/tokens/{token_id}")
def revoke(request: Request, token_id: str, caller: Caller = allow()) -> Nothing:
    """End a token now."""
    with services_of(request).database.write(caller.actor) as tx:
        tokens.revoke(tx, caller.user.id, token_id)
    return {}


def _token(token: tokens.Token) -> Token:
    return {
        "id": token.id,
        "label": token.label,
        "prefix": token.prefix,
        "scope": token.scope,
        "expires_at": token.expires_at.isoformat(),
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
    }
