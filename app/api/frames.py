"""Pictures: the manifest of a series, frames as raw values after the modality step, frames as PNG.

Opening a study is one entry in the record; each of its hundred frames is not.
"""

import gzip
import hashlib
from dataclasses import asdict
from typing import cast

from fastapi import APIRouter, Request, Response

from app import viewing, volumes
from app.auth import Caller, allow, services_of
from app.browser_copies import keeping
from app.describing import PNG, RAW
from app.shapes.pictures import Dtype, FrameLine, Manifest, NearestWindow, Table, WindowValue
from app.wording import sentence
from dicom.render import View, png
from dicom.windowing import Function, presets_for
from storage import studies
from storage.errors import NotFound
from storage.studies import Instance

router = APIRouter(tags=["pictures"])
CLINICIAN = allow("clinician")


@router.get("/api/series/{series_id}/manifest")
def manifest(request: Request, series_id: str, caller: Caller = CLINICIAN) -> Manifest:
    """Everything a viewer needs before the first frame."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study, series = studies.one_series(tx, series_id, caller.user.id, "look")
        tx.record("study.read", subject=study.patient_ref, object_type="series", object_id=series_id)
        first = series.instances[0]
        file = viewing.file_of(services, tx, first)
    # Outside the change: decoding may take as long as a hostile file makes it.
    shown = services.decoder.frame(file, 0)
    facts = first.facts
    offered = [one for one in facts.get("windows") or () if one]
    if not offered and not shown.is_color:
        offered = [_window((shown.window.center, shown.window.width), shown.window.function)]
    if shown.table:
        # Where a file brings both, its table is how it is shown (C.11.2): its windows stay to be chosen.
        offered = [
            {**asdict(shown.table.window), "explanation": "", "table": True},
            *(one for one in facts.get("windows") or () if one),
        ]
    words = (str(study.facts.get("region") or ""), str(study.facts.get("description") or ""))
    # Presets are numbers of Hounsfield: they mean nothing where the header says another unit.
    described = str(series.facts.get("description") or "")
    presets = presets_for(series.modality, *words, described) if shown.unit == "HU" else {}
    return {
        "modality": series.modality,
        "rows": facts["rows"],
        "columns": facts["columns"],
        "samples": 3 if shown.is_color else 1,
        "dtype": cast(Dtype, str(shown.values.dtype)),
        "invert": shown.invert,
        "unit": shown.unit,
        "windows": offered,
        "space": _space(facts.get("frame_of_reference_uid")),
        "presets": [
            {
                "id": name,
                "center": one.center,
                "width": one.width,
                "label": sentence(f"window.{name}", caller.language),
            }
            for name, one in presets.items()
        ],
        "spacing_mm": facts.get("spacing_mm"),
        "pixel_aspect": facts.get("pixel_aspect", 1.0),
        "frame_ms": facts.get("frame_ms"),
        "regions": facts.get("regions") or [],
        "overlays": facts.get("overlays", 0),
        "supplemental": facts.get("supplemental", False),
        "dimensions": facts.get("dimensions") or {},
        "no_volume": volumes.why_none(series, caller.language),
        "frames": [line for one in series.instances for line in _frames(one)],
    }


def _frames(instance: Instance) -> list[FrameLine]:
    """Frames of an enhanced object lie and are windowed each by its own header, the others by the one they share."""
    facts = instance.facts
    windows, own_windows = facts.get("windows") or (), facts.get("frame_windows") or ()
    own_places, stacks = facts.get("frame_positions_mm") or (), facts.get("frame_stacks") or ()
    shared = windows[0] if windows else None
    function = (shared or {}).get("function", "LINEAR")
    return [
        {
            "url": f"/api/instances/{instance.id}/frames/{frame}",
            "instance_id": instance.id,
            "frame": frame,
            "position_mm": own_places[frame] if own_places else facts.get("position_mm"),
            "orientation": facts.get("orientation"),
            "stack": stacks[frame] if stacks else 0,
            "window": _window(own_windows[frame], function) if own_windows else shared,
            "sha256": instance.file_sha256,
        }
        for frame in range(instance.frames)
    ]


def _space(uid: str | None) -> str | None:
    """The same for pictures whose positions can be compared; the UID itself stays here."""
    return hashlib.sha256(uid.encode()).hexdigest()[:16] if uid else None


def _window(pair: tuple[float, float] | None, function: str) -> WindowValue | None:
    if not pair:
        return None
    return {"center": pair[0], "width": pair[1], "function": cast(Function, function), "explanation": ""}


@router.get("/api/series/{series_id}/thumbnail", response_class=Response, responses=PNG)
def thumbnail(request: Request, series_id: str, caller: Caller = CLINICIAN) -> Response:
    """The middle picture of a series, small."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        study, series = studies.one_series(tx, series_id, caller.user.id, "look")
        middle = viewing.middle_of(series)
        file = viewing.file_of(services, tx, middle)
    data = viewing.small(services, file, middle.frames)
    return Response(data, media_type="image/png", headers=keeping(study.grant))


