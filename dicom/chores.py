"""What a limited process can be asked, each answered with facts as JSON and a string of bytes."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from dicom.banner import picture_of
from dicom.burned_in import LOOKED_AT, lines_of
from dicom.deidentify import Removed, deidentify
from dicom.guard import Limits
from dicom.header import aspect_of, spacing_of
from dicom.lens import told_by
from dicom.measure import measured, scale_at
from dicom.mirax import is_mirax
from dicom.photos import Photo, is_photo, is_tiff
from dicom.process import Source
from dicom.profile import Options
from dicom.reading import Frame, Instance
from dicom.render import View, crop, laid, png, render, squared, thumbnail, used_window
from dicom.scope import scope_of
from dicom.slides import Slide, is_slide, kept_open
from dicom.ultrasound import regions_of
from dicom.volume import voxels_of
from dicom.windowing import Window, narrow


def open_source(source: Any, limits: Limits) -> Any:
    """A DICOM instance, a slide or a picture, by its content, or what is open already; raises DicomError subclasses."""
    if not isinstance(source, Path | bytes):
        return source
    if isinstance(source, bytes):
        head = source[:132]
    elif is_mirax(source):
        return kept_open(source, limits)
    else:
        with source.open("rb") as stream:
            head = stream.read(132)
        if is_tiff(head) and is_slide(source):
            return kept_open(source, limits)
    return Photo(source, limits) if is_photo(head) and head[128:132] != b"DICM" else Instance(source, limits)


def _inspect(source: Source, limits: Limits, sha256: str) -> tuple[dict[str, Any], bytes]:
    opened = open_source(source, limits)
    known = opened.inspect(sha256) if isinstance(opened, Slide) else opened.inspect()
    facts = known.as_json()
    if facts["modality"] in LOOKED_AT or facts["kind"] == "photo":
        shown = render(opened, View())
        facts["text_lines"] = len(lines_of(shown.astype(np.float32).mean(axis=2)))
    else:
        opened.frame(0)
    return facts, b""


def _frame(source: Source, limits: Limits, index: int) -> tuple[dict[str, Any], bytes]:
    frame: Frame = open_source(source, limits).frame(index)
    values, table = narrow(frame.values), frame.table
    window = asdict(used_window(frame, View()) if not frame.is_color else Window(128, 256))
    facts = {
        "is_color": frame.is_color,
        "invert": frame.invert,
        "unit": frame.unit,
        "pixel_aspect": frame.pixel_aspect,
        "table": table and {"nodes": table.nodes(), "window": asdict(table.window())},
        "window": window,
        "shape": values.shape,
        "dtype": str(values.dtype),
    }
    return facts, values.tobytes()


def _voxels(source: Source, limits: Limits, index: int) -> tuple[dict[str, Any], bytes]:
    voxels = voxels_of(open_source(source, limits), index)
    facts = {name: value for name, value in asdict(voxels).items() if name != "values"}
    return {**facts, "shape": voxels.values.shape, "dtype": str(voxels.values.dtype)}, voxels.values.tobytes()


def _render(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    picture = render(open_source(source, limits), _view(view))
    return {"shape": picture.shape}, picture.tobytes()


def _laid(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return {}, laid(open_source(source, limits), _view(view))


def _masked(source: Source, limits: Limits, view: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    opened, chosen = open_source(source, limits), _view(view)
    picture, blanked = render(opened, replace(chosen, overlays=False, square=False)), 0.0
    if isinstance(opened, Instance):
        outside = ~picture_of(opened.dataset)
        picture = np.where(outside[..., None], np.uint8(0), picture)
        blanked = float(outside.mean())
    if chosen.square:
        picture = squared(picture, opened.frame(chosen.frame_index).pixel_aspect)
    return {"shape": picture.shape, "blanked": round(blanked, 4)}, picture.tobytes()


def _view(view: dict[str, Any]) -> View:
    window = view.pop("window")
    return View(window=Window(**window) if window else None, **view)


def _thumbnail(source: Source, limits: Limits, longest: int) -> tuple[dict[str, Any], bytes]:
    return {}, thumbnail(render(open_source(source, limits), View(square=True)), longest)


def _slide(source: Path, limits: Limits) -> tuple[dict[str, Any], bytes]:
    return kept_open(source, limits).facts(), b""


def _tile(source: Path, limits: Limits, depth: int, column: int, row: int) -> tuple[dict[str, Any], bytes]:
    return {}, kept_open(source, limits).tile(depth, column, row)


def _region(source: Path, limits: Limits, box: list[float], size: list[int]) -> tuple[dict[str, Any], bytes]:
    left, top, width, height = box
    picture = kept_open(source, limits).region((left, top, width, height), (size[0], size[1]))
    return {"shape": picture.shape}, picture.tobytes()


def _deidentify(
    source: Source, limits: Limits, secret: str, options: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    opened = open_source(source, limits)
    if isinstance(opened, Instance):
        data, removed = deidentify(opened.dataset, bytes.fromhex(secret), Options(**options))
    else:
        # Only the pixels go on: EXIF, comments and profile names stay behind.
        data, removed = png(opened.frame(0).values), [Removed("metadata", "X")]
    return {"removed": [asdict(one) for one in removed]}, data


def _told(source: Source, limits: Limits) -> tuple[dict[str, Any], bytes]:
    opened = open_source(source, limits)
    if isinstance(opened, Instance):
        return {"told": [asdict(one) for one in told_by(opened.dataset)]}, b""
    return {"told": opened.told()}, b""


def _measure(
    source: Source, limits: Limits, index: int, kind: Any, points: list[Any], stated_mm: list[float] | None
) -> tuple[dict[str, Any], bytes]:
    opened, at = open_source(source, limits), [(float(x), float(y)) for x, y in points]
    scale = scale_at(at, spacing_mm=stated_mm, source="person")
    if isinstance(opened, Instance):
        spacing, named = spacing_of(opened.dataset, index)
        aspect, regions = aspect_of(opened.dataset, index), regions_of(opened.dataset)
        scale = scale_at(at, spacing_mm=spacing, source=named, aspect=aspect, regions=regions)
    frame: Frame = opened.frame(index)
    found = measured(kind, at, scale, frame.values, padding=frame.padding, values_unit=frame.unit)
    return found, b""


def _scope(
    source: Source, limits: Limits, view: dict[str, Any], box: list[float] | None
) -> tuple[dict[str, Any], bytes]:
    opened = open_source(source, limits)
    dataset = opened.dataset if isinstance(opened, Instance) else None
    shown = render(opened, _view(view))
    part = crop(shown, (box[0], box[1], box[2], box[3])) if box else None
    return scope_of(dataset, shown, part).as_json(), b""


VERBS: dict[str, Any] = {
    "inspect": _inspect,
    "frame": _frame,
    "voxels": _voxels,
    "render": _render,
    "laid": _laid,
    "masked": _masked,
    "thumbnail": _thumbnail,
    "slide": _slide,
    "tile": _tile,
    "region": _region,
    "deidentify": _deidentify,
    "told": _told,
    "scope": _scope,
    "measure": _measure,
}
