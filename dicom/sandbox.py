"""The limited processes in which every file from outside is read and decoded.

A pool of them is kept warm. Each takes one request at a time over a pipe: a length and JSON, then bytes; nothing
that comes back is ever unpickled. A process that dies, hangs or asks for too much memory is replaced, and the
file that did it is an error like any other.
"""

import contextlib
import json
import os
import queue
import resource
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dicom.errors import BY_NAME, DicomError, TookTooLong
from dicom.guard import Limits
from dicom.reading import Frame, Instance
from dicom.render import View
from dicom.windowing import Values, Window

Source = Path | bytes


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """Values of a frame for a viewer: as `Frame`, with the window that is shown by default."""

    values: Values
    is_color: bool
    invert: bool
    unit: str
    window: Window
    pixel_aspect: float


class Decoder:
    """A pool of limited processes; safe to use from several threads."""

    def __init__(self, workers: int = 1, limits: Limits | None = None):
        self.limits = limits or Limits()
        self._idle: queue.Queue[_Process] = queue.Queue()
        for _ in range(workers):
            self._idle.put(_Process(self.limits))

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process."""
        while True:
            try:
                self._idle.get_nowait().kill()
            except queue.Empty:
                return

    def inspect(self, source: Source) -> dict[str, Any]:
        """What the file says of itself (`Inspection` as plain JSON); one frame was decoded to be sure of it."""
        return self._ask("inspect", source)[0]

    def frame(self, source: Source, index: int = 0) -> ShownFrame:
        """One frame after the modality step."""
        facts, data = self._ask("frame", source, index=index)
        window = Window(**facts.pop("window"))
        shape, dtype = facts.pop("shape"), facts.pop("dtype")
        return ShownFrame(np.frombuffer(data, dtype).reshape(shape), window=window, **facts)

    def render(self, source: Source, view: View | None = None) -> Values:
        """What is shown: uint8 (rows, columns, 3)."""
        facts, data = self._ask("render", source, view=asdict(view or View()))
        return np.frombuffer(data, np.uint8).reshape(facts["shape"])

    def thumbnail(self, source: Source, longest: int = 160) -> bytes:
        """PNG bytes of the first frame."""
        return self._ask("thumbnail", source, longest=longest)[1]

    def deidentify(self, source: Source, secret: bytes) -> tuple[bytes, list[dict[str, str]]]:
        """A copy without identity, and what was removed from it."""
        facts, data = self._ask("deidentify", source, secret=secret.hex())
        return data, facts["removed"]

    def _ask(self, verb: str, source: Source, **arguments: Any) -> tuple[dict[str, Any], bytes]:
        process = self._idle.get()
        try:
            if not process.is_alive:
                process.kill()
                process = _Process(self.limits)
            return process.ask(verb, source, arguments)
        except (OSError, EOFError, ValueError) as error:
            process.kill()
            raise TookTooLong() from error
        except TookTooLong:
            process.kill()
            raise
        finally:
            self._idle.put(process)


class _Process:
    """One limited process and the pipe to it."""

    def __init__(self, limits: Limits):
        self.limits = limits
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
        self.child = subprocess.Popen(
            [sys.executable, "-m", "dicom.sandbox", json.dumps(asdict(limits))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
        )

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
        assert self.child.stdin is not None and self.child.stdout is not None
        payload = source if isinstance(source, bytes) else b""
        path = None if isinstance(source, bytes) else str(source.resolve())
        request = {"verb": verb, "path": path, "size": len(payload), "arguments": arguments}
        self.child.stdin.write(json.dumps(request).encode() + b"\n")
        self.child.stdin.write(payload)
        self.child.stdin.flush()
        deadline = time.monotonic() + self.limits.wall_seconds
        length = int.from_bytes(self._exactly(8, deadline), "big")
        head = json.loads(self._exactly(length, deadline))
        data = self._exactly(int(head.get("size", 0)), deadline)
        if "error" in head:
            raise BY_NAME.get(head["error"], DicomError)(**head["facts"])
        return head["facts"], data

    def _exactly(self, size: int, deadline: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += self._some(size - len(data), deadline)
        return bytes(data)

    def _some(self, size: int, deadline: float) -> bytes:
        assert self.child.stdout is not None
        handle = self.child.stdout.fileno()
        if not select.select([handle], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TookTooLong(seconds=self.limits.wall_seconds)
        data = os.read(handle, min(size, 1 << 20))
        if not data:
            raise TookTooLong(signal=-(self.child.wait() or 0))
        return data


def _serve(limits: Limits, requests: BinaryIO, answers: BinaryIO) -> None:
    """The life of a limited process."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in iter(requests.readline, b""):
        _limit_cpu(limits.cpu_seconds)
        request = json.loads(line)
        payload = requests.read(request["size"])
        source: Source = Path(request["path"]) if request["path"] else payload
        for part in _answered(request["verb"], source, request["arguments"], limits):
            answers.write(part)
        answers.flush()


