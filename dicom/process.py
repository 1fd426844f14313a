"""One limited process and the pipes to it: asked, waited for, and ended when it gives no answer."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dicom.errors import BY_NAME, Damaged, DicomError, TookTooLong, TooLarge
from dicom.guard import Limits

READY, START_SECONDS = b"R", 60
NOT_HELD = "NotHeld"


@dataclass(frozen=True, slots=True)
class Held:
    """A file that may be open in a process already: the digest of its content, and how to get that otherwise."""

    sha256: str
    read: Callable[[], bytes]


Source = Path | bytes | Held


class Died(Exception):
    """A process gave no answer: it was silent too long (no status), or it ended."""

    def __init__(self, status: int | None):
        super().__init__(status)
        self.status = status

    def cause_for(self, limits: Limits) -> DicomError:
        """What the reader is told: too much time, too much memory, or a file that breaks its codec."""
        if self.status is None:
            return TookTooLong(seconds=limits.wall_seconds)
        if self.status == -signal.SIGXCPU:
            return TookTooLong(seconds=limits.cpu_seconds)
        if self.status == -signal.SIGKILL:
            return TooLarge(what="memory")
        return Damaged(what="codec", status=self.status)


class Process:
    """A process that runs `dicom.inside` under these limits."""

    def __init__(self, limits: Limits):
        self.limits = limits
        # Nothing of the parent's environment: it may hold the secrets of the installation.
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self.child = subprocess.Popen(
            [sys.executable, "-m", "dicom.inside", json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            bufsize=0,
        )
        assert self.child.stdin is not None and self.child.stdout is not None
        self.requests, self.answers = self.child.stdin.fileno(), self.child.stdout.fileno()
        os.set_blocking(self.requests, False)
        self.is_ready = False
        self.holds: frozenset[str] = frozenset()
        """Digests of the files it has open, as it said last."""

    @property
    def is_alive(self) -> bool:
        return self.child.poll() is None

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            with contextlib.suppress(OSError):
                assert pipe is not None
                pipe.close()

    def ask(self, verb: str, source: Source, arguments: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Facts and bytes of an answer; raises DicomError subclasses, Died."""
        if not isinstance(source, Held):
            payload, path = (source, None) if isinstance(source, bytes) else (b"", str(source.resolve()))
            return self._told(*self._exchange({"verb": verb, "path": path, "arguments": arguments}, payload))
        request = {"verb": verb, "path": None, "arguments": arguments, "key": source.sha256}
        if source.sha256 in self.holds:
            head, data = self._exchange(request, b"")
            if head.get("error") != NOT_HELD:
                return self._told(head, data)
        return self._told(*self._exchange(request, source.read()))

    def _exchange(self, request: dict[str, Any], payload: bytes) -> tuple[dict[str, Any], bytes]:
        self.wait_until_ready()
        deadline = time.monotonic() + self.limits.wall_seconds
        for part in (json.dumps({**request, "size": len(payload)}).encode() + b"\n", payload):
            self._send(part, deadline)
        length = int.from_bytes(self._exactly(8, deadline), "big")
        head = json.loads(self._exactly(length, deadline))
        data = self._exactly(int(head.get("size", 0)), deadline)
        self.holds = frozenset(head.get("holds", ()))
        return head, data

    @staticmethod
    def _told(head: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        if "error" in head:
            raise BY_NAME.get(head["error"], DicomError)(**head["facts"])
        return head["facts"], data

    def wait_until_ready(self) -> None:
        """Its libraries are no fault of a file: the time of a file begins when they are there. Raises Died."""
        if not self.is_ready:
            self._exactly(len(READY), time.monotonic() + START_SECONDS)
            self.is_ready = True

    def _send(self, data: bytes, deadline: float) -> None:
        """All of it, or Died: a process that stopped reading must not hold up the writer."""
        rest = memoryview(data)
        while rest:
            _await(self.requests, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self.requests, rest[: 1 << 20]) :]
            except BrokenPipeError as error:
                raise Died(self._status()) from error
            except BlockingIOError:
                continue

    def _exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            _await(self.answers, select.POLLIN, deadline)
            part = os.read(self.answers, min(size - len(data), 1 << 20))
            if not part:
                raise Died(self._status())
            data += part
        return bytes(data)

    def _status(self) -> int:
        """How it ended; one that only closed its pipes is ended."""
        try:
            return self.child.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait()


def _await(handle: int, event: int, deadline: float) -> None:
    """Until the pipe is ready; poll and not select, which knows no handle above 1023."""
    poll = select.poll()
    poll.register(handle, event)
    if not poll.poll(max(0, int((deadline - time.monotonic()) * 1000))):
        raise Died(None)
