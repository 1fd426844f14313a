"""Questions and answers, and what the model was shown."""

from typing import Literal, NotRequired

from typing_extensions import TypeAliasType, TypedDict

from app.shapes import Coded, Pair, Point3, Time, exact

Curve = TypeAliasType("Curve", Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"])
AnswerState = TypeAliasType("AnswerState", Literal["waiting", "running", "done", "stopped", "failed"])
Box = tuple[float, float, float, float]


@exact
class ModelFacts(TypedDict):
    """What is kept of a model with each of its answers."""

    name: str
    architecture: Literal["v1", "v2"]
    fingerprint: str
    revision: str
    demonstration: bool
    licence: str
    languages: list[str]
    modalities: list[str]
    crops_per_picture: int
    crop_px: NotRequired[int]
    """Side of each crop that the vision tower is given; 0 where nobody knows, absent in answers of before."""


@exact
class SentPicture(TypedDict):
    """A picture that was sent to the model of a region of a slide."""

    width: int
    height: int
    um_per_pixel: float | None


@exact
class SentSize(TypedDict):
    """Size of the picture that was sent, and what one of its pixels covers."""

    width: int
    height: int
    mm_per_pixel: Pair | None


@exact
class PlaneSeen(TypedDict):
    """A plane cut through a series: a point of it in mm, directions of its rows and columns, slab and projection."""

    at: Point3
    right: Point3
    down: Point3
    slab_mm: float
    how: Literal["mean", "max", "min"]
    stack: NotRequired[int]


@exact
class SourceSeen(TypedDict):
    """One picture as it was shown: frame, window, what lay over it, the part of it."""

    instance_id: str
    frame: int
    center: float | None
    width: float | None
    function: NotRequired[Curve | None]
    invert: bool
    overlays: NotRequired[bool]
    supplemental: NotRequired[bool]
    box: NotRequired[Box | None]
    plane: NotRequired[PlaneSeen | None]
    """The picture was a plane through the series."""
    sent: NotRequired[SentSize]


@exact
class ViewSeen(SourceSeen):
    """What the reader had open, and what of it was sent to the model."""

    pictures: NotRequired[list[SentPicture]]
    """Of a slide: the pictures that were made of the box."""
    field: NotRequired[int]
    """The number of a field of a reading plan."""
    sources: NotRequired[list[SourceSeen]]
    """The pictures that were chosen to be sent, in their order; none: the one that was open."""
    montage: NotRequired[bool]
    """They were laid into one."""


@exact
class ZoomBox(TypedDict):
    """A crop in pixels of the picture that was sent."""

    picture: int
    level: Literal["low", "middle", "high"]
    order: int
    kept: bool | None
    """Null: chosen where the model runs, and not told."""
    x: float
    y: float
    width: float
    height: float


@exact
class PromptUsed(TypedDict):
    """Which prompt the question was put with."""

    name: str
    version: int | str
    sha256: str


AnswerKind = TypeAliasType(
    "AnswerKind",
    Literal[
        "question",
        "caption",
        "report_findings",
        "report_impression",
        "report_field",
        "report_microscopy",
        "report_diagnosis",
    ],
)


@exact
class Answer(TypedDict):
    """A question and what the model said."""

    id: str
    study_id: str
    report_id: str | None
    kind: AnswerKind
    state: AnswerState
    question: str | None
    text: str | None
    view: ViewSeen
    boxes: list[ZoomBox]
    model: ModelFacts | None
    prompt: PromptUsed
    failure: Coded | None
    asked_by: str
    created_at: Time
    finished_at: Time | None
    seconds: float | None
    attempt: int
    place: int | None
    """How many wait before it; null once it is begun, and in lists."""


@exact
class Answers(TypedDict):
    """All answers of a study, oldest first."""

    answers: list[Answer]


@exact
class AnswerBegun(TypedDict):
    """Where to follow an answer, and how many wait before it."""

    answer_id: str
    place: int | None
