"""Pictures of one stack to a body of values in mm: put together slice by slice, and checked while it grows."""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from dicom.errors import NoVolume, in_bytes
from dicom.grid import Grid
from dicom.header import orientation_of, position_of, spacing_of
from dicom.reading import Instance
from dicom.render import Source, View, used_window
from dicom.windowing import Values, Window, narrow

MOST_BYTES = 1 << 30
BESIDE_MM = 0.01
"""By how much a picture may lie beside where its file said when it was inspected; numbers of a header have few digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voxels:
    """One decoded picture on its way into a volume.

    values: int16 or float32 (rows, columns) after the modality step, uint8 (rows, columns, 3) for color
    position_mm, orientation, spacing_mm: of this very picture; None where its header does not say
    """

    values: Values
    unit: str
    invert: bool
    window: Window
    position_mm: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, float] | None


def voxels_of(opened: Source, index: int = 0) -> Voxels:
    """One frame of an open file; raises DicomError subclasses."""
    frame = opened.frame(index)
    dataset = opened.dataset if isinstance(opened, Instance) else None
    return Voxels(
        values=narrow(frame.values),
        unit=frame.unit,
        invert=frame.invert,
        window=used_window(frame, View()) if not frame.is_color else Window(128, 256),
        position_mm=position_of(dataset, index) if dataset else None,
        orientation=orientation_of(dataset, index) if dataset else None,
        spacing_mm=spacing_of(dataset, index)[0] if dataset else None,
    )


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A body of values.

    values: int16 or float32 (slices, rows, columns), in `unit` (HU for CT)
    background: stands outside of it; its darkest value, as it is shown
    """

    grid: Grid
    values: Values
    unit: str
    invert: bool
    window: Window
    background: float

    def at(self, point_mm: Any) -> float | None:
        """The value of the voxel in which a point lies; None outside."""
        voxel = np.rint(self.grid.to_voxel(point_mm)).astype(int)
        if (voxel < 0).any() or (voxel >= self.values.shape).any():
            return None
        return float(self.values[tuple(voxel)])


def bytes_of(grid: Grid) -> int:
    """Bytes a volume of whole numbers takes; one with fractions takes twice as many."""
    return 2 * grid.shape[0] * grid.shape[1] * grid.shape[2]


@dataclass
class Filling:
    """A volume that is put together; several threads may put slices at once.

    most_bytes: of its values
    raises: NoVolume (large)
    """

    grid: Grid
    most_bytes: int = MOST_BYTES
    done: int = 0
    _values: Values = field(init=False, repr=False)
    _facts: dict[int, tuple[str, bool, Window]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)
    _taken: bool = False

    def __post_init__(self) -> None:
        self._refuse_over(bytes_of(self.grid))
        self._values = np.zeros(self.grid.shape, np.int16)

    def put(self, slice_number: int, voxels: Voxels) -> None:
        """One slice; raises NoVolume for one that is not where and what the grid says."""
        self._check(slice_number, voxels)
        with self._lock:
            if voxels.values.dtype.kind == "f" and self._values.dtype.kind != "f":
                self._refuse_over(2 * bytes_of(self.grid))
                self._values = self._values.astype(np.float32)
            self._values[slice_number] = voxels.values
            self._facts[slice_number] = (voxels.unit, voxels.invert, voxels.window)
            self.done = len(self._facts)

    @property
    def values(self) -> Values:
        """As far as they are there; 0 elsewhere."""
        return self._values

    def take_over(self) -> bool:
        """Whether every slice is in; true for one caller only, who finishes it."""
        with self._lock:
            is_mine = self.done == self.grid.shape[0] and not self._taken
            self._taken = self._taken or is_mine
            return is_mine

    def finish(self) -> Volume:
        """The volume, once every slice is in; raises NoVolume where they are measured in different units."""
        assert self.done == self.grid.shape[0]
        if len({(unit, invert) for unit, invert, _ in self._facts.values()}) > 1:
            raise NoVolume(reason="unit")
        unit, invert, window = self._facts[self.grid.shape[0] // 2]
        return Volume(
            grid=self.grid,
            values=self._values,
            unit=unit,
            invert=invert,
            window=window,
            background=float(self._values.max() if invert else self._values.min()),
        )

    def _refuse_over(self, size: int) -> None:
        if size > self.most_bytes:
            raise NoVolume(reason="large", found=in_bytes(size), limit=in_bytes(self.most_bytes))

    def _check(self, slice_number: int, voxels: Voxels) -> None:
        grid = self.grid
        if voxels.values.ndim != 2:
            raise NoVolume(reason="color")
        if voxels.values.shape != grid.shape[1:]:
            raise NoVolume(reason="mixed")
        # The frames of one object may lie in different directions, which its header tells frame by frame.
        row, column = grid.affine[:3, 2], grid.affine[:3, 1]
        spacing = grid.spacing_mm
        found = (voxels.position_mm, voxels.orientation, voxels.spacing_mm)
        expected = (
            grid.places[slice_number].position_mm,
            (*(row / spacing[2]), *(column / spacing[1])),
            spacing[1:],
        )
        for one, other in zip(found, expected, strict=True):
            if one is None or not np.allclose(one, other, rtol=0, atol=BESIDE_MM):
                raise NoVolume(reason="mixed")
