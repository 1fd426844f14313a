"""An answerer that speaks a script, for tests of everything around the model. No torch."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from model.answers import Completion, Delta, ModelCard, Sampling, ZoomBox, never

CARD = ModelCard(
    name="Scripted",
    architecture="v2",
    fingerprint="0" * 64,
    revision="1",
    demonstration=True,
    licence="Apache-2.0",
    languages=("en",),
    modalities=(),
    crops_per_picture=1,
    visual_positions=0,
)


class ScriptedEngine:
    """Says the same words to every question, one at a time, with a pause before each."""

    card = CARD

    def __init__(
        self, words: Sequence[str] = ("The ", "lungs ", "are ", "clear."), pause_seconds: float = 0.0
    ):
        self.words, self.pause_seconds = words, pause_seconds

    def answer(
        self,
        pictures: Sequence[np.ndarray[Any, Any]],
        prompt: str,
        sampling: Sampling,
        *,
        stop: Callable[[], bool] = never,
        urgent: bool = False,
    ) -> Iterator[Delta | Completion]:
        """As the protocol says."""
        said: list[str] = []
        for number, word in enumerate(self.words):
            if stop():
                break
            time.sleep(self.pause_seconds)
            said.append(word)
            yield Delta(text=word, token_ids=(number,), log_probabilities=(-0.1,))
        height, width = pictures[0].shape[:2] if len(pictures) else (1, 1)
        box = ZoomBox(picture=0, level="low", order=0, kept=True, x=0, y=0, width=width, height=height)
        yield Completion(
            text="".join(said),
            stop_reason="end" if len(said) == len(self.words) else "stopped",
            prompt_tokens=len(prompt.split()),
            visual_positions=0,
            generated_tokens=len(said),
            boxes=(box,),
            log_probabilities=(-0.1,) * len(said),
            seconds_to_first=self.pause_seconds,
            seconds=self.pause_seconds * len(said),
        )

    def memory(self) -> dict[str, int]:
        """Nothing is loaded."""
        return {"weights": 0, "device_used": 0, "device_total": 0}
