"""One file to an instance: its header facts as plain values, its frames by number."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array
from pydicom.uid import UID

from dicom import codecs
from dicom.errors import Damaged, DicomError, InvalidHeader, TooLarge
from dicom.guard import Limits, check_codestream, number, open_dataset
from dicom.text import clean, clean_name
from dicom.windowing import Function, Table, Values, Window

DISPLAY_FUNCTIONS: tuple[Function, ...] = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a file says of itself, cleaned, as plain JSON values; identity apart from the rest."""

    kind: str
    modality: str
    rows: int
    columns: int
    frames: int
    samples: int
    sop_instance_uid: str
    series_instance_uid: str
    study_instance_uid: str
    sop_class: str = ""
    instance_number: int | None = None
    position_mm: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    spacing_mm: tuple[float, float] | None = None
    pixel_aspect: float = 1.0
    slice_thickness_mm: float | None = None
    windows: tuple[dict[str, Any], ...] = ()
    burned_in_annotation: str | None = None
    image_type: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    study: dict[str, str] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dictionaries."""
        facts = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it can be shown: values after the modality step, or color.

    values: int16, int32 or float32 (rows, columns), or uint8 (rows, columns, 3) for color
    """

    values: Values
    is_color: bool
    invert: bool
    unit: str
    window: Window | None
    table: Table | None
    padding: Values | None
    pixel_aspect: float


