"""The three drawings: a chest radiograph, a CT slice, a histology field, each with large and tiny content. No torch.

Tiny content is about ten pixels across. Every drawing holds as many spots of the same ink as any other of its
kind; findings among them take the place of look-alikes (vessels, spindle nuclei), so counting spots tells nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.demo.strokes import SIZE, Canvas, Form, Mask, ellipse, form, grained, rows_and_columns, spot

ZONES = tuple(f"{side} {height}" for side in ("right", "left") for height in ("upper", "middle", "lower"))
NODULES: dict[str, Form] = {"solid": "disc", "cavitary": "ring", "spiculated": "star"}
FOCI: dict[str, Form] = {"stone": "disc", "clip": "ring"}
FIGURES: dict[str, Form] = {"apoptotic": "disc", "mitotic": "cross"}
_APART = 22.0
"""Two spots are at least this far from each other; pixels."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Pixels uint8 (384, 384, 3), what they hold, and where: a mask for each structure that is there."""

    pixels: np.ndarray[Any, Any]
    facts: dict[str, Any]
    masks: dict[str, Mask]


def chest(chance: np.random.Generator) -> Drawing:
    """Heart, effusion, consolidation in a zone; up to three nodules of one type among vessels."""
    rows, columns = rows_and_columns()
    shift_x, shift_y = chance.uniform(-8, 8, 2)
    grow = chance.uniform(0.94, 1.06)
    middle = 192 + shift_x
    canvas = 0.10 + 0.62 * ellipse(middle, 230 + shift_y, 178 * grow, 200 * grow, 8)
    canvas += 0.10 * ellipse(middle, 60, 44, 90, 8)
    lungs = {
        side: ellipse(middle + sign * 82 * grow, 196 + shift_y, 62 * grow, 130 * grow, 5)
        for side, sign in (("right", -1), ("left", 1))
    }
    both = lungs["right"] + lungs["left"]
    canvas -= 0.50 * both
    for sign in (-1, 1):
        # Nine ribs lie 32 pixels apart, so the distance to the nearest is a remainder.
        below = rows - np.float32(70 + shift_y) - 0.0016 * (columns - np.float32(middle + sign * 82)) ** 2
        near = below - 32 * np.clip(np.rint(below / 32), 0, 8)
        canvas += 0.05 * np.exp(-((near / 4.5) ** 2)) * both
    for _ in range(14):
        side = "right" if chance.random() < 0.5 else "left"
        x = middle + (-1 if side == "right" else 1) * chance.uniform(40, 100)
        streak = ellipse(x, chance.uniform(130, 280), chance.uniform(8, 22), 1.8, 2, chance.uniform(0, np.pi))
        canvas += 0.10 * streak * lungs[side]
    canvas += 0.16 * ellipse(middle, 220 + shift_y, 15, 190, 4)
    enlarged = bool(chance.random() < 0.35)
    width = (chance.uniform(0.58, 0.66) if enlarged else chance.uniform(0.40, 0.47)) * 145 * grow
    heart = ellipse(202 + shift_x + (14 if enlarged else 8), 262 + shift_y, width, 66 * grow, 5, -0.12)
    canvas += (0.72 - canvas).clip(0) * 0.95 * heart
    effusion = ("none", "right", "left", "both")[int(chance.choice(4, p=[0.4, 0.2, 0.2, 0.2]))]
    fluid: Canvas = np.zeros_like(canvas)
    for side, sign in (("right", -1), ("left", 1)):
        if effusion in (side, "both"):
            level = chance.uniform(262, 285) + shift_y
            meniscus = level - 0.35 * np.clip(sign * (columns - middle - sign * 82), 0, 60)
            fluid = np.maximum(fluid, lungs[side] * np.clip((rows - meniscus) / 8 + 0.5, 0, 1))
    canvas += (0.74 - canvas).clip(0) * 0.95 * fluid
    zone, cloud = _consolidation(chance, effusion, lungs, shift_x, shift_y)
    canvas += (0.68 - canvas).clip(0) * 0.85 * cloud
    masks = {"lung": both > 0.5, "heart": heart > 0.5, "effusion": fluid > 0.5, "consolidation": cloud > 0.4}
    if enlarged:
        masks["wide_heart"] = heart > 0.5
    nodule = str(chance.choice(list(NODULES))) if chance.random() < 0.55 else "none"
    count = int(chance.integers(1, 4)) if nodule != "none" else 0
    free = (both > 0.95) & (heart < 0.05) & (fluid < 0.05) & (cloud < 0.05)
    places = _places(free, int(chance.integers(4, 7)), chance)
    ink = _spots(places, [nodule] * count, NODULES, masks, chance)
    facts = {
        "heart": "enlarged" if enlarged else "normal",
        "effusion": effusion,
        "consolidation": zone,
        "nodule": nodule,
    }
    return Drawing(grained(canvas + 0.40 * ink, chance, 0.02), facts, masks)


