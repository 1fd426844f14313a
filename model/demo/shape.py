"""The shape of the demonstration model: a small vocabulary, small crops, v2's zoom, two million weights."""

from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedTokenizerFast

from model.configuration_dragonfly import DragonflyConfig
from model.demo.texts import corpus
from model.image_processing_dragonfly import DragonflyImageProcessor
from model.processing_dragonfly import DragonflyProcessor

SPECIAL = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    *(f"<|reserved_special_token_{number}|>" for number in range(6)),
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
)
VOCABULARY = 800


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
