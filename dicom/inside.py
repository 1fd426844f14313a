"""The inside of a limited process: one request after the other, a length and JSON, then bytes.

Everything it may need is loaded before the first file comes, which then pays for nothing but itself.
"""

import json
import resource
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dicom.chores import VERBS, open_source
from dicom.errors import DicomError
from dicom.guard import Limits
from dicom.kept import Kept
from dicom.process import NOT_HELD, READY

FORGOTTEN_SECONDS = 60
"""A process that is asked nothing for so long keeps no patient's file in its memory."""


def serve(limits: Limits, requests: BinaryIO, answers: BinaryIO) -> None:
    """The life of a limited process."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It reads and answers; it never writes a file.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answers.write(READY)
    answers.flush()
    kept = Kept(limits)
    for line in _lines(requests, kept):
        _limit_cpu(limits.cpu_seconds)
        request = json.loads(line)
        if request["size"]:
            kept.make_room(request["size"])
        payload = requests.read(request["size"])
        for part in _answered(request, payload, limits, kept):
            answers.write(part)
        answers.flush()


def _lines(requests: BinaryIO, kept: Kept) -> Iterator[bytes]:
    """One request after the other; while none comes, what is kept is forgotten."""
    waiting = select.poll()
    waiting.register(requests.fileno(), select.POLLIN)
    while True:
        # Nothing can be waiting in the buffer: who asks waits for the answer before asking again.
        if not waiting.poll(FORGOTTEN_SECONDS * 1000):
            kept.forget()
            continue
        line = requests.readline()
        if not line:
            return
        yield line


def _limit_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _answered(request: dict[str, Any], payload: bytes, limits: Limits, kept: Kept) -> Iterator[bytes]:
    key, verb = request.get("key"), VERBS[request["verb"]]
    source: Any = Path(request["path"]) if request["path"] else payload
    if key and not payload and key not in kept:
        yield _head({"error": NOT_HELD, "holds": kept.keys(), "facts": {}})
        return
    head: dict[str, Any]
    data = b""
    try:
        if key:
            source = kept.opened(key, payload, open_source)
        facts, data = verb(source, limits, **request["arguments"])
        head = {"facts": facts, "size": len(data)}
    except DicomError as error:
        head = {"error": type(error).__name__, "facts": error.facts}
    except MemoryError:
        # Some of the memory is what was kept for the next question.
        kept.forget()
        head = {"error": "TooLarge", "facts": {"what": "memory"}}
    except RecursionError:
        head = {"error": "TooLarge", "facts": {"what": "depth", "limit": limits.depth}}
    except BaseException as error:  # whatever a hostile file breaks, a panic of Rust too, is a sentence
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        head = {"error": "Damaged", "facts": {"kind": type(error).__name__}}
    yield _head({**head, "holds": kept.keys()})
    yield data


def _head(head: dict[str, Any]) -> bytes:
    encoded = json.dumps(head, default=str).encode()
    return len(encoded).to_bytes(8, "big") + encoded


if __name__ == "__main__":
    serve(Limits(**json.loads(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)
