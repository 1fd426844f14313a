"""Drawings with known content: chest radiographs, CT slices and histology fields. No torch.

Sides are radiological: the patient's right is on the left of the picture. A CT drawing shows the window
50/400: gray g stands for HU = g / 255 * 400 - 150, which `hounsfield` gives back for a real CT object.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["chest", "ct", "histology"]
SIZE = 384
ZONES = tuple(f"{side} {height}" for side in ("right", "left") for height in ("upper", "middle", "lower"))
CLASSES = (
    "lung",
    "heart",
    "effusion",
    "consolidation",
    "liver",
    "cyst",
    "kidney",
    "nucleus",
    "gland",
    "wide_heart",
)
"""What the vision tower learns to see in each patch."""

Canvas = np.ndarray[Any, np.dtype[np.float32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Phantom:
    """A drawing: uint8 (384, 384, 3), what it holds, and where (one mask for each of CLASSES)."""

    kind: Kind
    pixels: np.ndarray[Any, Any]
    facts: dict[str, Any]
    masks: dict[str, Mask] = field(default_factory=dict)


def draw_phantom(kind: Kind, seed: int) -> Phantom:
    """The drawing of this kind and seed; always the same."""
    chance = np.random.default_rng([{"chest": 1, "ct": 2, "histology": 3}[kind], seed])
    return {"chest": _chest, "ct": _ct, "histology": _histology}[kind](chance)


def kind_of(seed: int) -> Kind:
    """The kind of a seed in the mix that is trained and measured: 0.6 chest, 0.2 CT, 0.2 histology."""
    place = seed % 5
    return "chest" if place < 3 else "ct" if place == 3 else "histology"


def hounsfield(phantom: Phantom) -> np.ndarray[Any, Any]:
    """The Hounsfield units of a CT drawing: int16 (384, 384)."""
    gray = phantom.pixels[..., 0].astype(np.float32)
    return np.asarray(np.rint(gray / 255 * 400 - 150), np.int16)


_Y: Canvas
_X: Canvas
_Y, _X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


def _ellipse(x: float, y: float, wide: float, high: float, soft: float = 2.0, turn: float = 0.0) -> Canvas:
    """Coverage 0..1 of an ellipse with a soft edge; all in pixels."""
    dx, dy = np.subtract(_X, x), np.subtract(_Y, y)
    if turn:
        dx, dy = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    distance = (np.sqrt((dx / wide) ** 2 + (dy / high) ** 2) - 1) * min(wide, high)
    return np.asarray(np.clip(0.5 - distance / (2 * soft), 0, 1), np.float32)


def _finish(canvas: Canvas, chance: np.random.Generator, noise: float) -> np.ndarray[Any, Any]:
    """Gray levels as uint8 RGB, with grain."""
    grain = np.asarray(chance.normal(0, noise, canvas.shape), np.float32)
    gray = np.asarray(np.clip((canvas + grain) * 255, 0, 255), np.uint8)
    return np.repeat(gray[..., None], 3, axis=2) if gray.ndim == 2 else gray


def _chest(chance: np.random.Generator) -> Phantom:
    shift_x, shift_y = chance.uniform(-8, 8, 2)
    grow = chance.uniform(0.94, 1.06)
    canvas = 0.10 + 0.62 * _ellipse(192 + shift_x, 230 + shift_y, 178 * grow, 200 * grow, 8)
    canvas += 0.10 * _ellipse(192 + shift_x, 60, 44, 90, 8)
    lungs = {}
    for side, sign in (("right", -1), ("left", 1)):
        lungs[side] = _ellipse(192 + shift_x + sign * 82 * grow, 196 + shift_y, 62 * grow, 130 * grow, 5)
        canvas -= 0.50 * lungs[side]
    for row in range(9):
        for sign in (-1, 1):
            curve = 70 + row * 32 + shift_y + 0.0016 * (_X - 192 - shift_x - sign * 82) ** 2
            canvas += 0.05 * np.exp(-(((_Y - curve) / 4.5) ** 2)) * (lungs["right"] + lungs["left"])
    for _ in range(14):
        side = "right" if chance.random() < 0.5 else "left"
        x = 192 + shift_x + (-1 if side == "right" else 1) * chance.uniform(40, 100)
        streak = _ellipse(
            x, chance.uniform(130, 280), chance.uniform(8, 22), 1.8, 2, chance.uniform(0, np.pi)
        )
        canvas += 0.10 * streak * lungs[side]
    canvas += 0.16 * _ellipse(192 + shift_x, 220 + shift_y, 15, 190, 4)
    enlarged = bool(chance.random() < 0.35)
    width = (chance.uniform(0.58, 0.66) if enlarged else chance.uniform(0.40, 0.47)) * 145 * grow
    heart = _ellipse(202 + shift_x + (14 if enlarged else 8), 262 + shift_y, width, 66 * grow, 5, -0.12)
    canvas += (0.72 - canvas).clip(0) * 0.95 * heart
    effusion = ("none", "right", "left", "both")[int(chance.choice(4, p=[0.4, 0.2, 0.2, 0.2]))]
    fluid: Canvas = np.zeros_like(canvas)
    for side, sign in (("right", -1), ("left", 1)):
        if effusion in (side, "both"):
            level = chance.uniform(262, 285) + shift_y
            meniscus = level - 0.35 * np.clip(sign * (_X - 192 - shift_x - sign * 82), 0, 60)
            fluid = np.maximum(fluid, lungs[side] * np.clip((_Y - meniscus) / 8 + 0.5, 0, 1))
    canvas += (0.74 - canvas).clip(0) * 0.95 * fluid
    zone = "none"
    cloud: Canvas = np.zeros_like(canvas)
    if chance.random() < 0.44:
        free = [z for z in ZONES if not (z.endswith("lower") and effusion in (z.split()[0], "both"))]
        zone = str(chance.choice(free))
        side, height = zone.split()
        sign = -1 if side == "right" else 1
        x = 192 + shift_x + sign * chance.uniform(76, 100)
        y = {"upper": 118, "middle": 192, "lower": 268}[height] + shift_y + chance.uniform(-8, 8)
        for _ in range(5):
            part = _ellipse(
                x + chance.uniform(-12, 12),
                y + chance.uniform(-10, 10),
                chance.uniform(15, 25),
                chance.uniform(12, 20),
                8,
            )
            cloud = np.maximum(cloud, part * chance.uniform(0.8, 1.0))
        cloud = cloud * lungs[side]
    canvas += (0.68 - canvas).clip(0) * 0.85 * cloud
    masks = {
        "lung": np.maximum(lungs["right"], lungs["left"]) > 0.5,
        "heart": heart > 0.5,
        "effusion": fluid > 0.5,
        "consolidation": cloud > 0.4,
    }
    if enlarged:
        masks["wide_heart"] = heart > 0.5
    facts = {"heart": "enlarged" if enlarged else "normal", "effusion": effusion, "consolidation": zone}
    return Phantom("chest", _finish(canvas, chance, 0.02), facts, masks)


def _ct(chance: np.random.Generator) -> Phantom:
    x0, y0 = 192 + chance.uniform(-6, 6), 196 + chance.uniform(-6, 6)
    grow = chance.uniform(0.94, 1.05)
    body = _ellipse(x0, y0, 172 * grow, 134 * grow, 3)
    inner = _ellipse(x0, y0, 156 * grow, 118 * grow, 3)
    canvas = 0.02 + 0.13 * body + 0.30 * inner
    liver = np.maximum(
        _ellipse(x0 - 78 * grow, y0 - 22, 74 * grow, 80 * grow, 4),
        0.98 * _ellipse(x0 - 20 * grow, y0 - 58, 68 * grow, 38 * grow, 4),
    )
    canvas += (0.60 - canvas) * 0.95 * liver * inner
    canvas += (0.58 - canvas) * 0.95 * _ellipse(x0 + 104 * grow, y0 - 10, 36 * grow, 56 * grow, 4)
    kidneys = np.maximum(
        _ellipse(x0 - 66 * grow, y0 + 72, 27, 34, 3, 0.3), _ellipse(x0 + 66 * grow, y0 + 72, 27, 34, 3, -0.3)
    )
    canvas += (0.70 - canvas) * 0.95 * kidneys
    canvas += (0.95 - canvas) * 0.95 * _ellipse(x0, y0 + 78, 26, 24, 3)
    canvas += (0.45 - canvas) * 0.9 * _ellipse(x0, y0 + 78, 10, 9, 2)
    canvas += (0.62 - canvas) * 0.95 * _ellipse(x0 + 12, y0 + 38, 12, 12, 2)
    count = int(chance.choice(4, p=[0.337, 0.221, 0.221, 0.221]))
    cysts: Canvas = np.zeros_like(canvas)
    places: list[tuple[float, float, float]] = []
    inside = liver * inner > 0.9
    while len(places) < count:
        x, y = x0 - chance.uniform(20, 140) * grow, y0 + chance.uniform(-85, 45)
        r = chance.uniform(11, 18)
        clear = all(np.hypot(x - a, y - b) > r + c + 12 for a, b, c in places)
        ring = [(x + (r + 3) * np.cos(t), y + (r + 3) * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 12)]
        if clear and all(0 <= u < SIZE and 0 <= v < SIZE and inside[int(v), int(u)] for u, v in ring):
            places.append((x, y, r))
            cysts = np.maximum(cysts, _ellipse(x, y, r, r * chance.uniform(0.88, 1.0), 2))
    canvas += (0.36 - canvas) * 0.95 * cysts
    masks = {"liver": inside, "cyst": cysts > 0.5, "kidney": kidneys > 0.5}
    return Phantom("ct", _finish(canvas, chance, 0.022), {"cysts": count}, masks)


def _histology(chance: np.random.Generator) -> Phantom:
    tone = chance.uniform(-0.03, 0.03)
    pink = np.array([0.93, 0.76, 0.86], np.float32) + tone
    violet, lumen = np.array([0.38, 0.22, 0.55], np.float32), np.array([0.97, 0.95, 0.96], np.float32)
    canvas: Canvas = np.tile(pink, (SIZE, SIZE, 1)).astype(np.float32)
    waves = np.sin(_X / chance.uniform(22, 40) + chance.uniform(0, 6)) * np.sin(_Y / chance.uniform(22, 40))
    canvas += 0.025 * waves[..., None]
    count = int(chance.integers(0, 3))
    high = bool(chance.random() < 0.5)
    glands: list[tuple[float, float, float]] = []
    gland_mask: Canvas = np.zeros((SIZE, SIZE), np.float32)
    while len(glands) < count:
        x, y, r = *chance.uniform(70, SIZE - 70, 2), chance.uniform(38, 52)
        if all(np.hypot(x - a, y - b) > r + c + 26 for a, b, c in glands):
            glands.append((x, y, r))
    nuclei: Canvas = np.zeros((SIZE, SIZE), np.float32)
    for x, y, r in glands:
        wall = _ellipse(x, y, r, r, 2)
        canvas += (lumen - canvas) * _ellipse(x, y, r * 0.62, r * 0.62, 3)[..., None]
        gland_mask = np.maximum(gland_mask, wall)
        for turn in np.linspace(0, 2 * np.pi, 18, endpoint=False):
            _nucleus(nuclei, x + 0.82 * r * np.cos(turn), y + 0.82 * r * np.sin(turn), 6.0, chance)
    placed = 0
    while placed < (150 if high else 50):
        x, y = chance.uniform(5, SIZE - 5, 2)
        if all(np.hypot(x - a, y - b) > c + 8 for a, b, c in glands):
            _nucleus(nuclei, x, y, chance.uniform(4.5, 7.0), chance)
            placed += 1
    canvas += (violet - canvas) * 0.9 * nuclei[..., None]
    masks = {"nucleus": nuclei > 0.5, "gland": gland_mask > 0.5}
    facts = {"cellularity": "high" if high else "low", "glands": count}
    return Phantom("histology", _finish(canvas, chance, 0.015), facts, masks)


def _nucleus(canvas: Canvas, x: float, y: float, r: float, chance: np.random.Generator) -> None:
    """Draw into a small window: a field has 150 of them."""
    left, top = max(0, int(x - 12)), max(0, int(y - 12))
    part = (slice(top, top + 26), slice(left, left + 26))
    dx, dy = _X[part] - x, _Y[part] - y
    turn, flat = chance.uniform(0, np.pi), chance.uniform(0.7, 1.0)
    u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    covered = np.clip(0.5 - (np.sqrt(u**2 + (v / flat) ** 2) - r) / 2, 0, 1)
    np.maximum(canvas[part], covered.astype(np.float32), out=canvas[part])
