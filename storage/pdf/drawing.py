"""The drawn parts of a paper: emblem, key image with numbered boxes, QR code, block at the foot."""

from io import BytesIO
from typing import Any

from PIL import Image
from reportlab.graphics.barcode.qrencoder import QRCode, QRErrorCorrectLevel
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable

from storage.pdf.content import Box, Figure
from storage.pdf.tags import Illustrated, Node
from storage.pdf.text import REGULAR, STRONG, plain

TEAL, PALE, INK, GREY = HexColor("#0b6e72"), HexColor("#e3f1f1"), HexColor("#14202b"), HexColor("#566573")
MIST, LINE, AMBER, AMBER_PALE = (
    HexColor("#f2f6f9"),
    HexColor("#c8d3dc"),
    HexColor("#b26a00"),
    HexColor("#fff4dc"),
)
BOX_COLORS = [HexColor("#ffb000"), HexColor("#38bdf8"), HexColor("#a3e635"), HexColor("#f472b6")]
HALO = Color(0, 0, 0, alpha=0.65)
LARGEST_IMAGE_PX = 1400


def emblem(canvas: Canvas, x: float, y: float, side: float) -> None:
    """The dragonfly on its rounded square, lower left corner at (x, y)."""
    canvas.saveState()
    canvas.translate(x, y)
    canvas.scale(side / 48, side / 48)
    canvas.setFillColor(TEAL)
    canvas.roundRect(0, 0, 48, 48, 9, stroke=0, fill=1)
    canvas.setFillColor(white)
    for turn, length, height in ((14, 19, 7), (-14, 17, 6)):
        for side_of_body in (1, -1):
            canvas.saveState()
            canvas.translate(24, 29 if turn > 0 else 26)
            canvas.rotate(side_of_body * turn)
            canvas.setFillAlpha(1 if turn > 0 else 0.75)
            canvas.ellipse(
                min(0, side_of_body * length), -height / 2, max(0, side_of_body * length), height / 2, 0, 1
            )
            canvas.restoreState()
    canvas.roundRect(22.7, 8, 2.6, 26, 1.3, stroke=0, fill=1)
    canvas.circle(24, 36, 3.1, stroke=0, fill=1)
    canvas.restoreState()


class KeyImage(Illustrated):
    """A picture on black, at most `limit` points high, with its boxes."""

    def __init__(self, figure: Figure, width: float, limit: float, node: Node):
        super().__init__()
        self.node = node
        self.figure, self.image = figure, _prepared(figure.image)
        scale = min(width / self.image.width, limit / self.image.height)
        self.shown = (self.image.width * scale, self.image.height * scale)
        self.size = (width, self.shown[1])

    def wrap(self, *_available: float) -> tuple[float, float]:
        return self.size

    def paint(self) -> None:
        canvas, (width, height) = self.canv, self.size
        left = (width - self.shown[0]) / 2
        canvas.saveState()
        frame = canvas.beginPath()
        frame.roundRect(0, 0, width, height, 6)
        canvas.clipPath(frame, stroke=0, fill=0)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.rect(0, 0, width, height, stroke=0, fill=1)
        canvas.drawImage(ImageReader(self.image), left, 0, *self.shown)
        for box in self.figure.boxes:
            self._box(box, left)
        canvas.restoreState()

    def _box(self, box: Box, left: float) -> None:
        canvas, (wide, high) = self.canv, self.shown
        x, y = left + box.x * wide, high * (1 - box.y - box.height)
        width, height = box.width * wide, box.height * high
        color = box_color(box.number)
        for stroke, line in ((HALO, 3.2), (color, 1.4)):
            canvas.setStrokeColor(stroke)
            canvas.setLineWidth(line)
            canvas.roundRect(x, y, width, height, 2, stroke=1, fill=0)
        top = min(y + height + 11, high) - 11
        chip(canvas, max(left, x - 0.7), top, box.number)


def _prepared(data: bytes) -> Image.Image:
    """The picture as 8-bit gray or RGB, no larger than print can show."""
    with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as opened:
        image = opened.convert("L" if opened.mode in ("L", "1") else "RGB")
    if max(image.size) > LARGEST_IMAGE_PX:
        image.thumbnail((LARGEST_IMAGE_PX, LARGEST_IMAGE_PX), Image.Resampling.LANCZOS)
    return image


