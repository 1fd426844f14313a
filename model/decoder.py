"""The language model over many sequences at once: each its own length, their beginnings shared.

The same arithmetic as transformers' LlamaModel, whose weights it runs. What it adds: keys and values of a
picture lie in memory once (`Prefix`) and are read once a step for everyone who speaks about it; what each
reader has of their own lies beside it, row by row (`OwnRows`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.linear import EightBitLinear, FusedLinear, Linear, Read
from model.modeling_dragonfly import DragonflyForCausalLM


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """Keys and values of pictures, never changed: each (layers, key heads, positions, head size)."""

    digest: bytes
    keys: Tensor
    values: Tensor
    kept: tuple[tuple[int, ...] | None, ...]
    """For each picture the high crops that were kept; None where nothing is selected."""

    @property
    def positions(self) -> int:
        """Positions of the sequence it takes."""
        return self.keys.shape[2]

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.keys.numel() * self.keys.element_size() * 2


class OwnRows:
    """Keys and values of what each reader has of their own: (layers, rows, key heads, positions, head size)."""

    def __init__(self, shape: tuple[int, int, int], like: Tensor):
        layers, heads, size = shape
        self.keys = like.new_zeros(layers, 0, heads, 0, size)
        self.values = like.new_zeros(layers, 0, heads, 0, size)

    @property
    def rows(self) -> int:
        """Rows there is room for."""
        return self.keys.shape[1]

    @property
    def positions(self) -> int:
        """Positions each row has room for."""
        return self.keys.shape[3]

    @property
    def nbytes(self) -> int:
        """Memory it takes."""
        return self.keys.numel() * self.keys.element_size() * 2

    def grow(self, rows: int, positions: int) -> None:
        """Make room; what is there stays. Zeros, because what is masked is still multiplied."""
        if rows <= self.rows and positions <= self.positions:
            return
        layers, had, heads, held, size = self.keys.shape
        shape = (layers, max(rows, had), heads, max(positions, held), size)
        keys, values = self.keys.new_zeros(shape), self.values.new_zeros(shape)
        keys[:, :had, :, :held], values[:, :had, :, :held] = self.keys, self.values
        self.keys, self.values = keys, values

    def move(self, source: int, target: int, length: int) -> None:
        """Put one row in the place of another."""
        for one in (self.keys, self.values):
            one[:, target, :, :length] = one[:, source, :, :length]

    def clear(self) -> None:
        """Give the memory back."""
        self.keys, self.values = self.keys[:, :0, :, :0].clone(), self.values[:, :0, :, :0].clone()


@dataclass(frozen=True, slots=True)
class _Layer:
    input_norm: Tensor
    qkv: Linear
    out: Linear
    middle_norm: Tensor
    gate_up: Linear
    down: Linear


class Decoder:
    """Llama's layers and head."""

    def __init__(
        self,
        model: DragonflyForCausalLM,
        *,
        eight_bits: bool = False,
        read: Read | None = None,
    ):
        """read: brings the weights of the linear layers, where they are still empty."""
        config = model.config.text_config
        kind = EightBitLinear if eight_bits else FusedLinear
        self.heads = int(config.num_attention_heads)
        self.key_heads = int(config.num_key_value_heads or self.heads)
        self.head_size = int(config.head_dim or config.hidden_size // self.heads)
        self.epsilon = float(config.rms_norm_eps)
        llama = model.model.language_model
        self.embed = llama.embed_tokens
        self.norm = llama.norm.weight.detach()
        self.activation = llama.layers[0].mlp.act_fn
        self._linear: list[FusedLinear | EightBitLinear] = []

        def fused(*parts: nn.Linear) -> Linear:
            self._linear.append(kind(*parts, read=read, device=self.norm.device))
            return self._linear[-1]

        self.layers = [
            _Layer(
                one.input_layernorm.weight.detach(),
                fused(one.self_attn.q_proj, one.self_attn.k_proj, one.self_attn.v_proj),
                fused(one.self_attn.o_proj),
                one.post_attention_layernorm.weight.detach(),
                fused(one.mlp.gate_proj, one.mlp.up_proj),
                fused(one.mlp.down_proj),
            )
            for one in llama.layers
        ]
        self.head = fused(model.lm_head)
        places = torch.arange(config.max_position_embeddings, device=self.norm.device).unsqueeze(0)
        cosine, sine = llama.rotary_emb(self.norm, places)
        self.cosine, self.sine = cosine[0], sine[0]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layers, key heads, head size."""
        return len(self.layers), self.key_heads, self.head_size

    @property
    def bytes_per_position(self) -> int:
        """Memory of keys and values for one position."""
        layers, heads, size = self.shape
        return 2 * layers * heads * size * self.norm.element_size()

    @property
    def nbytes(self) -> int:
        """Memory of the linear layers' weights."""
        return sum(one.nbytes for one in self._linear)

    def own_rows(self) -> OwnRows:
        """Room for readers, empty."""
        return OwnRows(self.shape, self.norm)

    def read(
        self,
        embeddings: Tensor,
        keys: Tensor,
        values: Tensor,
        done: int,
        prefix: Prefix | None,
        wanted: int = 0,
    ) -> Tensor:
        """Take (tokens, width) in and write their keys and values; the hidden states behind the last few.

        keys, values: (layers, key heads, room, head size), of which `done` positions are filled already;
        prefix: what stands before them; wanted: how many hidden states are asked for, (wanted, width): the
        last layer computes no others
        """
        count, before = embeddings.shape[0], prefix.positions if prefix else 0
        places = slice(before + done, before + done + count)
        cosine, sine = self.cosine[places].unsqueeze(1), self.sine[places].unsqueeze(1)
        end = done + count
        hidden = embeddings
        # What comes later has a score of minus infinity; made once, where a mask of truths is made anew a layer.
        future = hidden.new_full((count, end), float("-inf")).triu_(done + 1)
        for number, layer in enumerate(self.layers):
            query, key, value = self._project(layer, hidden, cosine, sine)
            keys[number, :, done:end], values[number, :, done:end] = (
                key.transpose(0, 1),
                value.transpose(0, 1),
            )
            if number == len(self.layers) - 1:
                query, hidden, future = (one[count - wanted :] for one in (query, hidden, future))
                if not wanted:
                    break
            own = keys[number, :, :end], values[number, :, :end]
            shared = (prefix.keys[number], prefix.values[number]) if prefix else None
            hidden = self._finish(layer, hidden, self._attend_reading(query, own, shared, future))
        return hidden

    def speak(
        self,
        tokens: Tensor,
        own: OwnRows,
        lengths: Tensor,
        longest: int,
        groups: Sequence[tuple[Prefix, Tensor]],
    ) -> Tensor:
        """One token further for rows 0 to n - 1: logits (n, vocabulary), float.

        tokens, lengths: (n,), what each row said last and how many positions of its own it holds already;
        longest: the largest of them; groups: each prefix and the rows that stand behind it
        """
        rows = torch.arange(len(tokens), device=tokens.device)
        before = torch.zeros_like(lengths)
        for prefix, members in groups:
            before[members] = prefix.positions
        places = before + lengths
        cosine, sine = self.cosine[places].unsqueeze(1), self.sine[places].unsqueeze(1)
        end = longest + 1
        future = torch.arange(end, device=tokens.device) > lengths.unsqueeze(1)
        hidden = self.embed(tokens)
        for number, layer in enumerate(self.layers):
            query, key, value = self._project(layer, hidden, cosine, sine)
            own.keys[number][rows, :, lengths] = key
            own.values[number][rows, :, lengths] = value
            keys, values = own.keys[number, : len(rows), :, :end], own.values[number, : len(rows), :, :end]
            shared = [(prefix.keys[number], prefix.values[number], members) for prefix, members in groups]
            hidden = self._finish(layer, hidden, self._attend_speaking(query, keys, values, future, shared))
        return self.logits(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of every token: (rows, width) to (rows, vocabulary), float32 or wider."""
        scores = self.head(self._normed(hidden, self.norm))
        return scores.to(_wide(scores.dtype))

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        if hidden.device.type != "cpu" or hidden.dtype != torch.float32:
            return F.rms_norm(hidden, weight.shape, weight, self.epsilon)
        # The library takes this apart on a CPU, five sweeps over the rows and a square of them: here two and none.
        norm = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True)
        scale = norm.square_().div_(hidden.shape[-1]).add_(self.epsilon).rsqrt_()
        return (hidden * scale).mul_(weight)

    def _project(
        self, layer: _Layer, hidden: Tensor, cosine: Tensor, sine: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Query (rows, heads, size), key and value (rows, key heads, size), turned to their positions."""
        turned, still = self.heads + self.key_heads, self.key_heads
        fused = layer.qkv(self._normed(hidden, layer.input_norm)).view(-1, turned + still, self.head_size)
        both, value = fused[:, :turned], fused[:, turned:]
        first, second = both.chunk(2, -1)
        low, high = sine.chunk(2, -1)
        both = both * cosine
        turned_first, turned_second = both.chunk(2, -1)
        turned_first.sub_(second * low)
        turned_second.add_(first * high)
        return both[:, : self.heads], both[:, self.heads :], value

    def _finish(self, layer: _Layer, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + layer.out(attended)
        gate, up = layer.gate_up(self._normed(hidden, layer.middle_norm)).chunk(2, -1)
        hidden += layer.down(self.activation(gate).mul_(up))
        return hidden

    def _attend_reading(
        self, query: Tensor, own: tuple[Tensor, Tensor], shared: tuple[Tensor, Tensor] | None, future: Tensor
    ) -> Tensor:
        """(tokens, heads, size) over what was read: (tokens, heads * size)."""
        count, repeat = query.shape[0], self.heads // self.key_heads
        if shared is None:
            keys, values = (one.repeat_interleave(repeat, 0) if repeat > 1 else one for one in own)
            attended = F.scaled_dot_product_attention(
                query.transpose(0, 1).unsqueeze(0), keys.unsqueeze(0), values.unsqueeze(0), future
            )
            return attended[0].transpose(0, 1).reshape(count, -1)
        asked = query.view(count, self.key_heads, repeat, -1).permute(1, 2, 0, 3) * self.head_size**-0.5
        asked = asked.reshape(self.key_heads, repeat * count, -1)
        own_scores = torch.bmm(asked, own[0].transpose(1, 2)).view(self.key_heads, repeat, count, -1)
        own_scores = own_scores.add_(future).view(self.key_heads, repeat * count, -1)
        split = shared[0].shape[1]
        weights = _weights(torch.bmm(asked, shared[0].transpose(1, 2)), own_scores)
        attended = torch.bmm(weights[..., :split], shared[1]) + torch.bmm(weights[..., split:], own[1])
        return attended.view(self.key_heads, repeat, count, -1).permute(2, 0, 1, 3).reshape(count, -1)

    def _attend_speaking(
        self,
        query: Tensor,
        keys: Tensor,
        values: Tensor,
        future: Tensor,
        shared: Sequence[tuple[Tensor, Tensor, Tensor]],
    ) -> Tensor:
        """(rows, heads, size) over shared beginnings and own rows: (rows, heads * size).

        Rows behind the same prefix ask it together: it is read once, however many they are.
        """
        count, repeat = query.shape[0], self.heads // self.key_heads
        asked = query.view(count, self.key_heads, repeat, -1) * self.head_size**-0.5
        own_scores = torch.matmul(asked, keys.transpose(2, 3))
        own_scores = own_scores.masked_fill(future[:, None, None], float("-inf"))
        own_weights, attended = torch.empty_like(own_scores), torch.empty_like(asked)
        for shared_keys, shared_values, members in shared:
            together = (self.key_heads, len(members) * repeat, -1)
            grouped = asked[members].transpose(0, 1).reshape(together)
            own_part = own_scores[members].transpose(0, 1).reshape(together)
            weights = _weights(torch.bmm(grouped, shared_keys.transpose(1, 2)), own_part)
            split = shared_keys.shape[1]
            apart = (self.key_heads, len(members), repeat, -1)
            seen = torch.bmm(weights[..., :split], shared_values)
            attended[members] = seen.view(apart).transpose(0, 1)
            own_weights[members] = weights[..., split:].reshape(apart).transpose(0, 1)
        return (attended + torch.matmul(own_weights, values)).reshape(count, -1)


def linear_layers(model: DragonflyForCausalLM) -> list[nn.Module]:
    """Every linear layer of the language model, its head included: nearly all of its weights."""
    layers = model.model.language_model.layers.modules()
    return [*(one for one in layers if isinstance(one, nn.Linear)), model.lm_head]


def _weights(shared: Tensor, own: Tensor) -> Tensor:
    scores = torch.cat([shared, own], -1)
    return torch.softmax(scores, -1, dtype=_wide(scores.dtype)).to(scores.dtype)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
