"""Slices become one body of values, checked one by one; what does not fit is refused by its reason."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from dicom.errors import NoVolume
from dicom.grid import grid_of
from dicom.reading import Instance
from dicom.sandbox import Decoder
from dicom.series import Member, group
from dicom.volume import Filling, bytes_of, voxels_of
from tests.corpus import file_named
from tests.samples import stack_of

BLOCK = np.random.default_rng(5).integers(-1000, 2000, (5, 4, 6)).astype(np.int16)


def filled(files, most_bytes=1 << 20, stack=0):
    """Inspected, grouped, decoded, put slice by slice."""
    by_handle = {f"file {n}": Instance(data) for n, data in enumerate(files)}
    members = [Member(handle, opened.inspect().as_json()) for handle, opened in reversed(by_handle.items())]
    filling = Filling(grid_of(group(members)[0].series[0].members, stack), most_bytes)
    for number, place in enumerate(filling.grid.places):
        filling.put(number, voxels_of(by_handle[place.handle], place.frame))
    return filling.finish()


def test_a_stack_becomes_its_values_in_their_unit():
    """Intercept -1000 by hand, the window of the middle slice, and the darkest value around it."""
    volume = filled(stack_of(BLOCK, RescaleIntercept=-1000, RescaleType="HU"))

    assert (volume.values == BLOCK.astype(np.int32) - 1000).all()
    assert volume.values.dtype == np.int16
    assert (volume.unit, volume.invert) == ("HU", False)
    assert (volume.window.center, volume.window.width) == (40, 400)
    assert volume.background == BLOCK.min() - 1000


def test_the_value_at_a_point_is_that_of_its_voxel():
    """Slice 3, row 2, column 5 lies at -10 + 5, -20 + 2, 5 + 6 mm; half a voxel beside is the neighbour's."""
    volume = filled(stack_of(BLOCK))

    assert volume.at(np.array([-5, -18, 11])) == BLOCK[3, 2, 5]
    assert volume.at(np.array([-5.4, -18.4, 11.9])) == BLOCK[3, 2, 5]
    assert volume.at(np.array([-5, -18, 12.1])) == BLOCK[4, 2, 5]
    assert volume.at(np.array([-5, -18, 400])) is None


def test_fractions_of_any_slice_make_a_volume_of_fractions():
    """A PET scales every slice by its own slope; none is rounded to another's."""
    files = stack_of(BLOCK[:3])
    third = stack_of(BLOCK[:3], RescaleSlope=0.25)[2]

    volume = filled([*files[:2], third])

    assert volume.values.dtype == np.float32
    assert (volume.values[:2] == BLOCK[:2]).all()
    assert (volume.values[2] == BLOCK[2] * 0.25).all()


def test_a_negative_picture_is_dark_where_its_values_are_high():
    """What lies outside must be black there too."""
    volume = filled(stack_of(BLOCK, PhotometricInterpretation="MONOCHROME1"))

    assert volume.invert
    assert volume.background == BLOCK.max()


def test_several_threads_fill_one_volume():
    """Two decoders work at once; the count is of slices and not of calls."""
    volume = filled(stack_of(BLOCK))
    grid, voxels = volume.grid, decoded(stack_of(BLOCK))
    filling = Filling(grid)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: filling.put(number, voxels[number]), [4, 2, 0, 1, 3, 3, 0]))

    assert filling.done == 5
    assert (filling.finish().values == BLOCK).all()


def decoded(files):
    return [voxels_of(Instance(data)) for data in files]


def test_a_limited_process_hands_over_the_same():
    """Values, unit, window and place are not changed on the way out."""
    data = stack_of(BLOCK, RescaleSlope=0.5)[3]
    with Decoder(1) as decoder:
        there = decoder.voxels(data)

    here = voxels_of(Instance(data))
    assert (there.values == here.values).all() and there.values.dtype == here.values.dtype == np.float32
    for name in ("unit", "invert", "window"):
        assert getattr(there, name) == getattr(here, name)
    for name in ("position_mm", "orientation", "spacing_mm"):
        assert tuple(getattr(there, name)) == getattr(here, name)


@pytest.fixture(scope="module")
def parts():
    """A grid and its slices."""
    files = stack_of(BLOCK)
    members = [Member(str(n), Instance(data).inspect().as_json()) for n, data in enumerate(files)]
    return grid_of(members), decoded(files)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"position_mm": (-10.0, -20.0, 8.0)}, "mixed"),
        ({"position_mm": None}, "mixed"),
        ({"orientation": (0.0, 1.0, 0.0, -1.0, 0.0, 0.0)}, "mixed"),
        ({"spacing_mm": (1.0, 1.1)}, "mixed"),
        ({"values": np.zeros((4, 7), np.int16)}, "mixed"),
        ({"values": np.zeros((4, 6, 3), np.uint8)}, "color"),
    ],
    ids=["moved", "nowhere", "turned", "other spacing", "other size", "color"],
)
def test_a_slice_that_is_not_what_the_grid_says_is_refused(parts, change, reason):
    """What was inspected and what is decoded come from one file, and are compared all the same."""
    grid, voxels = parts
    filling = Filling(grid)

    with pytest.raises(NoVolume) as refused:
        filling.put(2, replace(voxels[2], **change))

    assert refused.value.code == f"dicom.no_volume.{reason}"
    assert filling.done == 0


def test_slices_of_two_units_are_no_volume(parts):
    """HU beside bare numbers would be one picture with two scales."""
    grid, voxels = parts
    filling = Filling(grid)
    for number, one in enumerate(voxels):
        filling.put(number, replace(one, unit="HU" if number == 3 else ""))

    with pytest.raises(NoVolume) as refused:
        filling.finish()

    assert refused.value.code == "dicom.no_volume.unit"


def test_a_volume_over_its_limit_is_refused_before_memory_is_taken(parts):
    """240 bytes of whole numbers; with fractions twice that, found out at the first fraction."""
    grid, voxels = parts
    assert bytes_of(grid) == 240

    with pytest.raises(NoVolume) as refused:
        Filling(grid, 239)
    with pytest.raises(NoVolume):
        Filling(grid, 479).put(0, replace(voxels[0], values=voxels[0].values.astype(np.float32)))

    assert refused.value.code == "dicom.no_volume.large"
    assert refused.value.facts["limit"] == "239 B"


@pytest.mark.filterwarnings("ignore")  # pydicom warns about what this file does
def test_frames_of_an_enhanced_object_become_a_volume():
    """nibabel's object: values 0 to 111, each stack of it taken from the frames that are its own."""
    data = file_named("4d_multiframe_test.dcm")
    instance = Instance(data)

    volume = filled([data], most_bytes=1 << 26, stack=1)

    for number, place in enumerate(volume.grid.places):
        assert (volume.values[number] == instance.frame(place.frame).values).all()