def box_color(number: int) -> Color:
    """The same color for the box and for the note that explains it."""
    return BOX_COLORS[(number - 1) % len(BOX_COLORS)]


def chip(canvas: Canvas, x: float, y: float, number: int) -> None:
    """The number of a box, 12 points wide and 11 high."""
    canvas.setFillColor(box_color(number))
    canvas.roundRect(x, y, 12, 11, 2, stroke=0, fill=1)
    canvas.setFillColor(INK)
    canvas.setFont(STRONG, 8)
    canvas.drawCentredString(x + 6, y + 2.6, str(number))


class Chip(Flowable):
    """A chip as part of the text."""

    def __init__(self, number: int, node: Node):
        super().__init__()
        self.number, self.node = number, node

    def wrap(self, *_available: float) -> tuple[float, float]:
        return (12, 12)

    def draw(self) -> None:
        with self.canv.marked(self.node):
            chip(self.canv, 0, 0, self.number)


def qr_modules(text: str) -> list[list[Any]]:
    """The code as rows of dark and light."""
    code = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(text)
    code.make()
    modules: list[list[Any]] = code.modules
    return modules


def qr_svg(text: str) -> str:
    """The same code for a screen, dark on light whatever the theme, with its quiet zone."""
    modules = qr_modules(text)
    side = len(modules) + 8
    path = "".join(
        f"M{4 + start} {4 + row}h{length}v1h-{length}z"
        for row, line in enumerate(modules)
        for start, length in _dark_runs(line)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" aria-label="QR" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path fill="#000" d="{path}"/></svg>'
    )


class QR(Illustrated):
    """A QR code with a quiet zone of four modules, as one path: fast, small and sharp."""

    def __init__(self, text: str, side: float, node: Node):
        super().__init__()
        self.node, self.size = node, (side, side)
        self.modules = qr_modules(text)
        self.side = side

    def wrap(self, *_available: float) -> tuple[float, float]:
        return (self.side, self.side)

    def paint(self) -> None:
        canvas, count = self.canv, len(self.modules)
        unit = self.side / (count + 8)
        canvas.setFillColor(white)
        canvas.rect(0, 0, self.side, self.side, stroke=0, fill=1)
        path = canvas.beginPath()
        for row, modules in enumerate(self.modules):
            for start, length in _dark_runs(modules):
                path.rect((4 + start) * unit, (3 + count - row) * unit, length * unit, unit)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.drawPath(path, stroke=0, fill=1)


def _dark_runs(modules: list[Any]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for column, dark in enumerate(modules):
        if dark and runs and sum(runs[-1]) == column:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((column, 1))
    return runs


class AtFoot(Flowable):
    """Flowables that stay together and are pushed to the foot of the page they fall on."""

    def __init__(self, inner: list[Flowable]):
        super().__init__()
        self.inner = inner

    def wrap(self, width: float, height: float) -> tuple[float, float]:
        self.heights = [flowable.wrap(width, height)[1] for flowable in self.inner]
        return (width, max(sum(self.heights), height - 0.01))

    def split(self, *_available: float) -> list[Flowable]:
        return []

    def draw(self) -> None:
        y = sum(self.heights)
        for flowable, height in zip(self.inner, self.heights, strict=True):
            y -= height
            flowable.drawOn(self.canv, 0, y)


def watermark(canvas: Canvas, words: tuple[str, ...], page: tuple[float, float]) -> None:
    """Large pale words across the page, drawn before anything else so that nothing is hidden by them."""
    canvas.saveState()
    canvas.translate(page[0] / 2, page[1] / 2)
    canvas.rotate(38)
    canvas.setFillColor(HexColor("#eef1f4"))
    for number, line in enumerate(words):
        size = min(92.0, 0.72 * page[1] / max(1.0, canvas.stringWidth(plain(line), STRONG, 1)))
        canvas.setFont(STRONG, size)
        canvas.drawCentredString(0, (len(words) / 2 - number - 0.8) * 100, plain(line))
    canvas.restoreState()


def small(
    canvas: Canvas, x: float, y: float, text: str, *, align: str = "left", strong: bool = False
) -> None:
    """A line of the running head or foot."""
    canvas.setFont(STRONG if strong else REGULAR, 7.4)
    draw = {"left": canvas.drawString, "center": canvas.drawCentredString, "right": canvas.drawRightString}[
        align
    ]
    draw(x, y, plain(text))
