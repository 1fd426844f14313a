"""Answers from a model server: the protocol of `Engine`, spoken to an OpenAI-compatible server. No torch.

The server has to serve an exported folder (`dragonfly-med export`) under the name in its card, which holds the
weights' fingerprint. Pictures travel as PNG, so that the server's crops are those of our own processor, bit by
bit. Greedy answers are the engine's; drawn ones follow the server's own generator.
"""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model.answers import Completion, Delta, ModelCard, Sampling, StopReason, ZoomBox, never
from model.crops import V1, V2, ZoomPlan, plan_crops
from model.errors import (
    PicturesUnusable,
    PromptTooLongForServer,
    ServerBroke,
    ServerRefused,
    ServerServesAnother,
    WeightsMismatch,
)
from model.wire import STOPPED, Exchange, Server, parsed

TEXT_PER_TOKEN = 512
"""Characters; the longest words of Llama's vocabulary have 128."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedCard:
    """What `export` wrote of a folder: the model's card, the name to serve it under, what ends an answer."""

    card: ModelCard
    served_name: str
    ends: tuple[str, ...]
    plan: ZoomPlan


def read_served_card(folder: Path) -> ServedCard:
    """From card.json alone: the weights may lie on another machine; raises WeightsMismatch."""
    try:
        facts = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        base = V1 if facts["architecture"] == "v1" else V2
        return ServedCard(
            card=ModelCard(
                **{
                    name: facts[name]
                    for name in (
                        "name",
                        "architecture",
                        "fingerprint",
                        "revision",
                        "demonstration",
                        "licence",
                        "crops_per_picture",
                        "visual_positions",
                        "crop_px",
                    )
                },
                languages=tuple(facts["languages"]),
                modalities=tuple(facts["modalities"]),
            ),
            served_name=facts["served_name"],
            ends=tuple(facts["ends"]),
            plan=replace(base, crop_px=facts["crop_px"], patch_px=facts["patch_px"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsMismatch(
            reason="there is no card.json of an exported folder; `dragonfly-med export` writes one"
        ) from error


def open_served(
    folder: Path, url: str, *, key_file: Path | None = None, patience_seconds: float = 60, ranks: bool = False
) -> "ServedEngine":
    """The server at an address, found to serve the model of this exported folder, or an error.

    ranks: it was started with `--scheduling-policy priority`, so that urgent questions can go first
    raises: ServerUnreachable, ServerRefused, ServerServesAnother, WeightsMismatch; ValueError for the address
    """
    key = key_file.read_text(encoding="utf-8").strip() if key_file else ""
    served = ServedEngine(
        read_served_card(folder), Server(url=url, key=key, patience_seconds=patience_seconds), ranks=ranks
    )
    served.check()
    return served


class ServedEngine:
    """A model on a server. It is asked anew for each answer; nothing is kept here."""

    def __init__(self, served: ServedCard, server: Server, *, ranks: bool = False):
        self.card, self._served, self._server, self._ranks = served.card, served, server, ranks

    def check(self) -> None:
        """That it answers and serves this model; raises ServerServesAnother and the errors of a server."""
        listed = self._server.get("/v1/models")
        try:
            found = [str(one["id"]) for one in listed["data"]]
        except (KeyError, TypeError) as error:
            raise ServerBroke("its list of models is none") from error
        if self._served.served_name not in found:
            raise ServerServesAnother(expected=self._served.served_name, found=", ".join(found)[:200])

    def answer(
        self,
        pictures: Sequence[np.ndarray[Any, Any]],
        prompt: str,
        sampling: Sampling,
        *,
        stop: Callable[[], bool] = never,
        urgent: bool = False,
    ) -> Iterator[Delta | Completion]:
        """Deltas, then one Completion; raises PicturesUnusable, PromptTooLongForServer, the errors of a server.

        Of v1's high crops nobody says whether they were kept: the choice is made on the server. An answer that
        is stopped before the server counted its prompt has prompt_tokens 0.
        """
        said = _Said(started=time.perf_counter(), most=sampling.max_new_tokens, ends=self._served.ends)
        body = json.dumps(self._body(pictures, prompt, sampling, urgent)).encode()
        exchange = Exchange(self._server, "POST", "/v1/chat/completions", body)
        try:
            while said.finish is None or said.usage is None:
                line = exchange.line(stop)
                if line == STOPPED:
                    break
                piece = said.take(self._chunk(line))
                if piece is not None:
                    yield piece
        except ServerRefused as refused:
            raise self._meaning(refused) from refused
        finally:
            exchange.close()
        yield self._completion(said, pictures, sampling)

    def memory(self) -> dict[str, int]:
        """Nothing is loaded here, and the server does not say."""
        return {"weights": 0, "device_used": 0, "device_total": 0}

    def _body(
        self, pictures: Sequence[np.ndarray[Any, Any]], prompt: str, sampling: Sampling, urgent: bool
    ) -> dict[str, Any]:
        if not len(pictures):
            raise PicturesUnusable(pictures=0)
        shown = [{"type": "image_url", "image_url": {"url": _png(one)}} for one in pictures]
        # The template does the same: a text that spells special tokens stays words whatever the server runs.
        words = {"type": "text", "text": prompt.replace("<|", "< |")}
        body: dict[str, Any] = {
            "model": self._served.served_name,
            "messages": [{"role": "user", "content": [*shown, words]}],
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "logprobs": True,
            "return_token_ids": True,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }
        if sampling.stop:
            body["stop"] = list(sampling.stop)
        if self._ranks:
            body["priority"] = 0 if urgent else 1
        return body

    def _chunk(self, line: bytes | None) -> dict[str, Any] | None:
        """The object of a line of the stream; None where it holds none (blank lines, comments)."""
        if line is None:
            raise ServerBroke("the answer breaks off")
        if not line.startswith(b"data:"):
            return None
        text = line.removeprefix(b"data:").strip()
        if text == b"[DONE]":
            raise ServerBroke("it ends without reason or count")
        chunk = parsed(text)
        if not isinstance(chunk, dict) or "error" in chunk:
            raise ServerBroke("an error in the middle of the answer")
        if chunk.get("model") != self._served.served_name:
            raise ServerServesAnother(expected=self._served.served_name, found=str(chunk.get("model"))[:200])
        return chunk

    def _meaning(self, refused: ServerRefused) -> Exception:
        if refused.facts["too_long"]:
            return PromptTooLongForServer()
        if refused.facts["status"] == 404:
            return ServerServesAnother(expected=self._served.served_name, found="")
        return refused

    def _completion(
        self, said: "_Said", pictures: Sequence[np.ndarray[Any, Any]], sampling: Sampling
    ) -> Completion:
        visual = len(pictures) * self.card.visual_positions
        prompt_tokens = 0 if said.usage is None else said.usage - visual
        if said.usage is not None and prompt_tokens < 1:
            raise ServerBroke("it counts fewer positions than the pictures take")
        now = time.perf_counter() - said.started
        boxes = (box for i, one in enumerate(pictures) for box in _boxes(i, one, self._served.plan))
        return Completion(
            text=said.text,
            stop_reason=said.reason(sampling.stop),
            prompt_tokens=prompt_tokens,
            visual_positions=visual,
            generated_tokens=len(said.logged),
            boxes=tuple(boxes) if said.logged else (),
            log_probabilities=tuple(said.logged),
            seconds_to_first=said.first,
            seconds=now,
        )


@dataclass(slots=True)
class _Said:
    """An answer as it grows."""

    started: float
    most: int
    ends: tuple[str, ...]
    text: str = ""
    logged: list[float] = field(default_factory=list)
    first: float = 0.0
    finish: str | None = None
    usage: int | None = None
    at_string: bool = False
    at_end: bool = False
    _ids: list[int] = field(default_factory=list)
    _told: int = 0

    def take(self, chunk: dict[str, Any] | None) -> Delta | None:
        """What a chunk adds, once there is text to show or it was the last; raises ServerBroke."""
        if chunk is None:
            return None
        try:
            usage = chunk.get("usage")
            if usage is not None:
                self.usage = int(usage["prompt_tokens"])
            return self._choice(chunk["choices"][0]) if chunk["choices"] else None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ServerBroke("a piece is not what it should be") from error

    def _choice(self, choice: dict[str, Any]) -> Delta | None:
        new = choice["delta"].get("content") or ""
        entries = (choice.get("logprobs") or {}).get("content") or []
        ids = [int(one) for one in choice.get("token_ids") or []]
        self.finish = choice.get("finish_reason")
        if entries and entries[-1]["token"] in self.ends:
            self.at_end = True
            entries, ids = entries[:-1], ids[: len(entries) - 1]
        self.at_string = isinstance(choice.get("stop_reason"), str)
        self.logged += [float(one["logprob"]) for one in entries]
        self._ids += ids
        self.text += new
        if self.logged and not self.first:
            self.first = time.perf_counter() - self.started
        if len(self.logged) > self.most or len(self.text) > TEXT_PER_TOKEN * len(self.logged):
            raise ValueError("more than was asked for, or text without tokens")
        if not new and (self.finish is None or self._told == len(self.logged)):
            return None
        piece = Delta(
            text=new, token_ids=tuple(self._ids), log_probabilities=tuple(self.logged[self._told :])
        )
        self._told, self._ids = len(self.logged), []
        return piece

    def reason(self, stops: tuple[str, ...]) -> StopReason:
        """Why it ended; raises ServerBroke for an end that is none."""
        if self.finish is None:
            return "stopped"
        if self.finish == "length":
            return "length"
        if self.finish != "stop":
            raise ServerBroke("it gave up")
        return "stop_string" if self.at_string or (stops and not self.at_end) else "end"


def _png(picture: np.ndarray[Any, Any]) -> str:
    """Lossless, as a data URL; raises PicturesUnusable."""
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise PicturesUnusable(shape=picture.shape, dtype=str(picture.dtype))
    packed = io.BytesIO()
    Image.fromarray(picture).save(packed, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(packed.getvalue()).decode()


def _boxes(number: int, picture: np.ndarray[Any, Any], plan: ZoomPlan) -> Iterator[ZoomBox]:
    height, width = picture.shape[:2]
    for order, crop in enumerate(plan_crops(width, height, plan).crops()):
        chosen_there = plan.version == "v1" and crop.level == "high"
        yield ZoomBox(
            picture=number,
            level=crop.level,
            order=order,
            kept=None if chosen_there else True,
            x=crop.x,
            y=crop.y,
            width=crop.width,
            height=crop.height,
        )
