"""DICOM slides: what each file says of itself, which files are one slide, and that it is read by level."""

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from dicom.reading import Instance
from dicom.sandbox import Decoder
from dicom.series import Member, group, is_slide
from tests.samples import dicom_bytes
from tests.whole_slides import sparse, whole_slide


def members(files):
    return [Member(str(n), Instance(data).inspect().as_json()) for n, data in enumerate(files)]


def test_a_file_says_which_level_it_is_and_what_was_cut_and_stained():
    """Surgical specimen, block and both stains by the steps of preparation; nothing of the kind in other pictures."""
    found = Instance(whole_slide(levels=1)[0]).inspect().whole_slide

    assert found == {
        "width": 1024,
        "height": 1024,
        "is_level": True,
        "pyramid": "",
        "specimen": "S26-114",
        "block": "S26-114-A",
        "stain": "hematoxylin stain, eosin stain",
    }
    assert Instance(dicom_bytes(np.zeros((8, 8), np.uint8))).inspect().whole_slide is None


def test_the_files_of_a_series_are_the_levels_of_one_slide():
    """The largest first, whatever came first; the thumbnail last; two series are two slides."""
    files = whole_slide(kinds=("THUMBNAIL",)) + whole_slide(levels=2, series="2.25.62")

    (study,) = group(members(files))

    sizes = [[m.facts["whole_slide"]["width"] for m in one.members] for one in study.series]
    assert sizes == [[1024, 512, 256, 64], [1024, 512]]
    assert [is_slide(one) for one in study.series] == [True, True]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(whole_slide(), id="JPEG"),
        pytest.param(whole_slide(syntax=ExplicitVRLittleEndian), id="uncompressed"),
        pytest.param([sparse(one) for one in whole_slide()], id="TILED_SPARSE"),
    ],
)
def test_a_slide_of_several_files_is_read_by_level(tmp_path, files):
    """Opened by any of its files; half size comes from the second level, tile and region hold what lies there."""
    for number, data in enumerate(files):
        (tmp_path / f"{number:04d}").write_bytes(data)
        assert Instance(data).inspect().frame_positions_mm == ()

    with Decoder() as decoder:
        facts = decoder.slide(tmp_path / "0000")
        region = decoder.region(tmp_path / "0000", (192, 320, 64, 64), (32, 32))

    assert [level["width"] for level in facts["levels"]] == [1024, 512, 256]
    assert (facts["format"], facts["objective"], facts["um_per_pixel"]) == ("DICOM", 20, [0.5, 0.5])
    assert np.abs(region.astype(int) - [24, 40, 128]).max() <= 3
