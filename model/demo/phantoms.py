"""Drawings with known content: chest radiographs, CT slices and histology fields. No torch.

Sides are radiological: the patient's right is on the left of the picture. A CT drawing shows the window
50/400: gray g stands for HU = g / 255 * 400 - 150, which `hounsfield` gives back for a real CT object.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from model.demo import anatomy
from model.demo.strokes import Mask

Kind = Literal["chest", "ct", "histology"]
EDITION = 2
"""Which drawings: the first edition held nothing tiny. A seed gives another drawing in another edition."""
TINY = (*anatomy.NODULES, *anatomy.FOCI, *anatomy.FIGURES)
"""Findings of about ten pixels."""
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
    *TINY,
    "lookalike",
)
"""What the vision tower learns to see in each patch."""


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
    drawn = {"chest": anatomy.chest, "ct": anatomy.ct, "histology": anatomy.histology}[kind](chance)
    return Phantom(kind, drawn.pixels, drawn.facts, drawn.masks)


def kind_of(seed: int) -> Kind:
    """The kind of a seed in the mix that is trained and measured: half chest, a quarter CT, a quarter histology."""
    kinds: tuple[Kind, ...] = ("chest", "chest", "ct", "histology")
    return kinds[seed % len(kinds)]


def hounsfield(phantom: Phantom) -> np.ndarray[Any, Any]:
    """The Hounsfield units of a CT drawing: int16 (384, 384)."""
    gray = phantom.pixels[..., 0].astype(np.float32)
    return np.asarray(np.rint(gray / 255 * 400 - 150), np.int16)
