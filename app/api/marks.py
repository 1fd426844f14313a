"""Marks that readers draw on the pictures of a study: measurements, regions, key images."""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app import marking
from app.auth import Caller, allow, services_of
from app.shapes import Nothing
from app.shapes.studies import Mark, Marks, MarkTool, Measured
from dicom.windowing import Function
from storage import marks, studies

router = APIRouter(tags=["marks"], prefix="/api/studies/{study_id}/marks")
CLINICIAN = allow("clinician")
Place = Annotated[float, Field(ge=-1e7, le=1e7, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class Shown(BaseModel):
    """How a key image was shown when it was marked; no window is the file's own."""

    center: Number | None = None
    width: Number | None = None
    function: Function | None = None
    invert: bool = False
    overlays: bool = False
    supplemental: bool = False


class Drawn(BaseModel):
    """A mark in pixels of its frame, from the outer corner of the first pixel; a key image has no points."""

    tool: Literal["length", "angle", "ellipse", "box", "probe", "key"]
    instance_id: str = Field(max_length=64)
    frame: int = Field(0, ge=0)
    points: list[tuple[Place, Place]] = Field(default_factory=list, max_length=8)
    label: str | None = Field(None, max_length=200)
    view: Shown | None = None
    replaces: str | None = Field(None, max_length=64)
    """The mark that this one was moved from; it goes in the same change."""


@router.get("")
def drawn(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Marks:
    """All marks of a study."""
    with services_of(request).database.read(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "look")
        found = marks.of_study(tx, study)
        instances = {one: studies.instance_of(tx, study, one) for one in {m.instance_id for m in found}}
        return {"marks": [_as_json(one, marking.measures(one, instances[one.instance_id])) for one in found]}


@router.post("", status_code=201)
def draw(request: Request, study_id: str, wanted: Drawn, caller: Caller = CLINICIAN) -> Mark:
    """Keep a mark; the answer says what it measures, computed here."""
    kept = marking.draw(
        services_of(request),
        caller,
        study_id,
        kind=wanted.tool,
        instance_id=wanted.instance_id,
        frame=wanted.frame,
        points=wanted.points,
        label=wanted.label,
        view=wanted.view.model_dump() if wanted.view else None,
        replaces=wanted.replaces,
    )
    return _as_json(kept, kept.geometry.get("measured") or {})


@router.delete("/{mark_id}")
def erase(request: Request, study_id: str, mark_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """Remove a mark."""
    with services_of(request).database.write(caller.actor) as tx:
        marks.remove(tx, studies.get(tx, study_id, caller.user.id, "work"), mark_id)
    return {}


def _as_json(mark: marks.Mark, found: dict[str, Any]) -> Mark:
    return {
        "id": mark.id,
        "tool": cast(MarkTool, mark.kind),
        "instance_id": mark.instance_id,
        "frame": mark.frame,
        "points": mark.geometry.get("points", []),
        "label": mark.geometry.get("label"),
        "view": mark.geometry.get("view"),
        "measured": cast(Measured, found),
    }
