"""Signing in and out, who is asking, what they prefer, and the words of the page."""

import html
import secrets
from typing import Literal, cast
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app import provider, second
from app.auth import COOKIE, Caller, allow, services_of
from app.errors import Refused, language_of
from app.model_facts import model_in_use
from app.plain import device_of, frame
from app.policy import HOMES
from app.shapes import Language
from app.shapes.people import Preferred, Session
from app.wording import sentence, words
from storage import sessions, users
from storage.database import Actor
from storage.errors import TooManyTries

router = APIRouter(tags=["session"])
FORM_COOKIE = "__Host-dragonfly-form"


@router.get("/", include_in_schema=False)
def home(request: Request) -> RedirectResponse:
    """To the caller's own page, or to sign in."""
    caller: Caller | None = request.scope.get("caller")
    return RedirectResponse(HOMES[caller.user.role] if caller else "/login", 303)


@router.get("/login", include_in_schema=False)
def sign_in_page(request: Request, next: str = "/") -> HTMLResponse:
    """The form, in the browser's language."""
    return form(request, next, "")


@router.post("/login", include_in_schema=False)
async def sign_in(request: Request) -> Response:
    """Check name and password; a new session for who knows both."""
    sent = await request.form()
    values = {name: str(sent.get(name, ""))[:4000] for name in ("username", "password", "csrf", "next")}
    expected = request.cookies.get(FORM_COOKIE, "")
    if not expected or not secrets.compare_digest(values["csrf"].encode(), expected.encode()):
        raise Refused("app.foreign_origin")
    return await run_in_threadpool(_signed_in, request, values)


def _signed_in(request: Request, values: dict[str, str]) -> Response:
    services = services_of(request)
    client = request.client.host if request.client else ""
    nobody = Actor(id="somebody", role="nobody", ip=client)
    try:
        user = users.sign_in(
            services.database, nobody, services.passwords, values["username"], values["password"], client
        )
    except TooManyTries as error:
        return form(request, values["next"], sentence("login.wait", language_of(request), **error.facts), 429)
    if user is None:
        return form(request, values["next"], sentence("login.wrong", language_of(request)), 401)
    if second.is_owed(services, nobody, user):
        return second.ask(services, user, client, local(values["next"]) or "/")
    return let_in(request, user, values["next"], "password")


def let_in(request: Request, user: users.User, target: str, auth: str) -> Response:
    """A new session for somebody who proved who they are, and the way to where they wanted."""
    services = services_of(request)
    client = request.client.host if request.client else ""
    with services.database.write(Actor(id=user.id, role=user.role, ip=client, auth=auth)) as tx:
        token, _ = sessions.open_session(
            tx,
            user,
            idle=services.idle,
            hard=services.hard,
            device=device_of(request.headers.get("user-agent", "")),
            ip=client[:64],
        )
    response = RedirectResponse(local(target) or HOMES[user.role], 303)
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="strict", path="/")
    response.delete_cookie(FORM_COOKIE, secure=True, path="/")
    return response


def local(target: str) -> str | None:
    """A path on this very site, or nothing."""
    parts = urlsplit(target)
    is_local = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc
    return target if is_local and target not in ("/", "/login") else None


def form(request: Request, next_page: str, problem: str, status: int = 200) -> HTMLResponse:
    """The form for name and password, with what went wrong."""
    language = language_of(request)
    text = {name: html.escape(value) for name, value in words(language).items() if name.startswith("login.")}
    csrf = secrets.token_urlsafe(24)
    alert = f'<p class="alert" role="alert">{html.escape(problem)}</p>' if problem else ""
    page = frame(
        language,
        text["login.title"],
        f"""{alert}
<form method="post" action="/login">
<input type="hidden" name="csrf" value="{csrf}">
<input type="hidden" name="next" value="{html.escape(next_page[:500])}">
<label for="username">{text["login.username"]}</label>
<input id="username" name="username" autocomplete="username" required autofocus>
<label for="password">{text["login.password"]}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">{text["login.submit"]}</button>
</form>{_other_way(request, text, next_page)}
<p class="note">{text["login.note"]}</p>""",
    )
    response = HTMLResponse(page, status)
    response.set_cookie(
        FORM_COOKIE, csrf, secure=True, httponly=True, samesite="strict", path="/", max_age=1800
    )
    return response


def _other_way(request: Request, text: dict[str, str], next_page: str) -> str:
    if not provider.is_offered(services_of(request)):
        return ""
    return f'<p><a class="go" href="/login/provider?next={quote(next_page[:500])}">{text["login.provider"]}</a></p>'


@router.post("/logout", include_in_schema=False)
def sign_out(request: Request, caller: Caller = allow()) -> Response:
    """End the session and forget what the browser keeps of it."""
    services = services_of(request)
    if caller.digest and caller.csrf:
        with services.database.write(caller.actor) as tx:
            sessions.end(tx, caller.digest)
    response = JSONResponse({})
    response.delete_cookie(COOKIE, secure=True, path="/")
    response.headers["clear-site-data"] = '"cache", "storage"'
    return response


@router.get("/api/session")
def session(request: Request, caller: Caller = allow()) -> Session:
    """Who is asking, what they prefer, the token that changes need, and which model answers."""
    user = caller.user
    model = model_in_use(services_of(request))
    return {
        "user": {
            "id": user.id,
            "username": user.username,
            "display_name": user.display_name,
            "role": user.role,
        },
        "language": cast(Language, user.language),
        "theme": "dark" if user.theme == "dark" else "light",
        "panel_width": user.panel_width,
        "csrf": caller.csrf or "",
        "demonstration": bool(model and model["demonstration"]),
        "model": model,
        "identity_lens": services_of(request).settings.identity_lens,
        "second_factor": second.state(services_of(request), caller).enrolled,
    }


class Preferences(BaseModel):
    """What a person can choose about their page."""

    language: Literal["en", "ko"] | None = None
    theme: Literal["light", "dark"] | None = None
    panel_width: int | None = Field(None, ge=240, le=2000)


@router.patch("/api/session")
def prefer(request: Request, wanted: Preferences, caller: Caller = allow()) -> Preferred:
    """Keep what the caller prefers."""
    with services_of(request).database.write(caller.actor) as tx:
        user = users.prefer(tx, caller.user.id, **wanted.model_dump(exclude_none=True))
    return {"language": cast(Language, user.language), "theme": user.theme, "panel_width": user.panel_width}


@router.get("/api/words")
def page_words(
    request: Request, lang: Literal["en", "ko"] | None = None, caller: Caller = allow()
) -> dict[str, str]:
    """Every word of the page in one language."""
    return words(lang or caller.language)
