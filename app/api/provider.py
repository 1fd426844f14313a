"""To the hospital's provider and back."""

import html
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from app import provider, second
from app.api.session import form, let_in, local
from app.auth import services_of
from app.errors import Refused, language_of
from app.plain import frame
from app.provider import RETURN, Known, ProviderError
from app.wording import sentence
from storage import users
from storage.database import Actor
from storage.errors import LastAdmin
from storage.users import User

router = APIRouter(tags=["session"])
WAY_COOKIE = "__Host-dragonfly-way"


@router.get("/login/provider", include_in_schema=False)
def leave(request: Request, next: str = "/") -> Response:
    """To the provider, which is asked who it is."""
    services = services_of(request)
    if not provider.is_offered(services):
        raise Refused("app.not_here")
    try:
        address, way = provider.begin(services, local(next[:500]) or "/")
    except ProviderError as error:
        return _refused(request, error.code)
    response = RedirectResponse(address, 303)
    # Lax, because the way back begins on the provider's site; it opens nothing by itself.
    response.set_cookie(
        WAY_COOKIE, way, secure=True, httponly=True, samesite="lax", path="/", max_age=provider.WAY_SECONDS
    )
    return response


@router.get(RETURN, include_in_schema=False)
def come_back(request: Request) -> Response:
    """Let in whom the provider vouches for and whom this site knows."""
    services = services_of(request)
    if not provider.is_offered(services):
        raise Refused("app.not_here")
    client = request.client.host if request.client else ""
    nobody = Actor(id="somebody", role="nobody", ip=client, auth="provider")
    try:
        known, target = provider.finish(
            services, request.cookies.get(WAY_COOKIE, ""), dict(request.query_params)
        )
        user = _account(request, nobody, known)
    except ProviderError as error:
        with services.database.write(nobody) as tx:
            tx.record("session.refused", object_type="user", outcome="failure", reason=error.code)
        return _refused(request, error.code)
    if second.is_owed(services, nobody, user):
        response: Response = second.ask(services, user, client, local(target) or "/")
    else:
        response = let_in(request, user, target, "provider")
    return _from_here(response, user)


def _account(request: Request, nobody: Actor, known: Known) -> User:
    services = services_of(request)
    try:
        with services.database.write(nobody) as tx:
            user = users.of_provider(tx, known.issuer, known.subject, known.username)
            if user is None:
                tx.record("session.refused", object_type="user", outcome="failure", reason="unknown")
            elif known.role is not None and known.role != user.role:
                user = users.change(tx, services.passwords, user.id, role=known.role)
    except LastAdmin as error:
        raise ProviderError("storage.last_admin") from error
    if user is None:
        raise ProviderError("login.provider.unknown")
    return user


def _from_here(response: Response, user: User) -> Response:
    """The same answer as a page that goes on by itself.

    A browser that is led here by the provider does not send a strict cookie along when it is led on; it does when a
    page of ours leads it.
    """
    target, language = response.headers["location"], user.language
    safe = html.escape(quote(target, safe="/?=&%#-._~"))
    words = html.escape(sentence("login.provider.go_on", language))
    page = frame(language, words, f'<p><a class="go" href="{safe}">{words}</a></p>')
    going = page.replace(
        "<meta charset", f'<meta http-equiv="refresh" content="0;url={safe}">\n<meta charset', 1
    )
    answer = HTMLResponse(going)
    answer.raw_headers += [pair for pair in response.raw_headers if pair[0] == b"set-cookie"]
    answer.delete_cookie(WAY_COOKIE, secure=True, path="/")
    return answer


def _refused(request: Request, code: str) -> Response:
    response = form(request, "/", sentence(code, language_of(request)), 401)
    response.delete_cookie(WAY_COOKIE, secure=True, path="/")
    return response
