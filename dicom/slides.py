"""A pathology slide: its levels, regions by micrometre, tiles. Read by level, never whole.

Read through OpenSlide: what it knows in one file (Aperio SVS, Hamamatsu NDPI, Leica SCN, Ventana, Philips and
generic tiled TIFF), DICOM whole-slide objects, whose levels are files of one folder, and MRXS (`dicom.mirax`). Not
covered: VMS.
Label and macro images are never opened: there is no way to them from here, because they carry what somebody wrote
on the glass.
"""

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import openslide
from PIL import Image, ImageCms

from dicom.errors import Damaged, NotAnImage, TooLarge
from dicom.guard import Limits
from dicom.reading import Frame, Inspection
from dicom.uids import uid_of_digest
from dicom.windowing import Values

TILE = 512
"""Side of a tile in pixels: a screen takes a dozen of them."""
QUALITY = 90
PLAUSIBLE_UM = (0.02, 25.0)
"""A resolution outside is a placeholder of the writer (72 dpi would be 353 µm)."""
READ_PIXELS = 64_000_000
"""Most pixels read at once: a slide whose smallest level is larger has no overview, and none is made of it."""
SLIDE_BYTES = 64 << 30
OVERVIEW = 1024
LONGEST_SIDE = 1 << 21
_WRITTEN_ON = frozenset(["label", "macro"])
_VENDORS = {"generic-tiff": "TIFF", "dicom": "DICOM", "mirax": "MRXS"}

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the largest level."""


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the pyramid; downsample: how many pixels of the largest level one of its pixels covers."""

    width: int
    height: int
    downsample: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideInspection(Inspection):
    """What is known of a slide; `slide`: format, levels, um_per_pixel (x, y) or None, objective or None."""

    slide: dict[str, Any]


def is_slide(path: Path) -> bool:
    """Whether the content is that of a slide with a reader of its own, or a tiled TIFF of several levels."""
    vendor = openslide.OpenSlide.detect_format(path)
    if vendor in (None, "dicom"):
        return False
    if vendor != "generic-tiff":
        return True
    try:
        with openslide.OpenSlide(path) as opened:
            return bool(opened.level_count > 1)
    except (openslide.OpenSlideError, OSError):
        return False


