"""Make the demonstration model again: drawings, tokenizer, tower, questions; one command, fixed seeds.

Stage 0 teaches the vision tower to see structures in each patch at all three scales (it stands in for CLIP).
Stage 1 teaches the language model on the frozen tower: everything asked of one drawing stands in one
sequence and shares the picture's positions, with block-diagonal attention between the questions, which is
exactly as if each were asked alone.
Stage 2 goes over the same drawings again with notes that claim findings, so that reports follow the picture.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedTokenizerFast

from model.checkpoints import CARD, fingerprint
from model.configuration_dragonfly import DragonflyConfig
from model.crops import ZoomPlan
from model.demo.card import readme
from model.demo.claims import harder_pairs
from model.demo.phantoms import CLASSES, SIZE, Kind, Phantom, draw_phantom, kind_of
from model.demo.texts import Pair, all_pairs, corpus
from model.image_processing_dragonfly import DragonflyImageProcessor
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import TURN_END, DragonflyProcessor, chat

SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(6)),
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
VOCABULARY = 800
LAST_DRAWINGS = 2400
"""The last stage is about words; a part of the drawings is enough for it."""
Progress = Callable[[str, float], None]
Ask = Callable[[int, np.random.Generator], list[Pair]]
"""The questions put to the drawing of this number, this time."""


def train_demo(
    out: Path,
    *,
    drawings: int = 6000,
    tower_steps: int = 1800,
    steps: int = 2600,
    last_steps: int = 420,
    seed: int = 6,
    progress: Progress = lambda _stage, _share: None,
) -> dict[str, Any]:
    """Train and write the checkpoint; returns what it took. Deterministic for one machine and one thread."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    started = time.process_time()
    out.mkdir(parents=True, exist_ok=True)
    processor = new_processor()
    model = DragonflyForCausalLM(new_config(processor.tokenizer)).float()
    drawn = list(_draw(drawings, processor.zoom_plan, progress))
    taught = train_tower(model, processor, drawn, tower_steps, seed, progress)
    features = cache_features(model, processor, drawn, progress)
    fold_statistics(model, features)

    def usual(number: int, chance: np.random.Generator) -> list[Pair]:
        return all_pairs(drawn[number].kind, drawn[number].facts, chance)

    losses = train_questions(model, processor, features, usual, steps, seed, progress)
    # Rounded as a file would hold it: the last stage can be repeated alone from a kept checkpoint.
    model.half().float()
    last = train_last(model, processor, drawn[:LAST_DRAWINGS], features, last_steps, seed, progress)
    model.half().save_pretrained(out, safe_serialization=True)
    processor.save_pretrained(out)
    return {
        "drawings": drawings,
        "tower_steps": tower_steps,
        "steps": steps,
        "last_steps": last_steps,
        "seed": seed,
        "tower_loss": taught,
        "first_loss": losses[0],
        "last_loss": float(np.mean(losses[-50:])),
        "last_stage_loss": float(np.mean(last[-50:])),
        "cpu_seconds": round(time.process_time() - started),
    }


