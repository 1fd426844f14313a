"""PNG, JPEG and TIFF as pictures: upright, in sRGB, within limits; opened by name of format only."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms, ImageOps

from dicom.errors import Damaged, DicomError, EmptyFile, NotAnImage, TooLarge
from dicom.guard import Limits
from dicom.reading import Frame, Inspection
from dicom.uids import content_uid
from dicom.windowing import Values

FORMATS = ("PNG", "JPEG", "TIFF")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", *_TIFF)
BITS_PER_SAMPLE = 258
_BLOCKS = frozenset(["exif", "comment", "xmp", "photoshop", "icc_profile"])
"""What stands beside the pixels under a name of its own; other texts of a PNG are named by whoever wrote it."""
_COLORS = frozenset(["icc_profile"])
# How a stated orientation is undone (TIFF 6.0, Orientation).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_photo(head: bytes) -> bool:
    """Whether the first bytes are those of a PNG, JPEG or TIFF."""
    return head.startswith(_MAGIC)


def is_tiff(head: bytes) -> bool:
    """Whether the first bytes are those of a TIFF."""
    return head.startswith(_TIFF)


class Photo:
    """An open picture without a DICOM header."""

    frames = 1

    def __init__(self, source: Path | bytes, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.data = source if isinstance(source, bytes) else source.read_bytes()
        if not self.data:
            raise EmptyFile()
        self.rgb, self.pages = _decoded(self.data, self.limits)

    def inspect(self) -> Inspection:
        """Size, and UIDs derived from the content, so that the same picture is known again."""
        uid = content_uid(self.data)
        return Inspection(
            kind="photo",
            modality="XC",
            rows=self.rgb.shape[0],
            columns=self.rgb.shape[1],
            frames=1,
            samples=3,
            sop_instance_uid=uid,
            series_instance_uid=uid,
            study_instance_uid=uid,
            warnings=("dicom.warning.first_page",) if self.pages > 1 else (),
        )

    def told(self) -> list[dict[str, Any]]:
        """What beside its pixels could tell whose it is: EXIF, comments, profiles; names of blocks and no values."""
        with Image.open(BytesIO(self.data), formats=FORMATS) as opened:
            blocks = {name for name in opened.info if name in _BLOCKS}
            blocks |= {"text" for name, value in opened.info.items() if isinstance(value, str)}
            blocks |= {"exif"} if opened.getexif() else set()
        return [
            {"attribute": name, "kind": "other", "places": 1, "identifies": name not in _COLORS}
            for name in sorted(blocks)
        ]

    def drawn(self, index: int) -> None:
        """Nothing lies over it."""

    def supplement(self, index: int) -> None:
        """It has its colors already."""

    def frame(self, index: int = 0) -> Frame:
        """The picture: uint8 (rows, columns, 3)."""
        return Frame(values=self.rgb, is_color=True)


def _decoded(data: bytes, limits: Limits) -> tuple[Values, int]:
    """The picture and how many pages there are; only the first is shown."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return _by_pillow(data, limits)
            except (Image.UnidentifiedImageError, _Deep):
                if not data.startswith(_TIFF):
                    raise
                return _by_tifffile(data, limits)
    except DicomError:
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge(what="pixels", found="> 178,000,000", limit=f"{limits.picture_pixels:,}") from error
    except Image.UnidentifiedImageError as error:
        raise NotAnImage() from error
    except MemoryError as error:
        raise TooLarge(what="memory") from error
    except Exception as error:  # both libraries raise many kinds for broken files
        raise Damaged(what="picture", kind=type(error).__name__) from error


class _Deep(Exception):
    """Color of more than 8 bits in planes, which Pillow opens and reads wrongly."""


def _by_pillow(data: bytes, limits: Limits) -> tuple[Values, int]:
    with Image.open(BytesIO(data), formats=FORMATS) as opened:
        _check_size(opened.width * opened.height, limits)
        bits = getattr(opened, "tag_v2", {}).get(BITS_PER_SAMPLE, ())
        if isinstance(bits, tuple) and len(bits) > 1 and max(bits) > 8:
            raise _Deep
        opened.load()
        pages = int(getattr(opened, "n_frames", 1)) if opened.format == "TIFF" else 1
        return np.asarray(_srgb(ImageOps.exif_transpose(opened)), np.uint8), pages


def _by_tifffile(data: bytes, limits: Limits) -> tuple[Values, int]:
    """Color of 16 bits and other TIFF that Pillow does not know; raises NotAnImage for what is no gray or RGB."""
    try:
        tiff = tifffile.TiffFile(BytesIO(data))
    except Exception as error:
        raise NotAnImage() from error
    with tiff:
        if not len(tiff.pages):
            raise NotAnImage()
        page: Any = tiff.pages[0]
        _check_size(page.imagewidth * page.imagelength * max(page.imagedepth, 1), limits)
        if page.photometric not in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.MINISBLACK):
            raise NotAnImage()
        values = np.asarray(page.asarray())
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and values.ndim == 3:
            values = np.moveaxis(values, 0, -1)
        if values.dtype == np.uint16 and values.ndim == 3:
            values = (values >> 8).astype(np.uint8)
        if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
            raise NotAnImage()
        picture = (
            Image.fromarray(values) if values.dtype == np.uint8 else Image.fromarray(_eight_bits(values))
        )
        tag = page.tags.get("Orientation")
        turn = _TURNS.get(int(tag.value)) if tag is not None else None
        upright = picture.transpose(turn) if turn is not None else picture
        return np.asarray(_srgb(upright), np.uint8), len(tiff.pages)


def _check_size(pixels: int, limits: Limits) -> None:
    if pixels > limits.picture_pixels:
        raise TooLarge(what="pixels", found=f"{pixels:,}", limit=f"{limits.picture_pixels:,}")


def _srgb(picture: Image.Image) -> Image.Image:
    """8-bit sRGB: profile applied, transparency on white."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    profile = picture.info.get("icc_profile")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        picture = Image.alpha_composite(ground, layered).convert("RGB")
    elif picture.mode == "P":
        picture = picture.convert("RGB")
    if profile and picture.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile is no reason to refuse the picture; its numbers are shown as sRGB
    return picture.convert("RGB")


def _eight_bits(values: Values) -> Values:
    """Gray of more than 8 bits: whole numbers by the smallest usual depth that holds them, others by their range.

    A depth and not the range: two pictures of one camera keep their brightness to each other.
    """
    numbers = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if values.dtype.kind in "iu" and low >= 0 and high <= 65535:
        low, high = 0.0, next(float((1 << bits) - 1) for bits in (8, 10, 12, 14, 16) if high < 1 << bits)
    return np.rint((numbers - low) / max(high - low, 1e-9) * 255).astype(np.uint8)
