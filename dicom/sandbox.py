"""The limited processes in which every file from outside is read and decoded.

A pool of them is kept warm. Each takes one request at a time over a pipe: a length and JSON, then bytes; nothing
that comes back is ever unpickled. A process that dies, hangs or asks for too much memory is replaced, and the
file that did it is an error like any other.
"""

import importlib
import json
import resource
import select
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dicom.errors import DicomError
from dicom.guard import Limits
from dicom.kept import Kept
from dicom.pool import Kind, Pool
from dicom.process import NOT_HELD, READY, Died, Held, Source
from dicom.profile import BASIC, Options
from dicom.reading import Frame, Instance
from dicom.render import View
from dicom.volume import Voxels
from dicom.windowing import Values, Window

__all__ = ["Decoder", "Held", "ShownFrame", "Source"]
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("inspect", "deidentify", "told", "scope", "slide"), "arriving"),
    "voxels": "filling",
}
"""What is asked of files that arrive or leave, or in bulk; for the rest somebody waits in front of a screen."""
FORGOTTEN_SECONDS = 60
"""A process that is asked nothing for so long keeps no patient's file in its memory."""


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A look-up table of the file for a viewer: how a frame is shown where nobody chose a window.

    nodes: values and their shares of full brightness, straight between them
    window: the straight line nearest to it
    """

    nodes: list[tuple[int, float]]
    window: Window


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """Values of a frame for a viewer: as `Frame`, with the window that is shown by default."""

    values: Values
    is_color: bool
    invert: bool
    unit: str
    window: Window
    pixel_aspect: float
    table: ShownTable | None = None


class Decoder:
    """A pool of limited processes; safe to use from several threads."""

    def __init__(self, workers: int = 1, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.pool = Pool(workers, self.limits)

    def __enter__(self) -> "Decoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process; one that is at work ends when its answer is there."""
        self.pool.close()

    def inspect(self, source: Source, sha256: str = "") -> dict[str, Any]:
        """What the file says of itself (`Inspection` as plain JSON); one frame was decoded to be sure of it.

        sha256: its digest, where it is known already
        """
        return self._ask("inspect", source, sha256=sha256)[0]

    def frame(self, source: Source, index: int = 0) -> ShownFrame:
        """One frame after the modality step."""
        facts, data = self._ask("frame", source, index=index)
        window = Window(**facts.pop("window"))
        shape, dtype, table = facts.pop("shape"), facts.pop("dtype"), facts.pop("table")
        shown = ShownTable(table["nodes"], Window(**table["window"])) if table else None
        return ShownFrame(np.frombuffer(data, dtype).reshape(shape), window=window, table=shown, **facts)

    def voxels(self, source: Source, index: int = 0) -> Voxels:
        """One frame with what tells its place in a volume."""
        facts, data = self._ask("voxels", source, index=index)
        window = Window(**facts.pop("window"))
        values = np.frombuffer(data, facts.pop("dtype")).reshape(facts.pop("shape"))
        return Voxels(values=values, window=window, **facts)

    def render(self, source: Source, view: View | None = None) -> Values:
        """What is shown: uint8 (rows, columns, 3)."""
        facts, data = self._ask("render", source, view=asdict(view or View()))
        return np.frombuffer(data, np.uint8).reshape(facts["shape"])

    def masked(self, source: Source, view: View | None = None) -> tuple[Values, float]:
        """What is shown without drawings and without the bands where devices write, and the share that is blanked."""
        facts, data = self._ask("masked", source, view=asdict(view or View()))
        return np.frombuffer(data, np.uint8).reshape(facts["shape"]), facts["blanked"]

    def thumbnail(self, source: Source, longest: int = 160) -> bytes:
        """PNG bytes of the first frame."""
        return self._ask("thumbnail", source, longest=longest)[1]

    def laid(self, source: Source, view: View) -> bytes:
        """PNG with alpha of what lies over a frame (`dicom.render.laid`)."""
        return self._ask("laid", source, view=asdict(view))[1]

    def slide(self, path: Path) -> dict[str, Any]:
        """What a slide of several files says of itself (`Slide.facts`). path: one of them, alone in a folder with its others"""
        return self._ask("slide", path)[0]

    def tile(self, slide: Path, depth: int, column: int, row: int) -> bytes:
        """JPEG of one tile of a slide's deep zoom; raises NotAnImage where the slide has none."""
        return self._ask("tile", slide, depth=depth, column=column, row=row)[1]

    def region(self, slide: Path, box: tuple[float, float, float, float], size: tuple[int, int]) -> Values:
        """A part of a slide at a size: uint8 (rows, columns, 3). box: in pixels of its largest level."""
        facts, data = self._ask("region", slide, box=box, size=size)
        return np.frombuffer(data, np.uint8).reshape(facts["shape"])

    def deidentify(
        self, source: Source, secret: bytes, options: Options = BASIC
    ) -> tuple[bytes, list[dict[str, str]]]:
        """A copy without identity, and what was removed from it."""
        facts, data = self._ask("deidentify", source, secret=secret.hex(), options=asdict(options))
        return data, facts["removed"]

    def told(self, source: Source) -> list[dict[str, Any]]:
        """What of the file tells whose it is (`Told` as plain JSON): attributes and kinds, never a value."""
        return self._ask("told", source)[0]["told"]

    def measure(
        self,
        source: Source,
        index: int,
        kind: str,
        points: list[list[float]],
        stated_mm: list[float] | None = None,
    ) -> dict[str, Any]:
        """What a mark on a frame measures (`dicom.measure.measured`), from the values of the file itself.

        stated_mm: height and width of a pixel as a person stated them for a picture without a header
        """
        return self._ask("measure", source, index=index, kind=kind, points=points, stated_mm=stated_mm)[0]

    def scope(
        self, source: Source, view: View | None = None, box: Sequence[float] | None = None
    ) -> dict[str, Any]:
        """What one frame is (`Scope` as plain JSON), by header and by its pixels as they are shown.

        box: x, y, width, height in pixels of what is asked about; without it, all of the frame
        """
        return self._ask("scope", source, view=asdict(view or View()), box=box)[0]

    def _ask(self, verb: str, source: Source, **arguments: Any) -> tuple[dict[str, Any], bytes]:
        key = source.sha256 if isinstance(source, Held) else None
        with self.pool.process(_KINDS.get(verb, "looking"), key) as process:
            try:
                return process.ask(verb, source, arguments)
            except Died as death:
                process.kill()
                raise death.cause_for(self.limits) from death


