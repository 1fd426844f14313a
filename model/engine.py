"""Answers in this process, many at once: pictures and words in, pieces of text out, stoppable at every token."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from model.answers import Completion, Delta, ModelCard, Sampling, never
from model.batching import Asked, Batch, Limits, Piece
from model.checkpoints import read_card
from model.decoder import Decoder, linear_layers
from model.devices import free_bytes
from model.errors import PicturesUnusable, PromptTooLong, QuantizationUnusable
from model.linear import Read
from model.loading import Checkpoint
from model.looking import Eyes, Picture
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import END, TURN_END, DragonflyProcessor, chat
from model.speech import Speech

Quantization = Literal["none", "int8"]


def open_engine(
    path: Path,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    threads: int = 1,
    pace_ms: int = 0,
    readers: int = 8,
    quantization: Quantization = "none",
) -> "Engine":
    """The engine over a checkpoint folder; it answers or this raises, there is no other model behind it.

    pace_ms: a pause before every token, to watch and test what happens inside an answer; readers: answers
    spoken at the same time; quantization: int8 keeps the language model's weights in eight bits, and reads
    them one layer after the other, so that they never lie there wider than that
    raises: WeightsMismatch, DeviceAbsent, NotEnoughMemory, QuantizationUnusable
    """
    torch.set_num_threads(threads)

    def load() -> Engine:
        checkpoint = looked_through(path, device=device, dtype=dtype, quantization=quantization)
        checkpoint.fill(but=linear_layers(checkpoint.model))  # each is read where its neighbors lie
        return Engine(
            checkpoint.model,
            DragonflyProcessor.from_pretrained(path),
            read_card(path),
            limits=limits_for(torch.device(device), readers),
            pace_ms=pace_ms,
            threads=threads,
            quantization=quantization,
            read=checkpoint.read,
        )

    # Arithmetic threads belong to the thread that used them, and idle ones beyond the number of cores make
    # all of them sleep between two products. So loading has a thread that ends, and its helpers with it.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(load).result()


def looked_through(path: Path, *, device: str, dtype: str, quantization: Quantization = "none") -> Checkpoint:
    """A checkpoint that can be opened so: the device is there, the files are whole, the weights have room.

    raises: WeightsMismatch, DeviceAbsent, NotEnoughMemory, QuantizationUnusable
    """
    checkpoint = Checkpoint(path, device=device, dtype=dtype)
    if quantization != "none" and checkpoint.device.type != "cpu":
        raise QuantizationUnusable(quantization=quantization, device=device)
    checkpoint.require_room(eight_bits=linear_layers(checkpoint.model) if quantization == "int8" else ())
    return checkpoint


def limits_for(device: torch.device, readers: int) -> Limits:
    """How much an engine takes on: on a GPU nearly all memory the weights left, elsewhere a quarter of it."""
    free = free_bytes(device)
    if device.type == "cuda":
        return Limits(
            readers=readers, room_bytes=int(free * 0.8), tokens_at_once=2048, patches_at_once=40_000
        )
    return Limits(readers=readers, room_bytes=free // 4)


class Engine:
    """An open model. One thread of its own does all arithmetic; whoever asks only waits for pieces."""

    def __init__(
        self,
        model: DragonflyForCausalLM,
        processor: DragonflyProcessor,
        card: ModelCard,
        *,
        limits: Limits | None = None,
        pace_ms: int = 0,
        threads: int | None = None,
        quantization: Quantization = "none",
        read: Read | None = None,
    ):
        self.model, self.processor, self.card, self.pace_ms = model, processor, card, pace_ms
        tokenizer = processor.tokenizer
        self._ends = {tokenizer.convert_tokens_to_ids(token) for token in (TURN_END, END)}
        self._limits = limits or limits_for(model.device, Limits().readers)
        self._threads = threads or torch.get_num_threads()
        self._decoder = Decoder(model, eight_bits=quantization == "int8", read=read)
        eyes = Eyes(
            model.model,
            self._decoder,
            processor,
            patches_at_once=self._limits.patches_at_once,
            tokens_at_once=self._limits.tokens_at_once,
        )
        self._batch = Batch(self._decoder, eyes, self._limits)
        plan, images = processor.zoom_plan, processor.image_processor
        # Whatever has a say in what a picture leaves behind.
        self._recipe = repr(
            (
                card.fingerprint,
                plan,
                sorted(model.config.zoom.items()),
                images.image_mean,
                images.image_std,
                images.rescale_factor,
            )
        ).encode()
        self._kept_bytes = 0
        self._new: list[Asked] = []
        self._awake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._working = threading.Lock()
        """Held by the thread that works: one that is closing ends its answers before the next begins."""

    def answer(
        self,
        pictures: Sequence[np.ndarray[Any, Any]],
        prompt: str,
        sampling: Sampling,
        *,
        stop: Callable[[], bool] = never,
        urgent: bool = False,
    ) -> Iterator[Delta | Completion]:
        """Deltas, then one Completion; raises PromptTooLong, PicturesUnusable, NotEnoughMemory."""
        started = time.perf_counter()
        words = self._words(prompt)
        if not pictures:
            raise PicturesUnusable(pictures=0)
        room = int(self.model.config.text_config.max_position_embeddings)
        length = len(pictures) * self.processor.zoom_plan.visual_positions + len(words)
        if length >= room:  # at least one position is left for the answer
            raise PromptTooLong(length - room + 1, room - 1)
        shown = tuple(Picture(one, self.processor, self._recipe) for one in pictures)
        gone = threading.Event()
        said: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        asked = Asked(
            pictures=shown,
            words=words,
            sampling=sampling,
            # Rotary positions beyond those of the configuration were never trained: the answer ends there.
            speech=Speech(self.processor.tokenizer, sampling, self._ends, room - length),
            tell=said.put,
            stop=lambda: gone.is_set() or stop(),
            urgent=urgent,
            started=started,
        )
        self._submit(asked)
        try:
            while True:
                piece = said.get()
                if isinstance(piece, Exception):
                    raise piece
                yield piece
                if isinstance(piece, Completion):
                    return
        finally:
            gone.set()

    def close(self) -> None:
        """End the thread when all is answered; what was read is kept, and the next question starts it again."""
        with self._awake:
            thread, self._thread = self._thread, None
            self._awake.notify()
        if thread is not None:
            thread.join()

    def never_ends(self) -> None:
        """From now on every answer is as long as it may be: to measure how fast it comes."""
        self._ends = set()

    def memory(self) -> dict[str, int]:
        """Bytes: weights; pictures and answers that are kept; the device's own, where it says."""
        linear = {id(one.weight) for one in linear_layers(self.model)}
        rest = (one for one in self.model.parameters() if id(one) not in linear)
        weights = self._decoder.nbytes + sum(one.numel() * one.element_size() for one in rest)
        facts = {"weights": weights, "kept": self._kept_bytes, "device_used": 0, "device_total": 0}
        if self.model.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.model.device)
            facts |= {"device_used": total - free, "device_total": total}
        return facts

    def _words(self, prompt: str) -> list[int]:
        # A user's text can spell special tokens; a space inside keeps them words.
        return self.processor.words(chat(prompt.replace("<|", "< |")), None, is_generate=True)

    def _submit(self, asked: Asked) -> None:
        """Hand it to the thread that does the arithmetic."""
        if not self._batch.knows(asked.pictures):
            for picture in asked.pictures:
                picture.crops  # noqa: B018 cut here, on the asker's own time
        with self._awake:
            self._new.append(asked)
            self._awake.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        torch.set_num_threads(self._threads)
        with self._working:
            while (new := self._awaited()) is not None:
                if self.pace_ms:
                    time.sleep(self.pace_ms / 1000)
                try:
                    self._join(new)
                    self._batch.step()
                except Exception as error:  # whoever waits for a piece must not wait for ever
                    self._batch.fail(error)
                self._kept_bytes = self._batch.nbytes

    def _awaited(self) -> list[Asked] | None:
        """What was asked meanwhile, as soon as there is anything to do; None when this thread is to end."""
        with self._awake:
            while not self._new and not self._batch.busy:
                if self._thread is not threading.current_thread():
                    return None
                self._awake.wait(timeout=60)
                self._batch.shelf.sweep()
                self._kept_bytes = self._batch.nbytes
            new, self._new = self._new, []
        return new

    def _join(self, new: list[Asked]) -> None:
        for asked in new:
            try:
                self._batch.submit(asked)
            except Exception as error:
                asked.tell(error)
