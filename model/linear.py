"""Linear layers as the engine runs them: several in one product, in blocks of outputs, or in eight bits.

Reading weights is what a few rows cost. One product for query, key and value (and one for gate and up) reads
them in one sweep. For few rows the processor's matrix product reads them with one thread and far below the
speed of memory; the same product as a batch of blocks of outputs uses all threads and is several times faster.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Linear = Callable[[Tensor], Tensor]
FEW_ROWS = 16
"""Up to here eight bits go through the packed product; above, the weights are unpacked once for all rows."""
BLOCKED_ROWS = 64
"""Up to here products are made in blocks; `bench-model` prints what that gains or costs on a machine."""
BLOCK = 64


class FusedLinear:
    """Several layers over the same input as one product: (rows, in) to (rows, sum of out).

    The layers' own weights become views of the fused one, so that nothing is held twice.
    """

    def __init__(self, *parts: nn.Linear):
        first = parts[0].weight
        total = sum(part.out_features for part in parts)
        self.weight = torch.empty(total, parts[0].in_features, dtype=first.dtype, device=first.device)
        start = 0
        for part in parts:
            end = start + part.out_features
            self.weight[start:end] = part.weight.detach()
            part.weight = nn.Parameter(self.weight[start:end], requires_grad=False)
            start = end
        self.bias = _bias(parts)
        blocked = first.device.type == "cpu" and total % BLOCK == 0
        self.blocks = self.weight.view(-1, BLOCK, parts[0].in_features) if blocked else None

    def __call__(self, rows: Tensor) -> Tensor:
        """(rows, in) to (rows, out)."""
        count = rows.shape[0]
        if self.blocks is None or count > BLOCKED_ROWS:
            return F.linear(rows, self.weight, self.bias)
        if count <= 4:
            product = torch.bmm(self.blocks, rows.t().expand(len(self.blocks), -1, -1)).view(-1, count).t()
        else:
            product = torch.bmm(rows.expand(len(self.blocks), -1, -1), self.blocks.transpose(1, 2))
            product = product.transpose(0, 1).reshape(count, -1)
        return product if self.bias is None else product + self.bias

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