def _serve(limits: Limits, requests: BinaryIO, answers: BinaryIO) -> None:
    """The life of a limited process."""
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It reads and answers; it never writes a file.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Loaded before the first file comes, which then pays for nothing but itself.
    for name in ("photos", "render", "banner", "burned_in", "deidentify", "lens", "scope", "measure"):
        importlib.import_module(f"dicom.{name}")
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
    key, verb = request.get("key"), _VERBS[request["verb"]]
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


def open_source(source: Any, limits: Limits) -> Any:
    """A DICOM instance, a slide or a picture, by its content, or what is open already; raises DicomError subclasses."""
    from dicom.mirax import is_mirax
    from dicom.photos import Photo, is_photo, is_tiff
    from dicom.slides import is_slide, kept_open

    if not isinstance(source, Path | bytes):
        return source
    if isinstance(source, bytes):
        head = source[:132]
    elif is_mirax(source):
        return kept_open(source, limits)
    else:
        with source.open("rb") as stream:
            head = stream.read(132)
        if is_tiff(head) and is_slide(source):
            return kept_open(source, limits)
    return Photo(source, limits) if is_photo(head) and head[128:132] != b"DICM" else Instance(source, limits)


def _inspect(source: Source, limits: Limits, sha256: str) -> tuple[dict[str, Any], bytes]:
    from dicom.burned_in import LOOKED_AT, lines_of
    from dicom.render import render
    from dicom.slides import Slide

    opened = open_source(source, limits)
    known = opened.inspect(sha256) if isinstance(opened, Slide) else opened.inspect()
    facts = known.as_json()
    if facts["modality"] in LOOKED_AT or facts["kind"] == "photo":
        shown = render(opened, View())
        facts["text_lines"] = len(lines_of(shown.astype(np.float32).mean(axis=2)))
    else:
        opened.frame(0)
    return facts, b""


def _frame(source: Source, limits: Limits, index: int) -> tuple[dict[str, Any], bytes]:
    from dicom.render import used_window
    from dicom.windowing import narrow

    frame: Frame = open_source(source, limits).frame(index)
    values, table = narrow(frame.values), frame.table
    window = asdict(used_window(frame, View()) if not frame.is_color else Window(128, 256))
    facts = {
        "is_color": frame.is_color,
        "invert": frame.invert,
        "unit": frame.unit,
        "pixel_aspect": frame.pixel_aspect,
        "table": table and {"nodes": table.nodes(), "window": asdict(table.window())},
        "window": window,
        "shape": values.shape,
        "dtype": str(values.dtype),
    }
    return facts, values.tobytes()


def _voxels(source: Source, limits: Limits, index: int) -> tuple[dict[str, Any], bytes]:
    from dicom.volume import voxels_of

    voxels = voxels_of(open_source(source, limits), index)
    facts = {name: value for name, value in asdict(voxels).items() if name != "values"}
    return {**facts, "shape": voxels.values.shape, "dtype": str(voxels.values.dtype)}, voxels.values.tobytes()


