"""Where the voxels of a stack of pictures lie in the patient, or why they form no volume.

Patient coordinates are those of DICOM (PS3.3 C.7.6.2.1.1): x to the patient's left, y to the back, z to the head, in mm.
A tilted stack is a volume too, whose grid is sheared; everything is measured through the affine and never by counting
slices. Nothing is filled in: where a slice is missing there is no volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from dicom.errors import NoVolume
from dicom.series import SAME_PLACE_MM, Member, is_same_stack
from dicom.windowing import Values

FEWEST = 3
"""Slices; two have nothing between them to look at."""
UNEVEN = 0.1
"""Share of the slice distance by which a slice may lie beside its place on the line through all of them."""
STEEPEST_DEGREES = 45.0
"""Tilt from which a stack is no pile of slices any more; gantries tilt by 30."""
SQUARE = 1e-2
"""By how much the header's directions may miss length 1 and a right angle: they are written in few digits."""


@dataclass(frozen=True, slots=True)
class Place:
    """A picture of a stack: the caller's handle of its file, the frame in it, where its first voxel lies in mm."""

    handle: str
    frame: int
    position_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    places: one for each slice, in ascending position along the normal; index 0 is the lowest, whatever its number
    shape: slices, rows, columns
    affine: float64 (4, 4), from (slice, row, column, 1) to (x, y, z, 1) in mm
    normal: of the slices, length 1; the way from slice to slice may lean against it
    """

    places: tuple[Place, ...]
    shape: tuple[int, int, int]
    affine: Values
    normal: Values

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Way from voxel to voxel along slices, rows and columns."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(lengths[0]), float(lengths[1]), float(lengths[2])

    @property
    def tilt_degrees(self) -> float:
        """Angle between the way from slice to slice and the normal of the slices."""
        way = self.affine[:3, 0]
        return float(np.degrees(np.arccos(min(1.0, float(way @ self.normal / np.linalg.norm(way))))))

    @property
    def middle_mm(self) -> Values:
        """The voxel in the middle, in mm."""
        return self.to_mm([size // 2 for size in self.shape])

    def to_mm(self, voxel: Any) -> Values:
        """Where voxels lie: (..., 3) of slice, row, column to (..., 3) of x, y, z."""
        return np.asarray(voxel, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_voxel(self, point_mm: Any) -> Values:
        """The reverse, with fractions."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        return (np.asarray(point_mm, np.float64) - self.affine[:3, 3]) @ inverse.T

    def axes(self) -> Values:
        """Rows of (3, 3): to the left, to the back and to the head as near as the volume's own directions come.

        The volume's own and not the patient's, so that planes along them show voxels as they are, unmixed.
        """
        row, column = self.affine[:3, 2], self.affine[:3, 1]
        own = np.stack([self.normal, column / np.linalg.norm(column), row / np.linalg.norm(row)])
        order = max(permutations(range(3)), key=lambda turn: sum(abs(own[turn[n], n]) for n in range(3)))
        turned = own[list(order)]
        return turned * np.sign(np.diag(turned))[:, None]


def grid_of(members: Sequence[Member], stack: int = 0) -> Grid:
    """The grid of a series, of an object with several stacks over the same places that of one.

    raises: NoVolume, whose `reason` is one of few, color, no_geometry, no_spacing, mixed, same_position, gap, tilt
    """
    if sum(int(member.facts.get("frames", 1)) for member in members) < FEWEST:
        raise NoVolume(reason="few")
    first = members[0].facts
    if any(member.facts.get("samples", 1) != 1 for member in members):
        raise NoVolume(reason="color")
    if not all(is_same_stack(first, member.facts) for member in members):
        raise NoVolume(reason="mixed")
    places = [place for member in members for place in _places(member, stack)]
    if len(places) < FEWEST:
        raise NoVolume(reason="few")
    row, column = _directions(first.get("orientation"))
    spacing = first.get("spacing_mm")
    if not spacing or first.get("spacing_source") == "detector":
        raise NoVolume(reason="no_spacing")
    normal = np.cross(row, column)
    places.sort(key=lambda place: float(normal @ np.array(place.position_mm)))
    step = _step(places, normal)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = step, column * spacing[0], row * spacing[1]
    affine[:3, 3] = places[0].position_mm
    return Grid(tuple(places), (len(places), int(first["rows"]), int(first["columns"])), affine, normal)


def _places(member: Member, stack: int) -> list[Place]:
    """The pictures of one file that belong to a stack; raises NoVolume."""
    facts = member.facts
    frames, stacks = int(facts.get("frames", 1)), facts.get("frame_stacks") or ()
    positions = facts.get("frame_positions_mm") or ([facts.get("position_mm")] if frames == 1 else ())
    if len(positions) != frames or not all(positions):
        raise NoVolume(reason="no_geometry")
    return [
        Place(member.handle, frame, (float(x), float(y), float(z)))
        for frame, (x, y, z) in enumerate(positions)
        if not stacks or stacks[frame] == stack
    ]


def _directions(orientation: Any) -> tuple[Values, Values]:
    """Of the rows and of the columns, made exactly square; raises NoVolume where the header's are no such pair."""
    if not orientation:
        raise NoVolume(reason="no_geometry")
    row, column = np.array(orientation[:3], np.float64), np.array(orientation[3:], np.float64)
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if abs(lengths[0] - 1) > SQUARE or abs(lengths[1] - 1) > SQUARE or abs(row @ column) > SQUARE:
        raise NoVolume(reason="no_geometry")
    row = row / lengths[0]
    column = column - (column @ row) * row
    return row, column / np.linalg.norm(column)


def _step(places: Sequence[Place], normal: Values) -> Values:
    """The way from one slice to the next; raises NoVolume where it is not the same everywhere."""
    positions = np.array([place.position_mm for place in places])
    if (np.diff(positions @ normal) <= SAME_PLACE_MM).any():
        raise NoVolume(reason="same_position")
    step = (positions[-1] - positions[0]) / (len(places) - 1)
    length = float(np.linalg.norm(step))
    beside = positions - positions[0] - np.arange(len(places))[:, None] * step
    if np.linalg.norm(beside, axis=1).max() > UNEVEN * length:
        raise NoVolume(reason="gap")
    if step @ normal < length * np.cos(np.radians(STEEPEST_DEGREES)):
        raise NoVolume(reason="tilt")
    return step
