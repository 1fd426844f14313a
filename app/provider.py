"""Signing in at a hospital's own provider: OpenID Connect, code flow with PKCE, everything about it fixed beforehand.

Issuer, client and algorithms come from the settings and never from what arrives; keys come from the provider, or from a
file where it cannot be asked for them. What has to survive the way there and back travels in a sealed cookie.
source: OpenID Connect Core 1.0 sections 3.1.2 and 3.1.3.7, RFC 7636, RFC 9207
"""

import base64
import hashlib
import json
import secrets
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from app.wiring import Services
from storage.errors import Unreadable
from storage.sealing import seal, unseal
from storage.users import ROLES, Role

ALGORITHMS = ["RS256", "ES256", "PS256"]
LEEWAY_SECONDS, PATIENCE_SECONDS, WAY_SECONDS = 60, 10, 600
MOST_BYTES = 1 << 20
RETURN = "/login/provider/return"


class ProviderError(Exception):
    """Nobody is let in; the code names the sentence for who tried."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Known:
    """Who the provider says it is: its lasting name for them, the name they sign in with, their role if it is mapped."""

    issuer: str
    subject: str
    username: str
    role: Role | None


def is_offered(services: Services) -> bool:
    """Whether this site has a provider."""
    return bool(services.settings.oidc_issuer)


def begin(services: Services, target: str) -> tuple[str, str]:
    """The provider's address to go to, and what the browser keeps meanwhile; raises ProviderError."""
    settings = services.settings
    way = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    challenge = hashlib.sha256(way["verifier"].encode()).digest()
    asked = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": settings.address + RETURN,
        "scope": settings.oidc_scope,
        "state": way["state"],
        "nonce": way["nonce"],
        "code_challenge": base64.urlsafe_b64encode(challenge).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    address = _address(_described(services), "authorization_endpoint")
    kept = json.dumps({**way, "target": target, "until": time.time() + WAY_SECONDS}).encode()
    sealed = base64.urlsafe_b64encode(seal(_key(services), kept, b"provider")).decode()
    return f"{address}{'&' if '?' in address else '?'}{urlencode(asked, quote_via=quote)}", sealed


def finish(services: Services, sealed: str, answer: dict[str, str]) -> tuple[Known, str]:
    """Who came back, and where they wanted to go; raises ProviderError for everything that is not exactly right."""
    way = _opened(services, sealed)
    if not secrets.compare_digest(answer.get("state", "").encode(), str(way["state"]).encode()):
        raise ProviderError("login.provider.failed")
    # A provider that names itself must be the one that was asked (RFC 9207).
    if answer.get("iss", services.settings.oidc_issuer) != services.settings.oidc_issuer:
        raise ProviderError("login.provider.failed")
    if answer.get("error") or not answer.get("code"):
        raise ProviderError("login.provider.refused")
    described = _described(services)
    token = _exchanged(services, described, answer["code"], str(way["verifier"]))
    claims = _claims(services, described, token, str(way["nonce"]))
    return _known(services, claims), str(way["target"])


def _opened(services: Services, sealed: str) -> dict[str, Any]:
    try:
        kept: dict[str, Any] = json.loads(
            unseal(_key(services), base64.urlsafe_b64decode(sealed.encode()), b"provider")
        )
    except (Unreadable, ValueError) as error:
        raise ProviderError("login.provider.failed") from error
    if time.time() >= kept["until"]:
        raise ProviderError("login.provider.failed")
    return kept


def _key(services: Services) -> bytes:
    return bytes.fromhex(services.database.keyring.pseudonym("provider", "way"))


def _described(services: Services) -> dict[str, Any]:
    issuer = services.settings.oidc_issuer
    found = _asked(services, Request(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
    if found.get("issuer") != issuer:
        raise ProviderError("login.provider.failed")
    return found


def _address(described: dict[str, Any], name: str) -> str:
    """One of the provider's addresses; https, unless the provider is on this machine."""
    address = str(described.get(name, ""))
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ProviderError("login.provider.failed")
    return address


def _exchanged(services: Services, described: dict[str, Any], code: str, verifier: str) -> str:
    settings = services.settings
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": settings.address + RETURN,
        "code_verifier": verifier,
        "client_id": settings.oidc_client_id,
    }
    headers = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded"}
    if settings.oidc_client_secret is not None:
        secret = settings.oidc_client_secret.read_text(encoding="utf-8").strip()
        pair = f"{quote(settings.oidc_client_id, safe='')}:{quote(secret, safe='')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    address = _address(described, "token_endpoint")
    found = _asked(services, Request(address, data=urlencode(sent).encode(), headers=headers, method="POST"))
    token = found.get("id_token")
    if not isinstance(token, str):
        raise ProviderError("login.provider.failed")
    return token


def _claims(services: Services, described: dict[str, Any], token: str, nonce: str) -> dict[str, Any]:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    settings = services.settings
    if settings.oidc_keys is not None:
        keys = json.loads(settings.oidc_keys.read_text(encoding="utf-8"))
    else:
        keys = _asked(services, Request(_address(described, "jwks_uri")))
    rules = jwt.JWTClaimsRegistry(
        now=int(services.database.clock().timestamp()),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": settings.oidc_issuer},
        aud={"essential": True, "value": settings.oidc_client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        claims: dict[str, Any] = jwt.decode(token, KeySet.import_key_set(keys), ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProviderError("login.provider.failed") from error
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else settings.oidc_client_id) != settings.oidc_client_id:
        raise ProviderError("login.provider.failed")
    return claims


def _known(services: Services, claims: dict[str, Any]) -> Known:
    settings = services.settings
    username = claims.get(settings.oidc_username_claim)
    if not isinstance(username, str) or not username.strip():
        raise ProviderError("login.provider.unknown")
    return Known(settings.oidc_issuer, str(claims["sub"]), username, _role(services, claims))


def _role(services: Services, claims: dict[str, Any]) -> Role | None:
    """The one role that the person's groups stand for; None where the site maps none, and the account's own stays."""
    mapped = services.settings.oidc_role_map
    if not mapped:
        return None
    said = claims.get(services.settings.oidc_role_claim)
    groups = {said} if isinstance(said, str) else {str(one) for one in said or ()}
    roles = {role for group, role in mapped.items() if group in groups}
    # Nobody has two roles: whoever is administrator and auditor could change what they look over.
    if len(roles) != 1:
        raise ProviderError("login.provider.no_role")
    return next(role for role in ROLES if role in roles)


class _Stays(HTTPRedirectHandler):
    """The provider's addresses are what they are; nothing leads elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _asked(services: Services, request: Request) -> dict[str, Any]:
    """JSON from the provider; raises ProviderError when it is away, says no, or says too much."""
    _address({"it": request.full_url}, "it")
    ca = services.settings.oidc_ca
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    try:
        opener = build_opener(_Stays, HTTPSHandler(context=context))
        with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
            body = answer.read(MOST_BYTES + 1)
        found = json.loads(body) if len(body) <= MOST_BYTES else None
    except (URLError, OSError, ValueError) as error:
        raise ProviderError("login.provider.away") from error
    if not isinstance(found, dict):
        raise ProviderError("login.provider.away")
    return found
