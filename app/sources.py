"""What of a study goes to the model: the picture that is open, several of them, or several laid into one.

Chosen in the open: whoever asks names each picture with its window, and what was sent is kept with the answer.
"""

from collections.abc import Mapping
from typing import Any

from app import planes, slides
from app.errors import Refused
from dicom.render import cell_of, montage_size
from storage import studies
from storage.database import Tx
from storage.studies import Instance, Study

MOST = 12
"""More than these fill the room of the published models with pictures alone."""


def checked_view(tx: Tx, study: Study, view: Mapping[str, Any]) -> dict[str, Any]:
    """The view, which must be of pictures of this study, with the size of each picture that will be sent.

    raises: NotFound, Refused, NoVolume for a plane through what is no volume
    """
    instance = _instance(tx, study, view)
    left_out = ("finest_um", "sources", "montage")
    checked = planes.checked(tx, instance, study, view)
    asked = {name: value for name, value in checked.items() if name not in left_out}
    if "slide" in instance.facts:
        facts = instance.facts["slide"]
        box = slides.inside(facts, view.get("box"))
        return {**asked, "box": box, "pictures": slides.planned(facts, box, view.get("finest_um"))}
    sources = view.get("sources") or ()
    if len(sources) > MOST:
        raise Refused("app.too_many_pictures", found=len(sources), limit=MOST)
    if not sources:
        return {**asked, **_sent(tx, study, instance, view)}
    stated = [_source(tx, study, source) for source in sources]
    if not view.get("montage"):
        return {**asked, "sources": stated}
    size = montage_size(
        cell_of([(one["sent"]["width"], one["sent"]["height"]) for one in stated]), len(stated)
    )
    whole = {"width": size[0], "height": size[1], "mm_per_pixel": None}
    return {**asked, "sources": stated, "montage": True, "sent": whole}


def _source(tx: Tx, study: Study, source: Mapping[str, Any]) -> dict[str, Any]:
    instance = _instance(tx, study, source)
    if "slide" in instance.facts:
        raise Refused("app.invalid", what="sources")
    return {**planes.checked(tx, instance, study, source), **_sent(tx, study, instance, source)}


def _instance(tx: Tx, study: Study, view: Mapping[str, Any]) -> Instance:
    instance = studies.instance_of(tx, study, str(view.get("instance_id")))
    if not 0 <= int(view.get("frame") or 0) < instance.frames:
        raise Refused("app.invalid", what="view")
    return instance


def _sent(tx: Tx, study: Study, instance: Instance, view: Mapping[str, Any]) -> dict[str, Any]:
    """The size of a picture in its own pixels, and what each covers where one scale holds for all of it."""
    facts = instance.facts
    width, height = int(facts["columns"]), int(facts["rows"])
    spacing = None if facts.get("regions") else facts.get("spacing_mm")
    if view.get("plane"):
        width, height, pixel_mm = planes.size_of(tx, instance, study, view)
        spacing = (pixel_mm, pixel_mm)
    if box := view.get("box"):
        # As `dicom.render.crop` cuts it.
        left, top = int(min(max(box[0], 0), width - 1)), int(min(max(box[1], 0), height - 1))
        width = int(min(max(box[0] + box[2], left + 1), width)) - left
        height = int(min(max(box[1] + box[3], top + 1), height)) - top
    return {"sent": {"width": width, "height": height, "mm_per_pixel": list(spacing) if spacing else None}}
