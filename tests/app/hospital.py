"""A hospital's OpenID Connect provider on this machine, made of Authlib's server: it checks what a real one checks."""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Request, grants
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLIENT, SECRET = "dragonfly-med", "the secret of the client"


class _Asked(OAuth2Request):
    def __init__(self, method: str, url: str, headers: Any, values: dict[str, str]):
        super().__init__(method=method, uri=url, headers=headers)
        self.payload = BasicOAuth2Payload(values)

    args = form = property(lambda self: self.payload.data)


class _Client:
    client_id = CLIENT

    def __init__(self, way_back: str):
        self.way_back = way_back

    def get_client_id(self):
        return CLIENT

    def get_default_redirect_uri(self):
        return self.way_back

    def check_redirect_uri(self, uri):
        return uri == self.way_back

    def get_allowed_scope(self, scope):
        return scope

    def check_client_secret(self, secret):
        return secrets.compare_digest(secret, SECRET)

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "client_secret_basic"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type == "authorization_code"


@dataclass
class _Code:
    value: str
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    method: str
    claims: dict[str, Any]

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope

    def get_nonce(self):
        return self.nonce

    def get_auth_time(self):
        return None

    def get_acr(self):
        return None

    def get_amr(self):
        return None


class _Grant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]  # noqa: RUF012

    def save_authorization_code(self, code, request):
        said = request.payload.data
        kept = [
            said[name]
            for name in ("redirect_uri", "scope", "nonce", "code_challenge", "code_challenge_method")
        ]
        self.server.codes[code] = _Code(code, *kept, dict(request.user))

    def query_authorization_code(self, code, client):
        return self.server.codes.get(code)

    def delete_authorization_code(self, authorization_code):
        self.server.codes.pop(authorization_code.value, None)

    def authenticate_user(self, authorization_code):
        return authorization_code.claims


class _Challenge(CodeChallenge):
    def get_authorization_code_challenge(self, authorization_code):
        return authorization_code.challenge

    def get_authorization_code_challenge_method(self, authorization_code):
        return authorization_code.method


class _OpenID(OpenIDCode):
    def exists_nonce(self, nonce, request):
        return any(code.nonce == nonce for code in self.hospital.server.codes.values())

    def process_token(self, grant, response):
        _, token, _ = response
        hospital, now = self.hospital, int(time.time() + self.hospital.ahead_seconds)
        claims = {
            "iss": hospital.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.request.authorization_code.nonce,
            **grant.request.user,
            **hospital.forged,
        }
        key = hospital.signing_key
        sign = hospital.mint or (lambda said: jwt.encode({"alg": "RS256", "kid": hospital.kid}, said, key))
        token["id_token"] = sign(claims)
        return token


class _Server(AuthorizationServer):
    def __init__(self, way_back: str):
        super().__init__()
        self.client, self.codes = _Client(way_back), {}
        self.register_token_generator("default", self._bearer)

    @staticmethod
    def _bearer(**_: Any) -> dict[str, Any]:
        return {
            "token_type": "Bearer",
            "access_token": secrets.token_urlsafe(16),
            "expires_in": 60,
            "scope": "openid",
        }

    def query_client(self, client_id):
        return self.client if client_id == CLIENT else None

    def save_token(self, token, request):
        pass

    def send_signal(self, name, *args, **kwargs):
        pass

    def create_oauth2_request(self, request):
        return request

    def handle_response(self, status, body, headers):
        return status, body, dict(headers)


@dataclass
class Hospital:
    """The provider: who is signed in there, and what a test bends about it."""

    issuer: str
    server: _Server
    claims: dict[str, Any] = field(default_factory=dict)
    forged: dict[str, Any] = field(default_factory=dict)
    ahead_seconds: float = 0
    mint: Callable[[dict[str, Any]], str] | None = None
    kid: str = "first"
    signing_key: Any = None
    keys: Any = None

    def jwks(self) -> dict[str, Any]:
        """What it publishes of its keys."""
        return KeySet([self.keys]).as_dict(private=False)


@contextmanager
def open_hospital(way_back: str) -> Iterator[Hospital]:
    """The provider on a free port; `way_back` is the one address it sends anybody to."""
    server = _Server(way_back)
    openid = _OpenID(require_nonce=True)
    server.register_grant(_Grant, [openid, _Challenge(required=True)])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/.well-known/openid-configuration":
                places = {
                    "authorization_endpoint": "authorize",
                    "token_endpoint": "token",
                    "jwks_uri": "keys",
                }
                found = {name: f"{hospital.issuer}/{place}" for name, place in places.items()}
                self._say(200, {"issuer": hospital.issuer, **found}, {})
            elif path == "/keys":
                self._say(200, hospital.jwks(), {})
            elif path == "/authorize":
                asked = self._asked(dict(parse_qsl(urlsplit(self.path).query)))
                grant = server.get_consent_grant(asked, end_user=hospital.claims)
                self._say(
                    *server.create_authorization_response(asked, grant_user=hospital.claims, grant=grant)
                )
            else:
                self._say(404, {}, {})

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["content-length"])).decode()
            self._say(*server.create_token_response(self._asked(dict(parse_qsl(sent)))))

        def _asked(self, values: dict[str, str]) -> _Asked:
            return _Asked(self.command, hospital.issuer + self.path, self.headers, values)

        def _say(self, status: int, body: Any, headers: dict[str, str]) -> None:
            said = json.dumps(body).encode() if body else b""
            self.send_response(status)
            for name, value in {"content-length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
    hospital = Hospital(f"http://127.0.0.1:{listening.server_port}", server, signing_key=key, keys=key)
    openid.hospital = hospital
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield hospital
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(10)


def another_key() -> Any:
    """A key that the provider never published, under the name of its own."""
    return RSAKey.generate_key(2048, {"kid": "first"})


def minted_by_hand(alg: str, key: bytes) -> Callable[[dict[str, Any]], str]:
    """A token as an attacker makes it: unsigned, or with the public key as a shared secret."""

    def mint(claims: dict[str, Any]) -> str:
        parts = [_part(json.dumps(part).encode()) for part in ({"alg": alg, "kid": "first"}, claims)]
        signed = hmac.new(key, ".".join(parts).encode(), hashlib.sha256).digest() if alg == "HS256" else b""
        return ".".join([*parts, _part(signed)])

    return mint


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
