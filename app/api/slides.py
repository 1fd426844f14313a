"""Slides: what a viewer needs to know, and tiles. Opening one is an entry in the record; its tiles are not."""

from fastapi import APIRouter, BackgroundTasks, Query, Request, Response

from app import slides
from app.auth import Caller, allow, services_of
from app.browser_copies import keeping
from app.describing import gives
from app.shapes.pictures import ReadingPlan, SlideManifest
from storage import studies

router = APIRouter(tags=["pictures"], prefix="/api/series/{series_id}")
CLINICIAN = allow("clinician")


@router.get("/slide")
def manifest(
    request: Request, series_id: str, later: BackgroundTasks, caller: Caller = CLINICIAN
) -> SlideManifest:
    """Size, levels, micrometres to the pixel, lens, and where the tiles are."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study, series = studies.one_series(tx, series_id, caller.user.id, "look")
        glass = slides.glass_of(tx, series)
        tx.record("study.read", subject=study.patient_ref, object_type="series", object_id=series_id)
    # Who looks at it will come closer: the copy is made while the first look comes from what is kept.
    later.add_task(slides.prepare, services, glass)
    return slides.manifest(series)


@router.get("/tiles/{depth}/{column}/{row}", response_class=Response, responses=gives("image/jpeg"))
def tile(
    request: Request, series_id: str, depth: int, column: int, row: int, caller: Caller = CLINICIAN
) -> Response:
    """JPEG of one tile; depth 0 is one pixel, each further one doubles width and height."""
    services = services_of(request)
    with services.database.read(caller.actor) as tx:
        study, series = studies.one_series(tx, series_id, caller.user.id, "look")
        glass = slides.glass_of(tx, series)
    # Outside the change: a copy of many gigabytes may have to be made first.
    data = slides.tile(services, glass, depth, column, row)
    return Response(data, media_type="image/jpeg", headers=keeping(study.grant))


@router.get("/fields")
def fields(
    request: Request,
    series_id: str,
    magnification: float = Query(20, ge=1, le=100),
    most: int = Query(8, ge=1, le=40),
    caller: Caller = CLINICIAN,
) -> ReadingPlan:
    """Fields on the tissue that are proposed for reading at a magnification."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        study, series = studies.one_series(tx, series_id, caller.user.id, "look")
        glass = slides.glass_of(tx, series)
        tx.record("study.read", subject=study.patient_ref, object_type="series", object_id=series_id)
    return slides.fields(services, glass, magnification, most)
