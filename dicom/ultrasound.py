"""The parts of an ultrasound picture, each with a scale of its own (PS3.3 C.8.5.5).

One screen holds a 2D image measured in cm, a Doppler trace measured in seconds and cm/s, and bars of color measured in
nothing: a length means millimetres only inside of the region that says so.
"""

from typing import Any

from pydicom.dataset import Dataset

from dicom.header import items_of, numbers_of

# Defined terms of PhysicalUnitsXDirection and RegionDataType (C.8.5.5.1.15, C.8.5.5.1.2).
UNITS = ("", "percent", "dB", "cm", "s", "Hz", "dB/s", "cm/s", "cm2", "cm2/s", "cm3", "cm3/s", "degrees")
KINDS = {
    1: "tissue", 2: "color_flow", 3: "doppler", 4: "doppler", 5: "doppler", 6: "doppler",
    9: "doppler", 10: "ecg", 11: "pulse", 12: "sound", 13: "gray_bar", 14: "color_bar", 15: "color_bar",
}  # fmt: skip
PLACE = ("RegionLocationMinX0", "RegionLocationMinY0", "RegionLocationMaxX1", "RegionLocationMaxY1")
TWO_DIMENSIONAL = 1
MOST = 32


def regions_of(dataset: Dataset) -> tuple[dict[str, Any], ...]:
    """At most 32 regions as plain values, in the header's order; a region without a place is left out.

    left, top, right, bottom: pixels, the last ones inside
    unit, per_pixel: of each axis (x, y), as the header has them
    spacing_mm: of rows and columns, only where both axes of a 2D image are measured in cm
    """
    found = (_region(item) for item in items_of(dataset, "SequenceOfUltrasoundRegions")[:MOST])
    return tuple(region for region in found if region is not None)


def _region(item: Dataset) -> dict[str, Any] | None:
    place = [_whole(item, keyword) for keyword in PLACE]
    if None in place or place[0] > place[2] or place[1] > place[3]:  # type: ignore[operator]
        return None
    units = [_unit(item, axis) for axis in "XY"]
    steps = [(numbers_of(item, f"PhysicalDelta{axis}") or [0.0])[0] for axis in "XY"]
    # A step may be negative: the axis then runs the other way, and is as long.
    is_measured = (
        units == ["cm", "cm"] and _whole(item, "RegionSpatialFormat") == TWO_DIMENSIONAL and all(steps)
    )
    return {
        "left": place[0],
        "top": place[1],
        "right": place[2],
        "bottom": place[3],
        "kind": KINDS.get(_whole(item, "RegionDataType") or 0, "other"),
        "unit": units,
        "per_pixel": steps,
        "spacing_mm": [abs(steps[1]) * 10, abs(steps[0]) * 10] if is_measured else None,
    }


def _whole(item: Dataset, keyword: str) -> int | None:
    found = numbers_of(item, keyword)
    return int(found[0]) if found else None


def _unit(item: Dataset, axis: str) -> str:
    code = _whole(item, f"PhysicalUnits{axis}Direction") or 0
    return UNITS[code] if 0 <= code < len(UNITS) else ""
