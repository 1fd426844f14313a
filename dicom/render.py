"""A frame and a view to what is shown: uint8 RGB. The one way for screen, model and paper."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import numpy as np
from PIL import Image

from dicom.reading import Frame
from dicom.windowing import Values, Window, apply_window, full_range, to_gray

DISPLAY_PERCENTILE = 0.5
"""Left out at either end where a file has no window: single hot pixels would turn the rest black."""


class Source(Protocol):
    """An open DICOM file or picture."""

    def frame(self, index: int = 0) -> Frame: ...

    def drawn(self, index: int) -> Values | None: ...

    def supplement(self, index: int) -> tuple[Values, Values] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a reader chose: which frame, which window (None: the file's own), inverted or not.

    percentile: left out at either end where neither reader nor file nor kind gives a window; 0 shows all of
        the range and asks no kind, which is what other tools do and is for comparing with them
    square: whether pixels that are not square are made so
    overlays: whether what was drawn over the picture is shown, in white; off, for names may stand there
    supplemental: whether values with a color of their own are shown in it; off, as on a gray screen
    """

    frame_index: int = 0
    window: Window | None = None
    invert: bool = False
    percentile: float = DISPLAY_PERCENTILE
    square: bool = False
    overlays: bool = False
    supplemental: bool = False


def render(source: Source, view: View | None = None) -> Values:
    """uint8 (rows, columns, 3) of one frame."""
    chosen = view or View()
    frame = source.frame(chosen.frame_index)
    picture = frame.values if frame.is_color else np.repeat(_gray(frame, chosen)[..., None], 3, axis=2)
    if frame.is_color and chosen.invert:
        picture = 255 - picture
    picture = _laid_over(picture, source, chosen)
    return squared(picture, frame.pixel_aspect) if chosen.square else picture


def laid(source: Source, view: View) -> bytes:
    """What `render` lays over a picture, alone: PNG with alpha, fully there where something lies and nowhere else."""
    picture = source.frame(view.frame_index).values
    empty = np.zeros((*picture.shape[:2], 3), np.uint8)
    there = np.zeros(picture.shape[:2], bool)
    for mask in (source.drawn(view.frame_index) if view.overlays else None, _colored(source, view)):
        if mask is not None:
            there |= mask
    alpha = np.where(there, np.uint8(255), np.uint8(0))
    return _encoded(Image.fromarray(np.dstack([_laid_over(empty, source, view), alpha])))


def _colored(source: Source, view: View) -> Values | None:
    found = source.supplement(view.frame_index) if view.supplemental else None
    return found[0] if found else None


def _laid_over(picture: Values, source: Source, view: View) -> Values:
    """Colors of their own, then drawings, where the reader asks for them."""
    colored = source.supplement(view.frame_index) if view.supplemental else None
    if colored is not None:
        picture = np.where(colored[0][..., None], colored[1], picture)
    drawn = source.drawn(view.frame_index) if view.overlays else None
    if drawn is not None:
        picture = np.where(drawn[..., None], np.uint8(255), picture)
    return picture


def _gray(frame: Frame, view: View) -> Values:
    invert = frame.invert != view.invert
    if view.window is None and frame.table is not None:
        return to_gray(frame.table.apply(frame.values), invert=invert)
    return to_gray(apply_window(frame.values, used_window(frame, view)), invert=invert)


def used_window(frame: Frame, view: View) -> Window:
    """The window that is shown: the reader's, the file's first, the usual one, or one over the range."""
    if view.window or frame.window:
        return view.window or frame.window  # type: ignore[return-value]
    if frame.table is not None:
        return frame.table.window()
    if view.percentile and frame.usual:
        return frame.usual
    return full_range(frame.values, frame.padding, view.percentile)


def squared(picture: Values, aspect: float) -> Values:
    """The picture with square pixels; the larger side of a pixel decides, so that nothing is lost."""
    if abs(aspect - 1) < 0.005:
        return picture
    rows, columns = picture.shape[:2]
    size = (columns, round(rows * aspect)) if aspect > 1 else (round(columns / aspect), rows)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def thumbnail(picture: Values, longest: int = 160) -> bytes:
    """PNG bytes, at most `longest` pixels on a side."""
    small = Image.fromarray(picture)
    small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    return _encoded(small)


def png(picture: Values) -> bytes:
    """PNG bytes of uint8 RGB, or of gray where all channels agree."""
    gray = (picture[..., 0] == picture[..., 1]).all() and (picture[..., 1] == picture[..., 2]).all()
    return _encoded(Image.fromarray(picture[..., 0] if gray else picture))


def _encoded(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()


def crop(picture: Values, box: tuple[float, float, float, float]) -> Values:
    """The part inside a box (x, y, width, height in pixels), at least one pixel large."""
    rows, columns = picture.shape[:2]
    left, top = int(min(max(box[0], 0), columns - 1)), int(min(max(box[1], 0), rows - 1))
    right = int(min(max(box[0] + box[2], left + 1), columns))
    bottom = int(min(max(box[1] + box[3], top + 1), rows))
    return np.ascontiguousarray(picture[top:bottom, left:right])


LONGEST_MONTAGE = 2048
"""Pixels: more are lost again when the model looks at the whole."""


def cell_of(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Width and height of a cell that holds pictures of these sizes, smaller where the whole would be too large."""
    width, height = max(size[0] for size in sizes), max(size[1] for size in sizes)
    columns, rows = _grid(len(sizes))
    share = min(1.0, LONGEST_MONTAGE / max(columns * width, rows * height))
    return max(1, int(width * share)), max(1, int(height * share))


def montage_size(cell: tuple[int, int], count: int) -> tuple[int, int]:
    """Width and height of so many cells."""
    columns, rows = _grid(count)
    return columns * cell[0], rows * cell[1]


def _grid(count: int) -> tuple[int, int]:
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)


def montage(pictures: Sequence[Values]) -> Values:
    """Pictures row by row in one, each in the middle of its cell and of its own shape, black around: uint8 RGB."""
    wide, high = cell_of([(one.shape[1], one.shape[0]) for one in pictures])
    columns, rows = _grid(len(pictures))
    whole = np.zeros((rows * high, columns * wide, 3), np.uint8)
    for place, picture in enumerate(pictures):
        share = min(wide / picture.shape[1], high / picture.shape[0], 1.0)
        size = (max(1, round(picture.shape[1] * share)), max(1, round(picture.shape[0] * share)))
        shown = (
            picture
            if share == 1
            else np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))
        )
        top = place // columns * high + (high - size[1]) // 2
        left = place % columns * wide + (wide - size[0]) // 2
        whole[top : top + size[1], left : left + size[0]] = shown
    return whole
