"""What carries much away asks again who sits there: a grant for one download, kept a minute, used once.

The browser carries the grant in a cookie of its own, so that a download stays a plain link that it writes to disk by
itself, and no address holds a secret. A program has nobody who could be asked: its token must be one for exports, and
making one asks for the password.
"""

import re

from fastapi import Request

from app.auth import Caller, confirm, services_of
from app.errors import Refused
from app.policy import rule_for
from app.wiring import Services
from storage import grants

COOKIE = "__Host-dragonfly-grant"
ROUTES = {
    "/api/studies/{study_id}/deidentified.zip": re.compile(r"/api/studies/[0-9a-f]{1,64}/deidentified\.zip"),
    **{path: re.compile(re.escape(path)) for path in (
        "/api/review/export.csv",
        "/api/review/export.jsonl",
        "/api/review/pairs.jsonl",
        "/api/audit/export",
    )},
}  # fmt: skip


def route_of(path: str) -> str | None:
    """The export that answers at a path; None where none does."""
    return next((route for route, pattern in ROUTES.items() if pattern.fullmatch(path)), None)


def give(services: Services, caller: Caller, target: str, password: str, code: str) -> str:
    """The token of a new grant for an address with its query.

    raises: Refused for what is no export, one of another role, a program, a wrong password or code; TooManyTries
    """
    path = target.partition("?")[0]
    route, rule = route_of(path), rule_for("GET", path)
    if route is None or rule is None:
        raise Refused("app.invalid", what="target")
    # A token can never confirm: it has no person, and so would outlive what its owner allowed it.
    if caller.csrf is None or caller.digest is None:
        raise Refused("app.forbidden")
    if caller.user.role not in (rule.roles or ()):
        raise Refused("app.not_here")
    confirm(services, caller, password, code)
    with services.database.write(caller.actor) as tx:
        return grants.give(tx, caller.digest, target, route)


def check(request: Request, caller: Caller) -> None:
    """That the caller may take this away now: by a grant, which ends with this, or by a token for exports.

    raises: Refused, which stands in the record
    """
    path, query = request.url.path, request.url.query
    route = route_of(path) or path
    services = services_of(request)
    if caller.csrf is None:
        if caller.may_export:
            return
        raise _recorded(services, caller, "app.export_scope", route)
    token = request.cookies.get(COOKIE, "")
    if token and caller.digest is not None:
        with services.database.write(caller.actor) as tx:
            if grants.use(tx, caller.digest, token, f"{path}?{query}" if query else path, route):
                return
            tx.record("access.refused", outcome="failure", reason="app.confirm_first", route=route)
        raise Refused("app.confirm_first")
    raise _recorded(services, caller, "app.confirm_first", route)


def _recorded(services: Services, caller: Caller, code: str, route: str) -> Refused:
    with services.database.write(caller.actor) as tx:
        tx.record("access.refused", outcome="failure", reason=code, route=route)
    return Refused(code)
