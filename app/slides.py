"""A kept slide and what is cut from it: its tiles, its overview, and the pictures that the model is given.

The file lies sealed; while somebody reads, a plaintext copy stands on scratch (storage.plaintexts). Two small pictures
of the whole are kept beside it, sealed too: the overview for lists and the search for tissue, and one that fills a
screen, so that the first look needs no copy and no slide reader.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.shapes.pictures import ReadingPlan, SlideManifest
from app.wiring import Services
from dicom import mirax
from dicom.slides import OVERVIEW, QUALITY, TILE, depth_of, tile_box
from dicom.tissue import propose, tissue_mask
from storage.database import Tx
from storage.errors import NotFound, ScratchFull, StorageError
from storage.files import StoredFile
from storage.studies import Series

Picture = np.ndarray[Any, Any]
MODEL_UM = (0.5, 1.0, 4.0)
"""Micrometres to the pixel at which the model is shown a region: cells, their arrangement, the tissue."""
NOMINAL_UM = 10.0
"""Micrometres to the pixel at 1×, as magnifications of scans are reckoned: 20× is 0.5 µm."""
FIELD_PIXELS = 1024
"""Side of a proposed field at its magnification: at 20×, half a millimetre."""
SCREEN = 2048
"""Longer side of the picture that fills a screen: a tile of the whole slide on it is cut from there."""
SMALL = {"overview": OVERVIEW, "screen": SCREEN}
"""The pictures of the whole slide that are kept beside it, and the longer side of each."""
MODEL_PIXELS = (48, 2048)
"""Shorter side at least, longer side at most, of a picture for the model."""


@dataclass(frozen=True, slots=True)
class Glass:
    """A slide as it is kept. facts: format, levels, um_per_pixel, objective, overview (digest of its file)."""

    facts: dict[str, Any]
    patient_id: str
    key: bytes
    files: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the largest level in pixels."""
        largest = self.facts["levels"][0]
        return int(largest["width"]), int(largest["height"])

    @property
    def name(self) -> str:
        """The name of its plaintext copy."""
        return copy_name(self.patient_id, self.files)


def copy_name(patient_id: str, files: Sequence[str]) -> str:
    """How the plaintext copy of these files is named: says nothing to who may list the folder."""
    return hashlib.sha256("/".join((patient_id, *files)).encode()).hexdigest()[:40]


def glass_of(tx: Tx, series: Series) -> Glass:
    """The slide of a series; raises NotFound where the series is none."""
    facts = series.instances[0].facts.get("slide") if series.instances else None
    if not facts:
        raise NotFound(object="slide")
    patient_id = series.instances[0].patient_id
    files = tuple(one.file_sha256 for one in series.instances)
    return Glass(dict(facts), patient_id, tx.patient_key(patient_id), files)


@contextmanager
def opened(services: Services, glass: Glass) -> Iterator[Path]:
    """The path of its plaintext copy, made when there is none; raises ScratchFull, NotFound, Unreadable."""

    def fill(folder: Path) -> None:
        for path, sha256 in zip(_laid(glass, folder), glass.files, strict=True):
            with path.open("xb") as target:
                for chunk in services.files.chunks(glass.key, glass.patient_id, sha256):
                    target.write(chunk)

    size = sum(services.files.size(glass.patient_id, one) for one in glass.files)
    with services.copies.hold(glass.name, size, fill) as folder:
        yield folder / (mirax.OPENS if "names" in glass.facts else "0000")


def _laid(glass: Glass, folder: Path) -> list[Path]:
    """Where each file of a slide lies in its copy: by number, or where they call each other by names, by those."""
    if "names" not in glass.facts:
        return [folder / f"{number:04d}" for number in range(len(glass.files))]
    (folder / mirax.FOLDER).mkdir(mode=0o700)
    (folder / mirax.OPENS).touch(mode=0o600)
    return [folder / mirax.FOLDER / name for name in glass.facts["names"]]


def with_overview(
    services: Services, key: bytes, patient_id: str, received: Path, facts: dict[str, Any]
) -> dict[str, Any]:
    """What was read from a received slide, with the digests of its small pictures, which are sealed; others as they are."""
    if "slide" not in facts:
        return facts
    return {**facts, "slide": keep_small(services, key, patient_id, received, facts["slide"])}


