"""What a paper says: every word of it, already in the reader's language; nothing about where it stands.

The words come from the application, so that the notice on paper and on the screen is one string.
"""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["calm", "caution"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A small label over a value: one cell of the patient block, one line of the provenance."""

    label: str
    value: str
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence and the quiet mark that says who wrote it (empty: a person)."""

    text: str
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and its paragraphs, each a row of sentences."""

    heading: str
    paragraphs: tuple[tuple[Sentence, ...], ...]
    emphasis: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A numbered box on a picture, as fractions of its width and height from the top left."""

    number: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A key image (PNG or JPEG bytes), its boxes and one line beneath it."""

    image: bytes
    caption: str
    alternative: str
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What stands beside a numbered box."""

    number: int
    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question put to the model and its answer."""

    question: str
    answer: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A QR code: what it holds, and the words beneath it."""

    text: str
    caption: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who did what, and when."""

    label: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state in words, with the tone that decides color and shape."""

    lines: tuple[str, ...]
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file inside of the paper, for programs; `kind` is its media type."""

    name: str
    kind: str
    data: bytes
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """One paper from letterhead to page number."""

    language: str
    institution: str
    department: str
    institution_line: str
    title: str
    status: Status
    patient: tuple[Field, ...] = ()
    study: tuple[Field, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes_heading: str = ""
    notes: tuple[Note, ...] = ()
    beside: tuple[Section, ...] = ()
    sections: tuple[Section, ...] = ()
    questions_heading: str = ""
    question_label: str = ""
    answer_label: str = ""
    questions: tuple[Answered, ...] = ()
    addenda: tuple[Section, ...] = ()
    provenance_heading: str = ""
    provenance: tuple[Field, ...] = ()
    code: Code | None = None
    signatures: tuple[Signature, ...] = ()
    statement: str = ""
    footer_left: str = ""
    footer_center: str = ""
    page_words: str = "{page} / {pages}"
    watermarks: tuple[str, ...] = ()
    band: str = ""
    attachments: tuple[Attachment, ...] = ()
