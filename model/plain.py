"""The plain way, to measure against: the original's steps one after the other, nothing shared, nothing kept.

Each crop goes through the library's image processor alone, the tower computes all its layers, and every
question runs transformers' `generate` over the whole sequence.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModel
from transformers.generation.streamers import BaseStreamer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from model.crops import plan_crops
from model.modeling_dragonfly import DragonflyModel
from model.processing_dragonfly import DragonflyProcessor, chat


@dataclass(frozen=True, slots=True)
class Timed:
    """When the first token came, and when the last (seconds from the start), and how many there were."""

    first: float
    last: float
    tokens: int


class _Clock(BaseStreamer):
    """Notes when each token comes; the first call brings the prompt."""

    def __init__(self, started: float):
        self.started = started
        self.times: list[float] = []

    def put(self, value: Any) -> None:
        self.times.append(time.perf_counter() - self.started)

    def end(self) -> None:
        pass


class PlainLoop:
    """A model that is asked one question after the other."""

    def __init__(self, path: Path, *, device: str, dtype: str):
        from model.loading import load_model

        self.model = load_model(path, device=device, dtype=dtype)
        self.processor = DragonflyProcessor.from_pretrained(path)
        side = self.processor.zoom_plan.crop_px
        self.images = CLIPImageProcessorPil(
            size={"shortest_edge": side}, crop_size={"height": side, "width": side}
        )
        self.model.model.encode_crops = _all_layers(self.model.model)

    def crops(self, pixels: np.ndarray[Any, Any]) -> Tensor:
        """Resized for each level, cut, and normalised one by one: float32 (crops, 3, S, S)."""
        picture, plan = Image.fromarray(pixels), self.processor.zoom_plan
        chosen, side = plan_crops(picture.width, picture.height, plan), plan.crop_px
        crops = []
        for columns, rows in ((1, 1), chosen.middle, chosen.high):
            whole = picture.resize((columns * side, rows * side))
            for row in range(rows):
                for column in range(columns):
                    box = (column * side, row * side, (column + 1) * side, (row + 1) * side)
                    crops.append(self.images(whole.crop(box), return_tensors="pt")["pixel_values"][0])
        return torch.stack(crops)

    @torch.inference_mode()
    def answer(self, pixels: np.ndarray[Any, Any], prompt: str, tokens: int) -> Timed:
        """Exactly so many tokens, greedily."""
        clock = _Clock(time.perf_counter())
        words = self.processor.words(chat(prompt), None, is_generate=True)
        batch = self.processor.assemble([words], [self.crops(pixels)], left=True).to(self.model.device)
        model: Any = self.model  # the library types its own method for another class
        model.generate(
            **batch,
            max_new_tokens=tokens,
            min_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
            streamer=clock,
        )
        return Timed(clock.times[1], clock.times[-1], len(clock.times) - 1)


def _all_layers(model: DragonflyModel) -> Any:
    tower: CLIPVisionModel = model.image_encoder

    def encode(crops: Tensor) -> Tensor:
        states = tower(crops, output_hidden_states=True).hidden_states[-2]
        projected: Tensor = model.vision_embed_tokens(states)
        return projected

    return encode
