"""What each arm of the ablation hands to the language model of the same crops, and what it keeps of them."""

from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from model.demo.drawn import TINY_PLACES, Drawn
from model.demo.reading import embed
from model.demo.tower import pooled
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor
from model.zoom import Strategy, select_crops

Arm = Literal["low", "low + middle", "v1 faithful", "v1 cosine", "v1 learned", "v2 pooled"]
ARMS: tuple[Arm, ...] = get_args(Arm)
STRATEGIES: dict[Arm, Strategy] = {
    "v1 faithful": "faithful",
    "v1 cosine": "cosine",
    "v1 learned": "learned",
}
KEPT_PER_MIDDLE = 3
_HIGH = 5
"""Where the high crops begin."""
_SAMPLE = 400
_CLEAR = 128


def show(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    features: Tensor,
    arm: Arm,
    scorer: nn.Linear,
) -> Tensor:
    """The visual embeddings of some drawings in this arm, a newline behind each crop: (drawings, V, text width).

    features: (drawings, 41, 17, width) unprojected; the projector is left as it is
    """
    if arm == "v2 pooled":
        return embed(model, processor, pooled(features))
    with torch.no_grad():
        projected = model.model.vision_embed_tokens(features.float())
    shown = torch.stack([one[crops_of(one, arm, scorer)] for one in projected])
    newline = model.get_input_embeddings()(torch.tensor(processor.newline_token_id))
    ends = newline.expand(*shown.shape[:2], 1, -1)
    return torch.cat([shown, ends], 2).flatten(1, 2)


def crops_of(projected: Tensor, arm: Arm, scorer: nn.Linear) -> Tensor:
    """Which of the 41 crops of one drawing are handed over, in order; projected: (41, 17, text width)."""
    if arm == "low":
        return torch.arange(1)
    if arm == "low + middle":
        return torch.arange(_HIGH)
    if arm == "v2 pooled":
        return torch.arange(len(projected))
    middle, high = projected[1:_HIGH], projected[_HIGH:]
    kept = select_crops(middle, high, KEPT_PER_MIDDLE, STRATEGIES[arm], scorer)
    return torch.cat([torch.arange(_HIGH), kept + _HIGH])


def train_scorer(model: DragonflyForCausalLM, drawn: list[Drawn], features: Tensor, seed: int) -> nn.Linear:
    """One linear layer that tells projected patches with something tiny from all others."""
    torch.manual_seed(seed)
    with torch.no_grad():
        patches = model.model.vision_embed_tokens(features[:_SAMPLE, _HIGH:, 1:].float()).flatten(0, 2)
    targets = np.stack([one.targets[_HIGH:][..., TINY_PLACES].max(-1) for one in drawn[:_SAMPLE]])
    right = torch.from_numpy(targets >= _CLEAR).flatten().float()
    scorer = nn.Linear(patches.shape[1], 1)
    optimizer = torch.optim.Adam(scorer.parameters(), lr=0.05)
    # As many others as there are right ones would leave the hard ones out; a tenth of them is enough.
    taken = (right > 0) | (torch.rand(len(right)) < 0.1)
    patches, right = patches[taken], right[taken]
    for _ in range(300):
        optimizer.zero_grad()
        scores = scorer(patches).squeeze(-1)
        nn.functional.binary_cross_entropy_with_logits(scores, right).backward()
        optimizer.step()
    return scorer.requires_grad_(False)


def recall(
    model: DragonflyForCausalLM, drawn: list[Drawn], features: Tensor, arm: Arm, scorer: nn.Linear
) -> dict[str, Any]:
    """Of the high crops that clearly show something tiny, how many are handed over."""
    kept = crops = 0
    with torch.no_grad():
        for one, seen in zip(drawn, features, strict=True):
            tiny = np.flatnonzero(one.shown()[:, TINY_PLACES].any(1))
            tiny = tiny[tiny >= _HIGH]
            given = crops_of(model.model.vision_embed_tokens(seen.float()), arm, scorer).tolist()
            kept += len(set(given) & set(tiny.tolist()))
            crops += len(tiny)
    return {"crops": crops, "kept": kept}
