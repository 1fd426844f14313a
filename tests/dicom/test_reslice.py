"""Planes through a volume, against numpy on its own voxels, scipy between them, and by hand."""

import numpy as np
import pytest
from scipy import ndimage

from dicom.grid import Grid, Place
from dicom.reslice import Plane, reslice, sampled
from dicom.volume import Volume
from dicom.windowing import Window

CHANCE = np.random.default_rng(6)
LEFT, BACK, HEAD = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
FEET = (0.0, 0.0, -1.0)


def volume_of(values, spacing=(1.0, 1.0, 1.0), lean=(0.0, 0.0, 0.0), background=None):
    """An axial volume whose first voxel lies at the origin."""
    affine = np.eye(4)
    affine[:3, 0] = np.array([0, 0, spacing[0]]) + lean
    affine[:3, 1], affine[:3, 2] = [0, spacing[1], 0], [spacing[2], 0, 0]
    places = tuple(Place(str(n), 0, tuple(affine[:3, 0] * n)) for n in range(len(values)))
    grid = Grid(places, values.shape, affine, np.array([0.0, 0.0, 1.0]))
    darkest = float(values.min()) if background is None else background
    return Volume(
        grid=grid, values=values, unit="HU", invert=False, window=Window(40, 400), background=darkest
    )


@pytest.fixture
def block():
    """Random values, so that a turned or mirrored plane cannot pass for another."""
    return CHANCE.integers(-1000, 2000, (7, 9, 11)).astype(np.int16)


def test_planes_along_the_axes_are_the_voxels_themselves(block):
    """Equal, not nearly: nothing is mixed where nothing lies between."""
    volume = volume_of(block)
    at = (4.0, 3.0, 5.0)

    axial = reslice(volume, Plane(at=at, right=LEFT, down=BACK)).values
    coronal = reslice(volume, Plane(at=at, right=LEFT, down=FEET)).values
    sagittal = reslice(volume, Plane(at=at, right=BACK, down=FEET)).values

    assert (axial == block[5]).all()
    assert (coronal == block[::-1, 3]).all()
    assert (sagittal == block[::-1, :, 4]).all()
    assert axial.dtype == coronal.dtype == sagittal.dtype == np.int16


def test_a_plane_has_the_shape_of_the_body(block):
    """Slices of 2.5 mm, pixels of 0.5 mm: (7 - 1) * 2.5 mm high at 0.5 mm is 31 rows, and every fifth is a slice."""
    volume = volume_of(block, spacing=(2.5, 0.5, 0.5))

    cut = reslice(volume, Plane(at=(0, 1.5, 0), right=LEFT, down=FEET))

    assert cut.pixel_mm == 0.5
    assert cut.values.shape == (31, 11)
    assert cut.first_mm == pytest.approx((0, 1.5, 15))
    assert (cut.values[::5] == block[::-1, 3]).all()
    between = block[6, 3].astype(float) * 0.8 + block[5, 3].astype(float) * 0.2
    assert np.abs(cut.values[1] - between).max() <= 0.5


def test_pixels_that_are_not_square_are_made_so(block):
    """Rows 2 mm apart, columns 1 mm: (9 - 1) * 2 + 1 rows of 1 mm."""
    volume = volume_of(block, spacing=(1.0, 2.0, 1.0))

    cut = reslice(volume, Plane(at=(0, 0, 2), right=LEFT, down=BACK))

    assert cut.values.shape == (17, 11)
    assert (cut.values[::2] == block[2]).all()


