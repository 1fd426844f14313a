"""Every route and who may use it, as a table. What is not in it is answered by nobody.

`None` stands for everybody, signed in or not; the roles of a person are exactly one.
"""

import re
from dataclasses import dataclass
from functools import cache

C, R, A, U = "clinician", "researcher", "admin", "auditor"
ALL = (C, R, A, U)


@dataclass(frozen=True, slots=True)
class Rule:
    """One route: methods, path with {parts}, roles (None: everybody)."""

    methods: tuple[str, ...]
    path: str
    roles: tuple[str, ...] | None


def _rule(methods: str, path: str, roles: tuple[str, ...] | None) -> Rule:
    return Rule(tuple(methods.split()), path, roles)


POLICY: tuple[Rule, ...] = (
    _rule("GET", "/", None),
    _rule("GET POST", "/login", None),
    _rule("GET POST", "/login/code", None),
    _rule("GET", "/login/provider", None),
    _rule("GET", "/login/provider/return", None),
    _rule("GET", "/health", None),
    _rule("GET", "/ready", None),
    _rule("GET", "/favicon.ico", None),
    _rule("GET", "/manifest.json", None),
    _rule("GET", "/static/{file:path}", None),
    _rule("GET", "/metrics", (A,)),
    _rule("POST", "/logout", ALL),
    _rule("GET PATCH", "/api/session", ALL),
    _rule("GET", "/api/words", ALL),
    _rule("GET DELETE", "/api/account/sessions", ALL),
    _rule("DELETE", "/api/account/sessions/{session_id}", ALL),
    _rule("GET", "/api/account/quotas", (C,)),
    _rule("GET POST", "/api/account/factor", ALL),
    _rule("POST", "/api/account/factor/confirm", ALL),
    _rule("POST", "/api/account/factor/recovery", ALL),
    _rule("POST", "/api/account/factor/remove", ALL),
    _rule("POST", "/api/grants", ALL),
    _rule("GET", "/api/status", ALL),
    _rule("GET", "/api/about", ALL),
    _rule("GET", "/openapi.json", ALL),
    _rule("GET", "/PAPER/{code}", ALL),
    _rule("POST", "/api/papers/check", ALL),
    _rule("GET POST", "/api/uploads", (C,)),
    _rule("GET DELETE", "/api/uploads/{upload_id}", (C,)),
    _rule("PUT", "/api/uploads/{upload_id}/files/{number}", (C,)),
    _rule("GET PUT", "/api/uploads/{upload_id}/parts/{number}", (C,)),
    _rule("POST", "/api/uploads/{upload_id}/finish", (C,)),
    _rule("POST", "/api/uploads/{upload_id}/decision", (C,)),
    _rule("GET", "/api/uploads/{upload_id}/lens/{number}.png", (C,)),
    _rule("POST", "/api/uploads/{upload_id}/details", (C,)),
    _rule("GET", "/api/uploads/{upload_id}/pictures/{number}.png", (C,)),
    _rule("GET", "/api/studies", (C,)),
    _rule("GET PATCH", "/api/studies/{study_id}", (C,)),
    _rule("GET", "/api/studies/{study_id}/thumbnail", (C,)),
    _rule("GET", "/api/studies/{study_id}/deidentified.zip", (C,)),
    _rule("GET", "/api/studies/{study_id}/priors", (C,)),
    _rule("GET POST", "/api/studies/{study_id}/access", (C,)),
    _rule("DELETE", "/api/studies/{study_id}/access/{share_id}", (C,)),
    _rule("GET POST", "/api/studies/{study_id}/marks", (C,)),
    _rule("DELETE", "/api/studies/{study_id}/marks/{mark_id}", (C,)),
    _rule("GET", "/api/series/{series_id}/manifest", (C,)),
    _rule("GET", "/api/series/{series_id}/thumbnail", (C,)),
    _rule("GET", "/api/series/{series_id}/slide", (C,)),
    _rule("GET", "/api/series/{series_id}/fields", (C,)),
    _rule("GET", "/api/series/{series_id}/tiles/{depth}/{column}/{row}", (C,)),
    _rule("GET", "/api/series/{series_id}/volume", (C,)),
    _rule("GET", "/api/series/{series_id}/volume/progress", (C,)),
    _rule("GET", "/api/series/{series_id}/plane", (C,)),
    _rule("GET", "/api/series/{series_id}/plane.png", (C,)),
    _rule("GET", "/api/instances/{instance_id}/frames/{frame}", (C,)),
    _rule("GET", "/api/instances/{instance_id}/frames/{frame}/table", (C,)),
    _rule("GET", "/api/instances/{instance_id}/frames/{frame}/rendered.png", (C,)),
    _rule("GET", "/api/instances/{instance_id}/frames/{frame}/laid.png", (C,)),
    _rule("POST", "/api/studies/{study_id}/questions", (C,)),
    _rule("POST", "/api/studies/{study_id}/captions", (C,)),
    _rule("GET", "/api/studies/{study_id}/answers", (C,)),
    _rule("GET", "/api/answers/{answer_id}", (C,)),
    _rule("GET", "/api/answers/{answer_id}/stream", (C,)),
    _rule("GET", "/api/answers/{answer_id}/pictures/{number}.png", (C,)),
    _rule("POST", "/api/answers/{answer_id}/stop", (C,)),
    _rule("GET", "/api/answers/{answer_id}/pdf", (C,)),
    _rule("GET POST", "/api/studies/{study_id}/report", (C,)),
    _rule("PUT", "/api/reports/{report_id}", (C,)),
    _rule("GET", "/api/reports/{report_id}/difference", (C,)),
    _rule("GET", "/api/reports/{report_id}/checklist", (C,)),
    _rule("GET", "/api/reports/{report_id}/versions", (C,)),
    _rule("GET", "/api/reports/{report_id}/pdf", (C,)),
    _rule("GET", "/api/reports/{report_id}/fhir", (C,)),
    _rule("POST", "/api/reports/{report_id}/preliminary", (C,)),
    _rule("POST", "/api/reports/{report_id}/sign", (C,)),
    _rule("POST", "/api/reports/{report_id}/addenda", (C,)),
    _rule("GET POST", "/api/studies/{study_id}/releases", (C,)),
    _rule("GET", "/api/studies/{study_id}/releases/picture.png", (C,)),
    _rule("GET POST DELETE", "/api/studies/{study_id}/erasure", (C,)),
    _rule("GET", "/api/erasures", (A,)),
    _rule("POST", "/api/erasures/{erasure_id}/confirm", (A,)),
    _rule("POST", "/api/erasures/{erasure_id}/refuse", (A,)),
    _rule("POST", "/api/holds", (A,)),
    _rule("DELETE", "/api/holds/{hold_id}", (A,)),
    _rule("POST", "/api/emergencies", (C,)),
    _rule("POST", "/api/emergencies/{emergency_id}/end", (C,)),
    _rule("GET", "/api/emergencies", (U,)),
    _rule("GET", "/api/emergencies/waiting", (U,)),
    _rule("GET", "/api/emergencies/{emergency_id}", (U,)),
    _rule("POST", "/api/emergencies/{emergency_id}/review", (U,)),
    _rule("GET", "/api/review/reports", (R,)),
    _rule("GET", "/api/review/reports/{report_id}", (R,)),
    _rule("GET", "/api/review/reports/{report_id}/pictures/{number}.png", (R,)),
    _rule("POST", "/api/review/reports/{report_id}/reviews", (R,)),
    _rule("GET", "/api/review/reports/{report_id}/pdf", (R,)),
    _rule("GET", "/api/review/export.csv", (R,)),
    _rule("GET", "/api/review/export.jsonl", (R,)),
    _rule("GET", "/api/review/pairs.jsonl", (R,)),
    _rule("GET", "/api/review/codebook", (R,)),
    _rule("GET", "/api/audit", (U,)),
    _rule("POST", "/api/audit/verify", (U,)),
    _rule("GET", "/api/audit/export", (U,)),
    _rule("GET", "/api/audit/receipt", (U,)),
    _rule("GET", "/api/audit/continuation", (U,)),
    _rule("GET", "/api/audit/public-key", (U,)),
    _rule("GET POST", "/api/users", (A,)),
    _rule("PATCH", "/api/users/{user_id}", (A,)),
    _rule("POST", "/api/users/{user_id}/sign-out", (A,)),
    _rule("POST", "/api/users/{user_id}/factor/remove", (A,)),
    _rule("GET POST", "/api/teams", (A,)),
    _rule("PATCH DELETE", "/api/teams/{team_id}", (A,)),
    _rule("GET POST", "/api/tokens", ALL),
    _rule("DELETE", "/api/tokens/{token_id}", ALL),
    _rule("GET", "/api/system", (A,)),
    _rule("GET", "/app/{page:path}", (C,)),
    _rule("GET", "/research/{page:path}", (R,)),
    _rule("GET", "/admin/{page:path}", (A,)),
    _rule("GET", "/audit/{page:path}", (U,)),
)
HOMES = {C: "/app/", R: "/research/", A: "/admin/", U: "/audit/"}

