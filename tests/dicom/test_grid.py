"""Where voxels lie, against another library and by hand; and what is no volume, by its reason."""

from io import BytesIO

import highdicom
import numpy as np
import pydicom
import pytest

from dicom.errors import NoVolume
from dicom.grid import grid_of
from dicom.reading import Instance
from dicom.series import Member, group
from tests.corpus import file_named
from tests.samples import ct_series, dicom_bytes, stack_of

CHANCE = np.random.default_rng(4)
BLOCK = CHANCE.integers(-1000, 2000, (5, 4, 6)).astype(np.int16)
TURNED = (0.8, 0.6, 0.0, -0.36, 0.48, -0.8)
"""A row and a column direction of an oblique stack, at right angles: 0.8 * -0.36 + 0.6 * 0.48 = 0."""


def members_of(files):
    """As an upload would group them: the first series of the first study."""
    members = [Member(f"file {n}", Instance(data).inspect().as_json()) for n, data in enumerate(files)]
    return list(group(members)[0].series[0].members)


def grid(files, stack=0):
    return grid_of(members_of(files), stack)


def by_highdicom(files):
    """Values and affine of the same files as highdicom orders them."""
    volume = highdicom.get_volume_from_series([pydicom.dcmread(BytesIO(data)) for data in files])
    return volume.array, volume.affine


@pytest.mark.parametrize(
    "stack",
    [
        {},
        {"spacing": (3.0, 0.5, 0.75)},
        {"orientation": (0, 1, 0, 0, 0, -1), "spacing": (1.5, 0.9, 0.8)},
        {"orientation": TURNED, "origin": (12.5, -80.25, 33.0)},
    ],
    ids=["axial", "uneven sides", "sagittal", "oblique"],
)
def test_t19_every_voxel_lies_where_another_library_says(stack):
    """The order of the slices is each library's own; which value lies at which place of the body is not.

    highdicom's first slice is the last along the normal, ours the first: who takes an index for a place
    without its affine shows the head at the feet.
    """
    files = stack_of(BLOCK, **stack)
    theirs, affine = by_highdicom(files)
    ours = grid(CHANCE.permutation(np.array(files, dtype=object)).tolist())
    at = {place.handle: number for number, place in enumerate(ours.places)}
    assert len(at) == 5

    for voxel in np.ndindex(theirs.shape):
        point = affine[:3, :3] @ voxel + affine[:3, 3]
        slice_number, row, column = ours.to_voxel(point)
        assert np.allclose([slice_number, row, column], np.rint([slice_number, row, column]), atol=1e-6)
        assert BLOCK[round(slice_number), round(row), round(column)] == theirs[voxel]

    assert not np.allclose(affine[:3, 3], ours.affine[:3, 3]), "the trap is not in this test any more"
    heights = [ours.normal @ np.array(place.position_mm) for place in ours.places]
    assert heights == sorted(heights)


def test_a_voxel_is_found_by_hand():
    """Slice 2, row 3, column 1 of slices 2 mm apart at half a millimetre: 0.5 to the left, 1.5 back, 4 up."""
    found = grid(stack_of(BLOCK, spacing=(2, 0.5, 0.5), origin=(10, 20, 30)))

    assert found.to_mm([2, 3, 1]).tolist() == [10.5, 21.5, 34.0]
    assert found.to_voxel([10.5, 21.5, 34.0]).tolist() == pytest.approx([2, 3, 1])
    assert found.spacing_mm == (2.0, 0.5, 0.5)
    assert found.shape == (5, 4, 6)


def test_instance_numbers_say_nothing_about_places():
    """Numbered from the head down, the lowest slice is the first all the same."""
    files = stack_of(BLOCK)
    renumbered = []
    for place, data in enumerate(files):
        ds = pydicom.dcmread(BytesIO(data))
        ds.InstanceNumber = 5 - place
        out = BytesIO()
        pydicom.dcmwrite(out, ds)
        renumbered.append(out.getvalue())

    assert [place.handle for place in grid(renumbered).places] == [f"file {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("orientation", "axes"),
    [
        ((1, 0, 0, 0, 1, 0), np.eye(3)),
        ((0, 1, 0, 0, 0, -1), np.eye(3)),
        ((1, 0, 0, 0, 0, -1), np.eye(3)),
        ((-1, 0, 0, 0, -1, 0), np.eye(3)),
    ],
    ids=["axial", "sagittal", "coronal", "feet down, face down"],
)
def test_left_back_and_head_are_told_apart_in_every_acquisition(orientation, axes):
    """Whatever was scanned first, the three ways are those of the patient."""
    assert grid(stack_of(BLOCK, orientation=orientation)).axes().tolist() == axes.tolist()