def _limit_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answered(verb: str, source: Source, arguments: dict[str, Any], limits: Limits) -> Iterator[bytes]:
    try:
        facts, data = _VERBS[verb](source, limits, **arguments)
        yield _head({"facts": facts, "size": len(data)})
        yield data
    except DicomError as error:
        yield _head({"error": type(error).__name__, "facts": error.facts})
    except MemoryError:
        yield _head({"error": "TookTooLong", "facts": {"what": "memory"}})
    except RecursionError:
        yield _head({"error": "TooLarge", "facts": {"what": "depth", "found": "", "limit": limits.depth}})
    except Exception as error:  # whatever a hostile file breaks, the reader gets a sentence
        yield _head({"error": "Damaged", "facts": {"kind": type(error).__name__}})


def _head(head: dict[str, Any]) -> bytes:
    encoded = json.dumps(head, default=str).encode()
    return len(encoded).to_bytes(8, "big") + encoded


def open_source(source: Source, limits: Limits) -> Any:
    """A DICOM instance or a picture, by its first bytes; raises DicomError subclasses."""
    from dicom.photos import Photo, is_photo

    if isinstance(source, bytes):
        head = source[:132]
    else:
        with source.open("rb") as stream:
            head = stream.read(132)
    return Photo(source, limits) if is_photo(head) and head[128:132] != b"DICM" else Instance(source, limits)


def _inspect(source: Source, limits: Limits) -> tuple[dict[str, Any], bytes]:
    opened = open_source(source, limits)
    facts = opened.inspect().as_json()
    opened.frame(0)
    return facts, b""


def _frame(source: Source, limits: Limits, index: int) -> tuple[dict[str, Any], bytes]:
    from dicom.render import used_window

    frame: Frame = open_source(source, limits).frame(index)
    values = _narrow(frame.values)
    window = asdict(used_window(frame, View()) if not frame.is_color else Window(128, 256))
    facts = {
        "is_color": frame.is_color,
        "invert": frame.invert,
        "unit": frame.unit,
        "pixel_aspect": frame.pixel_aspect,
        "window": window,
        "shape": values.shape,
        "dtype": str(values.dtype),
    }
    return facts, values.tobytes()


def _narrow(values: Values) -> Values:
    """The smallest of int16 and float32 that holds the values: what a viewer takes."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype.kind in "iu" and values.min() >= -32768 and values.max() <= 32767:
        return values.astype("<i2")
    return values.astype("<f4")


def _render(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from dicom.render import render

    window = view.pop("window")
    picture = render(open_source(source, limits), View(window=Window(**window) if window else None, **view))
    return {"shape": picture.shape}, picture.tobytes()


def _thumbnail(source: Source, limits: Limits, longest: int) -> tuple[dict[str, Any], bytes]:
    from dicom.render import render, thumbnail

    return {}, thumbnail(render(open_source(source, limits), View(square=True)), longest)


def _deidentify(source: Source, limits: Limits, secret: str) -> tuple[dict[str, Any], bytes]:
    from dicom.deidentify import deidentify

    data, removed = deidentify(open_source(source, limits).dataset, bytes.fromhex(secret))
    return {"removed": [asdict(one) for one in removed]}, data


_VERBS: dict[str, Any] = {
    "inspect": _inspect,
    "frame": _frame,
    "render": _render,
    "thumbnail": _thumbnail,
    "deidentify": _deidentify,
}

if __name__ == "__main__":
    _serve(Limits(**json.loads(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)