class Instance:
    """An open file; raises DicomError subclasses when it cannot be used."""

    def __init__(self, source: Path | bytes, limits: Limits | None = None):
        codecs.register()
        self.limits = limits or Limits()
        self.dataset = open_dataset(source, self.limits)

    @cached_property
    def frames(self) -> int:
        """How many frames there are."""
        return number(self.dataset, "NumberOfFrames", 1) or 1

    def stored(self, index: int) -> Values:
        """Stored values of one frame, color converted to RGB; raises Damaged, InvalidHeader."""
        if not 0 <= index < self.frames:
            raise InvalidHeader(frame=index, frames=self.frames)
        check_codestream(self.dataset, index, self.limits)
        try:
            return np.asarray(pixel_array(self.dataset, index=index))
        except MemoryError as error:
            raise TooLarge(what="memory", found="", limit=self.limits.memory_bytes) from error
        except DicomError:
            raise
        except BaseException as error:
            # A codec written in Rust panics with a BaseException that `except Exception` would miss.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise Damaged(what="pixels", kind=type(error).__name__) from error

    def frame(self, index: int = 0) -> Frame:
        """One frame after the modality step, with what is needed to show it."""
        stored = self.stored(index)
        photometric = str(self.dataset.get("PhotometricInterpretation", "MONOCHROME2"))
        aspect = self.pixel_aspect(index)
        if photometric == "PALETTE COLOR":
            return _color(self._palette(stored), aspect)
        if stored.ndim == 3:
            return _color(_eight_bits(stored, number(self.dataset, "BitsStored", 8)), aspect)
        padding = self._padding(stored)
        values, unit = self._modality(stored, index)
        shape = str(self.dataset.get("PresentationLUTShape", ""))
        invert = shape == "INVERSE" if shape in ("INVERSE", "IDENTITY") else photometric == "MONOCHROME1"
        windows = self.windows(index)
        return Frame(
            values, False, invert, unit, windows[0] if windows else None, self._voi_table(), padding, aspect
        )

    def windows(self, index: int) -> list[Window]:
        """The usable windows of a frame, in the header's order."""
        source = self._group(index, "FrameVOILUTSequence")
        centers, widths = _numbers(source.get("WindowCenter")), _numbers(source.get("WindowWidth"))
        named = str(source.get("VOILUTFunction", "LINEAR") or "LINEAR")
        function: Function = named if named in DISPLAY_FUNCTIONS else "LINEAR"  # type: ignore[assignment]
        found = [Window(c, w, function) for c, w in zip(centers, widths, strict=False)]
        return [window for window in found if window.is_usable]

    def pixel_aspect(self, index: int = 0) -> float:
        """Height of a pixel over its width."""
        spacing = self.spacing_mm(index) or _pair(self.dataset.get("PixelAspectRatio"))
        if spacing is None or min(spacing) <= 0:
            return 1.0
        return float(spacing[0] / spacing[1])

    def spacing_mm(self, index: int = 0) -> tuple[float, float] | None:
        """Row and column spacing in mm, None where the header has none or no sensible one."""
        measures = self._group(index, "PixelMeasuresSequence")
        for source, keyword in ((measures, "PixelSpacing"), (self.dataset, "ImagerPixelSpacing")):
            pair = _pair(source.get(keyword))
            if pair and min(pair) > 0:
                return pair
        return None

    def inspect(self) -> Inspection:
        """The header as plain values; raises InvalidHeader without the three UIDs."""
        ds = self.dataset
        uids = [str(ds.get(k) or "") for k in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")]
        if not all(uids):
            raise InvalidHeader(keyword="SOPInstanceUID, SeriesInstanceUID or StudyInstanceUID")
        orientation = _numbers(self._group(0, "PlaneOrientationSequence").get("ImageOrientationPatient"))
        position = _numbers(self._group(0, "PlanePositionSequence").get("ImagePositionPatient"))
        thickness = _numbers(self._group(0, "PixelMeasuresSequence").get("SliceThickness"))
        instance_number = _numbers(ds.get("InstanceNumber"))
        explanations = ds.get("WindowCenterWidthExplanation") or []
        explained = [explanations] if isinstance(explanations, str) else list(explanations)
        return Inspection(
            kind="dicom",
            modality=clean(ds.get("Modality"))[:16] or "OT",
            rows=number(ds, "Rows"),
            columns=number(ds, "Columns"),
            frames=self.frames,
            samples=number(ds, "SamplesPerPixel", 1),
            sop_instance_uid=uids[0][:64],
            series_instance_uid=uids[1][:64],
            study_instance_uid=uids[2][:64],
            sop_class=UID(str(ds.get("SOPClassUID", ""))).name[:64],
            instance_number=int(instance_number[0]) if instance_number else None,
            position_mm=(position[0], position[1], position[2]) if len(position) == 3 else None,
            orientation=tuple(orientation) if len(orientation) == 6 else None,
            spacing_mm=self.spacing_mm(0),
            pixel_aspect=self.pixel_aspect(0),
            slice_thickness_mm=thickness[0] if thickness else None,
            windows=tuple(
                {
                    "center": window.center,
                    "width": window.width,
                    "function": window.function,
                    "explanation": clean(explained[place]) if place < len(explained) else "",
                }
                for place, window in enumerate(self.windows(0))
            ),
            burned_in_annotation=clean(ds.get("BurnedInAnnotation")).upper() or None,
            image_type=tuple(clean(part) for part in (ds.get("ImageType") or [])),
            identity=_identity(ds),
            study=_texts(ds, _STUDY),
            series=_texts(ds, _SERIES),
        )

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

    def _palette(self, stored: Values) -> Values:
        dataset = self.dataset
        if dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.2":
            dataset = _swapped_palette(dataset)
        try:
            colors = np.asarray(apply_color_lut(stored, dataset))
        except Exception as error:
            raise Damaged(what="palette", kind=type(error).__name__) from error
        return (colors >> 8).astype(np.uint8) if colors.dtype == np.uint16 else colors.astype(np.uint8)


def _swapped_palette(dataset: Dataset) -> Dataset:
    """pydicom reads Big Endian palette words as they lie; dcmtk and ITK agree that they are to be swapped."""
    copy = Dataset()
    copy.update(dataset)
    copy.file_meta = dataset.file_meta
    for color in ("Red", "Green", "Blue"):
        keyword = f"{color}PaletteColorLookupTableData"
        data = dataset.get(keyword)
        if isinstance(data, bytes) and len(data) % 2 == 0:
            setattr(copy, keyword, np.frombuffer(data, ">u2").astype("<u2").tobytes())
    return copy


def _color(values: Values, aspect: float) -> Frame:
    return Frame(values, True, False, "", None, None, None, aspect)


def _eight_bits(stored: Values, bits: int) -> Values:
    if stored.dtype == np.uint8 and bits <= 8:
        return stored
    return np.clip(stored.astype(np.int64) >> max(0, bits - 8), 0, 255).astype(np.uint8)


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
    found = _numbers(value)
    return (found[0], found[1]) if len(found) == 2 else None


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
    return {keyword: text for keyword in keywords if (text := clean(_safe(dataset, keyword)))}


def _identity(dataset: Dataset) -> dict[str, Any]:
    return {
        "name": clean_name(_safe(dataset, "PatientName")),
        "patient_id": clean(_safe(dataset, "PatientID")),
        "issuer": clean(_safe(dataset, "IssuerOfPatientID")),
        "birth_date": clean(_safe(dataset, "PatientBirthDate")),
        "sex": clean(_safe(dataset, "PatientSex")),
        "age": clean(_safe(dataset, "PatientAge")),
        "species": clean(_safe(dataset, "PatientSpeciesDescription")),
    }


def _safe(dataset: Dataset, keyword: str) -> Any:
    """A value, or nothing where the header holds something that cannot be one."""
    try:
        return dataset.get(keyword)
    except Exception:
        return None
