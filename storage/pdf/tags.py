"""What each piece of a page is, for readers that do not see: a tree of roles, and marks around what is drawn.

Everything that nobody claims is an artifact (lines, grounds, watermark, running heads), so that nothing on a page
can be left without a role. A paragraph that runs over pages stays one element, because its pieces share a node.
Source: ISO 32000-1 14.6 to 14.8, ISO 14289-1 (PDF/UA-1).
"""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph

Role = Literal[
    "Document", "H1", "H2", "P", "Figure", "Caption", "L", "LI", "Lbl", "LBody", "Table", "TR", "TH", "TD"
]
Place = tuple[int, int]
"""Number of the page, from 0, and of the mark on it."""


@dataclass(eq=False, slots=True)
class Node:
    """An element of the structure; its kids are elements and places on pages, in reading order."""

    role: Role
    kids: list[Union["Node", Place]] = field(default_factory=list)
    language: str = ""
    alternative: str = ""
    scope: Literal["", "Row", "Column"] = ""
    box: tuple[float, float, float, float] | None = None
    """Left, bottom, right, top in points on its page."""

    def add(self, role: Role, **facts: Any) -> "Node":
        """A new element below this one, behind those that are there."""
        kid = Node(role, **facts)
        self.kids.append(kid)
        return kid


class TaggedCanvas(Canvas):
    """A canvas on which every operator stands inside a mark: of an element, or of an artifact."""

    def _restartAccumulators(self) -> None:
        # The library begins each page here, the first one too.
        super()._restartAccumulators()
        self._marks = 0
        self._inside = False
        self._code.append("/Artifact BMC")

    def close_page(self) -> None:
        """End the last mark of this page; nothing is drawn on it afterwards."""
        self._code.append("EMC")

    @contextmanager
    def marked(self, node: Node | None) -> Iterator[None]:
        """What is drawn in here belongs to the node; without one, or inside of another's mark, to whatever it was."""
        if node is None or self._inside:
            yield
            return
        node.kids.append((self.getPageNumber() - 1, self._marks))
        self._code += ["EMC", f"/{node.role} <</MCID {self._marks}>> BDC"]
        self._marks += 1
        self._inside = True
        try:
            yield
        finally:
            self._inside = False
            self._code += ["EMC", "/Artifact BMC"]


class Tagged(Paragraph):
    """A paragraph with its element; drawn again (a repeated head of a table), it is an artifact."""

    node: Node | None = None
    drawn: bool = False
    lines: tuple[tuple[float, ...], Any] | None = None
    """Widths, and how the text breaks into lines within them."""

    def breakLines(self, width: Sequence[float]) -> Any:
        # The library breaks the text anew for every question, and what is left of it for every page: a
        # paragraph of a hundred pages took minutes.
        widths = tuple(width)
        if self.lines is None or self.lines[0] != widths:
            self.lines = (widths, super().breakLines(list(width)))
        return self.lines[1]

    def split(self, width: float, height: float) -> list["Tagged"]:
        parts: list[Tagged] = super().split(width, height)
        for part in parts:
            part.node = self.node
        if len(parts) == 2 and self.lines is not None and parts[1].style is self.style:
            widths, broken = self.lines
            parts[1].lines = (widths, _rest(broken, len(parts[0].blPara.lines)))
        return parts

    def draw(self) -> None:
        node = None if self.drawn else self.node
        self.drawn = True
        with self.canv.marked(node):
            super().draw()


def _rest(broken: Any, first: int) -> Any:
    """Lines of a text from one on; those of several fonts also say which word they begin with."""
    lines = broken.lines[first:]
    if broken.kind == 1 and lines and hasattr(lines[0], "sFW"):
        begin = lines[0].sFW
        lines = [line.clone(sFW=line.sFW - begin) for line in lines]
    return broken.clone(lines=lines)


class Illustrated(Flowable):
    """A drawing that is one figure: it says what it shows, and where it stands."""

    node: Node | None = None
    size: tuple[float, float]

    def draw(self) -> None:
        node = self.node
        if node is not None:
            left, bottom = self.canv.absolutePosition(0, 0)
            node.box = (left, bottom, left + self.size[0], bottom + self.size[1])
        with self.canv.marked(node):
            self.paint()

    def paint(self) -> None:
        """Draw it."""
        raise NotImplementedError


def language_of(text: str) -> str:
    """Korean where there is Hangul, English where there are only Latin letters; empty where there are neither."""
    names = [unicodedata.name(letter, "") for letter in text if letter.isalpha()]
    if any(name.startswith("HANGUL") for name in names):
        return "ko"
    return "en" if any(name.startswith("LATIN") for name in names) else ""
