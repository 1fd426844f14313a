"""A plane through a series as readers and the model get it: from a view or an address to values and to a picture."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.errors import Refused
from app.volumes import Wanted, grid_of_series, wanted_of
from app.wiring import Services
from dicom.render import View
from dicom.reslice import Cut, How, Plane, extent, reslice
from dicom.volume import Volume
from dicom.windowing import Values, Window, apply_window, to_gray
from storage import studies
from storage.database import Tx
from storage.studies import Instance, Study

HOWS: tuple[How, ...] = ("mean", "max", "min")
THICKEST_MM = 500.0
FARTHEST_MM = 10_000.0


def plane_of(asked: Mapping[str, Any]) -> Plane:
    """A plane from numbers, or from their texts; raises Refused for what is none."""
    try:
        at, right, down = (_point(asked[name]) for name in ("at", "right", "down"))
        slab, how = float(asked.get("slab_mm") or 0), str(asked.get("how") or "mean")
    except (KeyError, TypeError, ValueError) as error:
        raise Refused("app.invalid", what="plane") from error
    plane = Plane(at=at, right=right, down=down, slab_mm=slab, how=how)  # type: ignore[arg-type]
    is_near = all(abs(value) <= FARTHEST_MM for value in at) and slab <= THICKEST_MM
    if how not in HOWS or not plane.is_straight or not is_near:
        raise Refused("app.invalid", what="plane")
    return plane


def _point(value: Any) -> tuple[float, float, float]:
    x, y, z = value.split(",") if isinstance(value, str) else value
    return float(x), float(y), float(z)


def wanted(services: Services, tx: Tx, series_id: str, user_id: str, stack: int) -> tuple[Study, Wanted]:
    """The volume of a series, for somebody who looks at it; raises NotFound, NoVolume."""
    study, _ = studies.one_series(tx, series_id, user_id, "look")
    return study, wanted_of_study(services, tx, study, series_id, stack)


def wanted_of_study(services: Services, tx: Tx, study: Study, series_id: str, stack: int) -> Wanted:
    """The volume of a series of a study that somebody was let to; raises NotFound, NoVolume."""
    series = studies.series_of(tx, study, series_id)
    return wanted_of(services.files, tx.patient_key(study.patient_id), series, stack)


def checked(tx: Tx, instance: Instance, study: Study, view: Mapping[str, Any]) -> dict[str, Any]:
    """The view, whose plane must be one through the series of its picture; without one it is as it always was.

    raises: Refused, NoVolume
    """
    if not view.get("plane"):
        return {name: value for name, value in view.items() if name != "plane"}
    size_of(tx, instance, study, view)
    return dict(view)


def size_of(tx: Tx, instance: Instance, study: Study, view: Mapping[str, Any]) -> tuple[int, int, float]:
    """Width and height in pixels of a view's plane, and mm of a pixel; raises Refused, NoVolume."""
    plane = plane_of(view["plane"])
    series = studies.series_of(tx, study, instance.series_id)
    _, size, pixel = extent(grid_of_series(series, int(view["plane"].get("stack") or 0)), plane)
    return size[0], size[1], pixel


def picture(services: Services, tx: Tx, study: Study, view: Mapping[str, Any], chosen: View) -> Values:
    """The plane of a view, whole: uint8 (rows, columns, 3) of square pixels; waits for its volume.

    chosen: the same view's window and polarity
    raises: NotFound, NoVolume
    """
    instance = studies.instance_of(tx, study, str(view["instance_id"]))
    stack = int(view["plane"].get("stack") or 0)
    volume = wanted_of_study(services, tx, study, instance.series_id, stack)
    return drawn(services, volume, view["plane"], chosen)


def drawn(services: Services, volume: Wanted, asked: Mapping[str, Any], chosen: View) -> Values:
    """A plane through a view's window: uint8 (rows, columns, 3); waits for the volume where it is not there yet."""
    whole, cut = cut_of(services, volume, asked)
    return shown(whole, cut, chosen.window, invert=chosen.invert)


def cut_of(services: Services, volume: Wanted, asked: Mapping[str, Any]) -> tuple[Volume, Cut]:
    """A plane's values; waits for the volume where it is not there yet."""
    plane = plane_of(asked)
    whole = services.volumes.get(volume)
    return whole, reslice(whole, plane)


def shown(volume: Volume, cut: Cut, window: Window | None, *, invert: bool) -> Values:
    """uint8 (rows, columns, 3) of a plane, through the reader's window or the series' own."""
    gray = to_gray(apply_window(cut.values, window or volume.window), invert=volume.invert != invert)
    return np.repeat(gray[..., None], 3, axis=2)
