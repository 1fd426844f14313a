"""Reading pictures once: crops through the tower, then through the language model, in steps of bounded size.

Visual positions come first in the sequence, so what they leave behind depends on the pictures alone. It is
keyed by a digest of the pixels and of everything else that has a say in it; two pictures can share a key
only if SHA-256 gives them the same digest.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers.activations import QuickGELUActivation

from model.crops import CropPlan, plan_crops
from model.decoder import Decoder, Prefix
from model.image_processing_dragonfly import as_rgb
from model.modeling_dragonfly import DragonflyModel
from model.processing_dragonfly import DragonflyProcessor
from model.shelf import Shelf


class Picture:
    """A picture that is asked about: uint8 (rows, columns, 3); raises PicturesUnusable."""

    def __init__(self, pixels: Any, processor: DragonflyProcessor, recipe: bytes):
        rgb = as_rgb(pixels)
        # Its owner may draw on a picture while the question waits; an array was copied already.
        self._rgb, self._processor = rgb.copy() if rgb is pixels else rgb, processor
        self.plan: CropPlan = plan_crops(self._rgb.width, self._rgb.height, processor.zoom_plan)
        # Both parts before the pixels have one length always, so that no byte can pass from one to the other.
        before = hashlib.sha256(recipe).digest() + np.array(self._rgb.size, np.int64).tobytes()
        digest = hashlib.sha256(before)
        digest.update(np.asarray(self._rgb).data)
        self.digest = digest.digest()

    @cached_property
    def crops(self) -> Tensor:
        """Normalised crops, float32 (crops, 3, S, S); made at the first use, by whoever comes first."""
        return self._processor.image_processor.crops_of(self._rgb)


def digest_of(pictures: Sequence[Picture]) -> bytes:
    """The key of what several pictures, in this order, leave behind."""
    return hashlib.sha256(b"".join(one.digest for one in pictures)).digest()


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the tower made of one picture: embeddings in the order of the visual positions, newlines included."""

    embeddings: Tensor
    kept: tuple[int, ...] | None

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.embeddings.numel() * self.embeddings.element_size()


class Eyes:
    """What it takes to look at pictures."""

    def __init__(
        self,
        model: DragonflyModel,
        decoder: Decoder,
        processor: DragonflyProcessor,
        *,
        patches_at_once: int,
        tokens_at_once: int,
    ):
        self.model, self.decoder = model, decoder
        self.crops_at_once = max(1, patches_at_once // processor.zoom_plan.crop_tokens)
        self.tokens_at_once = tokens_at_once
        device = decoder.norm.device
        self.positions = len(processor.visual_ids())
        tower: Any = model.image_encoder
        for layer in tower.encoder.layers:
            if isinstance(layer.mlp.activation_fn, QuickGELUActivation):
                layer.mlp.activation_fn = _QuickGelu()
        self._newline = torch.tensor([processor.newline_token_id], device=device)
        self._places = torch.tensor(processor.visual_indices(), device=device)

    def encode(self, crops: Tensor) -> Tensor:
        """Some crops through tower and projector."""
        weight = self.model.vision_embed_tokens.weight
        return self.model.encode_crops(crops.to(weight.device, weight.dtype))

    def arrange(self, encoded: Tensor) -> Seen:
        """Zoom into the encoded crops of one picture, and put a newline behind each that is kept."""
        visual, kept = self.model.look(encoded)
        newline = self.decoder.embed(self._newline)
        places = self._places.unsqueeze(-1)
        rows = torch.where(places >= 0, visual[self._places.clamp(min=0)].to(newline.dtype), newline)
        return Seen(rows, None if kept is None else tuple(int(one) for one in kept))


class _QuickGelu(nn.Module):
    """The tower's activation, equal to the last bit, in one new tensor and not three; for answers only."""

    def forward(self, states: Tensor) -> Tensor:
        return (states * 1.702).sigmoid_().mul_(states)


class Look:
    """Some pictures being read; each `advance` does a bounded piece of it, and may be repeated when it fails."""

    def __init__(self, pictures: Sequence[Picture], eyes: Eyes, shelf: Shelf):
        self.pictures, self.eyes, self.shelf = tuple(pictures), eyes, shelf
        self.digest = digest_of(self.pictures)
        self._encoded: list[Tensor] = []
        self._seen: Seen | None = None
        self._kept: list[tuple[int, ...] | None] = []
        self._read = 0
        self._room: tuple[Tensor, Tensor] | None = None

    @property
    def nbytes(self) -> int:
        """Memory it will take."""
        return len(self.pictures) * self.eyes.positions * self.eyes.decoder.bytes_per_position

    def advance(self) -> Prefix | None:
        """One step further; the prefix when all is read."""
        keys, values = self._rooms()
        if self._seen is None:
            self._look()
            return None
        done, start = len(self._kept), len(self._kept) * self.eyes.positions
        chunk = self._seen.embeddings[self._read : self._read + self.eyes.tokens_at_once]
        self.eyes.decoder.read(chunk, keys, values, start + self._read, None)
        self._read += len(chunk)
        if self._read == self.eyes.positions:
            self._kept.append(self._seen.kept)
            self._seen, self._read = None, 0
        if done + 1 < len(self.pictures) or self._seen is not None:
            return None
        return Prefix(self.digest, keys, values, tuple(self._kept))

    def _rooms(self) -> tuple[Tensor, Tensor]:
        if self._room is None:
            layers, heads, size = self.eyes.decoder.shape
            shape = (layers, heads, len(self.pictures) * self.eyes.positions, size)
            like = self.eyes.decoder.norm
            self._room = like.new_empty(shape), like.new_empty(shape)
            self._begin_where_another_ended(*self._room)
        return self._room

    def _begin_where_another_ended(self, keys: Tensor, values: Tensor) -> None:
        """The first of these pictures may have been read for another question."""
        for count in range(len(self.pictures) - 1, 0, -1):
            known = self.shelf.get(digest_of(self.pictures[:count]))
            if isinstance(known, Prefix):
                keys[:, :, : known.positions], values[:, :, : known.positions] = known.keys, known.values
                self._kept = list(known.kept)
                return

    def _look(self) -> None:
        """The next crops of the picture at hand; all of them seen, they are arranged and kept."""
        picture = self.pictures[len(self._kept)]
        known = self.shelf.get(picture.digest)
        if isinstance(known, Seen):
            self._seen, self._encoded = known, []
            return
        first = sum(map(len, self._encoded))
        if first < len(picture.crops):
            self._encoded.append(self.eyes.encode(picture.crops[first : first + self.eyes.crops_at_once]))
            return
        self._seen = self.eyes.arrange(torch.cat(self._encoded))
        self.shelf.put(picture.digest, self._seen)
        self._encoded = []
