"""A paper from top to bottom: letterhead, patient, images, text, provenance, signatures, on A4 pages."""

from io import BytesIO
from typing import Any

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    NextPageTemplate,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)

from storage.pdf.content import Answered, Field, Figure, Note, ReportContent, Section, Signature
from storage.pdf.drawing import (
    AMBER,
    AMBER_PALE,
    GREY,
    INK,
    LINE,
    MIST,
    PALE,
    QR,
    TEAL,
    AtFoot,
    Chip,
    KeyImage,
    emblem,
    small,
    watermark,
)
from storage.pdf.text import REGULAR, STRONG, markup, plain, register_fonts

WIDTH, HEIGHT = A4
MARGIN, TOP_FIRST, TOP_LATER, FOOT = 42.0, 92.0, 46.0, 50.0
COLUMN = WIDTH - 2 * MARGIN
IMAGE_HEIGHT, SMALLER_IMAGE_HEIGHT = 270.0, 165.0
TOGETHER = 24
"""Lines of provenance that surely fit one page with the signatures."""

_body = ParagraphStyle("body", fontName=REGULAR, fontSize=9.4, leading=14.2, textColor=INK)
_styles = {
    "body": _body,
    "title": ParagraphStyle("title", _body, fontName=STRONG, fontSize=16.5, leading=22, spaceAfter=6),
    "heading": ParagraphStyle("heading", _body, fontName=STRONG, fontSize=10.6, leading=15, textColor=TEAL),
    "label": ParagraphStyle("label", _body, fontSize=7, leading=9, textColor=GREY),
    "value": ParagraphStyle("value", _body, fontSize=9.2, leading=12.4),
    "strong": ParagraphStyle("strong", _body, fontName=STRONG, fontSize=11.5, leading=15),
    "small": ParagraphStyle("small", _body, fontSize=7.6, leading=10.6, textColor=GREY),
    "cell": ParagraphStyle("cell", _body, fontSize=7.8, leading=10.6),
    "name": ParagraphStyle("name", _body, fontName=STRONG, fontSize=9.6, leading=13),
    "center": ParagraphStyle("center", _body, fontSize=7.4, leading=10, alignment=1, textColor=GREY),
}


def render(content: ReportContent) -> bytes:
    """The paper as PDF bytes: A4, fonts embedded, searchable, equal bytes for equal content."""
    register_fonts()
    data, pages = _built(content, IMAGE_HEIGHT)
    if pages != 2:
        return data
    # A smaller picture is better than a second page that holds nothing but who signed.
    shorter, fewer = _built(content, SMALLER_IMAGE_HEIGHT)
    return shorter if fewer == 1 else data


def _built(content: ReportContent, image_height: float) -> tuple[bytes, int]:
    """The paper with its first picture at most so high (points), and its number of pages."""
    out = BytesIO()
    document = BaseDocTemplate(
        out,
        pagesize=A4,
        invariant=1,
        lang=content.language,
        title=plain(content.title),
        author=plain(content.institution),
        creator="Dragonfly-Med",
        initialFontName=REGULAR,
    )
    document.addPageTemplates(
        [
            PageTemplate("first", [_frame(TOP_FIRST)], onPage=lambda canvas, _: _first_page(canvas, content)),
            PageTemplate("later", [_frame(TOP_LATER)], onPage=lambda canvas, _: _later_page(canvas, content)),
        ]
    )
    document.build(_story(content, image_height), canvasmaker=_counting_canvas(content))
    return out.getvalue(), document.page


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


def _counting_canvas(content: ReportContent) -> type[Canvas]:
    """A canvas that keeps its pages until their number is known, then writes "page x of y" on each."""

    class Counting(Canvas):
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
                super().showPage()
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


def _first_page(canvas: Canvas, content: ReportContent) -> None:
    _beneath(canvas, content)
    emblem(canvas, MARGIN, HEIGHT - 74, 38)
    canvas.setFillColor(INK)
    canvas.setFont(STRONG, 12.5)
    canvas.drawString(MARGIN + 50, HEIGHT - 52, plain(content.institution))
    shift = canvas.stringWidth(plain(content.institution) + "  ", STRONG, 12.5)
    canvas.setFillColor(GREY)
    canvas.setFont(REGULAR, 9)
    canvas.drawString(MARGIN + 50 + shift, HEIGHT - 52, plain(content.department))
    small(canvas, MARGIN + 50, HEIGHT - 66, content.institution_line)
    _status_box(canvas, content)


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


