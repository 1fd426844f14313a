"""Which crops deserve a closer look (v1), and fewer tokens for many crops (v2)."""

from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import normalize

Strategy = Literal["faithful", "cosine", "learned"]
"""How v1 chooses its high crops: by the published rule, by the angle between the same means, or by a scorer that
was taught what to look for and lies in the checkpoint."""
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


Scorer = Callable[[Tensor], Tensor]
"""Scores of tokens: (..., width) to (..., 1)."""


def select_crops(
    middle: Tensor,
    high: Tensor,
    kept: int,
    strategy: Strategy = "faithful",
    scorer: Scorer | None = None,
) -> Tensor:
    """Indices of the high crops to keep, sorted; as many in every strategy.

    middle: (M, tokens, width), high: (M * n, tokens, width), both projected. Each middle crop looks at the n
    high crops that follow each other in raster order (not at those that lie inside it) and keeps those whose
    mean scores highest beside its own: by dot product (v1's rule as published) or by cosine. The learned strategy
    keeps the best of all high crops, wherever they lie; a crop is worth what its best patch is.
    """
    if strategy == "learned":
        assert scorer is not None, "a configuration that names this strategy makes the scorer"
        return scorer(high[:, 1:]).amax((1, 2)).topk(kept * middle.shape[0]).indices.sort().values
    groups = high.shape[0] // middle.shape[0]
    theirs = high.mean(1).reshape(middle.shape[0], groups, high.shape[-1])
    best = _SCORES[strategy](middle.mean(1), theirs).topk(kept, dim=1).indices
    offsets = torch.arange(middle.shape[0], device=best.device).unsqueeze(1) * groups
    return (best + offsets).flatten().sort().values


def _dot(middle: Tensor, high: Tensor) -> Tensor:
    """Long vectors win: a crop of strong features is kept whether or not it is like its middle crop."""
    return torch.einsum("md,mnd->mn", middle, high)


def _cosine(middle: Tensor, high: Tensor) -> Tensor:
    """Likeness alone; a crop whose mean is zero scores 0."""
    return _dot(normalize(middle, dim=-1), normalize(high, dim=-1))


_SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"faithful": _dot, "cosine": _cosine}


def pool_tokens(tokens: Tensor, side: int, pool: int) -> Tensor:
    """Average square blocks of patch tokens and keep the class token, so that many crops fit one prompt.

    tokens: (crops, 1 + side * side, width), row by row
    returns: (crops, 1 + (side // pool) ** 2, width)
    """
    crops, _, width = tokens.shape
    blocks = tokens[:, 1:].reshape(crops, side // pool, pool, side // pool, pool, width)
    return torch.cat([tokens[:, :1], blocks.mean((2, 4)).reshape(crops, -1, width)], dim=1)
