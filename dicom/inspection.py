"""What a file says of itself, as plain values: geometry, windows, scales, films, and what a reader should know."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pydicom.dataset import Dataset

from dicom import overlays, palettes, pixels
from dicom.banner import may_hold_text
from dicom.dimensions import stacks_of
from dicom.errors import MissingHeader
from dicom.grayscale import windows_of
from dicom.guard import BIG_ENDIAN, known_name, number
from dicom.header import (
    aspect_of,
    group_of,
    numbers,
    numbers_of,
    orientation_of,
    position_of,
    spacing_of,
    texts_of,
)
from dicom.naming import identity_of, named_in, value_of
from dicom.text import clean
from dicom.ultrasound import regions_of
from dicom.whole_slide import part_of

STACK_KEYWORDS = (
    "EchoNumbers",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "DiffusionBValue",
    "TriggerTime",
)
_UIDS = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
_STUDY = (
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "InstitutionName",
    "BodyPartExamined",
)
_SERIES = (
    "SeriesDescription",
    "SeriesNumber",
    "ProtocolName",
    "ViewPosition",
    "Laterality",
    "ImageLaterality",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a file says of itself, cleaned, as plain JSON values; identity apart from the rest.

    spacing_source: "patient" (PixelSpacing), "detector" (ImagerPixelSpacing: magnified) or None
    stack: what else tells one run of pictures from the next in one series (echo, acquisition, time, kind)
    frame_positions_mm, frame_windows: one for each frame, or empty where frames do not differ
    frame_stacks: for each frame the number of its stack, where one object holds several runs over the same places
    dimensions: what tells those stacks apart ("time", "diffusion", "echo", ...) and how many of each there are
    frame_ms: how long each picture of a film is shown; None where it is no film
    regions: the parts of an ultrasound picture, each with a scale of its own (`dicom.ultrasound`)
    may_hold_text: whether whose it is may be burned into the pixels (`dicom.banner`)
    text_lines: lines of letters seen in the first picture (`dicom.burned_in`); None where none were looked for
    overlays: how many planes of drawings lie over the picture; supplemental: whether it brings colors for some values
    whole_slide: what it is of a slide (`dicom.whole_slide`); None where it is none
    warnings: codes of words, such as dicom.warning.lossy
    """

    kind: str
    modality: str
    rows: int
    columns: int
    frames: int
    samples: int
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    frame_of_reference_uid: str | None = None
    sop_class: str = ""
    instance_number: int | None = None
    position_mm: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    pixel_aspect: float = 1.0
    slice_thickness_mm: float | None = None
    windows: tuple[dict[str, Any], ...] = ()
    frame_positions_mm: tuple[tuple[float, ...] | None, ...] = ()
    frame_windows: tuple[tuple[float, float] | None, ...] = ()
    frame_stacks: tuple[int, ...] = ()
    dimensions: dict[str, int] = field(default_factory=dict)
    frame_ms: float | None = None
    regions: tuple[dict[str, Any], ...] = ()
    overlays: int = 0
    supplemental: bool = False
    whole_slide: dict[str, Any] | None = None
    burned_in_annotation: str | None = None
    may_hold_text: bool = False
    text_lines: int | None = None
    image_type: tuple[str, ...] = ()
    stack: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    named: list[str] = field(default_factory=list)
    """Values of the header that name or number people and places, for the search in free text."""
    study: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries."""
        facts = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def inspected(dataset: Dataset, frames: int) -> Inspection:
    """The header as plain values; raises MissingHeader without the three UIDs."""
    uids = [clean(value_of(dataset, keyword))[:64] for keyword in _UIDS]
    if not all(uids):
        raise MissingHeader(keyword=", ".join(_UIDS))
    thickness = numbers(group_of(dataset, 0, "PixelMeasuresSequence").get("SliceThickness"))
    instance_number = numbers_of(dataset, "InstanceNumber")
    spacing, spacing_source = spacing_of(dataset)
    whole_slide = part_of(dataset)
    # Tiles of a slide are told apart by its reader; a hundred thousand of them are no slices.
    own = 1 if whole_slide else frames
    differ = own > 1 and bool(dataset.get("PerFrameFunctionalGroupsSequence"))
    frame_stacks, dimensions = stacks_of(dataset, own)
    image_type = texts_of(dataset, "ImageType")
    return Inspection(
        kind="dicom",
        modality=clean(dataset.get("Modality"))[:16] or "OT",
        rows=number(dataset, "Rows"),
        columns=number(dataset, "Columns"),
        frames=frames,
        samples=number(dataset, "SamplesPerPixel", 1),
        sop_instance_uid=uids[0],
        series_instance_uid=uids[1],
        study_instance_uid=uids[2],
        frame_of_reference_uid=clean(value_of(dataset, "FrameOfReferenceUID"))[:64] or None,
        sop_class=known_name(dataset.get("SOPClassUID")),
        instance_number=int(instance_number[0]) if instance_number else None,
        position_mm=position_of(dataset, 0),
        orientation=orientation_of(dataset, 0),
        spacing_mm=spacing,
        spacing_source=spacing_source,
        pixel_aspect=aspect_of(dataset),
        slice_thickness_mm=thickness[0] if thickness else None,
        windows=_described_windows(dataset),
        frame_positions_mm=tuple(position_of(dataset, n) for n in range(frames)) if differ else (),
        frame_windows=tuple(_plain_window(dataset, n) for n in range(frames)) if differ else (),
        frame_stacks=frame_stacks,
        dimensions=dimensions,
        frame_ms=_frame_ms(dataset) if own > 1 else None,
        regions=regions_of(dataset),
        overlays=len(overlays.planes_of(dataset)),
        supplemental=palettes.has_supplemental(dataset),
        whole_slide=whole_slide,
        burned_in_annotation=clean(value_of(dataset, "BurnedInAnnotation")).upper() or None,
        may_hold_text=may_hold_text(dataset),
        image_type=image_type,
        stack=((*image_type[2:3], "")[0], *(clean(value_of(dataset, k)) for k in STACK_KEYWORDS)),
        identity=identity_of(dataset),
        named=named_in(dataset),
        study=_texts(dataset, _STUDY),
        series=_texts(dataset, _SERIES),
        warnings=tuple(_warnings(dataset, spacing_source)),
    )


def _plain_window(dataset: Dataset, index: int) -> tuple[float, float] | None:
    windows = windows_of(dataset, index)
    return (windows[0].center, windows[0].width) if windows else None


def _described_windows(dataset: Dataset) -> tuple[dict[str, Any], ...]:
    explained = texts_of(group_of(dataset, 0, "FrameVOILUTSequence"), "WindowCenterWidthExplanation")
    return tuple(
        {
            "center": window.center,
            "width": window.width,
            "function": window.function,
            "explanation": explained[place] if place < len(explained) else "",
        }
        for place, window in enumerate(windows_of(dataset, 0))
    )


def _frame_ms(dataset: Dataset) -> float | None:
    """How long each picture of a film is shown; the rate that its maker recommends goes first (C.7.6.5.1)."""
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = numbers_of(dataset, keyword)
        if rate and 0 < rate[0] <= 1000:
            return round(1000 / rate[0], 3)
    times = [
        time
        for keyword in ("FrameTime", "FrameTimeVector")
        for time in numbers_of(dataset, keyword)
        if time > 0
    ]
    return round(sorted(times)[len(times) // 2], 3) if times else None


def _warnings(dataset: Dataset, spacing_source: str | None) -> list[str]:
    """What a reader should know before trusting the picture, as codes of words."""
    slope = numbers_of(dataset, "RescaleSlope")
    species = clean(value_of(dataset, "PatientSpeciesDescription")).casefold()
    found = {
        "lossy": clean(value_of(dataset, "LossyImageCompression")) == "01" or _is_lossy(dataset),
        "slope_zero": bool(slope) and slope[0] == 0,
        "high_bit": pixels.has_high_bits(dataset),
        "retired_syntax": dataset.file_meta.TransferSyntaxUID == BIG_ENDIAN,
        "detector_spacing": spacing_source == "detector",
        "for_processing": clean(value_of(dataset, "PresentationIntentType")) == "FOR PROCESSING",
        "not_human": bool(species) and species not in ("homo sapiens", "human"),
        "derived": clean(dataset.get("Modality")) in ("SEG", "RTDOSE"),
        "overlays": bool(overlays.planes_of(dataset)),
        "supplemental": palettes.has_supplemental(dataset),
    }
    return [f"dicom.warning.{name}" for name, holds in found.items() if holds]


def _is_lossy(dataset: Dataset) -> bool:
    return str(dataset.file_meta.TransferSyntaxUID) in {
        f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "81", "91", "203")
    }


def _texts(dataset: Dataset, keywords: tuple[str, ...]) -> dict[str, str]:
    return {keyword: text for keyword in keywords if (text := clean(value_of(dataset, keyword)))}
