"""Reports, their versions and check list; and how researchers see and judge them."""

from typing import Literal

from typing_extensions import TypeAliasType, TypedDict

from app.shapes import Sha256, Time, exact

ReportState = TypeAliasType("ReportState", Literal["draft", "preliminary", "final", "amended"])
Origin = TypeAliasType("Origin", Literal["model", "edited", "person"])
SectionName = TypeAliasType(
    "SectionName",
    Literal[
        "technique",
        "comparison",
        "findings",
        "impression",
        "specimen",
        "macroscopy",
        "microscopy",
        "diagnosis",
    ],
)
TextName = TypeAliasType(
    "TextName",
    Literal[
        "indication",
        "history",
        "technique",
        "comparison",
        "findings",
        "impression",
        "specimen",
        "macroscopy",
        "microscopy",
        "diagnosis",
    ],
)


@exact
class Sentence(TypedDict):
    """A sentence and who wrote it."""

    text: str
    origin: Origin
    answer_id: str | None


@exact
class Addendum(TypedDict):
    """What was added after signing."""

    number: int
    text: str
    signed_by: str
    signed_at: Time


@exact
class Report(TypedDict):
    """A report at its latest version."""

    id: str
    study_id: str
    state: ReportState
    version: int
    indication: str
    history: str
    sections: dict[SectionName, list[Sentence]]
    saved_at: Time
    saved_by: str | None
    signed_by: str | None
    signed_at: Time | None
    content_sha256: Sha256
    demonstration: bool
    addenda: list[Addendum]


@exact
class DraftBegun(TypedDict):
    """The draft, and the answers that it is written from."""

    report_id: str
    version: int
    answer_ids: list[str]


@exact
class Change(TypedDict):
    """Words of two versions."""

    op: Literal["same", "removed", "added"]
    text: str


@exact
class Difference(TypedDict):
    """How two versions differ, word by word, for each section that does."""

    sections: dict[TextName, list[Change]]


@exact
class ChecklistLine(TypedDict):
    """Something to look at before signing."""

    code: str
    level: Literal["stop", "warn", "ok"]
    sentence: str
    section: SectionName | None
    sentence_index: int | None


@exact
class Checklist(TypedDict):
    """All of it."""

    checklist: list[ChecklistLine]


@exact
class VersionLine(TypedDict):
    """One version in the history."""

    version: int
    sha256: Sha256
    saved_by: str | None
    saved_at: Time


@exact
class Versions(TypedDict):
    """The history of a report."""

    versions: list[VersionLine]


@exact
class ReviewLine(TypedDict):
    """A signed report in the researcher's list."""

    id: str
    number: int
    modality: str
    reviews: int
    mine: bool


@exact
class SeenSentence(TypedDict):
    """A sentence as a researcher may see it; withheld: without its text."""

    text: str | None
    origin: Origin
    withheld: bool


@exact
class SeenAddendum(TypedDict):
    """The same of an addendum."""

    text: str | None
    withheld: bool


@exact
class SeenQuestion(TypedDict):
    """A question and its answer; null where the text is withheld."""

    question: str | None
    answer: str | None


@exact
class SeenReport(TypedDict):
    """A report without identity: a withheld text is absent and its place says so."""

    id: str
    modality: str
    state: ReportState
    indication: str | None
    history: str | None
    sections: dict[SectionName, list[SeenSentence]]
    drafts: dict[SectionName, str | None]
    addenda: list[SeenAddendum]
    questions: list[SeenQuestion]
    pictures: int
    withheld: int
    edit_distance: int


@exact
class ReviewPage(SeenReport):
    """What a researcher judges, and with which categories of errors."""

    categories: list[str]
    reviewed: bool