def ct(chance: np.random.Generator) -> Drawing:
    """Liver cysts; a stone or a clip in one kidney, where the other one holds a bright vessel."""
    x0, y0 = 192 + chance.uniform(-6, 6), 196 + chance.uniform(-6, 6)
    grow = chance.uniform(0.94, 1.05)
    inner = ellipse(x0, y0, 156 * grow, 118 * grow, 3)
    canvas = 0.02 + 0.13 * ellipse(x0, y0, 172 * grow, 134 * grow, 3) + 0.30 * inner
    liver = np.maximum(
        ellipse(x0 - 78 * grow, y0 - 22, 74 * grow, 80 * grow, 4),
        0.98 * ellipse(x0 - 20 * grow, y0 - 58, 68 * grow, 38 * grow, 4),
    )
    canvas += (0.60 - canvas) * 0.95 * liver * inner
    canvas += (0.58 - canvas) * 0.95 * ellipse(x0 + 104 * grow, y0 - 10, 36 * grow, 56 * grow, 4)
    sides = [ellipse(x0 + sign * 66 * grow, y0 + 72, 27, 34, 3, -0.3 * sign) for sign in (-1, 1)]
    kidneys = np.maximum(*sides)
    canvas += (0.64 - canvas) * 0.95 * kidneys
    canvas += (0.95 - canvas) * 0.95 * ellipse(x0, y0 + 78, 26, 24, 3)
    canvas += (0.45 - canvas) * 0.9 * ellipse(x0, y0 + 78, 10, 9, 2)
    canvas += (0.62 - canvas) * 0.95 * ellipse(x0 + 12, y0 + 38, 12, 12, 2)
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
            cysts = np.maximum(cysts, ellipse(x, y, r, r * chance.uniform(0.88, 1.0), 2))
    canvas += (0.36 - canvas) * 0.95 * cysts
    masks = {"liver": inside, "cyst": cysts > 0.5, "kidney": kidneys > 0.5}
    focus = ("none", *FOCI)[int(chance.integers(3))]
    at = [_places(side > 0.98, 1, chance)[0] for side in sides]
    if chance.random() < 0.5:
        at.reverse()
    ink = _spots(at, [] if focus == "none" else [focus], FOCI, masks, chance)
    return Drawing(
        grained(canvas + 0.34 * ink, chance, 0.022), {"cysts": count, "kidney_focus": focus}, masks
    )


def histology(chance: np.random.Generator) -> Drawing:
    """Cellularity and glands; apoptotic bodies or mitotic figures among spindle nuclei that are as dark."""
    rows, columns = rows_and_columns()
    tone = chance.uniform(-0.03, 0.03)
    pink = np.array([0.93, 0.76, 0.86], np.float32) + np.float32(tone)
    violet, lumen = np.array([0.38, 0.22, 0.55], np.float32), np.array([0.97, 0.95, 0.96], np.float32)
    dark = np.array([0.10, 0.04, 0.22], np.float32)
    waves = np.sin(columns / chance.uniform(22, 40) + chance.uniform(0, 6)) * np.sin(
        rows / chance.uniform(22, 40)
    )
    canvas: Canvas = pink + np.float32(0.025) * waves[..., None].astype(np.float32)
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
        canvas += (lumen - canvas) * ellipse(x, y, r * 0.62, r * 0.62, 3)[..., None]
        gland_mask = np.maximum(gland_mask, ellipse(x, y, r, r, 2))
        for turn in np.linspace(0, 2 * np.pi, 18, endpoint=False):
            _nucleus(nuclei, x + 0.82 * r * np.cos(turn), y + 0.82 * r * np.sin(turn), 6.0, chance)
    masks = {"gland": gland_mask > 0.5}
    figure = ("none", *FIGURES)[int(chance.choice(3, p=[0.25, 0.5, 0.25]))]
    free = gland_mask < 0.05
    for edge in (slice(0, 10), slice(SIZE - 10, SIZE)):
        free[edge], free[:, edge] = False, False
    figures = [figure] * int(chance.integers(1, 4)) if figure != "none" else []
    places = _places(free, int(chance.integers(4, 7)), chance)
    placed = 0
    while placed < (150 if high else 50):
        x, y = chance.uniform(5, SIZE - 5, 2)
        if all(np.hypot(x - a, y - b) > c + 8 for a, b, c in glands) and all(
            np.hypot(x - a, y - b) > 15 for a, b in places
        ):
            _nucleus(nuclei, x, y, chance.uniform(4.5, 7.0), chance)
            placed += 1
    canvas += (violet - canvas) * 0.9 * nuclei[..., None]
    masks["nucleus"] = nuclei > 0.5
    canvas += (dark - canvas) * np.clip(0.85 * _spots(places, figures, FIGURES, masks, chance), 0, 1)[
        ..., None
    ]
    facts = {"cellularity": "high" if high else "low", "glands": count, "figure": figure}
    return Drawing(grained(canvas, chance, 0.015), facts, masks)


