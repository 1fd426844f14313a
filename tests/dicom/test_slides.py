"""Slides: read by level, measured in micrometres, in sRGB, and never the label."""

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image, ImageCms

from dicom.chores import open_source
from dicom.errors import Damaged, DicomError, NotAnImage, TooLarge
from dicom.sandbox import Decoder
from dicom.slides import Slide, depth_of, is_slide, kept_open, tile_box
from tests.samples import slide
from tests.vendor_slides import ndpi, scn

REAL = Path(__file__).parents[1] / "data" / "cmu_small_region.svs"


@pytest.fixture
def drawn(tmp_path):
    """1024 pixels a side at 0.5 µm, cells of 64 pixels, three levels; open."""
    file = tmp_path / "drawn"
    file.write_bytes(slide())
    opened = Slide(file)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as opened:
        yield opened


def test_a_slide_is_known_by_its_content(tmp_path):
    """Several levels of tiles are a slide; one picture in a TIFF, tiled or not, is a picture; text is neither."""
    pyramid, single, text = tmp_path / "a.jpg", tmp_path / "b.svs", tmp_path / "c.svs"
    pyramid.write_bytes(slide())
    single.write_bytes(slide(levels=1))
    text.write_bytes(b"II*\x00 and nothing more")

    assert [is_slide(file) for file in (pyramid, single, text, REAL)] == [True, False, False, True]


def test_a_slide_says_how_large_it_is(drawn):
    """Three levels, each half as large as the one before, and half a micrometre to the pixel."""
    found = drawn.inspect()

    assert [(level["width"], level["downsample"]) for level in found.slide["levels"]] == [
        (1024, 1.0),
        (512, 2.0),
        (256, 4.0),
    ]
    assert found.slide["um_per_pixel"] == pytest.approx([0.5, 0.5])
    assert found.slide["objective"] is None
    assert (found.kind, found.rows, found.columns, found.modality) == ("slide", 1024, 1024, "SM")


@pytest.mark.parametrize(("stated", "known"), [(None, None), (352.8, None), (0.25, 0.25), (0.001, None)])
def test_a_resolution_that_no_scanner_has_is_unknown(tmp_path, stated, known):
    """72 dpi is what a program writes that does not know; a length in µm from it would be wrong a thousandfold."""
    file = tmp_path / "slide"
    file.write_bytes(slide(um_per_pixel=stated))

    found = Slide(file).um_per_pixel

    assert found is None if known is None else found == pytest.approx((known, known))


def test_a_region_holds_what_lies_there(drawn):
    """Cell (3, 5) is (24, 40, 128), at full size and from the level that is half as large."""
    whole = drawn.region((192, 320, 64, 64), (64, 64))
    half = drawn.region((192, 320, 64, 64), (32, 32))

    assert np.unique(whole.reshape(-1, 3), axis=0).tolist() == [[24, 40, 128]]
    assert np.unique(half.reshape(-1, 3), axis=0).tolist() == [[24, 40, 128]]
    assert half.shape == (32, 32, 3)


def test_a_region_between_two_levels_is_the_mean_of_the_larger(drawn):
    """Two cells side by side at one pixel: (0 + 8) / 2 in red."""
    found = drawn.region((0, 0, 128, 64), (1, 1))

    assert found.tolist() == [[[4, 0, 128]]]


def test_a_region_is_cut_to_the_slide(drawn):
    """What lies outside is not made up."""
    found = drawn.region((-500, -500, 564, 564), (64, 64))

    assert np.unique(found.reshape(-1, 3), axis=0).tolist() == [[0, 0, 128]]


@pytest.mark.parametrize(
    ("depth", "column", "row", "box", "size"),
    [
        (10, 0, 0, (0, 0, 512, 512), (512, 512)),
        (10, 1, 1, (512, 512, 512, 388), (512, 388)),
        (9, 0, 0, (0, 0, 1024, 900), (512, 450)),
        (0, 0, 0, (0, 0, 1024, 900), (1, 1)),
    ],
)
def test_a_tile_covers_its_place(depth, column, row, box, size):
    """1024 by 900 pixels: the deepest tiles are pixels of the slide, one level up covers twice as much."""
    assert depth_of(1024, 900) == 10
    assert tile_box(1024, 900, depth, column, row) == (box, size)


@pytest.mark.parametrize("place", [(11, 0, 0), (-1, 0, 0), (10, 2, 0), (10, 0, -1), (9, 1, 0)])
def test_there_is_no_tile_beside_the_slide(place):
    """An address that was made up is answered with an error and not with a picture."""
    with pytest.raises(NotAnImage):
        tile_box(1024, 900, *place)


def test_tiles_meet_without_a_seam(drawn):
    """All tiles of a depth put together are the overview of that size, but for the losses of JPEG."""
    depth = 10
    rows = [
        np.concatenate(
            [np.asarray(Image.open(BytesIO(drawn.tile(depth, column, row)))) for column in (0, 1)], axis=1
        )
        for row in (0, 1)
    ]

    difference = np.abs(np.concatenate(rows).astype(int) - drawn.overview(1024).astype(int))

    assert difference.mean() < 1


def test_color_is_managed(tmp_path):
    """A profile whose tone curve is a straight line brightens the slide, as Pillow's own conversion says."""
    file = tmp_path / "slide"
    file.write_bytes(slide(profile=_gamma_profile()))

    found = Slide(file).region((192, 320, 64, 64), (64, 64))[0, 0]

    flat = Image.new("RGB", (1, 1), (24, 40, 128))
    source = ImageCms.ImageCmsProfile(BytesIO(_gamma_profile()))
    expected = ImageCms.profileToProfile(flat, source, ImageCms.createProfile("sRGB"))
    assert found.tolist() == list(expected.getpixel((0, 0)))
    assert found.tolist() != [24, 40, 128]


