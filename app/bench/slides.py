"""Slides in `make bench-images`: tiles by format, and the first look at a slide as the page asks for it, with memory."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from app.bench.measuring import Line, grown, seconds
from app.bench.service import PORT, Client, memory, peak, prepared, running
from app.drawn_slide import write_drawn_slide
from app.settings import Settings
from dicom.guard import Limits
from dicom.slides import TILE, Slide, depth_of

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "cmu_small_region.svs"
LARGE = 60_000
STAGE = 900
"""Pixels of a reading room's picture on an ordinary screen."""
FEW = 24


def tiles(side: int = 12_288) -> Iterator[Line]:
    """Tiles of 512 pixels as JPEG, at full resolution and from afar; of the formats of which there is a file."""
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        drawn = Path(folder) / "drawn.tif"
        write_drawn_slide(drawn, side)
        for name, path in (("generic TIFF, drawn", drawn), ("Aperio SVS, the sample", SAMPLE)):
            if not path.is_file():
                yield f"tiles, {name}", "     (the file is not here)"
                continue
            with grown() as more:
                figures = _tile_times(Slide(path, Limits()))
            yield f"tiles, {name}", f"{figures}; memory +{more[0] / 1e6:.0f} MB"


def _tile_times(slide: Slide) -> str:
    parts = []
    deepest = depth_of(slide.width, slide.height)
    for name, depth in (("full resolution", deepest), ("a quarter", deepest - 2)):
        chosen = tiles_at(slide.width, slide.height, depth)
        some = chosen[:: max(1, len(chosen) // FEW)]
        times = [seconds(partial(slide.tile, *at)) for at in some]
        parts.append(f"{name} {sorted(times)[len(times) // 2] * 1000:.0f} ms")
    slide.close()
    return ", ".join(parts)


def tiles_at(width: int, height: int, depth: int) -> list[tuple[int, int, int]]:
    """Every tile of a depth: depth, column, row."""
    factor = 1 << (depth_of(width, height) - depth)
    across, down = (-(-side // factor // TILE) for side in (width, height))
    return [(depth, column, row) for column in range(across) for row in range(down)]


def openings(side: int = LARGE) -> Iterator[Line]:
    """The sample and a drawn slide, through the web process: uploaded, then opened, and opened again without a copy."""
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        drawn = Path(folder) / "drawn.tif"
        write_drawn_slide(drawn, side)
        for name, path in (("Aperio SVS, the sample", SAMPLE), (f"TIFF of {side} x {side}, drawn", drawn)):
            if not path.is_file():
                yield f"opening, {name}", "     (the file is not here)"
                continue
            yield from _opening(name, path)


def _opening(name: str, path: Path) -> Iterator[Line]:
    with tempfile.TemporaryDirectory(prefix="dragonfly-bench-") as folder:
        settings = Settings(data_dir=Path(folder), port=PORT)
        secret = prepared(settings)
        with running(settings) as (web, _):
            ask = Client(secret)
            ask.until_ready()
            time.sleep(3)
            at_rest = memory(web)
            with peak(web) as most:
                sending, study = _uploaded(ask, path)
                first, first_tiles = _look(ask, study)
                again, _ = _look(ask, study)
                shutil.rmtree(settings.slide_copies)
                settings.slide_copies.mkdir(mode=0o700)
                bare, _ = _look(ask, study)
                near = _near(ask, study)
    size = path.stat().st_size / 1e6
    yield f"opening, {name}: upload until it is kept ({size:.0f} MB)", f"{sending:8.2f} s"
    yield f"opening, {name}: page's data and {first_tiles} tiles, first time", f"{first:8.2f} s"
    yield f"opening, {name}: the same, second time", f"{again:8.2f} s"
    yield f"opening, {name}: the same, with no plaintext copy", f"{bare:8.2f} s"
    yield f"opening, {name}: then the first tile at full resolution", f"{near:8.2f} s"
    yield f"opening, {name}: memory of web with its decoders, most", f"{most[0] / 1e6:8.0f} MB"
    yield f"opening, {name}: the same at rest before", f"{at_rest / 1e6:8.0f} MB"


def _uploaded(ask: Client, path: Path) -> tuple[float, str]:
    """Seconds until it is a study, and which."""
    began = time.perf_counter()
    size = path.stat().st_size
    upload = ask("POST", "/api/uploads", {"files": 1, "bytes": size})["upload_id"]
    with path.open("rb") as stream:
        ask.stream("PUT", f"/api/uploads/{upload}/files/0", stream, size)
    ask("POST", f"/api/uploads/{upload}/finish", {"study_id": None})
    _until(ask, upload, "needs_details")
    ask("POST", f"/api/uploads/{upload}/details", {"kind": "pathology", "patient_id": "BENCH-1"})
    found = _until(ask, upload, "done")
    return time.perf_counter() - began, str(found["studies"][0]["study_id"])


def _until(ask: Client, upload: str, state: str) -> dict[str, Any]:
    while (found := ask("GET", f"/api/uploads/{upload}"))["state"] in ("receiving", "reading"):
        time.sleep(0.05)
    if found["state"] != state:
        raise RuntimeError(f"The upload is {found['state']}, not {state}.")
    return dict(found)


def _look(ask: Client, study_id: str) -> tuple[float, int]:
    """Seconds for the data of the reading room and the tiles of the whole slide on a screen; how many tiles."""
    began = time.perf_counter()
    address, told = _told(ask, study_id)
    width, height = told["width"], told["height"]
    deepest = depth_of(width, height)
    # The viewer takes the depth that has a pixel for each of the screen, and the one above while it waits.
    depth = next((n for n in range(deepest) if max(width, height) >> (deepest - n) >= STAGE), deepest)
    shown = [at for n in (depth - 1, depth) for at in tiles_at(width, height, n)]
    for at in shown:
        _tile(ask, address, at)
    return time.perf_counter() - began, len(shown)


def _near(ask: Client, study_id: str) -> float:
    """Seconds for the tile in the middle at full resolution."""
    address, told = _told(ask, study_id)
    chosen = tiles_at(told["width"], told["height"], told["depth"])
    return seconds(lambda: _tile(ask, address, chosen[len(chosen) // 2]))


def _told(ask: Client, study_id: str) -> tuple[str, dict[str, Any]]:
    study = ask("GET", f"/api/studies/{study_id}")
    address = f"/api/series/{study['series'][0]['series_id']}"
    return address, ask("GET", f"{address}/slide")


def _tile(ask: Client, address: str, at: tuple[int, int, int]) -> None:
    status, _ = ask.raw("GET", f"{address}/tiles/{'/'.join(map(str, at))}")
    if status != 200:
        raise RuntimeError(f"A tile was answered {status}")