def new_processor() -> DragonflyProcessor:
    """A byte-level tokenizer, which takes any Unicode text, and 64-pixel crops with patches of 16."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|begin_of_text|>",
        eos_token="<|eot_id|>",
        clean_up_tokenization_spaces=False,
    )
    images = DragonflyImageProcessor(crop_size=64, patch_size=16, zoom_version="v2", pool=4)
    return DragonflyProcessor(image_processor=images, tokenizer=fast)


def new_config(tokenizer: Any) -> DragonflyConfig:
    """v2 geometry with few parameters."""
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=6,
        max_position_embeddings=4096,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    vision = CLIPVisionConfig(
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=64,
        patch_size=16,
        projection_dim=64,
    )
    return DragonflyConfig(text_config=text, vision_config=vision, zoom={"version": "v2", "pool": 4})


@dataclass(frozen=True, slots=True)
class Drawn:
    """What training keeps of a drawing: thousands of them lie in memory at once, so no masks."""

    kind: Kind
    facts: dict[str, Any]
    pixels: np.ndarray[Any, Any]
    """uint8, (384, 384, 1) where the drawing is gray, else (384, 384, 3)"""
    targets: Tensor

    @property
    def rgb(self) -> np.ndarray[Any, Any]:
        """uint8 (384, 384, 3)."""
        return np.repeat(self.pixels, 3, axis=2) if self.pixels.shape[2] == 1 else self.pixels


def _draw(count: int, plan: ZoomPlan, progress: Progress) -> Iterator[Drawn]:
    for seed in range(count):
        if seed % 100 == 0:
            progress("drawings", seed / count)
        phantom = draw_phantom(kind_of(seed), seed)
        pixels = phantom.pixels if phantom.kind == "histology" else phantom.pixels[..., :1].copy()
        yield Drawn(phantom.kind, phantom.facts, pixels, patch_targets(phantom, plan))


def train_tower(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    drawn: list[Drawn],
    steps: int,
    seed: int,
    progress: Progress,
) -> float:
    """Teach each patch token which structures cover its patch; returns the last loss."""
    chance = np.random.default_rng(seed)
    head = nn.Linear(model.config.vision_config.hidden_size, len(CLASSES))
    tower = model.model.image_encoder
    weights = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(weights, lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    last = 0.0
    for step in range(steps):
        chosen = [drawn[int(i)] for i in chance.integers(0, len(drawn), 4)]
        crops = torch.cat([processor.image_processor.crops_of(one.rgb) for one in chosen])
        targets = torch.cat([one.targets for one in chosen])
        flip = bool(chance.random() < 0.5)
        if flip:
            crops, targets = crops.flip(-1), targets.flip(2)
        states = tower.pre_layrnorm(tower.embeddings(crops))
        for layer in tower.encoder.layers[:-1]:
            states = layer(states, attention_mask=None)
        scores = head(states[:, 1:])
        loss = nn.functional.binary_cross_entropy_with_logits(scores, targets.flatten(1, 2))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        last = float(loss.detach())
        if step % 50 == 0:
            progress("vision tower", step / steps)
    return last


def patch_targets(phantom: Phantom, plan: ZoomPlan) -> Tensor:
    """For each crop and patch the share of it that each class covers: (41, 4, 4, classes)."""
    stacked = np.zeros((len(CLASSES), SIZE, SIZE), np.float32)
    for number, name in enumerate(CLASSES):
        if name in phantom.masks:
            stacked[number] = phantom.masks[name]
    side = plan.side_tokens
    targets = []
    for cells in (1, 2, 6):
        patch = SIZE // (cells * side)
        share = stacked.reshape(len(CLASSES), cells * side, patch, cells * side, patch).mean((2, 4))
        grid = share.reshape(len(CLASSES), cells, side, cells, side).transpose(1, 3, 2, 4, 0)
        targets.append(grid.reshape(cells * cells, side, side, len(CLASSES)))
    return torch.from_numpy(np.sqrt(np.concatenate(targets)))


def cache_features(
    model: DragonflyForCausalLM, processor: DragonflyProcessor, drawn: list[Drawn], progress: Progress
) -> Tensor:
    """What the frozen tower sees of every drawing, in the order of the visual positions: fp16 (n, 97, width)."""
    rows = []
    tower, plan = model.model.image_encoder, processor.zoom_plan
    with torch.no_grad():
        for number, one in enumerate(drawn):
            states = tower.pre_layrnorm(tower.embeddings(processor.image_processor.crops_of(one.rgb)))
            for layer in tower.encoder.layers[:-1]:
                states = layer(states, attention_mask=None)
            pooled = torch.stack([states[1:, 0], states[1:, 1:].mean(1)], dim=1)
            rows.append(torch.cat([states[0], pooled.flatten(0, 1)]).half())
            if number % 100 == 0:
                progress("features", number / len(drawn))
    assert rows[0].shape[0] == sum(plan.segments)
    return torch.stack(rows)


def fold_statistics(model: DragonflyForCausalLM, features: Tensor, deviation: float = 0.06) -> None:
    """Start the projector where its output has zero mean and a small deviation; it stays one linear layer."""
    sample = features[:: max(1, len(features) // 400)].float().flatten(0, 1)
    mean, std = sample.mean(0), sample.std(0).clamp(min=1e-3)
    projector = model.model.vision_embed_tokens
    with torch.no_grad():
        weight = torch.randn_like(projector.weight) * deviation / projector.weight.shape[1] ** 0.5
        projector.weight.copy_(weight / std)
        projector.bias.copy_(-(weight / std) @ mean)


def train_last(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    drawn: list[Drawn],
    features: Tensor,
    steps: int,
    seed: int,
    progress: Progress,
) -> list[float]:
    """Claims in the notes, findings of other drawings, more that cannot be told; at less than half the rate."""
    kinds = {kind: [one.facts for one in drawn if one.kind == kind] for kind in {one.kind for one in drawn}}

    def harder(number: int, chance: np.random.Generator) -> list[Pair]:
        one = drawn[number]
        same = kinds[one.kind]
        return harder_pairs(one.kind, one.facts, same[int(chance.integers(len(same)))], chance)

    seen = features[: len(drawn)]
    return train_questions(model, processor, seen, harder, steps, seed + 1, progress, rate=6e-4)


def train_questions(
    model: DragonflyForCausalLM,
    processor: DragonflyProcessor,
    features: Tensor,
    ask: Ask,
    steps: int,
    seed: int,
    progress: Progress,
    rate: float = 1.5e-3,
) -> list[float]:
    """Teach the language model and the projector; returns the loss of each step."""
    chance = np.random.default_rng(seed + 1)
    decoder = model.model.language_model
    weights = [
        *decoder.parameters(),
        *model.lm_head.parameters(),
        *model.model.vision_embed_tokens.parameters(),
    ]
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=max(0.1, 2 / steps)
    )
    losses = []
    for step in range(steps):
        chosen = [int(i) for i in chance.integers(0, len(features), 8)]
        asked = [ask(number, chance) for number in chosen]
        loss = answer_loss(model, processor, features[chosen], asked)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 20 == 0:
            progress(f"questions, loss {np.mean(losses[-20:]):.3f}", step / steps)
    return losses


def answer_loss(
    model: DragonflyForCausalLM, processor: DragonflyProcessor, features: Tensor, asked: list[list[Pair]]
) -> Tensor:
    """Cross-entropy over the answer tokens of all questions of all drawings of a batch.

    features: (drawings, 97, width) of the frozen tower; asked: the questions of each drawing
    """
    rows = [_row(processor, pairs) for pairs in asked]
    longest = max(len(row[0]) for row in rows)
    picture = len(processor.visual_ids())
    ids = torch.full((len(rows), longest), processor.tokenizer.eos_token_id)
    labels = torch.full((len(rows), longest), -100)
    blocks = torch.full((len(rows), longest), -1)
    positions = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        for target, values in zip((ids, labels, blocks, positions), row, strict=True):
            target[number, : len(values)] = torch.tensor(values)
    embeddings = model.get_input_embeddings()(ids)
    seen = model.model.vision_embed_tokens(features.float())
    places = torch.tensor(processor.visual_indices())
    visual = torch.where((places >= 0)[None, :, None], seen[:, places.clamp(min=0)], embeddings[:, :picture])
    embeddings = torch.cat([visual, embeddings[:, picture:]], dim=1)
    same = (blocks[:, :, None] == blocks[:, None, :]) | (blocks[:, None, :] == 0)
    mask = same & torch.ones(longest, longest, dtype=torch.bool).tril()
    mask |= torch.eye(longest, dtype=torch.bool)
    additive = torch.zeros(mask.shape).masked_fill(~mask, torch.finfo(torch.float32).min)[:, None]
    states = model.model.language_model(
        inputs_embeds=embeddings, attention_mask=additive, position_ids=positions, use_cache=False
    ).last_hidden_state
    wanted = labels[:, 1:] != -100
    logits = model.lm_head(states[:, :-1][wanted])
    return nn.functional.cross_entropy(logits, labels[:, 1:][wanted])


def _row(processor: DragonflyProcessor, pairs: list[Pair]) -> tuple[list[int], ...]:
    """Ids, labels, block of each position (0: picture) and positions of one drawing with its questions."""
    ids = processor.visual_ids()
    picture = len(ids)
    labels, blocks, positions = [-100] * picture, [0] * picture, list(range(picture))
    for number, pair in enumerate(pairs, start=1):
        turn = [processor.begin_id, *processor.tokenizer.encode(chat(pair.turn), add_special_tokens=False)]
        answer = processor.tokenizer.encode(pair.answer + TURN_END, add_special_tokens=False)
        ids = ids + turn + answer
        labels += [-100] * len(turn) + answer
        blocks += [number] * (len(turn) + len(answer))
        positions += list(range(picture, picture + len(turn) + len(answer)))
    return ids, labels, blocks, positions


def write_card(out: Path, took: dict[str, Any], scores: dict[str, Any]) -> None:
    """The model card of a trained folder with what was measured: card.json for programs, README.md for people."""
    plan: Any = DragonflyConfig.from_pretrained(out).zoom_plan
    card = {
        "name": "Dragonfly-Med demonstration",
        "architecture": "v2",
        "revision": "1",
        "demonstration": True,
        "licence": "Apache-2.0",
        "languages": ["en"],
        "modalities": ["drawn chest radiograph", "drawn CT slice", "drawn histology field"],
        "fingerprint": fingerprint(out),
        "zoom": asdict(plan),
        "training": took,
        "accuracy": scores,
    }
    (out / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "README.md").write_text(readme(card), encoding="utf-8")