def _gamma_profile():
    """sRGB primaries, gamma 1."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    for entry in range(count):
        at = 132 + 12 * entry
        if data[at : at + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            offset = int.from_bytes(data[at + 4 : at + 8], "big")
            # A curve of no points is the identity (ICC.1 10.6).
            data[offset : offset + 12] = b"curv" + bytes(8)
    return bytes(data)


def test_the_real_slide_is_read():
    """The Aperio sample: size, resolution and lens as its writer states them, tissue in the middle."""
    opened = Slide(REAL)
    found = opened.inspect()

    assert (opened.width, opened.height, opened.objective) == (2220, 2967, 20)
    assert opened.um_per_pixel == pytest.approx((0.499, 0.499))
    assert found.slide["format"] == "aperio"
    assert opened.overview(400).shape == (400, 299, 3)
    middle = opened.region((900, 1200, 400, 400), (400, 400))
    assert middle.std() > 15


def test_label_and_macro_are_there_and_out_of_reach(decoder):
    """The file holds both; no verb of the limited process gives either, and the overview is the tissue's."""
    with openslide.OpenSlide(REAL) as raw:
        label = raw.associated_images["label"].convert("RGB").resize((64, 64))
        assert {"label", "macro"} <= set(raw.associated_images)

    facts = decoder.inspect(REAL)
    shown = decoder.render(REAL)
    small = Image.fromarray(shown).resize((64, 64))

    assert not {"label", "macro", "associated"} & set(str(facts).lower().replace("'", " ").split())
    assert "CMU-1" not in str(facts)
    assert shown.shape[0] / shown.shape[1] == pytest.approx(2967 / 2220, rel=0.01)
    assert np.abs(np.asarray(small).astype(int) - np.asarray(label).astype(int)).mean() > 40


def test_tiles_and_regions_come_from_the_limited_process(decoder):
    """The same pixels as in this process; a tile of a place that is none is refused by name."""
    region = decoder.region(REAL, (900, 1200, 200, 100), (100, 50))
    tile = decoder.tile(REAL, 12, 1, 1)

    assert (region == Slide(REAL).region((900, 1200, 200, 100), (100, 50))).all()
    assert Image.open(BytesIO(tile)).size == (512, 512)
    with pytest.raises(NotAnImage):
        decoder.tile(REAL, 12, 9, 9)


@pytest.mark.parametrize(("drawn", "vendor"), [(scn, "leica"), (ndpi, "hamamatsu")], ids=["SCN", "NDPI"])
def test_other_vendors_formats_are_read_and_their_macro_is_not(tmp_path, decoder, drawn, vendor):
    """Size, resolution and lens; cell (3, 5) is (24, 40, 128); the macro's dark gray is nowhere in the overview."""
    file = tmp_path / "slide"
    file.write_bytes(drawn())

    facts = decoder.inspect(file)["slide"]
    cell = decoder.region(file, (200, 328, 32, 32), (8, 8))
    overview = decoder.render(file)

    assert (facts["format"], facts["um_per_pixel"], facts["objective"]) == (vendor, [0.5, 0.5], 20)
    assert np.abs(cell.astype(int) - [24, 40, 128]).max() <= 4
    assert np.abs(overview.astype(int) - 7).max(axis=2).min() > 60
    told = {one["attribute"] for one in decoder.told(file)}
    assert "macro" in told


def test_a_file_written_anew_is_another_slide(tmp_path):
    """The process keeps the last slide open; a copy that was wiped and made again must not show the old one."""
    file = tmp_path / "slide"
    file.write_bytes(slide(cell=64))
    first = kept_open(file, None).region((192, 320, 8, 8), (8, 8))[0, 0].tolist()
    file.unlink()
    file.write_bytes(slide(cell=32))

    second = kept_open(file, None).region((192, 320, 8, 8), (8, 8))[0, 0].tolist()

    assert (first, second) == ([24, 40, 128], [48, 80, 128])


def test_a_slide_without_small_levels_is_refused(tmp_path):
    """Looking at it from afar would mean to decode all of it."""
    file = tmp_path / "slide"
    packed = zlib.compress(bytes(512 * 512 * 3))
    with tifffile.TiffWriter(file) as writer:
        for level in range(2):
            writer.write(
                (packed for _ in range(18 * 18)),
                shape=(9216, 9216, 3),
                dtype=np.uint8,
                tile=(512, 512),
                photometric="rgb",
                compression="zlib",
                subfiletype=min(level, 1),
                metadata=None,
            )

    with pytest.raises(TooLarge, match="levels"):
        Slide(file)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_cut_slide_is_an_error_and_not_gray(tmp_path, share, decoder):
    """Wherever the file ends, the answer is a sentence or the true pixels."""
    data = REAL.read_bytes()
    file = tmp_path / "cut"
    file.write_bytes(data[: int(len(data) * share)])

    try:
        decoder.inspect(file)
        found = decoder.region(file, (0, 0, 2220, 2967), (222, 297))
    except DicomError:
        return
    assert (
        np.abs(found.astype(int) - Slide(REAL).region((0, 0, 2220, 2967), (222, 297)).astype(int)).mean() < 1
    )


def test_what_is_no_slide_is_told_so(tmp_path):
    """Opened as one all the same, a picture is refused by name."""
    file = tmp_path / "picture"
    Image.new("RGB", (8, 8)).save(file, "PNG")

    with pytest.raises((NotAnImage, Damaged)):
        Slide(file)
    assert not isinstance(open_source(file, None), Slide)
