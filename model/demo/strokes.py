"""What drawings are made of: soft ellipses, grain, and small forms that all carry the same ink. No torch.

Tiny findings must not be told by their brightness: a disc, a ring, a star, a cross and a streak of one family
add up to the same intensity, so that a picture of a sixth of the resolution shows equal spots.
"""

from typing import Any, Literal

import numpy as np

Canvas = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
Form = Literal["disc", "ring", "star", "cross", "streak"]
SIZE = 384
INK = 62.0
"""The sum of every form's coverage in pixels: a disc of 9 pixels across, whole."""
REACH = 13
"""Half the side of the window that a form is drawn in; pixels."""
_SPOT_RADIUS = 5.0
_Y: Canvas
_X: Canvas
_Y, _X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


def rows_and_columns() -> tuple[Canvas, Canvas]:
    """The row and the column of every pixel."""
    return _Y, _X


def ellipse(x: float, y: float, wide: float, high: float, soft: float = 2.0, turn: float = 0.0) -> Canvas:
    """Coverage 0..1 of an ellipse with a soft edge; all in pixels."""
    canvas: Canvas = np.zeros((SIZE, SIZE), np.float32)
    part = _box(x, y, max(wide, high) * (1 + soft / min(wide, high)) + 1)
    dx, dy = _X[part] - np.float32(x), _Y[part] - np.float32(y)
    if turn:
        dx, dy = _turned(dx, dy, turn)
    distance = (np.sqrt((dx / wide) ** 2 + (dy / high) ** 2) - 1) * min(wide, high)
    canvas[part] = np.clip(0.5 - distance / (2 * soft), 0, 1)
    return canvas


def form(canvas: Canvas, kind: Form, x: float, y: float, chance: np.random.Generator) -> None:
    """Add a form of INK at a place, turned at random; coverage is not cut at 1, so that the sum holds."""
    part = _box(x, y, REACH)
    dx, dy = _turned(_X[part] - np.float32(x), _Y[part] - np.float32(y), float(chance.uniform(0, np.pi)))
    away = np.hypot(dx, dy)
    if kind == "disc":
        drawn = _edge(away - 4.4)
    elif kind == "ring":
        drawn = _edge(np.abs(away - 4.5) - 1.0)
    elif kind == "star":
        ray = np.abs((np.arctan2(dy, dx) * 6 / (2 * np.pi) + 0.5) % 1 - 0.5) * 2 * np.pi / 6 * away
        drawn = np.maximum(_edge(away - 2.9), _edge(ray - 0.8) * _edge(away - 7.5))
    elif kind == "cross":
        drawn = np.maximum(_bar(dx, dy), _bar(dy, dx))
    else:
        drawn = _edge(np.hypot(np.clip(np.abs(dx) - 7.0, 0, None), dy) - 1.9)
    canvas[part] += (drawn * (INK / drawn.sum())).astype(np.float32)


def spot(mask: Mask, x: float, y: float) -> None:
    """Mark where a form lies: one disc for all forms, so that none is told by the size of its mark."""
    part = _box(x, y, REACH)
    mask[part] |= np.hypot(_X[part] - x, _Y[part] - y) < _SPOT_RADIUS


def grained(canvas: Canvas, chance: np.random.Generator, noise: float) -> np.ndarray[Any, Any]:
    """Gray levels as uint8 RGB, with grain."""
    grain = chance.standard_normal(canvas.shape, np.float32) * np.float32(noise)
    gray = np.asarray(np.clip((canvas + grain) * 255, 0, 255), np.uint8)
    return np.repeat(gray[..., None], 3, axis=2) if gray.ndim == 2 else gray


def _box(x: float, y: float, reach: float) -> tuple[slice, slice]:
    def side(at: float) -> slice:
        return slice(max(0, int(at - reach)), max(0, min(SIZE, int(at + reach) + 2)))

    return side(y), side(x)


def _turned(dx: Canvas, dy: Canvas, turn: float) -> tuple[Canvas, Canvas]:
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return dx * cos + dy * sin, dy * cos - dx * sin


def _edge(distance: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.clip(0.5 - distance, 0, 1)


def _bar(along: np.ndarray[Any, Any], across: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return _edge(np.abs(along) - 6.0) * _edge(np.abs(across) - 1.4)
