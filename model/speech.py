"""From scores to text: which token comes next, what may be shown of it, and when the answer is over."""

from collections.abc import Set
from typing import Any

import torch
from torch import Tensor

from model.answers import Delta, Sampling, StopReason


class Speech:
    """One answer as it grows.

    Text is shown when no later token can change it: half a character waits for its other bytes, and what may
    turn out to begin a stop string waits until it does not.
    """

    def __init__(self, tokenizer: Any, sampling: Sampling, ends: Set[int], room: int):
        self._tokenizer, self._sampling, self._ends = tokenizer, sampling, ends
        self.limit = min(sampling.max_new_tokens, room)
        self._chance = torch.Generator(device="cpu").manual_seed(sampling.seed)
        self.ids: list[int] = []
        self.log_probabilities: list[float] = []
        self.text = ""
        self.reason: StopReason | None = "length" if self.limit <= 0 else None
        self._read, self._told, self._waiting = 0, 0, ""

    def choose(self, scores: Tensor, likeliest: int) -> int:
        """The token to say: the likeliest, or one drawn from the nucleus of `top_p` with this answer's own seed.

        Each token has its own draw, whatever its rank: in company the last digit of a score can differ, and
        two tokens that change places in the order must not change each other's luck.
        """
        if self._sampling.temperature <= 0:
            return likeliest
        likely = torch.softmax(scores / self._sampling.temperature, -1).cpu()
        luck = torch.empty_like(likely).exponential_(generator=self._chance)
        if self._sampling.top_p < 1:
            ranked, order = likely.sort(descending=True)
            likely[order[ranked.cumsum(0) - ranked >= self._sampling.top_p]] = 0
        return int((likely / luck).argmax())

    def say(self, token: int, log_probability: float) -> Delta | None:
        """Take the token in; what can be shown now. `reason` is set when it was the last."""
        if token in self._ends:
            return self.end("end")
        self.ids.append(token)
        self.log_probabilities.append(log_probability)
        # Cleaning up spaces, as published tokenizers ask for, would rewrite what was already shown.
        new = self._tokenizer.decode(
            self.ids[self._read :], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        if not new.endswith("\ufffd"):
            self._read = len(self.ids)
            self._waiting += new
        found = [self._waiting.index(stop) for stop in self._sampling.stop if stop in self._waiting]
        if found:
            self._waiting = self._waiting[: min(found)]
            return self.end("stop_string")
        if len(self.ids) >= self.limit:
            return self.end("length")
        return self._show(len(self._waiting) - self._may_begin_a_stop())

    def end(self, reason: StopReason) -> Delta | None:
        """End it here; what still waited is shown."""
        self.reason = reason
        return self._show(len(self._waiting))

    def _may_begin_a_stop(self) -> int:
        """How many of the last characters could still become a stop string."""
        longest = max(map(len, self._sampling.stop), default=0)
        for count in range(min(longest, len(self._waiting)), 0, -1):
            if any(stop.startswith(self._waiting[-count:]) for stop in self._sampling.stop):
                return count
        return 0

    def _show(self, characters: int) -> Delta | None:
        shown, self._waiting = self._waiting[:characters], self._waiting[characters:]
        self.text += shown
        if not shown and (self.reason is None or self._told == self._read):
            return None
        piece = Delta(
            text=shown,
            token_ids=tuple(self.ids[self._told : self._read]),
            log_probabilities=tuple(self.log_probabilities[self._told : self._read]),
        )
        self._told = self._read
        return piece
