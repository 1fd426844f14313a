"""What a mark on a picture measures: lengths and angles by geometry, statistics over the pixels inside.

Points are (x, y) in pixels of the frame from the outer corner of its first pixel: that pixel's center is at
(0.5, 0.5). A length is in millimetres only where the header says how large a pixel is, and the answer says which
value of the header that was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dicom.windowing import Values

Kind = Literal["length", "angle", "ellipse", "box", "probe"]
Point = tuple[float, float]
POINTS: dict[str, int] = {"length": 2, "angle": 3, "ellipse": 2, "box": 2, "probe": 1}
"""How many points each kind has; ellipse and box are given by two opposite corners of what encloses them."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Height and width of a pixel: in mm with the source that says so, else relative to its width.

    source: "patient" (PixelSpacing), "detector" (ImagerPixelSpacing: magnified), "ultrasound" (the region that holds
        all points), "slide" (micrometres per pixel); None where nothing is known
    """

    row: float
    column: float
    source: str | None = None

    @property
    def unit(self) -> str:
        """Of a length."""
        return "mm" if self.source else "px"


def scale_at(
    points: Sequence[Point],
    *,
    spacing_mm: Sequence[float] | None,
    source: str | None,
    aspect: float = 1.0,
    regions: Sequence[Mapping[str, Any]] = (),
) -> Scale:
    """The scale where a mark lies. A picture that is divided into regions has one only inside of those that say so.

    regions: as `dicom.ultrasound.regions_of` gives them; PS3.3 C.8.5.5 puts them before any spacing of the whole
    """
    if regions:
        for region in regions:
            spacing = region.get("spacing_mm")
            if spacing and all(_holds(region, point) for point in points):
                return Scale(float(spacing[0]), float(spacing[1]), "ultrasound")
        return Scale(aspect, 1.0)
    if spacing_mm and source:
        return Scale(float(spacing_mm[0]), float(spacing_mm[1]), source)
    return Scale(aspect, 1.0)


def _holds(region: Mapping[str, Any], point: Point) -> bool:
    inside_x = region["left"] <= point[0] <= region["right"] + 1
    return bool(inside_x and region["top"] <= point[1] <= region["bottom"] + 1)


def measured(
    kind: Kind,
    points: Sequence[Point],
    scale: Scale,
    values: Values | None = None,
    *,
    padding: Values | None = None,
    values_unit: str = "",
) -> dict[str, Any]:
    """What a mark of this kind measures, as plain JSON; raises ValueError for a wrong number of points.

    values: after the modality step (rows, columns), or color (rows, columns, 3); None measures the shape alone
    padding: pixels that were filled in around the picture and are no values, as a mask
    returns: unit and scale, and by kind: length; degrees; width, height, area; mean, deviation (of the population),
        minimum, maximum and pixels over those whose center lies inside; value or rgb of the pixel under a probe
    """
    if len(points) != POINTS[kind]:
        raise ValueError(f"A mark of kind {kind} has {POINTS[kind]} points, not {len(points)}.")
    told: dict[str, Any] = {"unit": scale.unit, "scale": scale.source}
    if kind == "length":
        return {**told, "length": _length(points[0], points[1], scale)}
    if kind == "angle":
        return {**told, "degrees": _degrees(points, scale)}
    if kind == "probe":
        return {**told, **_probe(points[0], values, values_unit)}
    left, top, right, bottom = _corners(points)
    width, height = (right - left) * scale.column, (bottom - top) * scale.row
    # Where nothing is known a pixel counts as one, whatever its shape.
    area = width * height if scale.source else (right - left) * (bottom - top)
    told |= {"width": width, "height": height, "area": area * (np.pi / 4 if kind == "ellipse" else 1)}
    if values is None or values.ndim != 2:
        return told
    return {**told, **_statistics(values, inside(kind, points, values.shape), padding, values_unit)}


def inside(kind: Kind, points: Sequence[Point], shape: tuple[int, ...]) -> Values:
    """Which pixels have their center inside a box or an ellipse: bool (rows, columns).

    A center on the left or upper side of a box belongs to it, one on the right or lower side to its neighbour.
    """
    left, top, right, bottom = _corners(points)
    x, y = np.arange(shape[1]) + 0.5, np.arange(shape[0]) + 0.5
    if kind == "box":
        return np.outer((y >= top) & (y < bottom), (x >= left) & (x < right))
    across, down = max(right - left, 1e-9) / 2, max(bottom - top, 1e-9) / 2
    far = ((x - (left + right) / 2) / across)[None] ** 2 + ((y - (top + bottom) / 2) / down)[:, None] ** 2
    return np.asarray(far <= 1)


def _statistics(values: Values, mask: Values, padding: Values | None, unit: str) -> dict[str, Any]:
    if padding is not None:
        mask = mask & ~padding
    chosen = values[mask].astype(np.float64)
    chosen = chosen[np.isfinite(chosen)]
    if not chosen.size:
        return {"pixels": 0, "values_unit": unit}
    return {
        "pixels": int(chosen.size),
        "mean": float(chosen.mean()),
        "deviation": float(chosen.std()),
        "minimum": float(chosen.min()),
        "maximum": float(chosen.max()),
        "values_unit": unit,
    }


def _probe(point: Point, values: Values | None, unit: str) -> dict[str, Any]:
    column, row = int(np.floor(point[0])), int(np.floor(point[1]))
    if values is None or not (0 <= row < values.shape[0] and 0 <= column < values.shape[1]):
        return {}
    found = values[row, column]
    if values.ndim == 3:
        return {"rgb": [int(part) for part in found]}
    return {"value": float(found), "values_unit": unit} if np.isfinite(found) else {}


def _length(one: Point, other: Point, scale: Scale) -> float:
    return float(np.hypot((other[0] - one[0]) * scale.column, (other[1] - one[1]) * scale.row))


def _degrees(points: Sequence[Point], scale: Scale) -> float | None:
    """At the second of three points; None where two of them are one."""
    size = np.array([scale.column, scale.row])
    one, other = ((np.array(points[n]) - np.array(points[1])) * size for n in (0, 2))
    if not one.any() or not other.any():
        return None
    cross = one[0] * other[1] - one[1] * other[0]
    return float(np.degrees(np.arctan2(abs(cross), float(one @ other))))


def _corners(points: Sequence[Point]) -> tuple[float, float, float, float]:
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    return min(xs), min(ys), max(xs), max(ys)
