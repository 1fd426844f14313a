"""The paper: what a report says, as PDF bytes; the same bytes for the same content."""

from storage.pdf.content import (
    Answered,
    Attachment,
    Box,
    Code,
    Field,
    Figure,
    Note,
    ReportContent,
    Section,
    Sentence,
    Signature,
    Status,
)
from storage.pdf.document import render

__all__ = [
    "Answered",
    "Attachment",
    "Box",
    "Code",
    "Field",
    "Figure",
    "Note",
    "ReportContent",
    "Section",
    "Sentence",
    "Signature",
    "Status",
    "render",
]
