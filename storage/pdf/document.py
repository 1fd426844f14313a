"""A paper from top to bottom: drawn on A4 pages, then made one that can be kept and read aloud."""

from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.platypus import BaseDocTemplate

from storage.pdf.archive import archive
from storage.pdf.content import ReportContent
from storage.pdf.pages import counting_canvas, templates
from storage.pdf.story import story
from storage.pdf.tags import Node
from storage.pdf.text import REGULAR, plain, register_fonts

IMAGE_HEIGHT, SMALLER_IMAGE_HEIGHT = 270.0, 165.0


def render(content: ReportContent) -> bytes:
    """The paper as PDF/A-3a and PDF/UA-1: A4, fonts embedded, searchable, equal bytes for equal content."""
    register_fonts()
    drawn, root, pages = _drawn(content, IMAGE_HEIGHT)
    if pages == 2:
        # A smaller picture is better than a second page that holds nothing but who signed.
        shorter, its_root, fewer = _drawn(content, SMALLER_IMAGE_HEIGHT)
        if fewer == 1:
            drawn, root = shorter, its_root
    title = plain(content.title)
    return archive(
        drawn,
        root,
        title=title,
        language=content.language,
        identifier=content.code.text if content.code else "",
        attachments=content.attachments,
    )


def _drawn(content: ReportContent, image_height: float) -> tuple[bytes, Node, int]:
    """The paper with its first picture at most so high (points), what its pieces are, and its number of pages."""
    out, root = BytesIO(), Node("Document")
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
    document.addPageTemplates(templates(content, root))
    document.build(story(content, root, image_height), canvasmaker=counting_canvas(content))
    return out.getvalue(), root, document.page
