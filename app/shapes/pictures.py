"""What a viewer needs before the first picture: series, volumes, slides."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from app.shapes import Pair, Point3, Sha256, exact
from app.shapes.answers import Curve

Dtype = Literal["int16", "uint16", "float32", "uint8"]


@exact
class WindowValue(TypedDict):
    """A window in the unit of the values."""

    center: float
    width: float
    function: Curve
    explanation: str
    table: NotRequired[bool]
    """The file's look-up table, of which center and width are only the nearest straight window."""


@exact
class WindowPreset(TypedDict):
    """A usual window for the region."""

    id: str
    center: float
    width: float
    label: str


@exact
class FrameLine(TypedDict):
    """One picture of a series."""

    url: str
    instance_id: str
    frame: int
    position_mm: list[float] | None
    orientation: list[float] | None
    """Directions of its rows and columns: six cosines."""
    stack: int
    """Which of the stacks that one object holds."""
    window: WindowValue | None
    sha256: Sha256


@exact
class Region(TypedDict):
    """A part of an ultrasound picture, with a scale of its own; pixels, the last ones inside."""

    left: int
    top: int
    right: int
    bottom: int
    kind: str
    unit: tuple[str, str]
    per_pixel: Pair
    spacing_mm: Pair | None


@exact
class Manifest(TypedDict):
    """Everything a viewer needs before the first frame."""

    modality: str
    rows: int
    columns: int
    samples: Literal[1, 3]
    dtype: Dtype
    invert: bool
    unit: str
    windows: list[WindowValue]
    space: str | None
    """The same for pictures whose positions can be compared."""
    presets: list[WindowPreset]
    spacing_mm: Pair | None
    pixel_aspect: float
    frame_ms: float | None
    """How long each picture of a film is shown; null where it is no film."""
    regions: list[Region]
    overlays: int
    supplemental: bool
    dimensions: dict[str, int]
    """What tells the stacks of one object apart, and how many of each there are."""
    no_volume: str | None
    """Why no planes can be cut through the series; null where they can."""
    frames: list[FrameLine]


@exact
class NearestWindow(TypedDict):
    """The straight window nearest to a table."""

    center: float
    width: float
    function: Curve


@exact
class Table(TypedDict):
    """A look-up table: values with their shares of brightness, and the window nearest to it."""

    nodes: list[Pair]
    window: NearestWindow


@exact
class Level(TypedDict):
    """One size in which a slide is kept."""

    width: int
    height: int
    downsample: float


@exact
class SlideManifest(TypedDict):
    """Everything a viewer needs before the first tile."""

    instance_id: str
    width: int
    height: int
    tile: int
    depth: int
    levels: list[Level]
    um_per_pixel: Pair | None
    um_source: Literal["file", "person"]
    objective: float | None
    format: str
    tiles: str
    specimen: str
    block: str
    stain: str


@exact
class PlanField(TypedDict):
    """A field in pixels of the largest level, and how much of it is tissue."""

    box: tuple[int, int, int, int]
    coverage: float


@exact
class ReadingPlan(TypedDict):
    """Fields that are proposed on the tissue of a slide."""

    magnification: float | None
    finest_um: float | None
    tissue: float
    fields: list[PlanField]


@exact
class VolumeProgress(TypedDict):
    """How many slices are there."""

    done: int
    of: int
    ready: bool


@exact
class VolumePlace(TypedDict):
    """What a page needs to cut planes: sizes, directions, the middle, and how points become voxels."""

    shape: tuple[int, int, int]
    spacing_mm: Point3
    affine: list[list[float]]
    axes: tuple[Point3, Point3, Point3]
    middle_mm: Point3
    tilt_degrees: float


@exact
class Volume(VolumePlace):
    """Where the voxels of a series lie, and how many slices are there."""

    done: int
    of: int
    ready: bool
