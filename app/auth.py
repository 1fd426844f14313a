"""Who is asking and what they may do: a session cookie for people, a token for programs."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from app.errors import Refused
from app.wiring import Services
from storage import factors, sessions, tokens, users
from storage.database import Actor
from storage.errors import DatabaseAway, DiskFull
from storage.users import Role, User

COOKIE = "__Host-dragonfly"
CODE: Any = Field("", max_length=60, description="Of the second factor, where one is set up.")


class Confirmed(BaseModel):
    """That it is still the caller: the password and, with a second factor, a code."""

    password: str = Field(max_length=4000)
    code: str = CODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The person behind a request."""

    user: User
    csrf: str | None
    digest: str | None
    ip: str
    may_write: bool = True
    may_export: bool = False
    """Of a program: without a person who confirms it."""

    @property
    def language(self) -> str:
        """Their language."""
        return self.user.language

    @property
    def actor(self) -> Actor:
        """They, as the record names them."""
        session = self.digest[:16] if self.digest else None
        return Actor(
            id=self.user.id,
            role=self.user.role,
            session=session,
            ip=self.ip,
            auth="session" if self.csrf else "token",
        )


def identify(
    services: Services, cookie: str | None, bearer: str | None, ip: str, *, attended: bool = True
) -> Caller | None:
    """Whose cookie or token it is; None for nobody's.

    attended: whether a person did this; what a page asks by itself keeps no session alive
    """
    somebody = Actor(id="somebody", role="nobody", ip=ip)
    if bearer:
        with services.database.read(somebody) as tx:
            use = tokens.look_up(tx, bearer)
        if use is None:
            return None
        if use.stale:
            with services.database.keep_house(somebody) as tx:
                tokens.used(tx, use.token_id)
        may = {"may_write": use.scope == "write", "may_export": use.scope == "export"}
        return Caller(user=use.user, csrf=None, digest=use.token_id, ip=ip, **may)
    if not cookie:
        return None
    with services.database.read(somebody) as tx:
        found = sessions.look_up(tx, cookie, idle=services.idle)
    if found is None:
        return None
    if found.stale and attended:
        # Where nothing can be saved a session ends the sooner; what it asks for may be answered all the same.
        with suppress(DatabaseAway, DiskFull), services.database.keep_house(somebody) as tx:
            sessions.touch(tx, found.digest)
    return Caller(user=found.user, csrf=found.csrf, digest=found.digest, ip=ip)


def confirm(services: Services, caller: Caller, password: str, code: str = "") -> None:
    """That it is still the caller who sits there: their password and, with a second factor, a code.

    raises: Refused for a code that is missing or wrong and for a wrong password, TooManyTries
    """
    with services.database.read(caller.actor) as tx:
        enrolled = factors.of(tx, caller.user.id).enrolled
    if enrolled and not code.strip():
        raise Refused("app.code_needed")
    if not users.confirm(
        services.database, caller.actor, services.passwords, caller.user.id, password, caller.ip
    ):
        raise Refused("app.wrong_password")
    if enrolled and not factors.check(services.database, caller.actor, caller.user.id, code):
        raise Refused("app.wrong_code")


def services_of(request: Request) -> Services:
    """The parts, in a route."""
    services: Services = request.app.state.services
    return services


def allow(*roles: Role):  # type: ignore[no-untyped-def]
    """A dependency: the caller, who has one of these roles; the guard asked before, each route asks again."""

    def check(request: Request) -> Caller:
        caller: Caller | None = request.scope.get("caller")
        if caller is None:
            raise Refused("app.signed_out")
        if roles and caller.user.role not in roles:
            raise Refused("app.forbidden")
        return caller

    return Depends(check)
