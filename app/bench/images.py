"""`make bench-images`: pictures from file to screen. Decoding beside other tools, a CT from upload to volume, planes,
slides, and the memory of each; prints and asserts nothing."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.pixels import pixel_array

from app.bench import slides
from app.bench.drawn_ct import JPEG_LOSSLESS, NATIVE, PIXEL_MM, SIDE, SLICE_MM, film, series
from app.bench.measuring import Line, grown, seconds
from app.bench.service import PORT, Client, memory, peak, prepared, running
from app.settings import Settings
from dicom.grid import Grid, Place
from dicom.reading import Instance
from dicom.reslice import Plane, reslice
from dicom.volume import Volume
from dicom.windowing import Window

SLICES, FRAMES = 500, 12
SYNTAXES = ("native", "rle", "50", "70", "80", "90", "201")
DCMTK = {"native": "dcmconv", "rle": "dcmdrle", "50": "dcmdjpeg", "70": "dcmdjpeg", "80": "dcmdjpls"}
LEFT, BACK, FEET = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)
TURNED = (0.8, 0.6, 0.0)


def measure(slices: int = SLICES) -> Iterator[Line]:
    """Figures as they come: what was measured, and the value."""
    yield from decoding()
    for name, syntax, number in (("native", NATIVE, 1), ("JPEG lossless", JPEG_LOSSLESS, 2)):
        yield from from_upload_to_volume(name, list(series(slices, syntax, number)))
    yield from planes(slices)
    yield from slides.tiles()
    yield from slides.openings()


def decoding(frames: int = FRAMES) -> Iterator[Line]:
    """Frames a second, one thread each: this application's way, pydicom with its default plug-ins, dcmtk's tools."""
    for end in SYNTAXES:
        name, data = film(end, frames)
        with grown() as more:
            instance = Instance(data)
            ours = _rate(frames, instance.frame)
        ds = pydicom.dcmread(BytesIO(data))
        theirs = _rate(frames, partial(_by_pydicom, ds))
        dcmtk = _by_dcmtk(DCMTK.get(end, ""), data, frames)
        yield (
            f"decode {SIDE} x {SIDE}, {name}",
            f"{ours:7.0f} frames/s; pydicom {theirs:7.0f}; dcmtk {dcmtk}; memory +{more[0] / 1e6:.0f} MB",
        )


def _by_pydicom(ds: Dataset, index: int) -> Any:
    return pixel_array(ds, index=index)


def _rate(frames: int, decode: Callable[[int], Any]) -> float:
    """The better of two, the first of which loads what is loaded once."""
    return max(frames / seconds(lambda: [decode(n) for n in range(frames)]) for _ in range(2))


def _by_dcmtk(program: str, data: bytes, frames: int) -> str:
    """Of the whole film with the start of the program; a program that is not installed is said to be so."""
    found = shutil.which(program, path="/usr/bin:/usr/local/bin") if program else None
    if not found:
        return "   (none)" if not program else f"   ({program} is not installed)"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.dcm", Path(folder) / "out.dcm"
        source.write_bytes(data)
        command = [found, str(source), str(target)]
        best = min(
            seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(2)
        )
        return f"{frames / best:7.0f}"


def from_upload_to_volume(name: str, files: list[bytes]) -> Iterator[Line]:
    """Through web and worker as processes of their own, over HTTP; time runs from the last byte that was sent."""
    size = sum(map(len, files)) / 1e6
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        settings = Settings(data_dir=Path(folder), port=PORT)
        secret = prepared(settings)
        with running(settings) as (web, _):
            ask = Client(secret)
            ask.until_ready()
            time.sleep(3)
            with peak(web) as most:
                times = _times(ask, files)
            resting = memory(web)
    what = f"CT of {len(files)} slices, {name} ({size:.0f} MB)"
    yield f"{what}: upload", f"{size / times['upload']:8.0f} MB/s"
    yield f"{what}: upload's end to first slice", f"{times['first']:8.2f} s"
    yield f"{what}: upload's end to whole volume", f"{times['volume']:8.2f} s"
    yield f"{what}: opening the volume alone", f"{times['volume'] - times['opened']:8.2f} s"
    yield f"{what}: first coronal plane after it", f"{times['plane'] * 1000:8.0f} ms"
    yield f"{what}: memory of web with its decoders, most", f"{most[0] / 1e6:8.0f} MB"
    yield f"{what}: the same with the volume at rest", f"{resting / 1e6:8.0f} MB"


def _times(ask: Client, files: list[bytes]) -> dict[str, float]:
    """Seconds of sending, and from its end until the first slice, until the volume was asked for and was there."""
    began = time.perf_counter()
    upload = ask("POST", "/api/uploads", {"files": len(files), "bytes": sum(map(len, files))})["upload_id"]
    for number, data in enumerate(files):
        ask("PUT", f"/api/uploads/{upload}/files/{number}", data)
    sent = time.perf_counter()
    ask("POST", f"/api/uploads/{upload}/finish", {"study_id": None})
    while (state := ask("GET", f"/api/uploads/{upload}"))["state"] in ("receiving", "reading"):
        time.sleep(0.05)
    study = ask("GET", f"/api/studies/{state['studies'][0]['study_id']}")
    address = f"/api/series/{study['series'][0]['series_id']}"
    middle = ask("GET", f"{address}/manifest")["frames"][len(files) // 2]
    ask.raw("GET", middle["url"])
    first = time.perf_counter()
    told = ask("GET", f"{address}/volume")
    while not told["ready"]:
        time.sleep(0.05)
        told = {**told, **ask("GET", f"{address}/volume/progress")}
    whole = time.perf_counter()
    at = ",".join(map(str, told["middle_mm"]))
    ask.raw("GET", f"{address}/plane.png?at={at}&right=1,0,0&down=0,0,-1")
    return {
        "upload": sent - began,
        "first": first - sent,
        "opened": first - sent,
        "volume": whole - sent,
        "plane": time.perf_counter() - whole,
    }


def planes(slices: int) -> Iterator[Line]:
    """Planes through a volume in this process, the better of two."""
    with grown() as more:
        volume = _noise(slices)
    yield f"volume of {slices} x {SIDE} x {SIDE}: memory", f"{more[0] / 1e6:8.0f} MB"
    at = tuple(volume.grid.middle_mm.tolist())
    asked: dict[str, dict[str, Any]] = {
        "axial": {"right": LEFT, "down": BACK},
        "coronal": {"right": LEFT, "down": FEET},
        "sagittal": {"right": BACK, "down": FEET},
        "coronal, mean of 20 mm": {"right": LEFT, "down": FEET, "slab_mm": 20.0},
        "coronal, MIP of 20 mm": {"right": LEFT, "down": FEET, "slab_mm": 20.0, "how": "max"},
        "coronal, MIP of everything": {"right": LEFT, "down": FEET, "slab_mm": 500.0, "how": "max"},
        "oblique": {"right": TURNED, "down": FEET},
        "oblique, MIP of 20 mm": {"right": TURNED, "down": FEET, "slab_mm": 20.0, "how": "max"},
    }
    for name, how in asked.items():
        with grown() as more:
            best = min(seconds(lambda how=how: reslice(volume, Plane(at=at, **how))) for _ in range(2))  # type: ignore[misc]
        cut = reslice(volume, Plane(at=at, **how))
        size = f"{cut.values.shape[1]} x {cut.values.shape[0]}"
        yield f"plane of {size}, {name}", f"{best * 1000:8.0f} ms; memory +{more[0] / 1e6:.0f} MB"


def _noise(slices: int) -> Volume:
    values = np.random.default_rng(0).integers(-1000, 1500, (slices, SIDE, SIDE), np.int16)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = [0, 0, SLICE_MM], [0, PIXEL_MM, 0], [PIXEL_MM, 0, 0]
    places = tuple(Place(str(n), 0, (0.0, 0.0, SLICE_MM * n)) for n in range(slices))
    grid = Grid(places, values.shape, affine, np.array([0.0, 0.0, 1.0]))
    return Volume(
        grid=grid, values=values, unit="HU", invert=False, window=Window(40, 400), background=-1000.0
    )
