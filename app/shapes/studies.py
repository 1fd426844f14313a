"""Worklist, study, marks on its pictures, what waits for a release, erasure."""

from typing import Literal, NotRequired

from typing_extensions import TypeAliasType, TypedDict

from app.shapes import Coded, Pair, Time, exact
from app.shapes.answers import Curve

Way = TypeAliasType("Way", Literal["owner", "member", "emergency"])
StudyState = TypeAliasType("StudyState", Literal["new", "draft", "preliminary", "final", "amended"])


@exact
class StudyLine(TypedDict):
    """A study as one line of the worklist."""

    study_id: str
    patient_name: str
    patient_id: str
    sex: str
    birth_date: str | None
    study_date: str | None
    modality: str
    region: str
    description: str
    urgent: bool
    state: StudyState
    instances: int
    running: int
    """Answers that are waited for."""
    created_at: Time
    open_by: str | None
    way: Way
    owner: str
    """Whose patient it is."""
    emergency_id: str | None
    """Of an emergency access: which."""
    until: Time | None
    """Of an emergency access: when it ends."""


@exact
class Worklist(TypedDict):
    """A page of it; cursor: where the next one begins."""

    studies: list[StudyLine]
    total: int
    cursor: int | None


@exact
class StudyHead(StudyLine):
    """A study above its pictures."""

    accession_number: str | None


@exact
class SeriesLine(TypedDict):
    """A series in the rail."""

    series_id: str
    modality: str
    description: str
    number: int | None
    count: int
    thumbnail_url: str
    slide: bool
    specimen: str
    block: str
    stain: str
    findings: list[Coded]


@exact
class ReportMark(TypedDict):
    """That there is a report, and how far it is."""

    id: str
    state: StudyState
    version: int


@exact
class Preset(TypedDict):
    """A question that suits the study."""

    id: str
    text: str


@exact
class StudyPage(TypedDict):
    """A study: whose, what, its series, its report, the questions that suit it."""

    study: StudyHead
    series: list[SeriesLine]
    report: ReportMark | None
    presets: list[Preset]
    identity_complete: bool


@exact
class Prior(TypedDict):
    """Another study of the same patient."""

    study_id: str
    study_date: str | None
    modality: str
    description: str
    series: list[SeriesLine]


@exact
class Priors(TypedDict):
    """Those of a study, the latest first."""

    priors: list[Prior]


@exact
class Urgency(TypedDict):
    """Whether a study is urgent."""

    urgent: bool


@exact
class Withheld(TypedDict):
    """An item that waits until researchers may see it."""

    item: str
    text: str
    reason: str


MarkTool = TypeAliasType("MarkTool", Literal["length", "angle", "ellipse", "box", "probe", "key"])
Point = TypeAliasType("Point", Pair)


@exact
class Measured(TypedDict):
    """What the server computed of a mark, from the file itself; of each kind of mark its own."""

    unit: NotRequired[Literal["mm", "px"]]
    scale: NotRequired[Literal["patient", "detector", "ultrasound", "slide", "person"] | None]
    length: NotRequired[float]
    degrees: NotRequired[float | None]
    width: NotRequired[float]
    height: NotRequired[float]
    area: NotRequired[float]
    pixels: NotRequired[int]
    mean: NotRequired[float]
    deviation: NotRequired[float]
    minimum: NotRequired[float]
    maximum: NotRequired[float]
    value: NotRequired[float]
    rgb: NotRequired[tuple[int, int, int]]
    values_unit: NotRequired[str]


@exact
class KeyView(TypedDict):
    """How a key image was shown when it was marked; empty: as the file says."""

    center: NotRequired[float | None]
    width: NotRequired[float | None]
    function: NotRequired[Curve | None]
    invert: NotRequired[bool]
    overlays: NotRequired[bool]
    supplemental: NotRequired[bool]


@exact
class Mark(TypedDict):
    """A mark in pixels of its frame, from the outer corner of the first pixel."""

    id: str
    tool: MarkTool
    instance_id: str
    frame: int
    points: list[Point]
    label: str | None
    view: KeyView | None
    measured: Measured


@exact
class Marks(TypedDict):
    """All marks of a study."""

    marks: list[Mark]


ErasureReason = TypeAliasType(
    "ErasureReason", Literal["patient_asked", "kept_long_enough", "wrong_upload", "court_order"]
)
HoldReason = TypeAliasType("HoldReason", Literal["legal_claim", "investigation", "record_duty"])


@exact
class Erasure(TypedDict):
    """A request to erase a patient, who appears as a pseudonym."""

    id: str
    ref: str
    reason: ErasureReason
    state: Literal["asked", "done", "refused", "withdrawn"]
    asked_by: str
    asked_at: Time
    decided_by: str
    decided_at: Time | None
    studies: int
    signed: int
    held: bool


@exact
class ErasureOfStudy(TypedDict):
    """The open request about the patient of a study, and whether it is the caller's."""

    erasure: Erasure | None
    mine: bool


@exact
class Hold(TypedDict):
    """Why a patient may not be erased for now."""

    id: str
    ref: str
    reason: HoldReason
    placed_by: str
    placed_at: Time


@exact
class Erasures(TypedDict):
    """Requests and holds."""

    erasures: list[Erasure]
    holds: list[Hold]


@exact
class Erased(TypedDict):
    """How many rows of the patient went."""

    patients: int