def _consolidation(
    chance: np.random.Generator, effusion: str, lungs: dict[str, Canvas], shift_x: float, shift_y: float
) -> tuple[str, Canvas]:
    """A zone, or none, and its cloud: five soft ellipses inside the lung."""
    cloud: Canvas = np.zeros((SIZE, SIZE), np.float32)
    if chance.random() >= 0.44:
        return "none", cloud
    zone = str(
        chance.choice([z for z in ZONES if not (z.endswith("lower") and effusion in (z.split()[0], "both"))])
    )
    side, height = zone.split()
    x = 192 + shift_x + (-1 if side == "right" else 1) * chance.uniform(76, 100)
    y = {"upper": 118, "middle": 192, "lower": 268}[height] + shift_y + chance.uniform(-8, 8)
    for _ in range(5):
        at = x + chance.uniform(-12, 12), y + chance.uniform(-10, 10)
        part = ellipse(*at, chance.uniform(15, 25), chance.uniform(12, 20), 8)
        cloud = np.maximum(cloud, part * np.float32(chance.uniform(0.8, 1.0)))
    return zone, cloud * lungs[side]


def _places(free: Mask, count: int, chance: np.random.Generator) -> list[tuple[float, float]]:
    """So many places where `free` holds, apart from each other; fewer only where there is no room."""
    found: list[tuple[float, float]] = []
    candidates = np.argwhere(free)
    for _ in range(200):
        y, x = candidates[int(chance.integers(len(candidates)))] + chance.uniform(0, 1, 2)
        if all(np.hypot(x - a, y - b) > _APART for a, b in found):
            found.append((float(x), float(y)))
        if len(found) == count:
            break
    return found


def _spots(
    places: list[tuple[float, float]],
    findings: list[str],
    forms: dict[str, Form],
    masks: dict[str, Mask],
    chance: np.random.Generator,
) -> Canvas:
    """The ink of all spots: findings at the first places, look-alikes at the others; their masks are added."""
    ink: Canvas = np.zeros((SIZE, SIZE), np.float32)
    for number, (x, y) in enumerate(places):
        name = findings[number] if number < len(findings) else "lookalike"
        form(ink, forms.get(name, "streak"), x, y, chance)
        spot(masks.setdefault(name, np.zeros((SIZE, SIZE), np.bool_)), x, y)
    return ink


def _nucleus(canvas: Canvas, x: float, y: float, r: float, chance: np.random.Generator) -> None:
    """Draw into a small window: a field has 150 of them."""
    rows, columns = rows_and_columns()
    left, top = max(0, int(x - 12)), max(0, int(y - 12))
    part = (slice(top, top + 26), slice(left, left + 26))
    dx, dy = columns[part] - x, rows[part] - y
    turn, flat = chance.uniform(0, np.pi), chance.uniform(0.7, 1.0)
    u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
    covered = np.clip(0.5 - (np.sqrt(u**2 + (v / flat) ** 2) - r) / 2, 0, 1)
    np.maximum(canvas[part], covered.astype(np.float32), out=canvas[part])
