"""The application as people meet it: upload of a series until it can be looked at, an answer, and the memory of both."""

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any, BinaryIO

import numpy as np
import psutil

from app.bench.processes import somebody, started
from app.settings import Settings
from app.wiring import SYSTEM, open_services
from dicom.drawn import dicom_of
from model.demo.phantoms import draw_phantom
from storage import tokens

SLICES, SIDE = 100, 512
PORT = 7991
Figures = list[tuple[str, str]]


def measure() -> Figures:
    """In a folder of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        settings = Settings(data_dir=Path(folder), port=PORT)
        secret = prepared(settings)
        with running(settings) as (web, worker):
            ask = Client(secret)
            ask.until_ready()
            time.sleep(3)
            at_rest = [memory(web), memory(worker)]
            files = list(_series())
            with peak(web) as peak_upload:
                _, seconds = _upload(ask, files)
            chest, _ = _upload(ask, [_chest()])
            with peak(web) as peak_web, peak(worker) as peak_worker:
                first, whole = _answer(ask, chest)
    size = sum(map(len, files)) / 1e6
    return [
        (f"upload to viewable, {SLICES} slices of {SIDE} x {SIDE} ({size:.0f} MB)", f"{seconds:8.1f} s"),
        ("caption of a drawn chest: to the first piece, by the queue", f"{first:8.2f} s"),
        ("caption of a drawn chest: to its end", f"{whole:8.2f} s"),
        ("memory of web with its decoders, at rest", f"{at_rest[0] / 1e6:8.0f} MB"),
        ("memory of web with its decoders, most during the upload", f"{peak_upload[0] / 1e6:8.0f} MB"),
        ("memory of web with its decoders, most during an answer", f"{peak_web[0] / 1e6:8.0f} MB"),
        ("memory of worker, at rest", f"{at_rest[1] / 1e6:8.0f} MB"),
        ("memory of worker, most during an answer", f"{peak_worker[0] / 1e6:8.0f} MB"),
    ]


def prepared(settings: Settings) -> str:
    services = open_services(settings)
    user = somebody(services)
    with services.database.write(SYSTEM) as tx:
        secret, _ = tokens.add(tx, user.id, label="bench", lifetime=timedelta(days=1), scope="write")
    services.close()
    return secret


@contextmanager
def running(settings: Settings) -> Iterator[tuple[psutil.Process, psutil.Process]]:
    with started(settings, "serve", "work") as (web, worker):
        yield psutil.Process(web.pid), psutil.Process(worker.pid)


class Client:
    """The interface of the application, with a token."""

    def __init__(self, secret: str):
        self.secret = secret

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        status, data = self.raw(method, path, body)
        if status >= 400:
            raise RuntimeError(f"{method} {path} was answered {status}")
        return json.loads(data) if data else None

    def raw(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Status and bytes of an answer."""
        is_raw = isinstance(body, bytes)
        data = body if is_raw or body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if is_raw else "application/json"
        headers = {"authorization": f"Bearer {self.secret}", "content-type": kind}
        connection = HTTPConnection("127.0.0.1", PORT, timeout=120)
        try:
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stream(self, method: str, path: str, source: BinaryIO, size: int) -> Any:
        """Send a file of this many bytes without holding it."""
        kind = {"content-type": "application/octet-stream", "content-length": str(size)}
        connection = HTTPConnection("127.0.0.1", PORT, timeout=600)
        try:
            connection.request(method, path, source, {"authorization": f"Bearer {self.secret}", **kind})
            response = connection.getresponse()
            data = response.read()
            if response.status >= 400:
                raise RuntimeError(f"{method} {path} was answered {response.status}")
            return json.loads(data)
        finally:
            connection.close()

    def until_ready(self) -> None:
        """Wait for web and worker."""
        for _ in range(240):
            try:
                if self.raw("GET", "/ready")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.5)
        raise RuntimeError("The application did not start.")


def _series() -> Iterator[bytes]:
    """Noise of 12 bits: nothing that a compressor or a cache could make light of."""
    chance = np.random.default_rng(0)
    for place in range(SLICES):
        values = chance.integers(-1000, 1500, (SIDE, SIDE)).astype(np.int16)
        yield dicom_of(
            values,
            "CT",
            {
                "PatientName": "PHANTOM^Bench",
                "PatientID": "BENCH-1",
                "StudyInstanceUID": "2.25.900",
                "SeriesInstanceUID": "2.25.900.1",
                "SOPInstanceUID": f"2.25.900.1.{place + 1}",
                "StudyDate": "20261122",
                "InstanceNumber": place + 1,
                "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
                "ImagePositionPatient": [0, 0, 2.5 * place],
                "PixelSpacing": [0.7, 0.7],
            },
        )


def _chest() -> bytes:
    """A drawing that the demonstration model has words for."""
    header = {
        "PatientName": "PHANTOM^Bench",
        "PatientID": "BENCH-1",
        "StudyInstanceUID": "2.25.901",
        "SeriesInstanceUID": "2.25.901.1",
        "SOPInstanceUID": "2.25.901.1.1",
        "StudyDate": "20261122",
        "WindowCenter": 128,
        "WindowWidth": 256,
    }
    return dicom_of(draw_phantom("chest", 7).pixels[..., 0], "DX", header)


def _upload(ask: Client, files: list[bytes]) -> tuple[dict[str, Any], float]:
    """The study, and seconds from the first byte sent until the first frame is in the viewer's hands."""
    started = time.perf_counter()
    upload = ask("POST", "/api/uploads", {"files": len(files), "bytes": sum(map(len, files))})["upload_id"]
    for number, data in enumerate(files):
        ask("PUT", f"/api/uploads/{upload}/files/{number}", data)
    ask("POST", f"/api/uploads/{upload}/finish", {"study_id": None})
    while (state := ask("GET", f"/api/uploads/{upload}"))["state"] in ("receiving", "reading"):
        time.sleep(0.1)
    study = ask("GET", f"/api/studies/{state['studies'][0]['study_id']}")
    manifest = ask("GET", f"/api/series/{study['series'][0]['series_id']}/manifest")
    first = manifest["frames"][0]
    ask.raw("GET", first["url"])
    return {"study_id": state["studies"][0]["study_id"], **first}, time.perf_counter() - started


def _answer(ask: Client, study: dict[str, Any]) -> tuple[float, float]:
    """Seconds to the first piece and to the end of an answer."""
    started = time.perf_counter()
    view = {"instance_id": study["instance_id"], "frame": 0}
    asked = ask("POST", f"/api/studies/{study['study_id']}/captions", {"view": view})
    connection = HTTPConnection("127.0.0.1", PORT, timeout=300)
    connection.request(
        "GET", f"/api/answers/{asked['answer_id']}/stream", headers={"authorization": f"Bearer {ask.secret}"}
    )
    first, kind = 0.0, ""
    for line in connection.getresponse():
        if line.startswith(b"event:"):
            kind = line[6:].strip().decode()
        elif line.startswith(b"data:") and kind == "piece":
            first = first or time.perf_counter() - started
        elif kind == "end":
            break
    connection.close()
    return first, time.perf_counter() - started


def memory(process: psutil.Process) -> int:
    """Bytes of a process and those below it; what they share is counted by its share."""
    family = [process, *process.children(recursive=True)]
    total = 0
    for one in family:
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total


@contextmanager
def peak(process: psutil.Process) -> Iterator[list[int]]:
    """The most memory while the block runs, looked at four times a second."""
    most, done = [memory(process)], Event()

    def watch() -> None:
        while not done.wait(0.25):
            most[0] = max(most[0], memory(process))

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()