def test_ways_of_an_oblique_stack_stay_its_own():
    """Nearest to the patient's, at right angles, and each along rows, columns or normal of the stack."""
    axes = grid(stack_of(BLOCK, orientation=TURNED)).axes()
    own = [TURNED[:3], TURNED[3:], np.cross(TURNED[:3], TURNED[3:])]

    assert np.allclose(axes @ axes.T, np.eye(3)) and np.linalg.det(axes) == pytest.approx(1)
    for way in axes:
        assert max(abs(way @ np.array(one)) for one in own) == pytest.approx(1)
    # Rows run mostly to the left (0.8 of 1), columns mostly to the feet (-0.8): the normal is what is left, the back.
    assert axes[0].tolist() == pytest.approx([0.8, 0.6, 0])
    assert axes[2].tolist() == pytest.approx([0.36, -0.48, 0.8])


def test_a_tilted_stack_is_sheared_and_measured_as_such():
    """Each slice lies 0.5 mm further back than the one before, 2 mm higher: atan(0.5 / 2) = 14.0 degrees."""
    found = grid(stack_of(BLOCK, lean=(0, 0.5, 0)))

    assert found.tilt_degrees == pytest.approx(14.036, abs=1e-3)
    assert found.to_mm([4, 0, 0]).tolist() == pytest.approx([-10, -20 + 2, 5 + 8])
    assert grid(stack_of(BLOCK)).tilt_degrees == pytest.approx(0, abs=1e-6)


def moved(place, **elements):
    """The stack with one slice changed."""
    files = stack_of(BLOCK)
    ds = pydicom.dcmread(BytesIO(files[place]))
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    out = BytesIO()
    pydicom.dcmwrite(out, ds)
    return [*files[:place], out.getvalue(), *files[place + 1 :]]


REFUSED = {
    "few": lambda: stack_of(BLOCK[:2]),
    "gap": lambda: [data for n, data in enumerate(stack_of(BLOCK)) if n != 2],
    "same_position": lambda: moved(2, ImagePositionPatient=[-10, -20, 7]),
    "no_geometry": lambda: [
        dicom_bytes(one, number=n, PixelSpacing=[1, 1]) for n, one in enumerate(BLOCK, 1)
    ],
    "no_spacing": lambda: stack_of(BLOCK, PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.2]),
    "tilt": lambda: stack_of(BLOCK, lean=(0, 2.5, 0)),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_is_no_volume_is_refused_by_its_reason(reason):
    """Nothing is filled in, guessed or measured at the detector."""
    with pytest.raises(NoVolume) as refused:
        grid(REFUSED[reason]())

    assert refused.value.code == f"dicom.no_volume.{reason}"


def test_pictures_of_several_sizes_are_mixed():
    """A stack whose members do not belong together, however they came into one list."""
    small, large = members_of(stack_of(BLOCK)), members_of(ct_series(3, size=8, series="2"))

    with pytest.raises(NoVolume) as refused:
        grid_of([*small, *large])

    assert refused.value.code == "dicom.no_volume.mixed"


def test_color_is_refused_before_anything_is_decoded():
    """A screenshot of a scan has the tags of the scan."""
    members = [Member(m.handle, {**m.facts, "samples": 3}) for m in members_of(stack_of(BLOCK))]

    with pytest.raises(NoVolume) as refused:
        grid_of(members)

    assert refused.value.code == "dicom.no_volume.color"


def test_a_slice_that_trembles_is_no_gap():
    """0.02 mm of 2 mm is how positions are rounded; 0.3 mm is a slice that lies elsewhere."""
    steady = grid(moved(2, ImagePositionPatient=[-10, -20, 9.02]))

    assert steady.spacing_mm[0] == pytest.approx(2)
    with pytest.raises(NoVolume):
        grid(moved(2, ImagePositionPatient=[-10, -20, 9.3]))


@pytest.mark.parametrize("orientation", [[1, 0, 0, 0.5, 1, 0], [2, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0]])
def test_directions_that_cannot_be_are_refused(orientation):
    """A header may hold anything."""
    members = [Member(m.handle, {**m.facts, "orientation": orientation}) for m in members_of(stack_of(BLOCK))]

    with pytest.raises(NoVolume):
        grid_of(members)


def test_frames_of_one_object_are_a_stack_by_their_own_positions():
    """nibabel's object of several stacks over the same places: each stack alone is a volume, all together are not."""
    members = members_of([file_named("4d_multiframe_test.dcm")])
    stacks = members[0].facts["frame_stacks"]

    first, second = grid_of(members, 0), grid_of(members, 1)

    assert len(first.places) == len(second.places) == stacks.count(0) == stacks.count(1)
    assert {place.frame for place in first.places}.isdisjoint(place.frame for place in second.places)
    positions = [members[0].facts["frame_positions_mm"][place.frame] for place in first.places]
    for number, position in enumerate(positions):
        assert first.to_mm([number, 0, 0]).tolist() == pytest.approx(position, abs=0.05)
    with pytest.raises(NoVolume):
        grid_of(members, 99)
