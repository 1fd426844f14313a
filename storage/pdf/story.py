"""The text of a paper in its order: patient, images, sections, questions, provenance, signatures; each with its role."""

from typing import Any

from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, KeepTogether, NextPageTemplate, Spacer, Table

from storage.pdf.content import Answered, Field, Figure, Note, ReportContent, Section, Signature
from storage.pdf.drawing import GREY, INK, LINE, MIST, PALE, QR, TEAL, AtFoot, Chip, KeyImage
from storage.pdf.pages import COLUMN
from storage.pdf.tags import Node, Role, Tagged, language_of
from storage.pdf.text import REGULAR, STRONG, markup, plain

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
_BARE: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 0),
    ("TOPPADDING", (0, 0), (-1, -1), 0),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
]


def story(content: ReportContent, root: Node, image_height: float) -> list[Flowable]:
    """Everything that flows over the pages; its elements are added to `root` in reading order."""
    told: list[Flowable] = [NextPageTemplate("later"), _text(root, content.title, "title", "H1")]
    told += _identity(root, content)
    told += _images(root, content, image_height)
    for section in (*content.sections, *content.addenda):
        told += _section(root, section)
    told += _questions(root, content)
    return told + _closing(root, content)


def _text(parent: Node, text: str, style: str = "body", role: Role = "P") -> Tagged:
    return _marked_up(parent, markup(text), language_of(text), style, role)


def _marked_up(parent: Node, marked_up: str, language: str, style: str, role: Role) -> Tagged:
    paragraph = Tagged(marked_up, _styles[style])
    paragraph.node = parent.add(role, language=language)
    return paragraph


def _heading(parent: Node, text: str) -> Tagged:
    return _text(parent, text, "heading", "H2")


def _closing(root: Node, content: ReportContent) -> list[Flowable]:
    """Provenance and signatures: together at the foot, so that no page holds a signature alone."""
    provenance, signatures = _provenance(root, content), _signatures(root, content)
    if signatures and len(content.provenance) <= TOGETHER:
        return [AtFoot([*provenance, *signatures])]
    return provenance + ([AtFoot(signatures)] if signatures else [])


def _identity(root: Node, content: ReportContent) -> list[Flowable]:
    """Patient above study, four cells a row; the first cell is the widest, as names are."""
    blocks = [_cells(root, fields) for fields in (content.patient, content.study) if fields]
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


def _cells(root: Node, fields: tuple[Field, ...]) -> list[list[Any]]:
    cells: list[Any] = [
        [
            _text(root, field.label, "label"),
            _text(root, field.value or "—", "strong" if field.strong else "value"),
        ]
        for field in fields
    ]
    cells += [""] * (-len(cells) % 4)
    return [cells[start : start + 4] for start in range(0, len(cells), 4)]


def _images(root: Node, content: ReportContent, image_height: float) -> list[Flowable]:
    """The first image beside its notes; the others three to a row."""
    if not content.figures:
        return [flowable for section in content.beside for flowable in _section(root, section)]
    first, *others = content.figures
    whole = not content.notes and not content.beside
    width = COLUMN * (0.62 if whole else 0.485)
    picture = _captioned(root, first, width, image_height)
    side: list[Any] = []
    if content.notes:
        side += [_heading(root, content.notes_heading), Spacer(0, 2), *_notes(root, content.notes)]
    for section in content.beside:
        # A cell is laid out before it knows its page, and keeping together needs one.
        side += _section(root, section, in_cell=True)
    table = Table([[picture, side or ""]], [width + 14, COLUMN - width - 14], style=_BARE, splitInRow=1)
    told: list[Flowable] = [table, Spacer(0, 8)]
    third = (COLUMN - 20) / 3
    for start in range(0, len(others), 3):
        row: list[Any] = [_captioned(root, figure, third, 150) for figure in others[start : start + 3]]
        row += [""] * (3 - len(row))
        told += [Table([row], [third + 10, third + 10, third], style=_BARE), Spacer(0, 6)]
    return told


def _captioned(root: Node, figure: Figure, width: float, limit: float) -> list[Flowable]:
    shown = root.add("Figure", alternative=plain(figure.alternative or figure.caption))
    image = KeyImage(figure, width, limit, shown)
    return [image, Spacer(0, 3), _text(root, figure.caption, "small")]


def _notes(root: Node, notes: tuple[Note, ...]) -> list[Flowable]:
    listed = root.add("L")
    return [_note(listed.add("LI"), note) for note in notes]


