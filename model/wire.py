"""One request to a model server: asked in a thread, heard line by line, broken off at any moment. No torch.

Covered: HTTP/1.1, TLS by the system's authorities, a key. Not covered, on purpose: proxies (whatever the
environment says), redirects and other machines without TLS, all of which would carry pictures of patients
elsewhere or in the open.
"""

import ipaddress
import json
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from model.answers import never
from model.errors import ModelError, ServerBroke, ServerRefused, ServerSilent, ServerUnreachable

LINE_BYTES = 1 << 20
"""Longest line, and longest answer that is no stream; a piece of text takes a few hundred bytes."""
CONNECT_SECONDS = 10.0
STOPPED = b""
Heard = bytes | Exception | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where it is, and how long it may be silent; raises ValueError for an address that is none."""

    url: str
    key: str = field(default="", repr=False)
    patience_seconds: float = 60.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise ValueError("The model server's address is http:// or https://, a host, a port and a path.")
        if parts.scheme == "http" and not _is_this_machine(parts.hostname):
            raise ValueError("A model server on another machine is asked by https only: pictures go there.")
        if not self.key.isascii() or (self.key and not self.key.isprintable()):
            raise ValueError("The model server's key is not one line of printable ASCII.")

    def get(self, path: str) -> Any:
        """The JSON of a short answer; raises ServerUnreachable, ServerRefused, ServerSilent, ServerBroke."""
        exchange = Exchange(self, "GET", path)
        try:
            lines: list[bytes] = []
            while (line := exchange.line(never)) is not None:
                lines.append(line)
                if sum(map(len, lines)) > LINE_BYTES:
                    raise ServerBroke("its answer is too long")
            return parsed(b"".join(lines))
        finally:
            exchange.close()

    def open(self) -> HTTPConnection:
        """A connection that is not connected yet."""
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)

    def path(self, path: str) -> str:
        """The path of a call; an address may end in /v1, as such addresses are often written."""
        return urlsplit(self.url).path.rstrip("/").removesuffix("/v1") + path


class Exchange:
    """A request and what comes back. A thread waits for the server, so that whoever asked can stop waiting."""

    def __init__(self, server: Server, method: str, path: str, body: bytes | None = None):
        self._server, self._heard = server, queue.Queue[Heard](maxsize=1000)
        self._connection = server.open()
        self._closed = threading.Event()
        self._request = method, server.path(path), body
        threading.Thread(target=self._run, name="model server", daemon=True).start()

    def line(self, stop: Callable[[], bool]) -> bytes | None:
        """The next line as soon as it is there; None at the end; STOPPED when `stop` says so meanwhile.

        raises: ServerUnreachable, ServerRefused, ServerSilent, ServerBroke
        """
        waited, step = 0.0, 0.05
        while not stop():
            try:
                heard = self._heard.get(timeout=step)
            except queue.Empty:
                waited += step
                if waited >= self._server.patience_seconds:
                    raise ServerSilent(seconds=round(self._server.patience_seconds)) from None
                continue
            if isinstance(heard, Exception):
                raise heard
            return heard
        return STOPPED

    def close(self) -> None:
        """Break it off: the server sees the connection end and stops working for it."""
        self._closed.set()
        sock = self._connection.sock
        if sock is not None:
            with suppress(
                OSError
            ):  # the plain socket's own: it wakes the thread that reads, and leaves TLS alone
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            try:
                self._connection.connect()
            except (OSError, HTTPException) as error:
                raise ServerUnreachable() from error
            if not self._closed.is_set():
                self._hear()
        except ModelError as error:
            self._tell(error)
        except Exception as error:  # whatever a library raises for a connection that ends under its hands
            broke = ServerBroke("the connection ended")
            broke.__cause__ = error
            self._tell(broke)
        finally:
            self._connection.close()

    def _hear(self) -> None:
        method, path, body = self._request
        headers = {"Accept": "text/event-stream, application/json", "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._server.key:
            headers["Authorization"] = f"Bearer {self._server.key}"
        # How long a silence may be is for `line` to say; this only ends a thread that nobody heeds any more.
        self._connection.sock.settimeout(self._server.patience_seconds + CONNECT_SECONDS)
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        if response.status != 200:
            raise ServerRefused(status=response.status, too_long=_says_too_long(response))
        while line := response.readline(LINE_BYTES + 1):
            if len(line) > LINE_BYTES:
                raise ServerBroke("a line is too long")
            self._tell(line)
        self._tell(None)

    def _tell(self, heard: Heard) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                self._heard.put(heard, timeout=0.5)
                return


def parsed(text: bytes) -> Any:
    """JSON, or ServerBroke."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ServerBroke("it is not JSON") from error


def _no_number(name: str) -> None:
    raise ValueError(name)


def _says_too_long(response: HTTPResponse) -> bool:
    """Whether a refusal is about length. Its words are read for that only: they may repeat the question."""
    if response.status not in (400, 413):
        return False
    words = response.read(LINE_BYTES).decode("utf-8", "replace").lower()
    return any(one in words for one in ("context length", "context_length", "maximum model length"))


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
