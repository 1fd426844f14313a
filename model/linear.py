"""Linear layers as the engine runs them: several in one product, stored inputs by outputs, or in eight bits.

Reading weights is what a single row costs. One product for query, key and value (and one for gate and up)
reads them in one sweep; stored inputs by outputs, that sweep is along the lines of memory.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

Linear = Callable[[Tensor], Tensor]
FEW_ROWS = 16
"""Up to here the packed product in eight bits is faster than unpacking the weights once."""


class FusedLinear:
    """Several layers over the same input as one product: (rows, in) to (rows, sum of out).

    The layers' own weights become views of the fused one, so that nothing is held twice.
    """

    def __init__(self, *parts: nn.Linear):
        first = parts[0].weight
        total = sum(part.out_features for part in parts)
        self.weight = torch.empty(parts[0].in_features, total, dtype=first.dtype, device=first.device)
        start = 0
        for part in parts:
            end = start + part.out_features
            self.weight[:, start:end] = part.weight.detach().t()
            part.weight = nn.Parameter(self.weight[:, start:end].t(), requires_grad=False)
            start = end
        self.bias = _bias(parts)

    def __call__(self, rows: Tensor) -> Tensor:
        """(rows, in) to (rows, out)."""
        if self.bias is None:
            return torch.mm(rows, self.weight)
        return torch.addmm(self.bias, rows, self.weight)

    @property
    def nbytes(self) -> int:
        """Size of the weights."""
        return self.weight.numel() * self.weight.element_size()


class EightBitLinear:
    """The same with weights in eight bits, one scale for each output; activations stay floating point.

    Few rows go through the library's packed kernel, whose activations are bfloat16; many rows (reading a
    picture) are multiplied with the unpacked weights. The layers' own weights are given up.
    """

    def __init__(self, *parts: nn.Linear):
        weight = torch.cat([part.weight.detach() for part in parts]).float()
        scale = (weight.abs().amax(1) / 127).clamp(min=1e-12)
        self.weight = (weight / scale.unsqueeze(1)).round().clamp(-127, 127).to(torch.int8)
        self.scale = scale.to(torch.bfloat16)
        self.bias = _bias(parts)
        for part in parts:
            part.weight = nn.Parameter(part.weight.new_empty(0), requires_grad=False)

    def __call__(self, rows: Tensor) -> Tensor:
        """(rows, in) to (rows, out), in the dtype of the rows."""
        if rows.shape[0] <= FEW_ROWS:
            product = torch._weight_int8pack_mm(rows.bfloat16(), self.weight, self.scale).to(rows.dtype)
        else:
            product = torch.mm(rows, self.weight.to(rows.dtype).t()) * self.scale.to(rows.dtype)
        return product if self.bias is None else product + self.bias

    @property
    def nbytes(self) -> int:
        """Size of weights and scales."""
        return self.weight.numel() + self.scale.numel() * 2


def _bias(parts: tuple[nn.Linear, ...]) -> Tensor | None:
    given = [part.bias.detach() for part in parts if part.bias is not None]
    return torch.cat(given) if len(given) == len(parts) else None