@router.get("/api/instances/{instance_id}/frames/{frame}", response_class=Response, responses=RAW)
def raw(request: Request, instance_id: str, frame: int, caller: Caller = CLINICIAN) -> Response:
    """Little-endian values of one frame after the modality step: int16, float32 or uint8 RGB, gzip."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        instance = studies.instance(tx, instance_id, caller.user.id, "look")
        file = viewing.file_of(services, tx, instance)
    shown = services.decoder.frame(file, frame)
    headers = {
        **keeping(instance.grant),
        "x-rows": str(shown.values.shape[0]),
        "x-columns": str(shown.values.shape[1]),
        "x-samples": "3" if shown.is_color else "1",
        "x-dtype": str(shown.values.dtype),
        "x-window": f"{shown.window.center},{shown.window.width}",
    }
    if shown.table:
        headers["x-table"] = "1"
    data = shown.values.tobytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        data = gzip.compress(data, 1)
        headers["content-encoding"] = "gzip"
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/api/instances/{instance_id}/frames/{frame}/table")
def table(
    request: Request, response: Response, instance_id: str, frame: int, caller: Caller = CLINICIAN
) -> Table:
    """The look-up table that a frame is shown by: values with their shares of brightness, and the window nearest to it."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        instance = studies.instance(tx, instance_id, caller.user.id, "look")
        file = viewing.file_of(services, tx, instance)
    shown = services.decoder.frame(file, frame)
    if shown.table is None:
        raise NotFound()
    response.headers.update(keeping(instance.grant))
    nearest = shown.table.window
    window: NearestWindow = {"center": nearest.center, "width": nearest.width, "function": nearest.function}
    return {"nodes": [(float(value), share) for value, share in shown.table.nodes], "window": window}


@router.get(
    "/api/instances/{instance_id}/frames/{frame}/rendered.png", response_class=Response, responses=PNG
)
def rendered(
    request: Request,
    instance_id: str,
    frame: int,
    center: float | None = None,
    width: float | None = None,
    function: Function | None = None,
    invert: bool = False,
    overlays: bool = False,
    supplemental: bool = False,
    caller: Caller = CLINICIAN,
) -> Response:
    """One frame as it is shown."""
    services = services_of(request)
    asked = {"center": center, "width": width, "function": function, "invert": invert}
    view = viewing.view_of({"frame": frame, "overlays": overlays, "supplemental": supplemental, **asked})
    with services.database.read(caller.actor) as tx:
        instance = studies.instance(tx, instance_id, caller.user.id, "look")
        file = viewing.file_of(services, tx, instance)
    shown = services.decoder.render(file, view)
    return Response(png(shown), media_type="image/png", headers=keeping(instance.grant))


@router.get("/api/instances/{instance_id}/frames/{frame}/laid.png", response_class=Response, responses=PNG)
def laid(
    request: Request,
    instance_id: str,
    frame: int,
    overlays: bool = False,
    supplemental: bool = False,
    caller: Caller = CLINICIAN,
) -> Response:
    """What the file draws over a frame, and colors it brings for some values, on a ground that is not there."""
    view = View(frame_index=frame, overlays=overlays, supplemental=supplemental)
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        instance = studies.instance(tx, instance_id, caller.user.id, "look")
        data = viewing.file_of(services, tx, instance)
    return Response(
        services.decoder.laid(data, view), media_type="image/png", headers=keeping(instance.grant)
    )
