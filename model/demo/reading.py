"""Many questions about pictures in one pass: what is learned from them, and which are answered right.

A picture is read once; each of its questions stands behind it and sees it and itself alone, at the positions it
would have were it the only one. Gradients flow from all questions into the one reading.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import DynamicCache

from model.demo.texts import Pair
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import TURN_END, DragonflyProcessor, chat

_IGNORED = -100


@dataclass(frozen=True, slots=True)
class Read:
    """Scores of the answers' tokens, for all rows together."""

    logits: Tensor
    """(tokens, vocabulary)"""
    labels: Tensor
    """(tokens,)"""
    owners: Tensor
    """(tokens,): which pair each belongs to, counted over all rows"""

    def loss(self) -> Tensor:
        """Cross-entropy over all tokens of all answers."""
        return nn.functional.cross_entropy(self.logits, self.labels)

    def right(self) -> list[bool]:
        """For each pair whether every token of its answer scores highest: what greedy generation would say."""
        wrong = torch.zeros(int(self.owners.max()) + 1, dtype=torch.long)
        wrong.index_add_(0, self.owners, (self.logits.argmax(-1) != self.labels).long())
        return [not one for one in wrong.tolist()]


def read(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    visual: Tensor,
    asked: list[list[Pair]],
    positions: Tensor | None = None,
    first_word: int | None = None,
) -> Read:
    """Ask each row's pairs about its picture.

    visual: (rows, V, text width), newlines included; asked: the pairs of each row
    positions: (rows, V) where the visual embeddings stand, 0 to V - 1 unless given; first_word: where every
    question begins, V unless given
    """
    count = visual.shape[1]
    start = count if first_word is None else first_word
    seen = torch.arange(count).expand(len(visual), count) if positions is None else positions
    language = model.model.language_model
    pictures = language(
        inputs_embeds=visual, attention_mask=_behind(0, count), position_ids=seen, use_cache=True
    ).past_key_values
    rows = [number for number, pairs in enumerate(asked) for _ in pairs]
    words = [_words(processor, pair) for pairs in asked for pair in pairs]
    found = []
    for group in _groups([len(turn) + len(answer) for turn, answer in words]):
        ids, labels = _padded([words[one] for one in group], processor.tokenizer.eos_token_id)
        here = torch.tensor([rows[one] for one in group])
        kept = DynamicCache([(layer.keys[here], layer.values[here]) for layer in pictures.layers])
        states = language(
            inputs_embeds=model.get_input_embeddings()(ids),
            attention_mask=_behind(count, ids.shape[1]),
            position_ids=(start + torch.arange(ids.shape[1])).expand(ids.shape),
            past_key_values=kept,
            use_cache=True,
        ).last_hidden_state
        wanted = labels[:, 1:] != _IGNORED
        owners = torch.tensor(group)[:, None].expand(wanted.shape)[wanted]
        found.append((states[:, :-1][wanted], labels[:, 1:][wanted], owners))
    states, labels, owners = (torch.cat(part) for part in zip(*found, strict=True))
    return Read(model.lm_head(states), labels, owners)


def embed(model: DragonflyForCausalLM, processor: DragonflyProcessor, features: Tensor) -> Tensor:
    """Unprojected tokens in the order of the visual positions as embeddings, a newline behind each crop.

    features: (rows, 97, width); returns: (rows, 138, text width)
    """
    seen = model.model.vision_embed_tokens(features.float())
    places = torch.tensor(processor.visual_indices())
    newline = model.get_input_embeddings()(torch.tensor(processor.newline_token_id))
    return torch.where((places >= 0)[None, :, None], seen[:, places.clamp(min=0)], newline)


def _behind(pictures: int, words: int) -> Tensor:
    """Each word sees the picture and the words up to itself: float (1, 1, words, pictures + words)."""
    seen = torch.ones(words, pictures + words, dtype=torch.bool).tril(pictures)
    return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]


def _groups(lengths: list[int]) -> list[list[int]]:
    """Pairs of about the same length, so that short questions are not padded to the length of reports."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    groups: list[list[int]] = []
    for one in order:
        if groups and lengths[one] <= 1.4 * lengths[groups[-1][0]]:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def _words(processor: DragonflyProcessor, pair: Pair) -> tuple[list[int], list[int]]:
    """Ids of the turn, from the begin token on, and of the answer with its closing token."""
    encode = processor.tokenizer.encode
    turn = [processor.begin_id, *encode(chat(pair.turn), add_special_tokens=False)]
    return turn, encode(pair.answer + TURN_END, add_special_tokens=False)


def _padded(words: list[tuple[list[int], list[int]]], filler: int) -> tuple[Tensor, Tensor]:
    """Ids and labels of several pairs: (pairs, longest); nothing is learned from turns and fillers."""
    longest = max(len(turn) + len(answer) for turn, answer in words)
    ids = torch.full((len(words), longest), filler)
    labels = torch.full_like(ids, _IGNORED)
    for number, (turn, answer) in enumerate(words):
        ids[number, : len(turn) + len(answer)] = torch.tensor(turn + answer)
        labels[number, len(turn) : len(turn) + len(answer)] = torch.tensor(answer)
    return ids, labels
