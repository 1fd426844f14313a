"""One file to an instance: its frames by number, as they can be shown, and what its header says."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dicom import codecs, grayscale, overlays, palettes, pixels
from dicom.errors import NoSuchFrame
from dicom.guard import Limits, number, open_dataset
from dicom.header import aspect_of
from dicom.inspection import Inspection, inspected
from dicom.windowing import Table, Values, Window


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
        stored, dataset = self.stored(index), self.dataset
        aspect = aspect_of(dataset, index)
        if palettes.is_palette(dataset) or stored.ndim == 3:
            # Never windowed, even where the tags are there: a screenshot may carry those of its CT.
            return Frame(values=self._color(stored), is_color=True, pixel_aspect=aspect)
        padding = grayscale.padding_of(stored, dataset)
        values, unit = grayscale.after_modality(stored, dataset, index)
        windows = self.windows(index)
        return Frame(
            values=values,
            is_color=False,
            invert=grayscale.is_inverted(dataset),
            unit=unit,
            window=windows[0] if windows else None,
            usual=grayscale.usual_window(dataset, unit),
            table=grayscale.voi_table(dataset),
            padding=padding,
            pixel_aspect=aspect,
        )

    def _color(self, stored: Values) -> Values:
        if palettes.is_palette(self.dataset):
            eight = palettes.palette_color(stored, self.dataset)
        else:
            eight = pixels.eight_bits(stored, number(self.dataset, "BitsStored", 8))
        return pixels.color_managed(eight, self.dataset)[0]

    def windows(self, index: int) -> list[Window]:
        """The usable windows of a frame, in the header's order."""
        return grayscale.windows_of(self.dataset, index)

    def drawn(self, index: int) -> Values | None:
        """Where overlays draw on a frame: bool (rows, columns); None where there are none, raises Damaged."""
        if not overlays.planes_of(self.dataset):
            return None
        shape = (number(self.dataset, "Rows"), number(self.dataset, "Columns"))
        words = pixels.words(self.dataset, index) if overlays.needs_words(self.dataset) else None
        return overlays.drawn(self.dataset, index, shape, words)

    def supplement(self, index: int) -> tuple[Values, Values] | None:
        """Where a supplemental palette gives color, and that color; None where there is none (C.7.6.19)."""
        if not palettes.has_supplemental(self.dataset):
            return None
        return palettes.supplement(self.stored(index), self.dataset)

    def inspect(self) -> Inspection:
        """The header as plain values; raises MissingHeader without the three UIDs."""
        return inspected(self.dataset, self.frames)