def _status_box(canvas: Canvas, content: ReportContent) -> None:
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
    for number, line in enumerate(content.status.lines):
        canvas.setFont(STRONG, 9 if number == 0 else 8)
        canvas.drawCentredString(WIDTH - MARGIN - 79, HEIGHT - 74 + high - 15 - 12.5 * number, plain(line))


def _story(content: ReportContent, image_height: float) -> list[Flowable]:
    story: list[Flowable] = [NextPageTemplate("later"), _paragraph(content.title, "title")]
    story += _identity(content)
    story += _images(content, image_height)
    for section in content.sections:
        story += _section(section)
    for section in content.addenda:
        story += _section(section)
    story += _questions(content)
    return story + _closing(content)


def _closing(content: ReportContent) -> list[Flowable]:
    """Provenance and signatures: together at the foot, so that no page holds a signature alone."""
    provenance, signatures = _provenance(content), _signatures(content)
    if signatures and len(content.provenance) <= TOGETHER:
        return [AtFoot([*provenance, *signatures])]
    return provenance + ([AtFoot(signatures)] if signatures else [])


def _paragraph(text: str, style: str = "body") -> Paragraph:
    return Paragraph(markup(text), _styles[style])


def _identity(content: ReportContent) -> list[Flowable]:
    """Patient above study, four cells a row; the first cell is the widest, as names are."""
    blocks = [_cells(fields) for fields in (content.patient, content.study) if fields]
    rows = [row for block in blocks for row in block]
    if not rows:
        return []
    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, -1), MIST),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 9),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 6),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
        ("ROUNDEDCORNERS", [6, 6, 6, 6]),
    ]
    style += [("LINEABOVE", (0, row), (-1, row), 0.6, LINE) for row in range(1, len(rows))]
    widths = [COLUMN * share for share in (0.345, 0.215, 0.205, 0.235)]
    return [Table(rows, widths, style=style, splitInRow=1), Spacer(0, 10)]


def _cells(fields: tuple[Field, ...]) -> list[list[Any]]:
    cells: list[Any] = [
        [
            _paragraph(field.label, "label"),
            _paragraph(field.value or "—", "strong" if field.strong else "value"),
        ]
        for field in fields
    ]
    cells += [""] * (-len(cells) % 4)
    return [cells[start : start + 4] for start in range(0, len(cells), 4)]


def _images(content: ReportContent, image_height: float) -> list[Flowable]:
    """The first image beside its notes; the others three to a row."""
    if not content.figures:
        return [flowable for section in content.beside for flowable in _section(section)]
    first, *others = content.figures
    side: list[Any] = []
    if content.notes:
        side += [_paragraph(content.notes_heading, "heading"), Spacer(0, 2), *map(_note, content.notes)]
    for section in content.beside:
        # A cell is laid out before it knows its page, and keeping together needs one.
        side += _section(section, in_cell=True)
    whole = not side
    width = COLUMN * (0.62 if whole else 0.485)
    picture = _captioned(first, width, image_height)
    table = Table([[picture, side or ""]], [width + 14, COLUMN - width - 14], style=_BARE, splitInRow=1)
    story: list[Flowable] = [table, Spacer(0, 8)]
    third = (COLUMN - 20) / 3
    for start in range(0, len(others), 3):
        row: list[Any] = [_captioned(figure, third, 150) for figure in others[start : start + 3]]
        row += [""] * (3 - len(row))
        story += [Table([row], [third + 10, third + 10, third], style=_BARE), Spacer(0, 6)]
    return story


_BARE: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
]


def _captioned(figure: Figure, width: float, limit: float) -> list[Flowable]:
    return [KeyImage(figure, width, limit), Spacer(0, 3), _paragraph(figure.caption, "small")]


def _note(note: Note) -> Flowable:
    words: list[Flowable] = [_paragraph(note.text, "name")]
    if note.detail:
        words.append(_paragraph(note.detail, "small"))
    return Table(
        [[Chip(note.number), words]], [20, None], style=[*_BARE, ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
    )


def _section(section: Section, *, in_cell: bool = False) -> list[Flowable]:
    heading = _paragraph(section.heading, "heading")
    paragraphs = [Paragraph(_sentences(row), _body) for row in section.paragraphs] or [_paragraph("—")]
    if not section.emphasis:
        head = (
            KeepTogether([heading, Spacer(0, 1), paragraphs[0]]) if _short(section) and not in_cell else None
        )
        start: list[Flowable] = [head] if head else [heading, Spacer(0, 1), paragraphs[0]]
        rest = [flowable for paragraph in paragraphs[1:] for flowable in (Spacer(0, 3), paragraph)]
        return [*start, *rest, Spacer(0, 8)]
    rows = [[heading], *([paragraph] for paragraph in paragraphs)]
    style = [
        ("BACKGROUND", (0, 0), (-1, -1), PALE),
        ("LINEBEFORE", (0, 0), (0, -1), 2.4, TEAL),
        ("LEFTPADDING", (0, 0), (-1, -1), 12),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("TOPPADDING", (0, 0), (-1, 0), 7),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 8),
    ]
    return [Table(rows, [COLUMN], style=style, splitInRow=1), Spacer(0, 10)]