class Slide:
    """An open slide; raises Damaged when it cannot be read, TooLarge when it has no level small enough to look at."""

    frames = 1

    def __init__(self, path: Path, limits: Limits | None = None):
        self.path, self.limits = path, limits or Limits()
        if path.is_file() and path.stat().st_size > SLIDE_BYTES:
            raise TooLarge(
                what="file", found=f"{path.stat().st_size >> 30} GB", limit=f"{SLIDE_BYTES >> 30} GB"
            )
        try:
            self._opened = openslide.OpenSlide(path)
        except openslide.OpenSlideUnsupportedFormatError as error:
            raise NotAnImage() from error
        except (openslide.OpenSlideError, OSError) as error:
            raise Damaged(what="slide", kind=type(error).__name__) from error
        self.levels = tuple(
            Level(width, height, float(factor))
            for (width, height), factor in zip(
                self._opened.level_dimensions, self._opened.level_downsamples, strict=True
            )
        )
        smallest = self.levels[-1]
        if not 0 < max(self.levels[0].width, self.levels[0].height) <= LONGEST_SIDE:
            raise Damaged(what="slide")
        if smallest.width * smallest.height > READ_PIXELS:
            raise TooLarge(what="levels", found=f"{smallest.width} × {smallest.height}")

    def close(self) -> None:
        """Give the file back."""
        self._opened.close()

    @property
    def width(self) -> int:
        """Pixels of the largest level."""
        return self.levels[0].width

    @property
    def height(self) -> int:
        """Pixels of the largest level."""
        return self.levels[0].height

    @cached_property
    def um_per_pixel(self) -> tuple[float, float] | None:
        """Micrometres that a pixel of the largest level covers, x and y; None where the file does not say."""
        found = [
            self._number(name) for name in (openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)
        ]
        low, high = PLAUSIBLE_UM
        if any(value is None or not low <= value <= high for value in found):
            return None
        return float(found[0] or 0), float(found[1] or 0)

    @cached_property
    def objective(self) -> float | None:
        """The magnification of the lens it was scanned with; None where the file does not say."""
        found = self._number(openslide.PROPERTY_NAME_OBJECTIVE_POWER)
        return found if found is not None and 0.5 <= found <= 150 else None

    def _number(self, name: str) -> float | None:
        try:
            return float(self._opened.properties.get(name, ""))
        except ValueError:
            return None

    def facts(self) -> dict[str, Any]:
        """Format, levels, um_per_pixel (x, y) or None, objective or None."""
        vendor = str(self._opened.properties.get(openslide.PROPERTY_NAME_VENDOR, ""))
        return {
            "format": _VENDORS.get(vendor, vendor),
            "levels": [asdict(level) for level in self.levels],
            "um_per_pixel": list(self.um_per_pixel) if self.um_per_pixel else None,
            "objective": self.objective,
        }

    def inspect(self, sha256: str = "") -> SlideInspection:
        """Size, levels and resolution; the UID is derived from the content, so that the same slide is known again.

        sha256: of the file, where it is known already: many gigabytes take longer than a process is given
        """
        if not sha256:
            with self.path.open("rb") as stream:
                sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        uid = uid_of_digest(bytes.fromhex(sha256))
        um = self.um_per_pixel
        return SlideInspection(
            kind="slide",
            modality="SM",
            rows=self.height,
            columns=self.width,
            frames=1,
            samples=3,
            sop_instance_uid=uid,
            series_instance_uid=uid,
            study_instance_uid=uid,
            spacing_mm=(um[1] / 1000, um[0] / 1000) if um else None,
            slide=self.facts(),
        )

    def told(self) -> list[dict[str, Any]]:
        """What beside its pixels could tell whose it is: label, macro, what the scanner wrote; names and no values."""
        pictures = sorted(name for name in self._opened.associated_images if name in _WRITTEN_ON)
        texts = ["comment"] if openslide.PROPERTY_NAME_COMMENT in self._opened.properties else []
        return [
            {"attribute": name, "kind": "other", "places": 1, "identifies": True}
            for name in [*pictures, *texts]
        ]

    def frame(self, index: int = 0) -> Frame:
        """The overview: the whole slide, at most 1024 pixels on a side."""
        return Frame(values=self.overview(OVERVIEW), is_color=True)

    def overview(self, longest: int) -> Values:
        """The whole slide from its smallest sufficient level: uint8 (rows, columns, 3)."""
        scale = min(1.0, longest / max(self.width, self.height))
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        return self.region((0, 0, self.width, self.height), size)

    def region(self, box: Box, size: tuple[int, int]) -> Values:
        """A part at a size: uint8 (rows, columns, 3), sRGB, white where the scanner saw nothing.

        box: in pixels of the largest level, cut to the slide; size: width and height of what comes out
        raises: Damaged, TooLarge where no level is small enough for so large a part
        """
        left, top, width, height = self._inside(box)
        level = self._level_for(min(width / size[0], height / size[1]))
        factor = self.levels[level].downsample
        wanted = max(1, round(width / factor)), max(1, round(height / factor))
        if wanted[0] * wanted[1] > READ_PIXELS:
            raise TooLarge(what="levels", found=f"{wanted[0]} × {wanted[1]}")
        try:
            read = self._opened.read_region((round(left), round(top)), level, wanted)
        except (openslide.OpenSlideError, OSError) as error:
            raise Damaged(what="slide", kind=type(error).__name__) from error
        picture = _on_white(read)
        if picture.size != size:
            # Averages and no sharper kernel: neighbouring tiles meet without a seam.
            picture = picture.resize(
                size, Image.Resampling.BOX if wanted[0] >= size[0] else Image.Resampling.BICUBIC
            )
        return np.asarray(self._srgb(picture))

    def _inside(self, box: Box) -> Box:
        left, top = min(max(box[0], 0), self.width - 1), min(max(box[1], 0), self.height - 1)
        right = min(max(box[0] + box[2], left + 1), self.width)
        bottom = min(max(box[1] + box[3], top + 1), self.height)
        return left, top, right - left, bottom - top

    def _level_for(self, factor: float) -> int:
        """The smallest level that still has every pixel that is asked for."""
        fitting = [number for number, level in enumerate(self.levels) if level.downsample <= factor * 1.01]
        return max(fitting, default=0)

    @cached_property
    def _transform(self) -> Any:
        """From the scanner's color to sRGB; None without a profile, or with one that is broken."""
        profile = self._opened.color_profile
        if profile is None:
            return None
        try:
            return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return None

    def _srgb(self, picture: Image.Image) -> Image.Image:
        if self._transform is None:
            return picture
        return ImageCms.applyTransform(picture, self._transform) or picture

    def tile(self, depth: int, column: int, row: int) -> bytes:
        """JPEG of one tile of the deep zoom; depth 0 is one pixel, each further one doubles width and height.

        raises: NotAnImage for a tile that is not on the slide
        """
        box, size = tile_box(self.width, self.height, depth, column, row)
        out = BytesIO()
        Image.fromarray(self.region(box, size)).save(out, "JPEG", quality=QUALITY, subsampling=0)
        return out.getvalue()


def _on_white(read: Image.Image) -> Image.Image:
    """RGB; laid on white only where something is missing, which takes as long as half of the reading."""
    if read.getchannel("A").getextrema() == (255, 255):
        return read.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", read.size, "white"), read).convert("RGB")


def depth_of(width: int, height: int) -> int:
    """The depth at which a tile's pixels are those of the largest level."""
    return (max(width, height) - 1).bit_length()


def tile_box(width: int, height: int, depth: int, column: int, row: int) -> tuple[Box, tuple[int, int]]:
    """What a tile covers of the largest level, and its size in pixels; raises NotAnImage outside the slide."""
    deepest = depth_of(width, height)
    if not 0 <= depth <= deepest:
        raise NotAnImage()
    factor = 1 << (deepest - depth)
    across, down = -(-width // factor), -(-height // factor)
    if not (0 <= column * TILE < across and 0 <= row * TILE < down):
        raise NotAnImage()
    size = min(TILE, across - column * TILE), min(TILE, down - row * TILE)
    left, top = column * TILE * factor, row * TILE * factor
    return (left, top, min(size[0] * factor, width - left), min(size[1] * factor, height - top)), size


_kept: dict[tuple[Path, int, int], Slide] = {}
"""The slide that was read last, by this process: opening one anew for each tile would cost more than the tile."""


def kept_open(path: Path, limits: Limits) -> Slide:
    """The slide at this path, open; one at a time. A file that was written anew under its old name is another one."""
    facts = path.stat()
    name = (path, facts.st_ino, facts.st_mtime_ns)
    if name not in _kept:
        for other in _kept.values():
            other.close()
        _kept.clear()
        _kept[name] = Slide(path, limits)
    return _kept[name]
