"""In front of everything: hosts, sessions, roles, origins, tokens against forgery, headers. Deny by default.

Pure ASGI, because the usual middleware classes hide from a stream that its reader has gone.
"""

import html
import math
import secrets
from contextlib import suppress
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.auth import COOKIE, Caller, identify
from app.errors import body_for
from app.logs import place_of
from app.policy import PAGES, rule_for
from app.rates import Rates
from app.wiring import Services
from app.wording import sentence
from storage.errors import StorageError

log = structlog.get_logger()

SAFE = ("GET", "HEAD")
WITHOUT_CALLER = ("/health", "/ready")
"""Answered even while the database, and so everybody's session, is away."""
UNATTENDED = ("/api/status", "/api/emergencies/waiting")
"""Asked by every open page by itself: a screen that was left alone must not stay signed in by it."""


class Guard:
    """Wraps the whole application, Gradio included."""

    def __init__(self, app: ASGIApp, services: Services):
        self.app, self.services = app, services
        self._sessions = Rates(services.settings.rate_per_session)
        self._addresses = Rates(services.settings.rate_per_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no WebSockets here
        headers = Headers(scope=scope)
        nonce = secrets.token_urlsafe(16)
        scope["nonce"], scope["caller"] = nonce, None
        guarded = _Sender(send, scope, nonce)
        refusal = await self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        if scope["path"].startswith(tuple(PAGES)):
            # The page's HTML is rewritten below, so it must come uncompressed.
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        try:
            await self.app(scope, receive, guarded)
        except Exception as error:
            # The message of an exception may hold what it was about; only kind and place are written down.
            log.error(
                "request failed", kind=type(error).__name__, place=place_of(error), method=scope["method"]
            )
            if not guarded.started:
                await self._answer(scope, headers, "app.error")(scope, receive, guarded)

    async def _refusal(self, scope: Scope, headers: Headers) -> ASGIApp | None:
        method, path = scope["method"], scope["path"]
        if headers.get("host", "") not in self.services.settings.hosts:
            return JSONResponse({"error": {"code": "app.not_here", "sentence": "Unknown host."}}, 400)
        rule = rule_for(method, path)
        if rule is not None and rule.roles is None and path in WITHOUT_CALLER:
            return None
        # Before anybody is looked up, which costs a reading of the database.
        if wait := self._addresses.take(_address(scope)):
            return self._too_many(scope, headers, wait)
        try:
            caller = await self._caller(scope, headers)
        except StorageError as error:
            return self._answer(scope, headers, error.code)
        scope["caller"] = caller
        if caller is not None and caller.digest and (wait := self._sessions.take(caller.digest)):
            return self._too_many(scope, headers, wait)
        if rule is None and method in SAFE and f"{path}/" in PAGES:
            return RedirectResponse(f"{path}/", 303)
        if rule is None:
            return self._answer(scope, headers, "app.not_here") if caller else self._sign_in(scope, headers)
        if rule.roles is not None and caller is None:
            return self._sign_in(scope, headers)
        if rule.roles is not None and caller is not None and caller.user.role not in rule.roles:
            return await self._refused(scope, headers, caller, "app.forbidden")
        if method in SAFE:
            return None
        # The sign-in form carries a token of its own; signed in or not, it needs no other.
        if not self._is_ours(headers, caller if rule.roles is not None else None):
            return await self._refused(scope, headers, caller, "app.foreign_origin")
        if caller is not None and not caller.may_write:
            return await self._refused(scope, headers, caller, "app.forbidden")
        return None

    async def _refused(self, scope: Scope, headers: Headers, caller: Caller | None, code: str) -> ASGIApp:
        """Refuse somebody who is signed in, which stands in the record."""
        if caller is not None:
            rule = rule_for(scope["method"], scope["path"])
            await run_in_threadpool(self._record, caller, code, rule.path if rule else "")
        return self._answer(scope, headers, code)

    def _record(self, caller: Caller, code: str, route: str) -> None:
        with suppress(StorageError), self.services.database.write(caller.actor) as tx:
            tx.record("access.refused", outcome="failure", reason=code, route=route)

    async def _caller(self, scope: Scope, headers: Headers) -> Caller | None:
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        bearer = secret.strip() if scheme.lower() == "bearer" else None
        if cookie is None and bearer is None:
            return None
        ip = _address(scope)
        return await run_in_threadpool(_identified, self.services, cookie, bearer, ip, scope["path"])

    def _is_ours(self, headers: Headers, caller: Caller | None) -> bool:
        """Whether a change was asked for by our own page, or by a program with a token of its own."""
        if caller is not None and caller.csrf is None:
            return True
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc not in self.services.settings.hosts:
            return False
        if caller is None:
            return True  # the sign-in form carries its own token
        return secrets.compare_digest(headers.get("x-csrf-token", "").encode(), (caller.csrf or "").encode())

    def _too_many(self, scope: Scope, headers: Headers, wait: float) -> ASGIApp:
        seconds = math.ceil(wait)
        return self._answer(
            scope, headers, "app.too_many_requests", {"retry-after": str(seconds)}, seconds=seconds
        )

    def _sign_in(self, scope: Scope, headers: Headers) -> ASGIApp:
        if scope["method"] in SAFE and "text/html" in headers.get("accept", ""):
            query = scope.get("query_string", b"").decode("latin-1")
            target = scope["path"] + (f"?{query}" if query else "")
            return RedirectResponse(f"/login?next={quote(target, safe='')}", 303)
        return self._answer(scope, headers, "app.signed_out")

    def _answer(
        self,
        scope: Scope,
        headers: Headers,
        code: str,
        more: dict[str, str] | None = None,
        **facts: int,
    ) -> ASGIApp:
        caller: Caller | None = scope.get("caller")
        korean = headers.get("accept-language", "").lower().startswith("ko")
        language = caller.language if caller else "ko" if korean else "en"
        status, body = body_for(code, language, facts)
        if scope["method"] in SAFE and "text/html" in headers.get("accept", ""):
            return HTMLResponse(_notice(body["error"]["sentence"], language), status, more)
        return JSONResponse(body, status, more)


class _Sender:
    """Adds headers to every response and the nonce to every page."""

    def __init__(self, send: Send, scope: Scope, nonce: str):
        self._send, self._scope, self._nonce = send, scope, nonce
        self._start: Message | None = None
        self.started = False
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            self._add(headers)
            if headers.get("content-type", "").startswith("text/html"):
                self._start = message
                return
        elif message["type"] == "http.response.body" and self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            await self._page()
            return
        await self._send(message)

    async def _page(self) -> None:
        assert self._start is not None
        body = bytes(self._body)
        if self._scope["path"].startswith(tuple(PAGES)):
            body = _dressed(body, self._scope["caller"])
        body = body.replace(b"<script", f'<script nonce="{self._nonce}"'.encode())
        headers = MutableHeaders(scope=self._start)
        headers["content-length"] = str(len(body))
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})

    def _add(self, headers: MutableHeaders) -> None:
        fixed: dict[str, str] = {
            "content-security-policy": (
                f"default-src 'self'; script-src 'self' 'nonce-{self._nonce}'; style-src 'self' 'unsafe-inline'; "
                "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
                "frame-ancestors 'none'; base-uri 'self'; form-action 'self'; object-src 'none'"
            ),
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": "camera=(), microphone=(), geolocation=()",
            "x-frame-options": "DENY",
        }
        if self._scope.get("scheme") == "https":
            fixed["strict-transport-security"] = "max-age=31536000"
        for name, value in fixed.items():
            headers[name] = value
        path = self._scope["path"]
        if path.startswith("/static/") or "/assets/" in path:
            headers["cache-control"] = "public, max-age=3600"
        elif "cache-control" not in headers or path.startswith(tuple(PAGES)):
            headers["cache-control"] = "no-store"
        if headers.get("content-type", "").startswith("text/event-stream"):
            headers["x-accel-buffering"] = "no"


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _identified(
    services: Services, cookie: str | None, bearer: str | None, ip: str, path: str
) -> Caller | None:
    return identify(services, cookie, bearer, ip, attended=path not in UNATTENDED)


def _notice(text: str, language: str) -> str:
    """A small page for somebody who followed a link, instead of JSON."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Dragonfly-Med</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/static/login.css"></head><body><main><h1>Dragonfly-Med</h1>'
        f'<p class="alert" role="alert">{html.escape(text)}</p>'
        f'<p><a href="/">{html.escape(sentence("app.home", language))}</a></p></main></body></html>'
    )


def _dressed(body: bytes, caller: Caller | None) -> bytes:
    """The page in its reader's language."""
    language = caller.language if caller else "en"
    found: Any = body.find(b"<html")
    if found < 0:
        return body
    end = body.index(b">", found)
    return body[:found] + f'<html lang="{language}"'.encode() + body[end:]