# Of Gradio's some eighty routes a page needs these; its queue, uploads and file cache are never reached.
PAGES = {
    "/app/": ("", "study", "paper", "account", "about"),
    "/research/": ("", "read", "paper", "account", "about"),
    "/admin/": ("", "erasures", "system", "paper", "account", "about"),
    "/audit/": ("", "emergencies", "paper", "account", "about"),
}
SHELL = re.compile(r"^(theme\.css|(assets|static)/.+)$")


@cache
def _compiled() -> tuple[tuple[re.Pattern[str], Rule], ...]:
    return tuple((_pattern(rule.path), rule) for rule in POLICY)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{([^}]*)\}", path)
    found = "".join(
        re.escape(part) if place % 2 == 0 else (".*" if part.endswith(":path") else "[^/]+")
        for place, part in enumerate(parts)
    )
    return re.compile(f"^{found}$")


def rule_for(method: str, path: str) -> Rule | None:
    """The rule of a request, None where nothing answers."""
    wanted = "GET" if method == "HEAD" else method
    for pattern, rule in _compiled():
        if wanted in rule.methods and pattern.match(path):
            mount = next((one for one in PAGES if path.startswith(one)), None)
            return rule if mount is None or _is_page(mount, path.removeprefix(mount)) else None
    return None


def _is_page(mount: str, rest: str) -> bool:
    return rest.rstrip("/") in PAGES[mount] or bool(SHELL.match(rest))
