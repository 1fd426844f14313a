"""Stored values to display gray: modality, window or look-up table, polarity, 8 bit (PS3.3 C.11, C.7.6.3)."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Values = np.ndarray[Any, Any]
Function = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Window:
    """Center and width in the unit of the values (HU for CT)."""

    center: float
    width: float
    function: Function = "LINEAR"

    @property
    def is_usable(self) -> bool:
        """A width under 1 means nothing for LINEAR, one of 0 nothing at all (C.11.2.1.2)."""
        finite = np.isfinite(self.center) and np.isfinite(self.width)
        return bool(finite and (self.width >= 1 if self.function == "LINEAR" else self.width > 0))


# Standard teaching values, center and width in HU.
PRESETS: dict[str, Window] = {
    "brain": Window(40, 80),
    "stroke": Window(35, 35),
    "subdural": Window(75, 215),
    "temporal_bone": Window(700, 3200),
    "bone": Window(480, 2500),
    "lung": Window(-600, 1500),
    "mediastinum": Window(40, 400),
    "abdomen": Window(50, 400),
    "liver": Window(80, 150),
    "angiography": Window(300, 600),
    "spine": Window(50, 350),
}
_BY_REGION: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("temporal bone", "iac", "측두골"), ("temporal_bone", "bone", "brain")),
    (("spine", "척추"), ("spine", "bone", "mediastinum")),
    (
        ("head", "brain", "skull", "orbit", "stroke", "두부", "뇌"),
        ("brain", "stroke", "subdural", "temporal_bone", "bone"),
    ),
    (("liver", "간"), ("liver", "abdomen", "bone", "angiography")),
    (
        ("chest", "thorax", "lung", "heart", "흉부", "폐", "심장"),
        ("mediastinum", "lung", "bone", "angiography"),
    ),
    (("abdomen", "abdo", "pelvis", "kidney", "복부", "골반"), ("abdomen", "liver", "bone", "angiography")),
    (
        ("extremity", "knee", "hip", "shoulder", "ankle", "wrist", "elbow", "foot", "hand", "사지"),
        ("bone", "mediastinum", "angiography"),
    ),
)


def presets_for(modality: str, *words: str) -> dict[str, Window]:
    """Presets for a CT, the usual one first, by what the header says of the region.

    words: texts of the header, the most reliable first; the first that names a region decides
    returns: none for other modalities, whose values have no unit
    """
    if modality != "CT":
        return {}
    for text in map(str.casefold, words):
        for keys, names in _BY_REGION:
            if any(key in text for key in keys):
                return {name: PRESETS[name] for name in names}
    return {name: PRESETS[name] for name in ("mediastinum", "lung", "bone", "brain", "abdomen")}


def apply_window(values: Values, window: Window) -> Values:
    """Shares of full brightness, 0 to 1, of the values' shape (C.11.2.1.2.1, C.11.2.1.3)."""
    x, center, width = np.nan_to_num(values.astype(np.float64)), window.center, window.width
    # Values with fractions (a dose, an uptake) may be read through less than 1: there LINEAR would be a threshold.
    fine = window.function == "LINEAR" and width <= 1 and values.dtype.kind == "f"
    if window.function == "LINEAR_EXACT" or fine:
        shares: Values = np.clip((x - center) / max(width, TINY) + 0.5, 0, 1)
    elif window.function == "SIGMOID":
        shares = 1 / (1 + np.exp(np.clip(-4 * (x - center) / width, -60, 60)))
    elif width <= 1:
        shares = (x > center - 0.5).astype(np.float64)
    else:
        shares = np.clip((x - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    return shares


@dataclass(frozen=True, slots=True)
class Table:
    """A look-up table: what stands for the first mapped value and those after it, and its highest output."""

    first: int
    entries: Values
    top: int

    def apply(self, values: Values) -> Values:
        """Shares of full brightness; values outside take the nearest entry (C.11.2.1.1)."""
        places = np.clip(np.rint(values).astype(np.int64) - self.first, 0, len(self.entries) - 1)
        shares: Values = self.entries[places] / max(self.top, 1)
        return shares

    def nodes(self) -> list[tuple[int, float]]:
        """Values and their shares of full brightness, as few as draw the same between straight lines."""
        shares = self.entries / max(self.top, 1)
        bends = np.flatnonzero(np.diff(self.entries, n=2)) + 1
        kept = sorted({0, *bends.tolist(), len(shares) - 1})
        return [(self.first + place, float(shares[place])) for place in kept]

    def window(self) -> Window:
        """The straight line nearest to it, for a viewer that knows only windows: from its first to its last rise."""
        changes = np.flatnonzero(np.diff(self.entries))
        low, high = (int(changes[0]), int(changes[-1]) + 1) if len(changes) else (0, len(self.entries))
        return Window(self.first + (low + high) / 2, max(float(high - low), 1.0), "LINEAR_EXACT")


def full_range(values: Values, padding: Values | None, percentile: float = 0.0) -> Window:
    """The window that shows everything, or all but `percentile` at either end; padding is left out."""
    kept = values if padding is None else values[~padding]
    if kept.dtype.kind == "f":
        kept = kept[np.isfinite(kept)]
    if kept.size == 0:
        kept = np.zeros(1)
    low, high = (
        np.percentile(kept, [percentile, 100 - percentile]) if percentile else (kept.min(), kept.max())
    )
    return Window((float(low) + float(high)) / 2, max(float(high) - float(low), 1e-9), "LINEAR_EXACT")


def narrow(values: Values) -> Values:
    """The smallest of int16 and float32 that holds the values: what a viewer takes."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype.kind in "iu" and values.min() >= -32768 and values.max() <= 32767:
        return values.astype("<i2")
    return values.astype("<f4")


def to_gray(shares: Values, *, invert: bool) -> Values:
    """uint8 of the same shape, 0 always black."""
    gray: Values = np.floor((1 - shares if invert else shares) * 255 + 0.5).astype(np.uint8)
    return gray