def _short(section: Section) -> bool:
    """Whether heading and first paragraph surely fit one page together."""
    return (
        sum(len(sentence.text) for sentence in section.paragraphs[0]) < 1500 if section.paragraphs else True
    )


def _sentences(sentences: tuple[Any, ...]) -> str:
    parts = []
    for sentence in sentences:
        mark = f'<font size="6" color="#566573"> {markup(sentence.mark)}</font>' if sentence.mark else ""
        parts.append(markup(sentence.text) + mark)
    return " ".join(parts)


def _questions(content: ReportContent) -> list[Flowable]:
    if not content.questions:
        return []
    head = [_paragraph(content.question_label, "small"), _paragraph(content.answer_label, "small")]
    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, 0), MIST),
        ("LINEBELOW", (0, 0), (-1, 0), 1, TEAL),
        ("LINEBELOW", (0, 1), (-1, -1), 0.5, LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
    ]
    rows = [head, *map(_answered, content.questions)]
    table = Table(rows, [COLUMN * 0.4, COLUMN * 0.6], style=style, repeatRows=1, splitInRow=1)
    return [_paragraph(content.questions_heading, "heading"), Spacer(0, 2), table, Spacer(0, 12)]


def _answered(pair: Answered) -> list[Any]:
    answer: list[Flowable] = [_paragraph(pair.answer)]
    if pair.detail:
        answer.append(_paragraph(pair.detail, "small"))
    return [_paragraph(pair.question), answer]


def _provenance(content: ReportContent) -> list[Flowable]:
    if not content.provenance:
        return []
    code = [QR(content.code.text, 92)] if content.code else []
    words = [_paragraph(text, "center") for text in _code_words(content)]
    wide = COLUMN - (132 if code else 0) - 24
    lines = [
        [_paragraph(field.label, "cell"), _paragraph(field.value, "cell")] for field in content.provenance
    ]
    inner = Table(
        lines,
        [wide * 0.26, wide * 0.74],
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1.6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ],
    )
    cells: list[Any] = [[_paragraph(content.provenance_heading, "heading"), Spacer(0, 3), inner]]
    widths = [wide + 24]
    if code:
        cells.append([*code, Spacer(0, 2), *words])
        widths.append(132)
    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, -1), MIST),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("ALIGN", (-1, 0), (-1, 0), "CENTER"),
        ("LEFTPADDING", (0, 0), (-1, -1), 12),
        ("RIGHTPADDING", (0, 0), (-1, -1), 12),
        ("TOPPADDING", (0, 0), (-1, -1), 8),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 9),
        ("ROUNDEDCORNERS", [6, 6, 6, 6]),
    ]
    return [Table([cells], widths, style=style, splitInRow=1), Spacer(0, 12)]


def _code_words(content: ReportContent) -> list[str]:
    return [text for text in (content.code.caption, content.code.hint) if text] if content.code else []


def _signatures(content: ReportContent) -> list[Flowable]:
    """Who signed, at the foot of the last page, with the statement beneath."""
    if not content.signatures and not content.statement:
        return []
    cells: list[Any] = [_signed(signature) for signature in content.signatures[:2]]
    cells += [""] * (2 - len(cells))
    rows: list[list[Any]] = [cells, [_paragraph(content.statement, "small"), ""]]
    style: list[tuple[Any, ...]] = [
        ("LINEABOVE", (0, 0), (-1, 0), 0.8, INK),
        ("SPAN", (0, 1), (1, 1)),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, 0), 7),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 2),
    ]
    table = Table(rows, [COLUMN / 2, COLUMN / 2], style=style)
    return [table]


def _signed(signature: Signature) -> list[Flowable]:
    return [
        _paragraph(signature.label, "label"),
        _paragraph(signature.name, "name"),
        _paragraph(signature.detail, "small"),
    ]
