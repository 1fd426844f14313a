"""After the password: the code of the second factor, or setting one up where the site demands it."""

import html
import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from app import second
from app.api.session import FORM_COOKIE, let_in, local
from app.auth import services_of
from app.errors import Refused
from app.plain import frame
from app.second import HALF_COOKIE
from app.wording import sentence, words
from storage import factors, sessions
from storage.database import Actor
from storage.errors import NotFound, TooManyTries
from storage.users import User

router = APIRouter(tags=["session"])
PATH = "/login/code"


@router.get(PATH, include_in_schema=False)
def code_page(request: Request, next: str = "/") -> Response:
    """The form for the code; who has no second factor yet and owes one sets it up here."""
    found = _waiting(request)
    return _form(request, found[0], next, "") if found else RedirectResponse("/login", 303)


@router.post(PATH, include_in_schema=False)
async def code_sent(request: Request) -> Response:
    """Let in who sends the right code."""
    form = await request.form()
    values = {name: str(form.get(name, ""))[:500] for name in ("code", "csrf", "next")}
    expected = request.cookies.get(FORM_COOKIE, "")
    if not expected or not secrets.compare_digest(values["csrf"].encode(), expected.encode()):
        raise Refused("app.foreign_origin")
    return await run_in_threadpool(_checked, request, values)


def _checked(request: Request, values: dict[str, str]) -> Response:
    found = _waiting(request)
    if found is None:
        return RedirectResponse("/login", 303)
    user, digest = found
    services, actor = services_of(request), _actor(request, user)
    fresh: list[str] | None = None
    try:
        with services.database.read(actor) as tx:
            enrolled = factors.of(tx, user.id).enrolled
        if enrolled:
            right = factors.check(services.database, actor, user.id, values["code"])
        else:
            fresh = factors.enrol(services.database, actor, user.id, values["code"])
            right = fresh is not None
    except NotFound:
        return RedirectResponse("/login", 303)
    except TooManyTries as error:
        problem = sentence("storage.too_many_tries", user.language, **error.facts)
        return _form(request, user, values["next"], problem, 429)
    if not right:
        problem = sentence("app.wrong_code", user.language)
        return _form(request, user, values["next"], problem, 401)
    with services.database.write(actor) as tx:
        sessions.end(tx, digest)
    response = let_in(request, user, values["next"], "password+code")
    if fresh is not None:
        page = _recovery_page(user.language, fresh, local(values["next"]) or "/")
        page.raw_headers += [pair for pair in response.raw_headers if pair[0] == b"set-cookie"]
        response = page
    response.delete_cookie(HALF_COOKIE, secure=True, path="/")
    return response


def _waiting(request: Request) -> tuple[User, str] | None:
    services = services_of(request)
    nobody = Actor(id="somebody", role="nobody", ip=_ip(request))
    with services.database.read(nobody) as tx:
        return sessions.waiting_for(tx, request.cookies.get(HALF_COOKIE, ""))


def _actor(request: Request, user: User) -> Actor:
    return Actor(id=user.id, role=user.role, ip=_ip(request), auth="password")


def _ip(request: Request) -> str:
    return request.client.host if request.client else ""


def _text(language: str) -> dict[str, str]:
    return {name: html.escape(value) for name, value in words(language).items() if name.startswith("login.")}


def _form(request: Request, user: User, next_page: str, problem: str, status: int = 200) -> HTMLResponse:
    language, text = user.language, _text(user.language)
    csrf = secrets.token_urlsafe(24)
    alert = f'<p class="alert" role="alert">{html.escape(problem)}</p>' if problem else ""
    setting_up = _setting_up(request, user, text)
    note = "" if setting_up else f'<p class="note">{text["login.code.note"]}</p>\n'
    page = frame(
        language,
        text["login.code"],
        f"""{alert}{setting_up}
<form method="post" action="{PATH}">
<input type="hidden" name="csrf" value="{csrf}">
<input type="hidden" name="next" value="{html.escape(next_page[:500])}">
<label for="code">{text["login.code"]}</label>
<input id="code" name="code" autocomplete="one-time-code" spellcheck="false" maxlength="60" required autofocus>
<button type="submit">{text["login.submit"]}</button>
</form>
{note}<p class="note"><a href="/login">{text["login.again"]}</a></p>""",
    )
    response = HTMLResponse(page, status)
    response.set_cookie(
        FORM_COOKIE, csrf, secure=True, httponly=True, samesite="strict", path="/", max_age=1800
    )
    return response


def _setting_up(request: Request, user: User, text: dict[str, str]) -> str:
    """The new secret, for who owes a second factor and has none; the same until it is confirmed."""
    services, actor = services_of(request), _actor(request, user)
    with services.database.read(actor) as tx:
        if factors.of(tx, user.id).enrolled:
            return ""
        try:
            secret: bytes | None = factors.begun(tx, user.id)
        except NotFound:
            secret = None
    if secret is None:
        with services.database.write(actor) as tx:
            secret = factors.begin(tx, user.id)
    shown = second.shown(services, user, secret)
    return (
        f'<p>{text["login.enrol"]}</p><div class="qr">{shown["qr"]}</div>'
        f'<p class="note">{text["login.enrol.by_hand"]}<br><code>{shown["secret"]}</code></p>'
    )


def _recovery_page(language: str, codes: list[str], target: str) -> HTMLResponse:
    text = _text(language)
    listed = "".join(f"<li><code>{code}</code></li>" for code in codes)
    page = frame(
        language,
        text["login.recovery"],
        f'<h2>{text["login.recovery"]}</h2><p>{text["login.recovery.note"]}</p><ul class="codes">{listed}</ul>'
        f'<p><a class="go" href="{html.escape(target)}">{text["login.recovery.kept"]}</a></p>',
    )
    return HTMLResponse(page, headers={"cache-control": "no-store"})
