"""Which crops deserve a closer look (v1), and fewer tokens for many crops (v2)."""

import torch
from torch import Tensor


def select_crops(middle: Tensor, high: Tensor, kept: int) -> Tensor:
    """Indices of the high crops to keep, sorted; v1's rule as published.

    middle: (M, tokens, width), high: (M * n, tokens, width), both projected. Each middle crop looks at the n
    high crops that follow each other in raster order (not at those that lie inside it) and keeps those whose
    mean has the largest dot product with its own.
    """
    groups = high.shape[0] // middle.shape[0]
    scores = torch.einsum(
        "md,mnd->mn", middle.mean(1), high.mean(1).reshape(middle.shape[0], groups, high.shape[-1])
    )
    best = scores.topk(kept, dim=1).indices
    offsets = torch.arange(middle.shape[0], device=best.device).unsqueeze(1) * groups
    return (best + offsets).flatten().sort().values


def pool_tokens(tokens: Tensor, side: int, pool: int) -> Tensor:
    """Average square blocks of patch tokens and keep the class token, so that many crops fit one prompt.

    tokens: (crops, 1 + side * side, width), row by row
    returns: (crops, 1 + (side // pool) ** 2, width)
    """
    crops, _, width = tokens.shape
    blocks = tokens[:, 1:].reshape(crops, side // pool, pool, side // pool, pool, width)
    return torch.cat([tokens[:, :1], blocks.mean((2, 4)).reshape(crops, -1, width)], dim=1)
