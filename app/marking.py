"""Marks on pictures: what they measure is computed here, from the file itself, whatever a browser says.

A key image is a mark too: without points, with the window it was marked in.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from app import viewing
from app.auth import Caller
from app.errors import Refused
from app.wiring import Services
from dicom.measure import POINTS, Kind, Scale, measured, scale_at
from storage import marks, studies
from storage.marks import Mark
from storage.studies import Instance

KEY = "key"
Points = Sequence[tuple[float, float]]


def draw(
    services: Services,
    caller: Caller,
    study_id: str,
    *,
    kind: str,
    instance_id: str,
    frame: int,
    points: Points,
    label: str | None,
    view: Mapping[str, Any] | None,
    replaces: str | None,
) -> Mark:
    """Keep a mark with what it measures; raises NotFound, Refused, and what is wrong with the picture.

    view: of a key image, the window it is kept with; replaces: the mark that this one was moved from
    """
    if len(points) != POINTS.get(kind, 0):
        raise Refused("app.invalid", what="points")
    with services.database.read(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "work")
        instance = studies.instance_of(tx, study, instance_id)
        if not 0 <= frame < instance.frames:
            raise Refused("app.invalid", what="frame")
        data = b"" if kind == KEY or "slide" in instance.facts else viewing.file_of(services, tx, instance)
    geometry: dict[str, Any] = {"points": [list(point) for point in points], "label": label}
    if kind == KEY:
        geometry["view"] = dict(view or {})
    elif data:
        # Outside the change: decoding may take as long as a hostile file makes it.
        stated = instance.facts.get("spacing_mm") if instance.facts.get("kind") == "photo" else None
        geometry["measured"] = services.decoder.measure(data, frame, kind, geometry["points"], stated)
    else:
        geometry["measured"] = of_header(kind, points, instance.facts)
    with services.database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "work")
        return marks.add(
            tx,
            study,
            instance_id=instance_id,
            frame=frame,
            kind=kind,
            geometry=geometry,
            replaces=replaces,
        )


def of_header(kind: str, points: Points, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The shape alone, by what was read from the header: of slides, whose pixels are not read for it."""
    slide = facts.get("slide") or {}
    if slide:
        um = slide.get("um_per_pixel")
        scale = Scale(um[1] / 1000, um[0] / 1000, "slide") if um else Scale(1.0, 1.0)
    else:
        scale = scale_at(
            points,
            spacing_mm=facts.get("spacing_mm"),
            source=facts.get("spacing_source") or "person",
            aspect=float(facts.get("pixel_aspect") or 1),
            regions=facts.get("regions") or (),
        )
    return measured(cast(Kind, kind), points, scale)


def measures(mark: Mark, instance: Instance) -> dict[str, Any]:
    """What a mark measures; of one that was kept before values were computed here, its shape."""
    if mark.kind == KEY:
        return {}
    found: dict[str, Any] | None = mark.geometry.get("measured")
    points = [(float(x), float(y)) for x, y in mark.geometry.get("points") or ()]
    if found is None and len(points) == POINTS.get(mark.kind):
        return of_header(mark.kind, points, instance.facts)
    return found or {}


def in_words(found: Mapping[str, Any]) -> str:
    """One line of numbers and units, the same in every language."""
    unit, parts = str(found.get("unit", "px")), []
    if found.get("length") is not None:
        parts.append(f"{found['length']:.1f} {unit}")
    if found.get("degrees") is not None:
        parts.append(f"{found['degrees']:.1f}°")
    if "width" in found:
        parts.append(f"{found['width']:.1f} × {found['height']:.1f} {unit}")
        parts.append(f"{found['area']:.1f} {unit}²")
    of_values = str(found.get("values_unit") or "")
    if "mean" in found:
        parts.append(f"{found['mean']:.1f} ± {found['deviation']:.1f} {of_values}".strip())
    if "value" in found:
        parts.append(f"{found['value']:.1f} {of_values}".strip())
    if "rgb" in found:
        parts.append("RGB " + ", ".join(map(str, found["rgb"])))
    return " · ".join(parts)
