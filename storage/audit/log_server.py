"""Messages to a log server: datagrams (RFC 5426), or a stream over TLS (RFC 5425) whose certificate is checked."""

import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

PORTS = {"syslog": 514, "syslog+tls": 6514}
PATIENCE_SECONDS = 2.0
"""Somebody waits for the page meanwhile."""
REST_SECONDS = 15.0
"""A server that was away is not tried again so soon: everybody would wait for it each time."""


class LogServer(Protocol):
    """Where messages go."""

    def send(self, message: bytes) -> None:
        """Send one; raises OSError when it cannot."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


@dataclass(frozen=True, slots=True)
class Datagrams:
    """One datagram each: nobody says whether it came, and everybody on the way may read it."""

    host: str
    port: int

    def send(self, message: bytes) -> None:
        """Send one; raises OSError."""
        for family, kind, _, _, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM):
            with socket.socket(family, kind) as sending:
                sending.sendto(message, address)
            return

    def close(self) -> None:
        """Nothing stays open between datagrams."""


@dataclass(eq=False)
class Stream:
    """One connection that is kept, opened again when it broke; each message with its length before it."""

    host: str
    port: int
    context: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    rest_seconds: float = REST_SECONDS
    _connection: ssl.SSLSocket | None = None
    _away_until: float = 0.0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: bytes) -> None:
        """Send one, on a new connection where the old one broke; raises OSError, at once for a while after a failure."""
        framed = b"%d %b" % (len(message), message)
        with self._turn:
            if time.monotonic() < self._away_until:
                raise ConnectionError("The log server was away a moment ago.")
            try:
                if self._connection is not None and not self._is_closed(self._connection):
                    self._connection.sendall(framed)
                    return
            except OSError:
                pass  # a broken connection says nothing of the server: a new one does
            self._drop()
            try:
                self._connection = self._connect()
                self._connection.sendall(framed)
            except OSError:
                self._drop()
                self._away_until = time.monotonic() + self.rest_seconds
                raise

    def close(self) -> None:
        """End the connection."""
        with self._turn:
            self._drop()

    def _connect(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self.host, self.port), PATIENCE_SECONDS)
        try:
            return self.context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    @staticmethod
    def _is_closed(connection: ssl.SSLSocket) -> bool:
        """A log server never speaks: whatever can be read is its farewell, and what is sent then would be lost."""
        connection.settimeout(0)
        try:
            return connection.recv(1) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        finally:
            connection.settimeout(PATIENCE_SECONDS)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def open_log_server(place: str) -> LogServer | None:
    """`syslog://host:port` or `syslog+tls://host:port`; None for anything else."""
    parts = urlsplit(place)
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    port = parts.port or PORTS[parts.scheme]
    return Stream(parts.hostname, port) if parts.scheme == "syslog+tls" else Datagrams(parts.hostname, port)
