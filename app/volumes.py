"""Volumes of series: put together slice by slice while somebody waits, kept for as long as they are looked at.

A volume is kept by the digests of its files under its patient's id, so that both readers of a study and both planes of
a question find the same one. Who may see it is decided before it is asked for: every request looks the series up first.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from app.shapes.pictures import VolumePlace, VolumeProgress
from app.wording import sentence
from dicom.errors import Busy, NoVolume
from dicom.grid import Grid, grid_of
from dicom.sandbox import Decoder, Held, Source
from dicom.series import Member
from dicom.volume import Filling, Volume, bytes_of
from storage.files import FileStore
from storage.studies import Series

UNUSED_SECONDS = 600.0
"""After so long without a plane a volume leaves the memory."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A volume that somebody may see: what it is called, where its voxels lie, and how to get at each picture."""

    name: tuple[str, ...]
    grid: Grid
    source: Callable[[str], Source]


@dataclass
class Loading:
    """A volume under way, or whole. `whole` is set once, with the volume or with what went wrong."""

    filling: Filling
    used_at: float
    whole: "Future[Volume]" = field(default_factory=Future)

    @property
    def bytes(self) -> int:
        """Of memory: of a volume of fractions, twice what was thought at first."""
        return int(self.filling.values.nbytes)


class Volumes:
    """The volumes of this process. most_bytes: of all together, those under way included."""

    def __init__(
        self, decoder: Decoder, workers: int, most_bytes: int, clock: Callable[[], float] = time.monotonic
    ):
        self._decoder, self._most_bytes, self._clock = decoder, most_bytes, clock
        self._kept: OrderedDict[tuple[str, ...], Loading] = OrderedDict()
        self._lock = Lock()
        # One more than decode: while they do, it reads the next file.
        self._threads = ThreadPoolExecutor(workers + 1, thread_name_prefix="volume")

    def close(self) -> None:
        """Begin no further slice."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def loading(self, wanted: Wanted) -> Loading:
        """The volume, whole or under way; one that nobody asked for before is begun.

        raises: NoVolume where it is too large, Busy where the memory is taken by others under way
        """
        with self._lock:
            found = self._kept.get(wanted.name)
            if found is not None and not _has_failed(found):
                found.used_at = self._clock()
                self._kept.move_to_end(wanted.name)
                return found
            self._kept.pop(wanted.name, None)
            self._make_room(bytes_of(wanted.grid))
            begun = Loading(Filling(wanted.grid, self._most_bytes), self._clock())
            self._kept[wanted.name] = begun
        for number in range(wanted.grid.shape[0]):
            self._threads.submit(self._put, begun, wanted, number)
        return begun

    def get(self, wanted: Wanted) -> Volume:
        """The whole volume, waited for; raises NoVolume, Busy and what reading its files raises."""
        return self.loading(wanted).whole.result()

    def sweep(self, unused_seconds: float = UNUSED_SECONDS) -> None:
        """Give back what was not looked at for so long."""
        with self._lock:
            before = self._clock() - unused_seconds
            for name in [
                name for name, one in self._kept.items() if one.used_at <= before and one.whole.done()
            ]:
                del self._kept[name]

    @property
    def bytes(self) -> int:
        """Of all that are kept."""
        with self._lock:
            return sum(one.bytes for one in self._kept.values())

    def _make_room(self, size: int) -> None:
        """Give back volumes looked at longest ago; raises Busy where only those under way are left."""
        for name in list(self._kept):
            if size + sum(one.bytes for one in self._kept.values()) <= self._most_bytes:
                return
            if self._kept[name].whole.done():
                del self._kept[name]
        if self._kept and size + sum(one.bytes for one in self._kept.values()) > self._most_bytes:
            raise Busy()

    def _put(self, begun: Loading, wanted: Wanted, number: int) -> None:
        """One slice; the last one completes the volume, the first that fails ends it."""
        if begun.whole.done():
            return
        place = wanted.grid.places[number]
        try:
            source = wanted.source(place.handle)
            begun.filling.put(number, self._decoder.voxels(source, place.frame))
            if begun.filling.take_over():
                begun.whole.set_result(begun.filling.finish())
        except Exception as error:  # whatever it is, it is told to who waits for the volume
            with self._lock:
                if not begun.whole.done():
                    begun.whole.set_exception(error)


def _has_failed(loading: Loading) -> bool:
    try:
        return loading.whole.done() and loading.whole.exception() is not None
    except CancelledError:
        return True


def grid_of_series(series: Series, stack: int = 0) -> Grid:
    """Where its voxels lie, handles being the ids of its instances; raises NoVolume."""
    return grid_of([Member(one.id, one.facts) for one in series.instances], stack)


def wanted_of(files: FileStore, key: bytes, series: Series, stack: int = 0) -> Wanted:
    """The volume of a series for somebody who was found to own it; raises NoVolume."""
    grid = grid_of_series(series, stack)
    by_id = {one.id: one for one in series.instances}

    def source(handle: str) -> Source:
        one = by_id[handle]

        def read() -> bytes:
            return files.read(key, one.patient_id, one.file_sha256)

        # A film is kept open where it is decoded; a slice is wanted once.
        return Held(one.file_sha256, read) if one.frames > 1 else read()

    digests = tuple(f"{by_id[place.handle].file_sha256}:{place.frame}" for place in grid.places)
    return Wanted((series.instances[0].patient_id, *digests), grid, source)


def why_none(series: Series, language: str) -> str | None:
    """The sentence that says why no planes can be cut through a series; None where they can."""
    try:
        grid_of_series(series)
    except NoVolume as error:
        return sentence(error.code, language, **error.facts)
    return None


def described(grid: Grid) -> VolumePlace:
    """What a page needs to cut planes: sizes, directions, the middle, and how points become voxels."""
    return {
        "shape": grid.shape,
        "spacing_mm": grid.spacing_mm,
        "affine": grid.affine.tolist(),
        "axes": grid.axes().tolist(),
        "middle_mm": grid.middle_mm.tolist(),
        "tilt_degrees": round(grid.tilt_degrees, 2),
    }


def progress(loading: Loading) -> VolumeProgress:
    """How far it is; raises what went wrong."""
    if loading.whole.done():
        loading.whole.result()
    return {"done": loading.filling.done, "of": loading.filling.grid.shape[0], "ready": loading.whole.done()}
