"""Pictures without a header: upright, in sRGB, refused by name when they are not what they seem."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from dicom.chores import open_source
from dicom.errors import Damaged, NotAnImage, NotDicom, TooLarge
from dicom.guard import Limits
from dicom.photos import Photo

RED, BLUE, WHITE = [255, 0, 0], [0, 0, 255], [255, 255, 255]


def saved(image, kind="PNG", **options):
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def red_then_blue():
    """Two pixels: red on the left, blue on the right."""
    return Image.fromarray(np.array([[RED, BLUE]], np.uint8))


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (1, [[RED, BLUE]]),
        (3, [[BLUE, RED]]),
        (6, [[RED], [BLUE]]),
        (8, [[BLUE], [RED]]),
    ],
)
def test_the_stated_orientation_is_followed(stated, expected):
    """Exif 6: the camera was turned, the left of the file is the top of the picture."""
    exif = Image.Exif()
    exif[0x0112] = stated

    photo = Photo(saved(red_then_blue(), exif=exif))

    assert photo.rgb.tolist() == expected


@pytest.mark.parametrize(("stated", "expected"), [(6, [[RED], [BLUE]]), (3, [[BLUE, RED]])])
def test_a_deep_tiff_follows_its_orientation_too(stated, expected):
    """Color of 16 bits a channel, which Pillow cannot open."""
    values = np.array([[RED, BLUE]], np.uint16) * 257
    out = BytesIO()
    tifffile.imwrite(out, values, photometric="rgb", extratags=[(274, "H", 1, stated, True)])

    assert Photo(out.getvalue()).rgb.tolist() == expected


def test_channels_in_planes_are_put_together():
    """All red, then all green, then all blue, 16 bits each: Pillow 12.3 opens it and shows two red pixels."""
    values = np.moveaxis(np.array([[RED, BLUE]], np.uint16) * 257, -1, 0)
    out = BytesIO()
    tifffile.imwrite(out, values, photometric="rgb", planarconfig="separate")

    assert Photo(out.getvalue()).rgb.tolist() == [[RED, BLUE]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 32768, 65535], [0, 128, 255]), ([0, 2048, 4095], [0, 128, 255]), ([0, 100, 1023], [0, 25, 255])],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_shown_by_their_depth(kind, values, expected):
    """12 bits in 16: 4095 is white, and 2048 is 127.5 and a little."""
    photo = Photo(saved(Image.fromarray(np.array([values], np.uint16)), kind))

    assert photo.rgb[0, :, 0].tolist() == expected


def test_transparency_lies_on_white():
    """Half-transparent red on white, by hand: 255, 127, 127."""
    photo = Photo(saved(Image.fromarray(np.array([[[255, 0, 0, 0], [255, 0, 0, 128]]], np.uint8))))

    assert photo.rgb.tolist() == [[WHITE, [255, 127, 127]]]


def test_ink_becomes_light():
    """A CMYK JPEG without cyan, full of magenta and yellow is red."""
    photo = Photo(saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))

    red, green, blue = photo.rgb[8, 8]
    assert red > 240 and green < 20 and blue < 20


def test_a_profile_is_applied_and_a_broken_one_stops_nothing():
    """The sRGB profile changes nothing; bytes that are no profile are left aside."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    for profile in (srgb, b"no profile at all"):
        assert Photo(saved(red_then_blue(), icc_profile=profile)).rgb.tolist() == [[RED, BLUE]]


def test_only_the_first_page_is_shown_and_that_is_said():
    """A fax of two pages."""
    pages = [Image.new("L", (4, 4), 10), Image.new("L", (4, 4), 200)]

    photo = Photo(saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))

    assert photo.rgb.max() == 10 and photo.inspect().warnings == ("dicom.warning.first_page",)


def bomb():
    """A PNG of 60 bytes that promises 50,000 x 50,000 pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (head, body)
    )


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (bomb, TooLarge),
        (lambda: saved(Image.new("RGB", (64, 64)), "BMP"), NotDicom),
        (lambda: saved(Image.new("RGB", (64, 64)), "GIF"), NotDicom),
        (lambda: saved(Image.new("RGB", (300, 300), "red"), "JPEG")[:-900], Damaged),
        (lambda: saved(Image.effect_noise((64, 64), 50), "TIFF")[:300], Damaged),
        (lambda: b"II*\x00" + b"\x00" * 200, NotAnImage),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 9, NotDicom),
    ],
    ids=["bomb", "BMP", "GIF", "cut JPEG", "cut TIFF", "TIFF of nothing", "SVG"],
)
def test_what_is_no_whole_picture_is_refused_by_name(make, expected):
    """Only PNG, JPEG and TIFF are opened, and only whole."""
    with pytest.raises(expected):
        open_source(make(), Limits())


def test_the_same_picture_is_known_again():
    """Its identity is its content."""
    data = saved(red_then_blue())

    assert Photo(data).inspect() == Photo(data).inspect()
    assert Photo(data).inspect().sop_instance_uid.startswith("2.25.")
