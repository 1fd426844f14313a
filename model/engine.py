"""One answer at a time in this process: pictures and words in, pieces of text out, stoppable at every token."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from model.answers import Completion, Delta, ModelCard, Sampling, StopReason, ZoomBox, never
from model.checkpoints import read_card, weight_files
from model.crops import plan_crops
from model.errors import NotEnoughMemory, PicturesUnusable, PromptTooLong, WeightsMismatch
from model.image_processing_dragonfly import as_rgb
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import END, TURN_END, DragonflyProcessor, chat

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "auto": "auto"}


def open_engine(
    path: Path, *, device: str = "cpu", dtype: str = "float32", threads: int = 1, pace_ms: int = 0
) -> "Engine":
    """The engine over a checkpoint folder; it answers or this raises, there is no other model behind it.

    pace_ms: a pause before every token, to watch and test what happens inside an answer
    raises: WeightsMismatch, NotEnoughMemory
    """
    torch.set_num_threads(threads)
    model = load_model(path, device=device, dtype=dtype)
    return Engine(model, DragonflyProcessor.from_pretrained(path), read_card(path), pace_ms=pace_ms)


def load_model(path: Path, *, device: str, dtype: str) -> DragonflyForCausalLM:
    """The weights on their device; every tensor the configuration asks for must be there."""
    if not (path / "config.json").is_file():
        raise WeightsMismatch(reason="there is no config.json in the folder")
    weight_files(path)
    try:
        loaded: Any = DragonflyForCausalLM.from_pretrained(
            path, dtype=DTYPES[dtype], local_files_only=True, weights_only=True, output_loading_info=True
        )
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemory(device=device) from error
    except WeightsMismatch:
        raise
    except Exception as error:  # the library raises many kinds for files that are not what they should be
        raise WeightsMismatch(reason=type(error).__name__) from error
    model, report = loaded
    absent = [*report["missing_keys"], *report["mismatched_keys"]]
    if absent:
        raise WeightsMismatch(missing=len(absent), first=str(absent[0]))
    try:
        ready: DragonflyForCausalLM = model.to(device).eval()
        return ready
    except torch.OutOfMemoryError as error:
        raise NotEnoughMemory(device=device) from error


class Engine:
    """An open model."""

    def __init__(
        self, model: DragonflyForCausalLM, processor: DragonflyProcessor, card: ModelCard, *, pace_ms: int = 0
    ):
        self.model, self.processor, self.card, self.pace_ms = model, processor, card, pace_ms
        tokenizer = processor.tokenizer
        self._ends = {tokenizer.convert_tokens_to_ids(token) for token in (TURN_END, END)}

    def answer(
        self,
        pictures: Sequence[np.ndarray[Any, Any]],
        prompt: str,
        sampling: Sampling,
        *,
        stop: Callable[[], bool] = never,
    ) -> Iterator[Delta | Completion]:
        """Deltas, then one Completion; raises PromptTooLong, PicturesUnusable, NotEnoughMemory."""
        started = time.perf_counter()
        words = self._words(prompt)
        try:
            embeddings, boxes = self._look(pictures, words)
            yield from self._speak(embeddings, boxes, len(words), sampling, stop, started)
        except torch.OutOfMemoryError as error:
            raise NotEnoughMemory(device=str(self.model.device)) from error

    def memory(self) -> dict[str, int]:
        """Bytes of the weights, and of the device where it says."""
        weights = sum(one.numel() * one.element_size() for one in self.model.parameters())
        if self.model.device.type != "cuda":
            return {"weights": weights, "device_used": 0, "device_total": 0}
        free, total = torch.cuda.mem_get_info(self.model.device)
        return {"weights": weights, "device_used": total - free, "device_total": total}

    def _words(self, prompt: str) -> list[int]:
        # A user's text can spell special tokens; a space inside keeps them words.
        return self.processor.words(chat(prompt.replace("<|", "< |")), None, is_generate=True)

    # Inference mode belongs to a thread and this is a generator: held across a yield it would reach the
    # caller's own tensors, and be absent when the next piece is asked for from another thread.
    @torch.inference_mode()
    def _look(
        self, pictures: Sequence[np.ndarray[Any, Any]], words: list[int]
    ) -> tuple[Tensor, list[ZoomBox]]:
        """Embeddings of the whole sequence, pictures first, and the crops that were looked at."""
        if not pictures:
            raise PicturesUnusable(pictures=0)
        shown = [as_rgb(picture) for picture in pictures]
        length = len(shown) * self.processor.zoom_plan.visual_positions + len(words)
        room = int(self.model.config.text_config.max_position_embeddings)
        if length >= room:  # at least one position is left for the answer
            raise PromptTooLong(length - room + 1, room - 1)
        crops = [self.processor.image_processor.crops_of(picture) for picture in shown]
        seen = self.model.model.visual_embeddings(crops)
        embed = self.model.get_input_embeddings()
        device = self.model.device
        newline = embed(torch.tensor(self.processor.visual_ids(), device=device))
        places = torch.tensor(self.processor.visual_indices(), device=device)
        parts, boxes = [], []
        for number, (picture, one) in enumerate(zip(shown, seen, strict=True)):
            assert one is not None
            visual, kept = one
            parts.append(torch.where((places >= 0).unsqueeze(-1), visual[places.clamp(min=0)], newline))
            boxes += self._boxes(number, picture.width, picture.height, kept)
        parts.append(embed(torch.tensor(words, device=device)))
        return torch.cat(parts).unsqueeze(0), boxes

    def _boxes(self, picture: int, width: int, height: int, kept: Tensor | None) -> list[ZoomBox]:
        crops = plan_crops(width, height, self.processor.zoom_plan).crops()
        chosen = None if kept is None else {5 + int(index) for index in kept}
        return [
            ZoomBox(
                picture=picture,
                level=crop.level,
                order=order,
                kept=chosen is None or crop.level != "high" or order in chosen,
                x=crop.x,
                y=crop.y,
                width=crop.width,
                height=crop.height,
            )
            for order, crop in enumerate(crops)
        ]

    def _speak(
        self,
        embeddings: Tensor,
        boxes: list[ZoomBox],
        words: int,
        sampling: Sampling,
        stop: Callable[[], bool],
        started: float,
    ) -> Iterator[Delta | Completion]:
        cache = DynamicCache(config=self.model.config.text_config)
        chance = torch.Generator(device="cpu").manual_seed(sampling.seed)
        ids: list[int] = []
        logged: list[float] = []
        shown, pending, first, reason = "", 0, 0.0, "length"
        step: dict[str, Tensor] = {"inputs_embeds": embeddings}
        # Rotary positions beyond those of the configuration were never trained: the answer ends there.
        room = self.model.config.text_config.max_position_embeddings - embeddings.shape[1]
        while len(ids) < min(sampling.max_new_tokens, room):
            if stop():
                reason = "stopped"
                break
            if self.pace_ms:
                time.sleep(self.pace_ms / 1000)
            logits = self._next(step, cache)
            token = _choose(logits, sampling, chance)
            if token in self._ends:
                reason = "end"
                break
            ids.append(token)
            logged.append(float(torch.log_softmax(logits, -1)[token]))
            first = first or time.perf_counter() - started
            # Cleaning up spaces, as published tokenizers ask for, would rewrite what was already shown.
            text = self.processor.tokenizer.decode(
                ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            # Half a character decodes to U+FFFD: wait for its other bytes.
            if not text.endswith("\ufffd"):
                yield Delta(
                    text=text[len(shown) :],
                    token_ids=tuple(ids[pending:]),
                    log_probabilities=tuple(logged[pending:]),
                )
                shown, pending = text, len(ids)
            step = {"input_ids": torch.tensor([[token]], device=self.model.device)}
        yield _completion(
            shown, reason, ids, logged, boxes, words, embeddings.shape[1] - words, first, started
        )

    @torch.inference_mode()
    def _next(self, step: dict[str, Tensor], cache: DynamicCache) -> Tensor:
        output = self.model(**step, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits: Tensor = output.logits[0, -1].float()
        return logits


def _completion(
    text: str,
    reason: StopReason | str,
    ids: list[int],
    logged: list[float],
    boxes: list[ZoomBox],
    words: int,
    positions: int,
    first: float,
    started: float,
) -> Completion:
    return Completion(
        text=text,
        stop_reason=reason,  # type: ignore[arg-type]
        prompt_tokens=words,
        visual_positions=positions,
        generated_tokens=len(ids),
        boxes=tuple(boxes),
        log_probabilities=tuple(logged),
        seconds_to_first=first,
        seconds=time.perf_counter() - started,
    )


def _choose(logits: Tensor, sampling: Sampling, chance: torch.Generator) -> int:
    """The likeliest token, or one drawn from the nucleus of `top_p`."""
    if sampling.temperature <= 0:
        return int(logits.argmax())
    likely, order = torch.softmax(logits / sampling.temperature, -1).cpu().sort(descending=True)
    kept = likely.cumsum(0) - likely < sampling.top_p
    drawn = torch.multinomial(likely * kept, 1, generator=chance)
    return int(order[drawn])
