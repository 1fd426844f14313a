"""What stands on every page around the text: letterhead and status, running heads, feet, watermark, amber band."""

from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Frame, PageTemplate

from storage.pdf.content import ReportContent
from storage.pdf.drawing import (
    AMBER,
    AMBER_PALE,
    GREY,
    INK,
    LINE,
    PALE,
    TEAL,
    emblem,
    small,
    watermark,
)
from storage.pdf.tags import Node, TaggedCanvas, language_of
from storage.pdf.text import REGULAR, STRONG, plain

WIDTH, HEIGHT = A4
MARGIN, TOP_FIRST, TOP_LATER, FOOT = 42.0, 92.0, 46.0, 50.0
COLUMN = WIDTH - 2 * MARGIN


def templates(content: ReportContent, root: Node) -> list[PageTemplate]:
    """The first page with letterhead and status, and every other."""
    head, status = root.add("P", language=language_of(content.institution)), root.add("P")
    return [
        PageTemplate(
            "first", [_frame(TOP_FIRST)], onPage=lambda canvas, _: _first_page(canvas, content, head, status)
        ),
        PageTemplate("later", [_frame(TOP_LATER)], onPage=lambda canvas, _: _later_page(canvas, content)),
    ]


def _frame(top: float) -> Frame:
    return Frame(
        MARGIN,
        FOOT,
        COLUMN,
        HEIGHT - top - FOOT,
        leftPadding=0,
        rightPadding=0,
        topPadding=0,
        bottomPadding=0,
    )


def counting_canvas(content: ReportContent) -> type[Canvas]:
    """A canvas that keeps its pages until their number is known, then writes "page x of y" on each."""

    class Counting(TaggedCanvas):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self.pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            kept = self.pages
            for page in kept:
                self.__dict__.update(page)
                _foot(self, content, len(kept))
                self.close_page()
                super().showPage()
            self._code: list[str] = []  # the page after the last holds an opened mark and nothing else
            super().save()

    return Counting


def _foot(canvas: Canvas, content: ReportContent, pages: int) -> None:
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, FOOT - 12, WIDTH - MARGIN, FOOT - 12)
    canvas.setFillColor(GREY)
    small(canvas, MARGIN, FOOT - 24, content.footer_left)
    small(canvas, WIDTH / 2, FOOT - 24, content.footer_center, align="center")
    words = content.page_words.format(page=canvas.getPageNumber(), pages=pages)
    small(canvas, WIDTH - MARGIN, FOOT - 24, words, align="right", strong=True)


def _first_page(canvas: TaggedCanvas, content: ReportContent, head: Node, status: Node) -> None:
    _beneath(canvas, content)
    emblem(canvas, MARGIN, HEIGHT - 74, 38)
    with canvas.marked(head):
        _letterhead(canvas, content)
    _status_box(canvas, content, status)


def _letterhead(canvas: Canvas, content: ReportContent) -> None:
    canvas.setFillColor(INK)
    canvas.setFont(STRONG, 12.5)
    canvas.drawString(MARGIN + 50, HEIGHT - 52, plain(content.institution))
    shift = canvas.stringWidth(plain(content.institution) + "  ", STRONG, 12.5)
    canvas.setFillColor(GREY)
    canvas.setFont(REGULAR, 9)
    canvas.drawString(MARGIN + 50 + shift, HEIGHT - 52, plain(content.department))
    small(canvas, MARGIN + 50, HEIGHT - 66, content.institution_line)


def _later_page(canvas: Canvas, content: ReportContent) -> None:
    _beneath(canvas, content)
    canvas.setFillColor(GREY)
    small(canvas, MARGIN, HEIGHT - 30, content.title)
    small(canvas, WIDTH - MARGIN, HEIGHT - 30, content.status.lines[0], align="right", strong=True)
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.5)
    canvas.line(MARGIN, HEIGHT - 37, WIDTH - MARGIN, HEIGHT - 37)


def _beneath(canvas: Canvas, content: ReportContent) -> None:
    """Watermark and amber band, before anything else is drawn."""
    if content.watermarks:
        watermark(canvas, content.watermarks, A4)
    if content.band:
        canvas.setFillColor(AMBER_PALE)
        canvas.rect(0, HEIGHT - 17, WIDTH, 17, stroke=0, fill=1)
        canvas.setFillColor(AMBER)
        canvas.rect(0, HEIGHT - 2.4, WIDTH, 2.4, stroke=0, fill=1)
        canvas.setFont(STRONG, 7.6)
        canvas.drawCentredString(WIDTH / 2, HEIGHT - 12, plain(content.band))


def _status_box(canvas: TaggedCanvas, content: ReportContent, node: Node) -> None:
    calm = content.status.tone == "calm"
    high = 12 + 12 * len(content.status.lines)
    canvas.setFillColor(PALE if calm else AMBER_PALE)
    canvas.setStrokeColor(TEAL if calm else AMBER)
    canvas.setLineWidth(0.8)
    if not calm:
        canvas.setDash(3, 2)
    canvas.roundRect(WIDTH - MARGIN - 158, HEIGHT - 74, 158, high, 5, stroke=1, fill=1)
    canvas.setDash()
    canvas.setFillColor(TEAL if calm else AMBER)
    with canvas.marked(node):
        for number, line in enumerate(content.status.lines):
            canvas.setFont(STRONG, 9 if number == 0 else 8)
            low = HEIGHT - 74 + high - 15 - 12.5 * number
            canvas.drawCentredString(WIDTH - MARGIN - 79, low, plain(line))
