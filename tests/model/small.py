"""A model small enough to ask ten thousand times: random weights, double precision, v1's zoom."""

import random

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig

from model.answers import Completion, Delta, Sampling
from model.batching import Asked, Batch, Limits
from model.configuration_dragonfly import DragonflyConfig
from model.decoder import Decoder
from model.demo import DEMO_MODEL
from model.looking import Eyes, Picture
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor
from model.random_weights import processor_for
from model.speech import Speech


def small_model(version="v1", seed=5, dtype=torch.float64, strategy="faithful", **text):
    """Model and processor: 2 layers of 4 heads over 2 key heads, crops of 32 pixels."""
    tokenizer = DragonflyProcessor.from_pretrained(DEMO_MODEL).tokenizer
    facts = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 600,
        "initializer_range": 0.4,
    }
    vision = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
        projection_dim=16,
        initializer_range=0.4,
    )
    torch.manual_seed(seed)
    zoom = {"version": version, "pool": 2, "strategy": strategy}
    config = DragonflyConfig(text_config=LlamaConfig(**facts | text), vision_config=vision, zoom=zoom)
    return DragonflyForCausalLM(config).to(dtype).eval(), processor_for(config)


class Bench:
    """One model, its decoder, and pictures to ask about."""

    def __init__(self, model, processor, **limits):
        self.model, self.processor = model, processor
        self.decoder = Decoder(model)
        self.limits = Limits(**{"tokens_at_once": 40, "patches_at_once": 40, "readers": 3} | limits)
        self.eyes = Eyes(
            model.model,
            self.decoder,
            processor,
            patches_at_once=self.limits.patches_at_once,
            tokens_at_once=self.limits.tokens_at_once,
        )
        self.pictures = [self.picture(seed) for seed in range(3)]

    def picture(self, seed, size=(60, 44)):
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        return Picture(pixels, self.processor, b"small")

    def batch(self, **limits):
        given = {name: getattr(self.limits, name) for name in Limits.__dataclass_fields__}
        return Batch(self.decoder, self.eyes, Limits(**given | limits))

    def ask(self, pictures, words, sampling=None, *, urgent=False, stop=lambda: False):
        """A question and the list its pieces go to."""
        sampling, said = sampling or Sampling(max_new_tokens=6), []
        ids = self.processor.words(words, None, is_generate=True)
        room = self.model.config.text_config.max_position_embeddings
        room -= len(ids) + len(pictures) * self.processor.zoom_plan.visual_positions
        speech = Speech(self.processor.tokenizer, sampling, {self.processor.end_id}, room)
        return Asked(tuple(pictures), ids, sampling, speech, said.append, stop, urgent), said

    def alone(self, pictures, words, sampling=None):
        """What one question gets in a batch of its own."""
        asked, said = self.ask(pictures, words, sampling)
        batch = self.batch()
        batch.submit(asked)
        while batch.busy:
            batch.step()
        return said


def slowly(model, processor, pictures, words, count):
    """Greedy tokens the slow way: the library's whole forward pass for each, nothing kept from one to the next.

    pictures: arrays, in their order, each read by itself
    """
    visual, ids = model.model, processor.visual_ids() * len(pictures)
    ids = ids + processor.words(words, None, is_generate=True)
    indices = torch.tensor(processor.visual_indices())
    said = []
    with torch.no_grad():
        rows = [visual.look(visual.encode_crops(_crops(processor, one, model.dtype)))[0] for one in pictures]
        for _ in range(count):
            embedded = model.get_input_embeddings()(torch.tensor(ids + said))
            for number, row in enumerate(rows):
                places = slice(number * len(indices), (number + 1) * len(indices))
                embedded[places] = torch.where(
                    indices[:, None] >= 0, row[indices.clamp(min=0)], embedded[places]
                )
            said.append(int(model(inputs_embeds=embedded[None]).logits[0, -1].argmax()))
            if said[-1] == processor.end_id:
                return said[:-1]
    return said


def _crops(processor, picture, dtype):
    return processor.image_processor.crops_of(picture).to(dtype)


def questions(bench, seed=0, count=14):
    """Questions of many kinds: one to three pictures, greedy or drawn, with stop strings, of many lengths."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        pictures = chance.sample(bench.pictures, chance.choice((1, 1, 1, 2, 3)))
        words = " ".join(
            chance.choices(("lung", "heart", "left", "is", "the", "effusion?"), k=chance.randint(1, 30))
        )
        sampling = Sampling(
            max_new_tokens=chance.randint(1, 9),
            temperature=chance.choice((0.0, 0.0, 1.3)),
            top_p=chance.choice((1.0, 0.8)),
            seed=number,
            stop=chance.choice(((), (), ("e",), ("an", "t"))),
        )
        made.append((tuple(pictures), words, sampling))
    return made


def text_of(said):
    return "".join(one.text for one in said if isinstance(one, Delta))


def done(said):
    assert isinstance(said[-1], Completion), said[-1]
    return said[-1]