@pytest.mark.parametrize(("how", "by_numpy"), [("max", np.max), ("min", np.min), ("mean", np.mean)])
def test_a_slab_is_its_voxels_projected(block, how, by_numpy):
    """6 mm of slices 2 mm apart: the plane and one on either side; across the columns, seven of 1 mm."""
    volume = volume_of(block, spacing=(2.0, 1.0, 1.0))

    thick = reslice(volume, Plane(at=(0, 0, 6), right=LEFT, down=BACK, slab_mm=6, how=how))
    side = reslice(volume, Plane(at=(5, 0, 0), right=BACK, down=FEET, slab_mm=6, how=how))

    assert (thick.planes, side.planes) == (3, 7)
    assert np.abs(thick.values - by_numpy(block[2:5].astype(float), 0)).max() <= 0.5
    assert np.abs(side.values[::2] - by_numpy(block[::-1, :, 2:9].astype(float), 2)).max() <= 0.5


@pytest.mark.parametrize(("how", "by_numpy"), [("max", np.max), ("min", np.min), ("mean", np.mean)])
def test_a_slab_ends_where_the_volume_ends(block, how, by_numpy):
    """Half of it outside: what is not there has no say."""
    volume = volume_of(block)

    cut = reslice(volume, Plane(at=(0, 0, 0), right=LEFT, down=BACK, slab_mm=4, how=how))

    assert cut.planes == 5
    assert np.abs(cut.values - by_numpy(block[:3].astype(float), 0)).max() <= 0.5


def test_a_plane_between_two_slices_is_their_mixture(block):
    """A quarter of the way: three parts of the nearer."""
    volume = volume_of(block)

    cut = reslice(volume, Plane(at=(0, 0, 2.25), right=LEFT, down=BACK))
    slab = reslice(volume, Plane(at=(0, 0, 2.25), right=LEFT, down=BACK, slab_mm=2, how="max"))

    mixed = [block[k] * 0.75 + block[k + 1] * 0.25 for k in range(6)]
    assert np.abs(cut.values - mixed[2]).max() <= 0.5
    assert np.abs(slab.values - np.max(mixed[1:4], 0)).max() <= 0.5


def test_a_plane_beside_the_volume_is_dark(block):
    """No value, and no error either: a crosshair can be anywhere."""
    cut = reslice(volume_of(block), Plane(at=(0, 0, 50), right=LEFT, down=BACK))
    turned = reslice(volume_of(block), Plane(at=(0, 0, 50), right=(0.8, 0.6, 0.0), down=(-0.6, 0.8, 0.0)))

    assert (cut.values == block.min()).all() and (turned.values == block.min()).all()


OBLIQUE = [
    ((0.8, 0.6, 0.0), (0.0, 0.0, -1.0)),
    ((0.8, 0.6, 0.0), (-0.36, 0.48, -0.8)),
    ((0.6, 0.0, 0.8), (0.0, 1.0, 0.0)),
]


