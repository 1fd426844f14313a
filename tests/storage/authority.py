"""A time-stamp authority for tests (RFC 3161): the library's own stamper behind a small server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from asn1crypto import tsp

from storage.pdf.signing import _stamper, apart
from tests.storage.seals import seal_folder


class Authority:
    """Its certificates in a folder, and what it does with a request."""

    def __init__(self, folder: Path):
        seal_folder(folder, long_term=True)
        self.roots, self._stamper = folder / "roots.pem", _stamper(folder)
        self.is_away, self.url, self.asked = False, "", 0
        self.says: bytes | None = None
        """In place of an answer."""

    def answer(self, request: bytes) -> bytes:
        """The response to a request."""
        self.asked += 1
        asked = tsp.TimeStampReq.load(request)
        made = apart(lambda: asyncio.run(self._stamper.async_request_tsa_response(asked)))
        return bytes(made.dump())


@contextmanager
def served(folder: Path) -> Iterator[Authority]:
    """One that listens on loopback."""
    authority = Authority(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            data = b"" if authority.is_away else authority.answer(body)
            data = data if authority.says is None else authority.says
            self.send_response(503 if authority.is_away else 200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    authority.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
