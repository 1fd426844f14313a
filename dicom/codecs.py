"""imagecodecs behind pydicom, for every JPEG process without GPL and without GDCM.

imagecodecs swallows libjpeg's warnings, so a cut JPEG would come back with a gray tail and no error: the
end-of-image marker is checked here. Equal colour spaces in and out keep the codec from converting, so
pydicom converts exactly once.
"""

import importlib.util
from typing import Any

import imagecodecs
from pydicom.pixels.decoders import (
    JPEGBaseline8BitDecoder,
    JPEGExtended12BitDecoder,
    JPEGLosslessDecoder,
    JPEGLosslessSV1Decoder,
)

DECODER_DEPENDENCIES: dict[str, tuple[str, ...]] = {}
PLUGIN = "imagecodecs"
END_OF_IMAGE = b"\xff\xd9"


def is_available(uid: str) -> bool:
    """pydicom asks by this name."""
    return importlib.util.find_spec("imagecodecs") is not None


def decode_frame(source: bytes, runner: Any) -> bytearray:
    """One JPEG frame; raises ValueError when its end is missing."""
    if not ends_as_jpeg(source):
        raise ValueError("the end of the image is missing")
    interpretation = str(runner.photometric_interpretation)
    space = "YCBCR" if interpretation.startswith("YBR") else "RGB" if runner.samples_per_pixel == 3 else None
    array = imagecodecs.jpeg8_decode(source, colorspace=space, outcolorspace=space)
    if array.dtype.itemsize * 8 != runner.bits_allocated:
        runner.set_option("bits_allocated", array.dtype.itemsize * 8)
    return bytearray(array.tobytes())


def ends_as_jpeg(source: bytes) -> bool:
    """Whether FFD9 stands at the end; some writers pad with 00 or FF behind it."""
    tail = source[-64:].rstrip(b"\x00")
    stripped = tail.rstrip(b"\xff")
    return stripped.endswith(END_OF_IMAGE) or tail.endswith(END_OF_IMAGE)


def register() -> None:
    """Make the plug-in known to pydicom, once per process."""
    for decoder in (
        JPEGBaseline8BitDecoder,
        JPEGExtended12BitDecoder,
        JPEGLosslessDecoder,
        JPEGLosslessSV1Decoder,
    ):
        DECODER_DEPENDENCIES[decoder.UID] = ("numpy", "imagecodecs")
        if PLUGIN not in decoder.available_plugins:
            decoder.add_plugin(PLUGIN, ("dicom.codecs", "decode_frame"))
