"""What goes into the model and what comes out: choices, pieces of text, boxes that were looked at. No torch."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

Level = Literal["low", "middle", "high"]
StopReason = Literal["end", "length", "stopped", "stop_string"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How words are chosen: temperature 0 takes the likeliest; the seed makes the rest repeatable."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these that it would say."""

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1 or "" in self.stop:
            raise ValueError(
                "Sampling takes max_new_tokens of at least 1, a temperature of at least 0, top_p above 0 and "
                "up to 1, and stop strings that are not empty."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of text and the tokens behind it, with the natural logarithm of each one's probability."""

    text: str
    token_ids: tuple[int, ...]
    log_probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoomBox:
    """A crop in pixels of the picture handed in; `kept` says whether the language model received it.

    None where nobody here knows: v1 chooses its crops where it runs, and a model server does not tell.
    """

    picture: int
    level: Level
    order: int
    kept: bool | None
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The whole answer and what it took."""

    text: str
    stop_reason: StopReason
    prompt_tokens: int
    visual_positions: int
    generated_tokens: int
    boxes: tuple[ZoomBox, ...]
    log_probabilities: tuple[float, ...]
    seconds_to_first: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """Which model speaks: its name, the digest of its weights, and what it may be used for."""

    name: str
    architecture: Literal["v1", "v2"]
    fingerprint: str
    revision: str
    demonstration: bool
    licence: str
    languages: tuple[str, ...]
    modalities: tuple[str, ...]
    crops_per_picture: int
    visual_positions: int
    crop_px: int = 0
    """Side of each crop that the vision tower is given; 0 where nobody knows."""


def never() -> bool:
    """Do not stop."""
    return False


class Answerer(Protocol):
    """Whoever can answer a question about pictures."""

    card: ModelCard

    def answer(
        self,
        pictures: Sequence[np.ndarray[Any, Any]],
        prompt: str,
        sampling: Sampling,
        *,
        stop: Callable[[], bool] = never,
        urgent: bool = False,
    ) -> Iterator[Delta | Completion]:
        """Deltas, then one Completion. pictures: uint8 (rows, columns, 3); stop is asked before every token.

        May be asked from many threads at once; urgent ones begin before the others.
        """
        ...

    def memory(self) -> dict[str, int]:
        """Bytes: weights, device_used, device_total (0 where the device does not say)."""
        ...
