"""`make bench` prints figures for everything it promises; it judges none of them."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from app.bench import drawn_ct, images, reading, run, slides, trust
from dicom.reading import Instance
from dicom.volume import voxels_of


@pytest.mark.slow
def test_every_figure_is_measured():
    """Both architectures, the upload of a series, an answer, and the memory of web and worker."""
    text = run()

    for words in ("867 visual", "2098 visual", "preprocessing", "first piece", "pieces per second"):
        assert words in text
    assert "upload to viewable, 100 slices" in text and text.count(" MB\n") >= 5
    assert "CT of 500 slices, JPEG lossless" in text


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_every_figure_about_the_record_is_measured(kind, request):
    """One commit each, together, paced, and readers through HTTP, on either database; the figures are printed."""
    url = request.getfixturevalue("postgres").new_database() if kind == "postgresql" else ""

    lines = list(trust.measure(url, seconds=1.0))

    print("", *(f"  {kind}  {what:<62}{figure}" for what, figure in lines), sep="\n")
    paced = [figure for what, figure in lines if "20 a second" in what]
    assert [what.split(",")[0] for what, _ in lines[-3:]] == [
        "one commit for each entry",
        "together",
        "through HTTP",
    ]
    assert len(paced) == 3 and all(
        re.search(r"half within \d+ ms, 95 of 100 within \d+ ms$", one) for one in paced
    )


def test_readers_who_wait_are_counted_from_their_turn():
    """A server that answers after 60 ms keeps a caller of 50 a second waiting: each turn is 40 ms later than the one before."""

    class Slow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            time.sleep(0.06)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        found = reading.waits(server.server_port, ["token"], "/", per_second=50, seconds=0.2)
        server.shutdown()
        thread.join()

    assert len(found) == 10
    assert found[0] >= 0.06 and found[9] - found[0] >= 9 * 0.04 - 0.02


def test_every_figure_about_pictures_is_measured():
    """Each transfer syntax beside two other tools, a CT from its last byte to its volume, planes, tiles, memory."""
    lines = dict(images.decoding(1)) | dict(images.planes(8)) | dict(slides.tiles(1024))

    for name in ("native", "RLE", "JPEG baseline", "JPEG lossless", "JPEG-LS", "JPEG 2000", "HTJ2K"):
        (figures,) = (value for what, value in lines.items() if f", {name}" in what)
        assert re.search(r"\d frames/s; pydicom +\d+; dcmtk .*; memory \+\d+ MB$", figures)
    for name in (
        "axial",
        "coronal",
        "sagittal",
        "mean of 20 mm",
        "MIP of 20 mm",
        "MIP of everything",
        "oblique",
    ):
        assert any(re.search(rf"plane of \d+ x \d+, .*{name}", what) for what in lines)
    assert "full resolution" in lines["tiles, generic TIFF, drawn"]


def test_what_is_timed_decodes_to_what_was_drawn():
    """A film of every transfer syntax holds the same values; only baseline loses some, of color."""
    drawn = (drawn_ct.slice_values(0, 2).astype(int) + 1024)[200:210, 200:300]

    for end in images.SYNTAXES:
        _, data = drawn_ct.film(end, 2)
        shown = Instance(data).frame(0).values[200:210, 200:300]
        if end == "50":
            assert np.abs(shown[..., 0].astype(int) - (drawn >> 4)).max() < 16
        else:
            assert (shown == drawn).all(), end


def test_both_drawn_series_are_the_same_volume_in_hu():
    """Native and JPEG lossless tell the same values, at the same places."""
    for native, lossless in zip(drawn_ct.series(2), drawn_ct.series(2, drawn_ct.JPEG_LOSSLESS), strict=True):
        one, other = voxels_of(Instance(native)), voxels_of(Instance(lossless))
        assert (one.values == other.values).all() and one.unit == other.unit == "HU"
        assert one.position_mm == other.position_mm


@pytest.mark.slow
def test_a_ct_is_followed_from_its_last_byte_to_its_volume():
    """Through web and worker as processes of their own, with a few slices."""
    lines = dict(images.from_upload_to_volume("native", list(drawn_ct.series(6))))

    assert any("upload's end to first slice" in what for what in lines)
    assert any("upload's end to whole volume" in what for what in lines)


@pytest.mark.slow
def test_slides_are_opened_by_the_interface():
    """The sample and a small drawn slide: upload, first look, again, without its copy, and the memory."""
    lines = dict(slides.openings(4096))

    for name in ("Aperio SVS, the sample", "TIFF of 4096 x 4096, drawn"):
        own = {what: value for what, value in lines.items() if name in what}
        assert sum(value.endswith(" s") for value in own.values()) == 5
        assert sum(value.endswith(" MB") for value in own.values()) == 2
