"""PNG, JPEG and TIFF as pictures: upright, in sRGB, within limits; opened by name of format only."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms, ImageOps

from dicom.errors import Damaged, EmptyFile, NotAnImage, TooLarge
from dicom.guard import Limits
from dicom.reading import Frame, Inspection
from dicom.uids import content_uid

FORMATS = ("PNG", "JPEG", "TIFF")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def is_photo(head: bytes) -> bool:
    """Whether the first bytes are those of a PNG, JPEG or TIFF."""
    return head.startswith(_MAGIC)


class Photo:
    """An open picture without a DICOM header."""

    frames = 1

    def __init__(self, source: Path | bytes, limits: Limits | None = None):
        self.limits = limits or Limits()
        self.data = source if isinstance(source, bytes) else source.read_bytes()
        if not self.data:
            raise EmptyFile()
        self.rgb = _decoded(self.data, self.limits)

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
        )

    def frame(self, index: int = 0) -> Frame:
        """The picture: uint8 (rows, columns, 3)."""
        return Frame(values=self.rgb, is_color=True)


def _decoded(data: bytes, limits: Limits) -> np.ndarray[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data), formats=FORMATS) as opened:
                pixels = opened.width * opened.height
                if pixels > limits.picture_pixels:
                    raise TooLarge(what="pixels", found=pixels, limit=limits.picture_pixels)
                opened.load()
                upright = ImageOps.exif_transpose(opened)
                return np.asarray(_srgb(upright), np.uint8)
    except TooLarge:
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge(what="pixels", found="over", limit=limits.picture_pixels) from error
    except Image.UnidentifiedImageError as error:
        raise NotAnImage() from error
    except Exception as error:  # Pillow raises many kinds for broken files
        raise Damaged(what="picture", kind=type(error).__name__) from error


def _srgb(picture: Image.Image) -> Image.Image:
    """8-bit sRGB: profile applied, transparency on white, 16 bits stretched to what they use."""
    if picture.mode in ("I;16", "I;16B", "I", "F"):
        values = np.asarray(picture, np.float64)
        span = max(float(values.max() - values.min()), 1e-9)
        top = 65535.0 if picture.mode.startswith("I;16") and values.max() > 4095 else None
        scaled = values / top * 255 if top else (values - values.min()) / span * 255
        return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("RGB")
    profile = picture.info.get("icc_profile")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        layered = picture.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        picture = Image.alpha_composite(ground, layered).convert("RGB")
    if profile and picture.mode in ("RGB", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            if converted is not None:
                return converted
        except ImageCms.PyCMSError:
            pass  # a broken profile is no reason to refuse the picture; its numbers are shown as sRGB
    return picture.convert("RGB")