def _note(item: Node, note: Note) -> Flowable:
    number, body = item.add("Lbl"), item.add("LBody")
    words: list[Flowable] = [_text(body, note.text, "name")]
    if note.detail:
        words.append(_text(body, note.detail, "small"))
    style = [*_BARE, ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
    return Table([[Chip(note.number, number), words]], [20, None], style=style)


def _section(root: Node, section: Section, *, in_cell: bool = False) -> list[Flowable]:
    heading = _heading(root, section.heading)
    paragraphs = [_sentences(root, row) for row in section.paragraphs] or [_text(root, "—")]
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


def _sentences(root: Node, sentences: tuple[Any, ...]) -> Tagged:
    parts = []
    for sentence in sentences:
        mark = f'<font size="6" color="#566573"> {markup(sentence.mark)}</font>' if sentence.mark else ""
        parts.append(markup(sentence.text) + mark)
    language = language_of(" ".join(sentence.text for sentence in sentences))
    return _marked_up(root, " ".join(parts), language, "body", "P")


def _questions(root: Node, content: ReportContent) -> list[Flowable]:
    if not content.questions:
        return []
    heading, told = _heading(root, content.questions_heading), root.add("Table")
    first = told.add("TR")
    head = [
        _text(first.add("TH", scope="Column"), label, "small")
        for label in (content.question_label, content.answer_label)
    ]
    style: list[tuple[Any, ...]] = [
        ("BACKGROUND", (0, 0), (-1, 0), MIST),
        ("LINEBELOW", (0, 0), (-1, 0), 1, TEAL),
        ("LINEBELOW", (0, 1), (-1, -1), 0.5, LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
    ]
    rows = [head, *(_answered(told.add("TR"), pair) for pair in content.questions)]
    table = Table(rows, [COLUMN * 0.4, COLUMN * 0.6], style=style, repeatRows=1, splitInRow=1)
    return [heading, Spacer(0, 2), table, Spacer(0, 12)]


def _answered(row: Node, pair: Answered) -> list[Any]:
    question = _text(row.add("TD"), pair.question)
    said = row.add("TD")
    answer: list[Flowable] = [_text(said, pair.answer)]
    if pair.detail:
        answer.append(_text(said, pair.detail, "small"))
    return [question, answer]


def _provenance(root: Node, content: ReportContent) -> list[Flowable]:
    if not content.provenance:
        return []
    wide = COLUMN - (132 if content.code else 0) - 24
    heading, told = _heading(root, content.provenance_heading), root.add("Table")
    inner = Table(
        [_line(told.add("TR"), field) for field in content.provenance],
        [wide * 0.26, wide * 0.74],
        style=[
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("TOPPADDING", (0, 0), (-1, -1), 1.6),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ],
    )
    cells: list[Any] = [[heading, Spacer(0, 3), inner]]
    widths = [wide + 24]
    if content.code:
        shown = root.add("Figure", alternative=plain(content.code.caption))
        words = [_text(root, text, "center") for text in (content.code.caption, content.code.hint) if text]
        cells.append([QR(content.code.text, 92, shown), Spacer(0, 2), *words])
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


def _line(row: Node, field: Field) -> list[Tagged]:
    label = _text(row.add("TH", scope="Row"), field.label, "cell")
    return [label, _text(row.add("TD"), field.value, "cell")]


def _signatures(root: Node, content: ReportContent) -> list[Flowable]:
    """Who signed, at the foot of the last page, with the statement beneath."""
    if not content.signatures and not content.statement:
        return []
    cells: list[Any] = [_signed(root, signature) for signature in content.signatures[:2]]
    cells += [""] * (2 - len(cells))
    rows: list[list[Any]] = [cells, [_text(root, content.statement, "small"), ""]]
    style: list[tuple[Any, ...]] = [
        ("LINEABOVE", (0, 0), (-1, 0), 0.8, INK),
        ("SPAN", (0, 1), (1, 1)),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, 0), 7),
        ("BOTTOMPADDING", (0, -1), (-1, -1), 2),
    ]
    return [Table(rows, [COLUMN / 2, COLUMN / 2], style=style)]


def _signed(root: Node, signature: Signature) -> list[Flowable]:
    return [
        _text(root, signature.label, "label"),
        _text(root, signature.name, "name"),
        _text(root, signature.detail, "small"),
    ]
