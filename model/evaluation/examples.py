"""One example of a benchmark, and its pictures as the model takes them. No torch."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from model.errors import EvaluationUnusable

Kind = Literal["open", "closed", "choice", "chart", "caption", "findings"]
"""How an example is asked and judged."""


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
