"""How long readers wait for a study: each opening is an entry of the record, through HTTP from a process of its own.

The wait of a request is all of it: the session that is looked up, the study that is read and opened, its entry in the
chain, the commit that the disk has confirmed, the answer.
"""

import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection

from app.auth import COOKIE, Caller
from app.bench.processes import somebody, started
from app.demo import drawn_files, load
from app.settings import Settings
from app.wiring import SYSTEM, Services
from storage import sessions, worklist


@contextmanager
def serving(settings: Settings) -> Iterator[None]:
    """The web process on loopback, from its first readiness to its end."""
    with started(settings, "serve") as (process,):
        _until_ready(settings.port, process)
        yield


def prepared(services: Services, callers: int) -> tuple[list[str], str]:
    """Tokens of a reader's sessions, one for each caller, and the address of a drawn study that they open."""
    user = somebody(services)
    load(services, Caller(user=user, csrf=None, digest=None, ip=""), drawn_files())
    with services.database.write(SYSTEM) as tx:
        opened = [
            sessions.open_session(tx, user, idle=services.idle, hard=services.hard)[0] for _ in range(callers)
        ]
        study = worklist.listed(tx, user.id)[0].study
    return opened, f"/api/studies/{study.id}"


def waits(port: int, tokens: list[str], address: str, per_second: float, seconds: float) -> list[float]:
    """Seconds of each request, `per_second` of them evenly in time, the callers taking turns.

    A caller that is still waiting when its turn comes asks as soon as it can, and its wait counts from its turn.
    raises: RuntimeError for an answer that is none
    """
    found: list[float] = []
    begin = time.perf_counter() + 0.5
    step = len(tokens) / per_second

    def call(number: int) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"cookie": f"{COOKIE}={tokens[number]}"}
        for turn in range(int(seconds / step)):
            due = begin + number / per_second + turn * step
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.request("GET", address, headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"A study was answered {answer.status}.")
            found.append(time.perf_counter() - due)
        connection.close()

    with ThreadPoolExecutor(len(tokens)) as pool:
        list(pool.map(call, range(len(tokens))))
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        if process.poll() is not None:
            break
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.5)
    raise RuntimeError("The web process did not start.")