@pytest.mark.parametrize(("right", "down"), OBLIQUE)
@pytest.mark.parametrize(("how", "by_numpy"), [("mean", np.mean), ("max", np.max), ("min", np.min)])
@pytest.mark.parametrize("lean", [(0.0, 0.0, 0.0), (0.0, 0.7, 0.0)], ids=["upright", "tilted"])
def test_an_oblique_slab_is_what_another_library_samples(block, right, down, how, by_numpy, lean):
    """Each sample by scipy's own interpolation at the place in mm, then projected; outside of the volume nothing."""
    volume = volume_of(block.astype(np.float32), spacing=(2.0, 1.0, 0.8), lean=lean)
    plane = Plane(
        at=tuple(volume.grid.middle_mm),
        right=right,
        down=down,
        slab_mm=5,
        how="mean" if how == "mean" else how,
    )

    cut = reslice(volume, plane)

    normal = np.cross(right, down)
    inverse = np.linalg.inv(volume.grid.affine)
    deeper = 1 / np.abs(inverse[:3, :3] @ normal).max()
    depths = np.arange(-cut.planes // 2 + 1, cut.planes // 2 + 1) * deeper
    compared = 0
    for row, column in np.ndindex(cut.values.shape):
        point = np.array(cut.first_mm) + cut.pixel_mm * (column * np.array(right) + row * np.array(down))
        places = [inverse @ [*(point + depth * normal), 1] for depth in depths]
        within = [p[:3] for p in places if (p[:3] >= 0).all() and (p[:3] <= np.array(block.shape) - 1).all()]
        on_edge = any(
            np.abs(p[:3] - edge).min() < 1e-4 for p in places for edge in (0, np.array(block.shape) - 1)
        )
        if on_edge:
            continue
        expected = volume.background
        if within:
            expected = by_numpy(ndimage.map_coordinates(block.astype(float), np.array(within).T, order=1))
        assert cut.values[row, column] == pytest.approx(expected, abs=0.01)
        compared += bool(within)
    assert compared > 40


def test_a_tilted_stack_stands_upright_across():
    """A line that runs through the body from feet to head lies ever further to the front in slices that lean back.

    Slices 2 mm apart lean 1 mm to the back each: the column of voxels at y = 6 mm is row 6 - k of slice k.
    """
    block = np.zeros((5, 9, 4), np.int16)
    for k in range(5):
        block[k, 6 - k] = 100
    volume = volume_of(block, spacing=(2.0, 1.0, 1.0), lean=(0.0, 1.0, 0.0))

    cut = reslice(volume, Plane(at=(2, 0, 4), right=BACK, down=FEET))

    bright = np.argwhere(cut.values == 100)
    ys = cut.first_mm[1] + cut.pixel_mm * bright[:, 1]
    assert len(bright) >= 5 and ys.tolist() == pytest.approx([6.0] * len(bright))


def test_samples_between_eight_voxels_by_hand():
    """The middle of a cube of 0 and 80 at one corner is 10; a quarter of the way to that corner along one edge, 20."""
    cube = np.zeros((2, 2, 2), np.int16)
    cube[0, 0, 0] = 80

    places = np.array([[0.5, 0.5, 0.5], [0, 0, 0.75], [0, 0, 1.0], [0, 0, 1.2]])
    values, inside = sampled(cube, list(places.T))

    assert values.tolist()[:3] == [10, 20, 0]
    assert inside.tolist() == [True, True, True, False]


def test_a_plane_knows_where_its_pixels_lie(block):
    """The pixel found through first_mm and pixel_mm is the voxel at that place."""
    volume = volume_of(block, spacing=(3.0, 0.5, 0.5))
    cut = reslice(volume, Plane(at=(2, 3, 9), right=LEFT, down=FEET))

    for slice_number, column in [(0, 0), (3, 4), (6, 10)]:
        x, _, z = volume.grid.to_mm([slice_number, 6, column])
        right = round((x - cut.first_mm[0]) / cut.pixel_mm)
        down = round((cut.first_mm[2] - z) / cut.pixel_mm)
        assert cut.values[down, right] == block[slice_number, 6, column]


def test_a_plane_never_grows_without_bound():
    """Voxels of a hundredth of a millimetre over two metres would be 200,000 pixels."""
    volume = volume_of(np.zeros((3, 3, 4000), np.int16), spacing=(1.0, 1.0, 0.5))

    cut = reslice(volume, Plane(at=(0, 0, 1), right=LEFT, down=BACK))

    assert max(cut.values.shape) == 2048
    assert cut.pixel_mm == pytest.approx(3999 * 0.5 / 2047)


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, True),
        ({"right": (0.0, 1.0, 0.0)}, False),
        ({"right": (2.0, 0.0, 0.0)}, False),
        ({"at": (float("nan"), 0.0, 0.0)}, False),
        ({"slab_mm": -1.0}, False),
        ({"slab_mm": float("inf")}, False),
    ],
)
def test_directions_from_outside_are_looked_at(change, holds):
    """Two of length 1 at a right angle; numbers that are numbers."""
    plane = Plane(**{"at": (0.0, 0.0, 0.0), "right": LEFT, "down": BACK, **change})

    assert plane.is_straight is holds
