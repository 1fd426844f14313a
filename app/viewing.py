"""Study to pictures, for the reader and for the model alike: what a person sees is what the model gets."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from app import planes, slides
from app.wiring import Services
from dicom.render import View, crop, montage, png, thumbnail
from dicom.sandbox import Held
from dicom.windowing import Window
from storage import studies
from storage.database import Tx
from storage.errors import NotFound
from storage.studies import Instance, Series, Study

Picture = np.ndarray[Any, Any]


def file_of(services: Services, tx: Tx, instance: Instance) -> Held:
    """An instance's file for the decoder, of a slide that of its overview; read only where no process has it open.

    raises: Unreadable once the patient was erased; NotFound for what is a slide only together with others; later,
        from the decoder, NotFound and Unreadable
    """
    if instance.facts.get("kind") == "slide" and "slide" not in instance.facts:
        raise NotFound(object="picture")
    key = tx.patient_key(instance.patient_id)
    # A slide is never read whole; what asks for its picture without asking for a region is shown all of it, small.
    sha256 = (instance.facts.get("slide") or {}).get("overview") or instance.file_sha256
    return Held(sha256, lambda: services.files.read(key, instance.patient_id, sha256))


def middle_of(series: Series) -> Instance:
    """What stands for a series in a list: its middle picture; of a slide, whose files are parts of it, the slide."""
    first = series.instances[0]
    return first if "slide" in first.facts else series.instances[len(series.instances) // 2]


def pictures(services: Services, tx: Tx, study: Study, view: Mapping[str, Any]) -> list[Picture]:
    """What the model gets of a view: uint8 (rows, columns, 3), in the order in which it is sent.

    The picture that was open, a box cut from native pixels where one is drawn; those that were chosen beside it, each
    alone or all in one; of a slide its region at several sizes.
    """
    instance = studies.instance_of(tx, study, str(view["instance_id"]))
    if "slide" in instance.facts:
        series = next(one for one in studies.series(tx, study) if one.id == instance.series_id)
        return slides.pictures(services, slides.glass_of(tx, series), view)
    shown = [_picture(services, tx, study, one) for one in view.get("sources") or [view]]
    return [montage(shown)] if view.get("montage") else shown


def _picture(services: Services, tx: Tx, study: Study, view: Mapping[str, Any]) -> Picture:
    if view.get("plane"):
        shown = planes.picture(services, tx, study, view, view_of(view))
    else:
        instance = studies.instance_of(tx, study, str(view["instance_id"]))
        shown = services.decoder.render(file_of(services, tx, instance), view_of(view))
    box = view.get("box")
    return crop(shown, (box[0], box[1], box[2], box[3])) if box else shown


def view_of(view: Mapping[str, Any], *, square: bool = False) -> View:
    """The renderer's view of a reader's view."""
    center, width, function = view.get("center"), view.get("width"), view.get("function")
    window = None
    if center is not None and width is not None:
        # Below 1 the standard's LINEAR is a threshold; doses and uptakes are read through less.
        window = Window(
            float(center), float(width), function or ("LINEAR" if float(width) >= 1 else "LINEAR_EXACT")
        )
    if window is not None and not window.is_usable:
        window = None
    return View(
        frame_index=int(view.get("frame") or 0),
        window=window,
        invert=bool(view.get("invert")),
        square=square,
        overlays=bool(view.get("overlays")),
        supplemental=bool(view.get("supplemental")),
    )


def key_image(services: Services, tx: Tx, study: Study, view: Mapping[str, Any]) -> bytes:
    """PNG of the whole frame or plane as the reader had it, pixels square for paper; of a slide, its overview."""
    if view.get("plane"):
        return png(planes.picture(services, tx, study, view, view_of(view)))
    instance = studies.instance_of(tx, study, str(view["instance_id"]))
    return png(services.decoder.render(file_of(services, tx, instance), view_of(view, square=True)))


def for_others(services: Services, tx: Tx, study: Study, view: Mapping[str, Any]) -> Callable[[], bytes]:
    """What makes the PNG of the whole frame or plane as those may see it who do not treat the patient.

    No drawings, bands of text blanked. Text inside of the picture stays; what may hold it waits until a person has
    looked (`app.review`). Made after the transaction: decoding may take as long as a hostile file makes it.
    """
    instance, seen = (
        studies.instance_of(tx, study, str(view["instance_id"])),
        view_of(view, square=True),
    )
    if plane := view.get("plane"):
        stack = int(plane.get("stack") or 0)
        volume = planes.wanted_of_study(services, tx, study, instance.series_id, stack)
        return lambda: png(planes.drawn(services, volume, plane, seen))
    file = file_of(services, tx, instance)
    return lambda: png(services.decoder.masked(file, seen)[0])


def small(services: Services, file: Held, frames: int) -> bytes:
    """A thumbnail of the middle frame of a file as PNG."""
    return thumbnail(services.decoder.render(file, View(frame_index=frames // 2, square=True)))
