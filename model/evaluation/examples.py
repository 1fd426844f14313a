"""One example of a benchmark, and its pictures as the model takes them. No torch."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from model.errors import EvaluationUnusable

Kind = Literal["open", "closed", "choice", "chart", "people", "judged", "caption", "findings"]
"""How an example is asked and judged."""


@dataclass(frozen=True, slots=True)
class Cover:
    """A rectangle of a picture in pixels, covered in white with a letter on it."""

    left: int
    top: int
    right: int
    bottom: int
    letter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A question about pictures with the answers that count as right; a caption's answers are its references."""

    id: str
    pictures: tuple[Path, ...]
    question: str
    answers: tuple[str, ...]
    kind: Kind
    split: str
    choices: tuple[str, ...] = ()
    indication: str = ""
    covers: tuple[Cover, ...] = ()
    """What is drawn over the first picture before it is shown."""


def pictures_of(example: Example) -> list[np.ndarray]:
    """The pictures as they are shown; raises EvaluationUnusable."""
    read = [read_picture(path) for path in example.pictures]
    return [covered(read[0], example.covers), *read[1:]] if example.covers else read


def covered(picture: np.ndarray, covers: Sequence[Cover]) -> np.ndarray:
    """A copy in which each rectangle is white and holds its letter in black, as large as fits."""
    shown = Image.fromarray(picture)
    draw = ImageDraw.Draw(shown)
    for one in covers:
        left, right = sorted((one.left, one.right))
        top, bottom = sorted((one.top, one.bottom))
        draw.rectangle((left, top, right, bottom), fill="white")
        size = max(6, min(100, bottom - top, right - left))
        middle = ((left + right) / 2, (top + bottom) / 2)
        draw.text(middle, one.letter, fill="black", anchor="mm", font=ImageFont.load_default(size))
    return np.asarray(shown)


def read_picture(path: Path) -> np.ndarray:
    """A picture of any mode as uint8 rgb (rows, columns, 3); 16 bits keep their upper 8, alpha goes.

    raises: EvaluationUnusable where the file is absent or is no picture
    """
    try:
        with warnings.catch_warnings():
            # A picture of more than 89 million pixels is a warning to the library and a refusal here.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                if picture.mode in ("I", "F"):
                    raise EvaluationUnusable(
                        "A picture has 32 bits a pixel, whose range nothing tells; window it first."
                    )
                if picture.mode.startswith("I;16"):
                    gray = (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
                    return np.repeat(gray[..., None], 3, axis=2)
                return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise EvaluationUnusable(f"A picture cannot be read ({type(error).__name__}).") from error
