"""The limited processes in which every file from outside is read and decoded.

A pool of them is kept warm. Each takes one request at a time over a pipe: a length and JSON, then bytes; nothing
that comes back is ever unpickled. A process that dies, hangs or asks for too much memory is replaced, and the
file that did it is an error like any other.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicom.guard import Limits
from dicom.pool import Kind, Pool
from dicom.process import Died, Held, Source
from dicom.profile import BASIC, Options
from dicom.render import View
from dicom.volume import Voxels
from dicom.windowing import Values, Window

__all__ = ["Decoder", "Held", "ShownFrame", "Source"]
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("inspect", "deidentify", "told", "scope", "slide"), "arriving"),
    "voxels": "filling",
}
"""What is asked of files that arrive or leave, or in bulk; for the rest somebody waits in front of a screen."""


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