def _render(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from dicom.render import render

    picture = render(open_source(source, limits), _view(view))
    return {"shape": picture.shape}, picture.tobytes()


def _laid(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from dicom.render import laid

    return {}, laid(open_source(source, limits), _view(view))


def _masked(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    from dicom.banner import picture_of
    from dicom.render import render, squared

    opened, chosen = open_source(source, limits), _view(view)
    picture, blanked = render(opened, replace(chosen, overlays=False, square=False)), 0.0
    if isinstance(opened, Instance):
        outside = ~picture_of(opened.dataset)
        picture = np.where(outside[..., None], np.uint8(0), picture)
        blanked = float(outside.mean())
    if chosen.square:
        picture = squared(picture, opened.frame(chosen.frame_index).pixel_aspect)
    return {"shape": picture.shape, "blanked": round(blanked, 4)}, picture.tobytes()


def _view(view: dict[str, Any]) -> View:
    window = view.pop("window")
    return View(window=Window(**window) if window else None, **view)


def _thumbnail(source: Source, limits: Limits, longest: int) -> tuple[dict[str, Any], bytes]:
    from dicom.render import render, thumbnail

    return {}, thumbnail(render(open_source(source, limits), View(square=True)), longest)


def _slide(source: Path, limits: Limits) -> tuple[dict[str, Any], bytes]:
    from dicom.slides import kept_open

    return kept_open(source, limits).facts(), b""


def _tile(source: Path, limits: Limits, depth: int, column: int, row: int) -> tuple[dict[str, Any], bytes]:
    from dicom.slides import kept_open

    return {}, kept_open(source, limits).tile(depth, column, row)


def _region(source: Path, limits: Limits, box: list[float], size: list[int]) -> tuple[dict[str, Any], bytes]:
    from dicom.slides import kept_open

    left, top, width, height = box
    picture = kept_open(source, limits).region((left, top, width, height), (size[0], size[1]))
    return {"shape": picture.shape}, picture.tobytes()


def _deidentify(
    source: Source, limits: Limits, secret: str, options: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    from dicom.deidentify import Removed, deidentify
    from dicom.render import png

    opened = open_source(source, limits)
    if isinstance(opened, Instance):
        data, removed = deidentify(opened.dataset, bytes.fromhex(secret), Options(**options))
    else:
        # Only the pixels go on: EXIF, comments and profile names stay behind.
        data, removed = png(opened.frame(0).values), [Removed("metadata", "X")]
    return {"removed": [asdict(one) for one in removed]}, data


def _told(source: Source, limits: Limits) -> tuple[dict[str, Any], bytes]:
    from dicom.lens import told_by

    opened = open_source(source, limits)
    if isinstance(opened, Instance):
        return {"told": [asdict(one) for one in told_by(opened.dataset)]}, b""
    return {"told": opened.told()}, b""


def _measure(
    source: Source, limits: Limits, index: int, kind: Any, points: list[Any], stated_mm: list[float] | None
) -> tuple[dict[str, Any], bytes]:
    from dicom.header import aspect_of, spacing_of
    from dicom.measure import measured, scale_at
    from dicom.ultrasound import regions_of

    opened, at = open_source(source, limits), [(float(x), float(y)) for x, y in points]
    scale = scale_at(at, spacing_mm=stated_mm, source="person")
    if isinstance(opened, Instance):
        spacing, named = spacing_of(opened.dataset, index)
        aspect, regions = aspect_of(opened.dataset, index), regions_of(opened.dataset)
        scale = scale_at(at, spacing_mm=spacing, source=named, aspect=aspect, regions=regions)
    frame: Frame = opened.frame(index)
    found = measured(kind, at, scale, frame.values, padding=frame.padding, values_unit=frame.unit)
    return found, b""


def _scope(
    source: Source, limits: Limits, view: dict[str, Any], box: list[float] | None
) -> tuple[dict[str, Any], bytes]:
    from dicom.render import crop, render
    from dicom.scope import scope_of

    opened = open_source(source, limits)
    dataset = opened.dataset if isinstance(opened, Instance) else None
    shown = render(opened, _view(view))
    part = crop(shown, (box[0], box[1], box[2], box[3])) if box else None
    return scope_of(dataset, shown, part).as_json(), b""


_VERBS: dict[str, Any] = {
    "inspect": _inspect,
    "frame": _frame,
    "voxels": _voxels,
    "render": _render,
    "laid": _laid,
    "masked": _masked,
    "thumbnail": _thumbnail,
    "slide": _slide,
    "tile": _tile,
    "region": _region,
    "deidentify": _deidentify,
    "told": _told,
    "scope": _scope,
    "measure": _measure,
}

if __name__ == "__main__":
    _serve(Limits(**json.loads(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)
