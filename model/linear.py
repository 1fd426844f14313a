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
Read = Callable[[nn.Linear, Tensor, int], None]
"""Puts rows of a layer's weight into a place, from a row on; for layers whose own weight is still empty."""
FEW_ROWS = 16
"""Up to here eight bits go through the packed product; above, the weights are unpacked once for all rows."""
BLOCKED_ROWS = 64
"""Up to here products are made in blocks; `bench-model` prints what that gains or costs on a machine."""
BLOCK = 64
ROUNDED_AT_ONCE = 256


class FusedLinear:
    """Several layers over the same input as one product: (rows, in) to (rows, sum of out).

    The layers' own weights become views of the fused one, so that nothing is held twice; one layer alone is
    taken as it lies.
    """

    def __init__(self, *parts: nn.Linear, read: Read | None = None, device: torch.device | None = None):
        if len(parts) == 1 and read is None:
            self.weight = parts[0].weight.detach()
        else:
            self.weight = _room(parts, parts[0].weight.dtype, device)
            for part, place in zip(
                parts, self.weight.split([one.out_features for one in parts]), strict=True
            ):
                (read or _own)(part, place, 0)
                part.weight = nn.Parameter(place, requires_grad=False)
        self.bias = _bias(parts)
        total = len(self.weight)
        blocked = self.weight.device.type == "cpu" and total % BLOCK == 0
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

    def __init__(self, *parts: nn.Linear, read: Read | None = None, device: torch.device | None = None):
        self.weight = _room(parts, torch.int8, device)
        self.scale = torch.empty(len(self.weight), dtype=torch.bfloat16, device=self.weight.device)
        self.bias = _bias(parts)
        start = 0
        for part in parts:
            self._round(part, read or _own, start)
            start += part.out_features
            part.weight = nn.Parameter(part.weight.new_empty(0), requires_grad=False)

    def _round(self, part: nn.Linear, read: Read, start: int) -> None:
        # A bounded number of outputs at a time: each takes several copies of itself on the way.
        for first in range(0, part.out_features, ROUNDED_AT_ONCE):
            count = min(ROUNDED_AT_ONCE, part.out_features - first)
            read_as = torch.empty(count, part.in_features, dtype=part.weight.dtype, device=self.weight.device)
            read(part, read_as, first)
            wide = read_as.float()
            scale = (wide.abs().amax(1) / 127).clamp(min=1e-12)
            into = slice(start + first, start + first + count)
            self.weight[into] = (wide / scale.unsqueeze(1)).round_().clamp_(-127, 127)
            self.scale[into] = scale

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


def _room(parts: tuple[nn.Linear, ...], dtype: torch.dtype, device: torch.device | None) -> Tensor:
    total, width = sum(part.out_features for part in parts), parts[0].in_features
    return torch.empty(total, width, dtype=dtype, device=device or parts[0].weight.device)


def _own(part: nn.Linear, place: Tensor, first: int) -> None:
    place.copy_(part.weight.detach()[first : first + len(place)])


def _bias(parts: tuple[nn.Linear, ...]) -> Tensor | None:
    given = [part.bias.detach() for part in parts if part.bias is not None]
    return torch.cat(given) if len(given) == len(parts) else None
