"""Planes through a series: its volume, how far it is, planes as raw values and as PNG.

Opening a volume is an entry in the record; each of its planes is not, as with the frames of a series.
"""

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app import planes, volumes
from app.auth import Caller, allow, services_of
from app.browser_copies import keeping
from app.describing import PNG, RAW
from app.planes import cut_of
from app.shapes.pictures import Volume as VolumeShape
from app.shapes.pictures import VolumeProgress
from app.viewing import view_of
from dicom.render import png
from dicom.reslice import Cut, How
from dicom.volume import Volume
from dicom.windowing import Function

router = APIRouter(tags=["pictures"], prefix="/api/series/{series_id}")
CLINICIAN = allow("clinician")
Stack = Annotated[int, Query(ge=0, le=20_000)]
Point = Annotated[str, Query(max_length=100, description="x,y,z in mm, or a direction of length 1")]
Slab = Annotated[float, Query(ge=0, le=planes.THICKEST_MM)]


@router.get("/volume")
def opened(request: Request, series_id: str, stack: Stack = 0, caller: Caller = CLINICIAN) -> VolumeShape:
    """Where the voxels of a series lie; begins to put them together."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study, wanted = planes.wanted(services, tx, series_id, caller.user.id, stack)
        tx.record("study.read", subject=study.patient_ref, object_type="volume", object_id=series_id)
    return {**volumes.described(wanted.grid), **volumes.progress(services.volumes.loading(wanted))}


@router.get("/volume/progress")
def progress(
    request: Request, series_id: str, stack: Stack = 0, caller: Caller = CLINICIAN
) -> VolumeProgress:
    """How many slices are there."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        _, wanted = planes.wanted(services, tx, series_id, caller.user.id, stack)
    return volumes.progress(services.volumes.loading(wanted))


def _cut(
    request: Request, series_id: str, stack: int, caller: Caller, **asked: Any
) -> tuple[Volume, Cut, dict[str, str]]:
    """The volume, the plane, and how long a browser may keep it."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        study, wanted = planes.wanted(services, tx, series_id, caller.user.id, stack)
    # Outside of the snapshot: the volume may have to be put together first.
    return (*cut_of(services, wanted, asked), keeping(study.grant))


@router.get("/plane", response_class=Response, responses=RAW)
def raw(
    request: Request,
    series_id: str,
    at: Point,
    right: Point,
    down: Point,
    slab_mm: Slab = 0,
    how: How = "mean",
    stack: Stack = 0,
    caller: Caller = CLINICIAN,
) -> Response:
    """Little-endian values of a plane: int16 or float32, gzip; where it lies and how large its pixels are as headers."""
    volume, cut, kept = _cut(
        request, series_id, stack, caller, at=at, right=right, down=down, slab_mm=slab_mm, how=how
    )
    value = volume.at(planes.plane_of({"at": at, "right": right, "down": down}).at)
    headers = {
        **kept,
        "x-rows": str(cut.values.shape[0]),
        "x-columns": str(cut.values.shape[1]),
        "x-dtype": str(cut.values.dtype),
        "x-pixel-mm": repr(cut.pixel_mm),
        "x-first-mm": ",".join(map(repr, cut.first_mm)),
        "x-planes": str(cut.planes),
        "x-value": "" if value is None else repr(value),
        "x-unit": volume.unit,
        "x-invert": "1" if volume.invert else "0",
        "x-window": f"{volume.window.center},{volume.window.width}",
    }
    data = cut.values.tobytes()
    if "gzip" in request.headers.get("accept-encoding", ""):
        data = gzip.compress(data, 1)
        headers["content-encoding"] = "gzip"
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/plane.png", response_class=Response, responses=PNG)
def rendered(
    request: Request,
    series_id: str,
    at: Point,
    right: Point,
    down: Point,
    slab_mm: Slab = 0,
    how: How = "mean",
    stack: Stack = 0,
    center: float | None = None,
    width: float | None = None,
    function: Function | None = None,
    invert: bool = False,
    caller: Caller = CLINICIAN,
) -> Response:
    """A plane as it is shown, and as the model gets it."""
    volume, cut, kept = _cut(
        request, series_id, stack, caller, at=at, right=right, down=down, slab_mm=slab_mm, how=how
    )
    window = view_of({"center": center, "width": width, "function": function}).window
    picture = planes.shown(volume, cut, window, invert=invert)
    headers = {**kept, "x-pixel-mm": repr(cut.pixel_mm)}
    return Response(png(picture), media_type="image/png", headers=headers)