def keep_small(
    services: Services, key: bytes, patient_id: str, received: Path, slide: Mapping[str, Any]
) -> dict[str, Any]:
    """What a slide says of itself, with the digests of its small pictures, which are sealed here."""
    known, largest = dict(slide), slide["levels"][0]
    width, height = int(largest["width"]), int(largest["height"])
    for name, longest in SMALL.items():
        if name == "overview" or max(width, height) > longest:
            size = _size_at_most(width, height, longest)
            # Finer than tiles are packed: those that are cut from it lose once more.
            small = jpeg(services.decoder.region(received, (0, 0, width, height), size), 97)
            kept = services.files.keep(key, patient_id, BytesIO(small))
            known |= {name: kept.sha256, f"{name}_bytes": kept.size}
    return known


def _size_at_most(width: int, height: int, longest: int) -> tuple[int, int]:
    """Of the sizes that the deep zoom goes through the largest within: its tiles are then parts, not resized anew."""
    factor = 1
    while -(-max(width, height) // factor) > longest:
        factor *= 2
    return -(-width // factor), -(-height // factor)


def note_overview(services: Services, tx: Tx, patient_id: str, facts: Mapping[str, Any]) -> None:
    """Note the sealed small pictures among the patient's files."""
    slide = facts.get("slide", {})
    services.files.note(
        tx,
        patient_id,
        *(StoredFile(slide[name], slide[f"{name}_bytes"]) for name in SMALL if name in slide),
    )


def files_at(received: Path) -> list[Path]:
    """The files of what was received, in the order in which they are kept."""
    return mirax.parts_of(received) if mirax.is_mirax(received) else [received]


def kept_files(services: Services, key: bytes, patient_id: str, received: Path) -> list[StoredFile]:
    """Seal every file of what was received."""
    found = []
    for path in files_at(received):
        with path.open("rb") as source:
            found.append(services.files.keep(key, patient_id, source))
    return found


def with_files(facts: dict[str, Any], received: Path, files: Sequence[StoredFile]) -> dict[str, Any]:
    """What was read from a slide, with its further files (`also`) and their names; others as they are."""
    if not mirax.is_mirax(received):
        return facts
    names = [path.name for path in files_at(received)]
    return {
        **facts,
        "also": [one.sha256 for one in files[1:]],
        "slide": {**facts["slide"], "names": names},
    }


def adopt(services: Services, glass: Glass, *received: Path) -> None:
    """Let received files be the copy: they were just read, and will be looked at next."""

    def fill(folder: Path) -> None:
        for path, one in zip(_laid(glass, folder), received, strict=True):
            one.rename(path)

    size = sum(one.stat().st_size for one in received)
    with suppress(ScratchFull), services.copies.hold(glass.name, size, fill):
        pass


def prepare(services: Services, glass: Glass) -> None:
    """Make the plaintext copy that its first near tile will ask for; without one that tile says why there is none."""
    with suppress(StorageError), opened(services, glass):
        pass


def tile(services: Services, glass: Glass, depth: int, column: int, row: int) -> bytes:
    """JPEG of a tile; those of the whole slide from afar are cut from what is kept. Raises NotAnImage for none."""
    width, height = glass.size
    box, size = tile_box(width, height, depth, column, row)
    longest = max(width, height) >> (depth_of(width, height) - depth)
    kept = next((name for name, most in SMALL.items() if longest <= most and name in glass.facts), None)
    if kept is None:
        with opened(services, glass) as path:
            return services.decoder.tile(path, depth, column, row)
    data = services.files.read(glass.key, glass.patient_id, str(glass.facts[kept]))
    whole = Image.open(BytesIO(data), formats=("JPEG",))
    scale = whole.width / width, whole.height / height
    part = (box[0] * scale[0], box[1] * scale[1], (box[0] + box[2]) * scale[0], (box[1] + box[3]) * scale[1])
    return jpeg(np.asarray(whole.resize(size, Image.Resampling.BOX, box=part)))


def overview(services: Services, glass: Glass) -> bytes:
    """JPEG of the whole slide, at most 1024 pixels on a side."""
    return services.files.read(glass.key, glass.patient_id, str(glass.facts["overview"]))


def jpeg(picture: Picture, quality: int = QUALITY) -> bytes:
    """As tiles are packed."""
    out = BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=quality, subsampling=0)
    return out.getvalue()


def manifest(series: Series) -> SlideManifest:
    """Everything a viewer needs before the first tile."""
    facts = series.instances[0].facts["slide"]
    largest = facts["levels"][0]
    return {
        "instance_id": series.instances[0].id,
        "width": largest["width"],
        "height": largest["height"],
        "tile": TILE,
        "depth": depth_of(largest["width"], largest["height"]),
        "levels": facts["levels"],
        "um_per_pixel": facts["um_per_pixel"],
        "um_source": facts.get("um_source", "file"),
        "objective": facts["objective"],
        "format": facts["format"],
        "tiles": f"/api/series/{series.id}/tiles",
        "specimen": str(series.facts.get("specimen") or ""),
        "block": str(series.facts.get("block") or ""),
        "stain": str(series.facts.get("stain") or ""),
    }


def inside(facts: Mapping[str, Any], box: Sequence[float] | None) -> tuple[int, int, int, int]:
    """A region in whole pixels of the largest level, cut to the slide; the whole slide where none is given."""
    largest = facts["levels"][0]
    width, height = int(largest["width"]), int(largest["height"])
    left, top, across, down = box or (0, 0, width, height)
    x, y = round(min(max(left, 0), width - 1)), round(min(max(top, 0), height - 1))
    right, bottom = round(min(max(left + across, x + 1), width)), round(min(max(top + down, y + 1), height))
    return x, y, right - x, bottom - y


def planned(
    facts: Mapping[str, Any],
    box: tuple[float, float, float, float] | None,
    finest_um: float | None = None,
) -> list[dict[str, Any]]:
    """The pictures that show the model a region: width, height and micrometres per pixel (None: unknown) of each.

    Of one region the resolutions of `MODEL_UM` that it has enough pixels for and that are not too large, finest
    first; never finer than the scan. finest_um takes the place of the first of them. Without a stated resolution, or where none fits, one picture as large as may be.
    """
    largest = facts["levels"][0]
    _, _, width, height = box or (0, 0, largest["width"], largest["height"])
    least, most = MODEL_PIXELS
    um = float(facts["um_per_pixel"][0]) if facts.get("um_per_pixel") else 0.0
    found: list[tuple[int, int, float]] = []
    for wanted in sorted({finest_um or MODEL_UM[0], *MODEL_UM[1:]}) if um else ():
        scale = max(1.0, wanted / um)
        size = round(width / scale), round(height / scale)
        if least <= min(size) and max(size) <= most and size not in [one[:2] for one in found]:
            found.append((*size, um * scale))
    if not found:
        scale = max(1.0, width / most, height / most)
        found = [(max(1, round(width / scale)), max(1, round(height / scale)), um * scale)]
    return [{"width": w, "height": h, "um_per_pixel": round(m, 4) or None} for w, h, m in found]


def fields(services: Services, glass: Glass, magnification: float, most: int) -> ReadingPlan:
    """The tissue of a slide, and fields on it to be read at a magnification: boxes in pixels of the largest level.

    Without a stated resolution a field is as many pixels of the scan, and its magnification is unknown.
    """
    width, height = glass.size
    with Image.open(BytesIO(overview(services, glass)), formats=("JPEG",)) as whole:
        mask = tissue_mask(np.asarray(whole.convert("RGB")))
    um = glass.facts.get("um_per_pixel")
    finest = NOMINAL_UM / magnification if um else None
    side = max(64, round(FIELD_PIXELS * max(1.0, finest / um[0]))) if um and finest else FIELD_PIXELS
    found = propose(mask, (width, height), side, most)
    return {
        "magnification": magnification if um else None,
        "finest_um": max(finest, um[0]) if um and finest else None,
        "tissue": round(float(mask.mean()), 4),
        "fields": [{"box": one.box, "coverage": one.coverage} for one in found],
    }


def holds_tissue(overview: bytes, facts: Mapping[str, Any], box: Sequence[float] | None) -> bool:
    """Whether tissue is found in a region, as far as the overview shows. overview: JPEG of the whole slide"""
    with Image.open(BytesIO(overview), formats=("JPEG",)) as whole:
        mask = tissue_mask(np.asarray(whole.convert("RGB")))
    largest, (rows, columns) = facts["levels"][0], mask.shape
    left, top, width, height = inside(facts, box)
    across, down = columns / largest["width"], rows / largest["height"]
    x, y = int(left * across), int(top * down)
    right, bottom = math.ceil((left + width) * across), math.ceil((top + height) * down)
    return bool(mask[y : max(bottom, y + 1), x : max(right, x + 1)].any())


def pictures(services: Services, glass: Glass, view: Mapping[str, Any]) -> list[Picture]:
    """A region at each of the sizes that its view names: uint8 (rows, columns, 3)."""
    width, height = glass.size
    left, top, across, down = view.get("box") or (0, 0, width, height)
    box = (float(left), float(top), float(across), float(down))
    shown = view.get("pictures") or planned(glass.facts, box)
    with opened(services, glass) as path:
        return [services.decoder.region(path, box, (int(one["width"]), int(one["height"]))) for one in shown]
