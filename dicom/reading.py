"""One file to an instance: its header facts as plain values, its frames by number."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from dicom import codecs, pixels
from dicom.errors import MissingHeader, NoSuchFrame
from dicom.guard import BIG_ENDIAN, Limits, known_name, number, open_dataset
from dicom.naming import identity_of, named_in, value_of
from dicom.text import clean
from dicom.windowing import Function, Table, Values, Window, presets_for

DISPLAY_FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a file says of itself, cleaned, as plain JSON values; identity apart from the rest.

    spacing_source: "patient" (PixelSpacing), "detector" (ImagerPixelSpacing: magnified) or None
    stack: what else tells one run of pictures from the next in one series (echo, acquisition, time, kind)
    frame_positions_mm, frame_windows: one for each frame, or empty where frames do not differ
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
    burned_in_annotation: str | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame as it can be shown: values after the modality step, or color.

    values: int16, int32 or float64 (rows, columns), or uint8 (rows, columns, 3) for color
    window: the file's first; usual: what its kind is shown with where the file has none
    """

    values: Values
    is_color: bool
    invert: bool = False
    unit: str = ""
    window: Window | None = None
    usual: Window | None = None
    table: Table | None = None
    padding: Values | None = None
    pixel_aspect: float = 1.0


class Instance:
    """An open file; raises DicomError subclasses when it cannot be used."""

    def __init__(self, source: Path | bytes, limits: Limits | None = None):
        codecs.register()
        self.source = source
        self.dataset = open_dataset(source, limits or Limits())

    @cached_property
    def frames(self) -> int:
        """How many frames there are."""
        return number(self.dataset, "NumberOfFrames", 1) or 1

    def stored(self, index: int) -> Values:
        """Stored values of one frame, color converted to RGB; raises Damaged, NoSuchFrame."""
        if not 0 <= index < self.frames:
            raise NoSuchFrame(frame=index + 1, frames=self.frames)
        return pixels.stored(self.source, self.dataset, index)

    def frame(self, index: int = 0) -> Frame:
        """One frame after the modality step, with what is needed to show it."""
        stored = self.stored(index)
        photometric = str(self.dataset.get("PhotometricInterpretation", "MONOCHROME2"))
        aspect = self.pixel_aspect(index)
        if photometric == "PALETTE COLOR" or stored.ndim == 3:
            # Never windowed, even where the tags are there: a screenshot may carry those of its CT.
            return Frame(values=self._color(stored, photometric), is_color=True, pixel_aspect=aspect)
        padding = self._padding(stored)
        values, unit = self._modality(stored, index)
        shape = str(self.dataset.get("PresentationLUTShape", ""))
        windows = self.windows(index)
        return Frame(
            values=values,
            is_color=False,
            invert=shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else photometric == "MONOCHROME1",
            unit=unit,
            window=windows[0] if windows else None,
            usual=self._usual_window(unit),
            table=self._voi_table(),
            padding=padding,
            pixel_aspect=aspect,
        )

    def _color(self, stored: Values, photometric: str) -> Values:
        if photometric == "PALETTE COLOR":
            return pixels.palette_color(stored, self.dataset)
        eight = pixels.eight_bits(stored, number(self.dataset, "BitsStored", 8))
        return pixels.color_managed(eight, self.dataset)[0]

    def _usual_window(self, unit: str) -> Window | None:
        """The preset of the region for a CT in HU; a localizer is a projection, whose values are no HU of a tissue."""
        if unit != "HU" or "LOCALIZER" in self._texts_of("ImageType"):
            return None
        words = [clean(value_of(self.dataset, keyword)) for keyword in REGION_KEYWORDS]
        found = presets_for(clean(self.dataset.get("Modality")), *words)
        return next(iter(found.values()), None)

    def windows(self, index: int) -> list[Window]:
        """The usable windows of a frame, in the header's order."""
        source = self._group(index, "FrameVOILUTSequence")
        centers, widths = _numbers(source.get("WindowCenter")), _numbers(source.get("WindowWidth"))
        named = str(source.get("VOILUTFunction", "LINEAR") or "LINEAR")
        function: Function = named if named in DISPLAY_FUNCTIONS else "LINEAR"  # type: ignore[assignment]
        found = [Window(c, w, function) for c, w in zip(centers, widths, strict=False)]
        return [window for window in found if window.is_usable]

    def pixel_aspect(self, index: int = 0) -> float:
        """Height of a pixel over its width (PS3.3 C.7.6.3.1.7: the spacing goes before the ratio)."""
        spacing, source = self.spacing(index)
        ratio = _pair(self.dataset.get("PixelAspectRatio"))
        sides = ratio if ratio and source != "patient" else spacing
        return float(sides[0] / sides[1]) if sides else 1.0

    def spacing(self, index: int = 0) -> tuple[tuple[float, float] | None, str | None]:
        """Row and column spacing in mm and where it was measured: "patient" or "detector"; None, None without."""
        measures = self._group(index, "PixelMeasuresSequence")
        for holder, keyword, source in (
            (measures, "PixelSpacing", "patient"),
            (self.dataset, "ImagerPixelSpacing", "detector"),
        ):
            if pair := _pair(holder.get(keyword)):
                return pair, source
        return None, None

    def inspect(self) -> Inspection:
        """The header as plain values; raises MissingHeader without the three UIDs."""
        ds = self.dataset
        uids = [
            clean(value_of(ds, k))[:64] for k in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")
        ]
        if not all(uids):
            raise MissingHeader(keyword="SOPInstanceUID, SeriesInstanceUID, StudyInstanceUID")
        orientation = _numbers(self._group(0, "PlaneOrientationSequence").get("ImageOrientationPatient"))
        thickness = _numbers(self._group(0, "PixelMeasuresSequence").get("SliceThickness"))
        instance_number = _numbers(value_of(ds, "InstanceNumber"))
        spacing, spacing_source = self.spacing(0)
        differ = self.frames > 1 and bool(ds.get("PerFrameFunctionalGroupsSequence"))
        return Inspection(
            kind="dicom",
            modality=clean(ds.get("Modality"))[:16] or "OT",
            rows=number(ds, "Rows"),
            columns=number(ds, "Columns"),
            frames=self.frames,
            samples=number(ds, "SamplesPerPixel", 1),
            sop_instance_uid=uids[0],
            series_instance_uid=uids[1],
            study_instance_uid=uids[2],
            frame_of_reference_uid=clean(value_of(ds, "FrameOfReferenceUID"))[:64] or None,
            sop_class=known_name(ds.get("SOPClassUID")),
            instance_number=int(instance_number[0]) if instance_number else None,
            position_mm=self._position(0),
            orientation=tuple(orientation) if len(orientation) == 6 else None,
            spacing_mm=spacing,
            spacing_source=spacing_source,
            pixel_aspect=self.pixel_aspect(0),
            slice_thickness_mm=thickness[0] if thickness else None,
            windows=self._described_windows(),
            frame_positions_mm=tuple(map(self._position, range(self.frames))) if differ else (),
            frame_windows=tuple(map(self._plain_window, range(self.frames))) if differ else (),
            burned_in_annotation=clean(value_of(ds, "BurnedInAnnotation")).upper() or None,
            image_type=self._texts_of("ImageType"),
            stack=(
                (*self._texts_of("ImageType")[2:3], "")[0],
                *(clean(value_of(ds, k)) for k in STACK_KEYWORDS),
            ),
            identity=identity_of(ds),
            named=named_in(ds),
            study=_texts(ds, _STUDY),
            series=_texts(ds, _SERIES),
            warnings=tuple(self._warnings(spacing_source)),
        )

    def _position(self, index: int) -> tuple[float, float, float] | None:
        found = _numbers(self._group(index, "PlanePositionSequence").get("ImagePositionPatient"))
        return (found[0], found[1], found[2]) if len(found) == 3 else None

    def _plain_window(self, index: int) -> tuple[float, float] | None:
        windows = self.windows(index)
        return (windows[0].center, windows[0].width) if windows else None

    def _described_windows(self) -> tuple[dict[str, Any], ...]:
        texts = value_of(self._group(0, "FrameVOILUTSequence"), "WindowCenterWidthExplanation") or []
        explained = [texts] if isinstance(texts, str) else list(texts)
        return tuple(
            {
                "center": window.center,
                "width": window.width,
                "function": window.function,
                "explanation": clean(explained[place]) if place < len(explained) else "",
            }
            for place, window in enumerate(self.windows(0))
        )

    def _texts_of(self, keyword: str) -> tuple[str, ...]:
        value = value_of(self.dataset, keyword) or []
        return tuple(map(clean, [value] if isinstance(value, str) else value))

    def _warnings(self, spacing_source: str | None) -> list[str]:
        """What a reader should know before trusting the picture, as codes of words."""
        ds, slope = self.dataset, _numbers(value_of(self.dataset, "RescaleSlope"))
        lossy = clean(value_of(ds, "LossyImageCompression")) == "01" or _is_lossy(ds)
        species = clean(value_of(ds, "PatientSpeciesDescription")).casefold()
        found = {
            "lossy": lossy,
            "slope_zero": bool(slope) and slope[0] == 0,
            "high_bit": pixels.has_high_bits(ds),
            "retired_syntax": ds.file_meta.TransferSyntaxUID == BIG_ENDIAN,
            "detector_spacing": spacing_source == "detector",
            "for_processing": clean(value_of(ds, "PresentationIntentType")) == "FOR PROCESSING",
            "not_human": bool(species) and species not in ("homo sapiens", "human"),
            "derived": clean(ds.get("Modality")) in ("SEG", "RTDOSE"),
        }
        return [f"dicom.warning.{name}" for name, holds in found.items() if holds]

    def _group(self, index: int, sequence: str) -> Dataset:
        """Where a frame's values stand: its own functional group, the shared one, or the top level (C.7.6.16)."""
        for outer, place in (
            ("PerFrameFunctionalGroupsSequence", index),
            ("SharedFunctionalGroupsSequence", 0),
        ):
            groups = self.dataset.get(outer) or []
            inner = groups[place].get(sequence) if place < len(groups) else None
            if inner:
                found: Dataset = inner[0]
                return found
        return self.dataset

    def _modality(self, stored: Values, index: int) -> tuple[Values, str]:
        modality = str(self.dataset.get("Modality", ""))
        if self.dataset.get("ModalityLUTSequence"):
            return np.asarray(apply_modality_lut(stored, self.dataset)), ""
        group = self._group(index, "PixelValueTransformationSequence")
        slope, intercept = _numbers(group.get("RescaleSlope")), _numbers(group.get("RescaleIntercept"))
        unit = clean(group.get("RescaleType")) or ("HU" if modality == "CT" and slope else "")
        scale, offset = (slope[0] if slope and slope[0] else 1.0), (intercept[0] if intercept else 0.0)
        dose = _numbers(self.dataset.get("DoseGridScaling"))
        if dose:
            scale, unit = dose[0], clean(self.dataset.get("DoseUnits"))
        if scale == 1 and offset == int(offset):
            return stored.astype(np.int32) + int(offset) if stored.dtype.kind in "iu" else stored, unit
        return stored.astype(np.float64) * scale + offset, unit

    def _padding(self, stored: Values) -> Values | None:
        first = _numbers(self.dataset.get("PixelPaddingValue"))
        if not first:
            return None
        limit = _numbers(self.dataset.get("PixelPaddingRangeLimit")) or first
        low, high = sorted((first[0], limit[0]))
        return np.asarray((stored >= low) & (stored <= high))

    def _voi_table(self) -> Table | None:
        sequence = self.dataset.get("VOILUTSequence")
        if not sequence:
            return None
        item = sequence[0]
        descriptor = _numbers(item.get("LUTDescriptor"))
        if len(descriptor) != 3 or item.get("LUTData") is None:
            return None
        count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
        # The first mapped value carries the sign of the values, whatever VR the descriptor was written in.
        if first > 32767 and number(self.dataset, "PixelRepresentation", 0):
            first -= 65536
        data = item.LUTData
        if isinstance(data, bytes):
            order = "<" if self.dataset.is_little_endian is not False else ">"
            entries = np.frombuffer(data, f"{order}u2" if len(data) >= 2 * count else "u1")
        else:
            entries = np.asarray(
                data if isinstance(data, list) or hasattr(data, "__len__") else [data], np.int64
            )
        if not len(entries):
            return None
        return Table(first, entries[:count].astype(np.float64), (1 << bits) - 1)


def _is_lossy(dataset: Dataset) -> bool:
    return str(dataset.file_meta.TransferSyntaxUID) in {
        f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "81", "91", "203")
    }


def _numbers(value: Any) -> list[float]:
    """Whatever a header holds as a list of finite numbers; nothing where it is not."""
    if value is None or value == "":
        return []
    parts = list(value) if hasattr(value, "__iter__") and not isinstance(value, str | bytes) else [value]
    try:
        found = [float(part) for part in parts]
    except (TypeError, ValueError, OverflowError):
        return []
    return found if all(np.isfinite(found)) else []


def _pair(value: Any) -> tuple[float, float] | None:
    """Two numbers above zero, or nothing."""
    found = _numbers(value)
    return (found[0], found[1]) if len(found) == 2 and min(found) > 0 else None


REGION_KEYWORDS = ("BodyPartExamined", "StudyDescription", "ProtocolName", "SeriesDescription")
STACK_KEYWORDS = ("EchoNumbers", "AcquisitionNumber", "TemporalPositionIdentifier")


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


def _texts(dataset: Dataset, keywords: tuple[str, ...]) -> dict[str, str]:
    return {keyword: text for keyword in keywords if (text := clean(value_of(dataset, keyword)))}
