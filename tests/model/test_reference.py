"""Exact against the original implementation: ids, crops, kept crops, logits, greedy tokens."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from model.answers import Sampling
from model.looking import Picture
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import DragonflyProcessor, load_tokenizer
from tests.model.small import Bench

REFERENCE = Path(__file__).parent / "reference"
CASES = [("v1", "landscape"), ("v1", "tiny"), ("v2", "tiny"), ("v2", "wide")]
_loaded = {}


def checkpoint(version):
    """Model and processor of one version, loaded once."""
    if version not in _loaded:
        folder = REFERENCE / version / "checkpoint"
        model = DragonflyForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        _loaded[version] = model, DragonflyProcessor.from_pretrained(folder)
    return _loaded[version]


def case(version, name):
    folder = REFERENCE / version / "cases"
    facts = json.loads((folder / f"{name}.json").read_text())
    pictures = [Image.open(folder / picture).convert("RGB") for picture in facts["images"]]
    return facts, pictures, load_file(folder / f"{name}.safetensors")


@pytest.mark.parametrize(("version", "name"), CASES)
def test_the_processor_gives_the_same_ids_and_the_same_bits(version, name):
    """Token ids, places of visual tokens and normalised crops are those of the original."""
    _, processor = checkpoint(version)
    facts, pictures, expected = case(version, name)

    batch = processor(text=facts["prompts"], images=pictures, is_generate=True)

    for key in ("input_ids", "attention_mask", "image_patches_indices"):
        assert torch.equal(batch[key], expected[key]), key
    crops = torch.stack(batch["image_patches"])
    assert torch.equal(crops[..., :4, :4], expected["crop_corner"])
    assert torch.allclose(crops.mean((2, 3, 4)), expected["crop_means"], atol=1e-6)
    assert torch.allclose(crops.std((2, 3, 4)), expected["crop_stds"], atol=1e-5)


@pytest.mark.parametrize(("version", "name"), CASES)
def test_the_model_gives_the_same_logits_and_keeps_the_same_crops(version, name):
    """Within 1e-4 in float32, kept crops exactly."""
    model, processor = checkpoint(version)
    facts, pictures, expected = case(version, name)
    batch = processor(text=facts["prompts"], images=pictures, is_generate=True)

    with torch.no_grad():
        output = model(**batch)

    assert (output.logits[:, -8:] - expected["logits_rows"]).abs().max() < 1e-4
    if facts["selected_crops"]:
        assert [kept.tolist() for kept in output.kept_crops] == facts["selected_crops"]
    else:
        assert output.kept_crops == [None]


@pytest.mark.parametrize(("version", "name"), CASES)
def test_greedy_decoding_gives_the_same_tokens(version, name):
    """Called just as the original's own script calls it."""
    model, processor = checkpoint(version)
    facts, pictures, expected = case(version, name)
    inputs = processor(
        text=facts["prompts"], images=pictures, max_length=4096, return_tensors="pt", is_generate=True
    ).to("cpu")

    ids = model.generate(
        **inputs,
        max_new_tokens=facts["max_new_tokens"],
        eos_token_id=processor.tokenizer.encode("<|eot_id|>"),
        pad_token_id=processor.tokenizer.eos_token_id,
        do_sample=False,
        use_cache=True,
    )

    new = ids[:, inputs["input_ids"].shape[1] :]
    assert new.tolist() == expected["generated"].tolist()
    assert processor.batch_decode(new, skip_special_tokens=False) == facts["text"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_engine_says_the_same_tokens_in_any_company(version):
    """Alone, together, in the other order, and once more over pictures that were read before."""
    bench = Bench(*checkpoint(version), tokens_at_once=300, readers=4)
    cases = [case(*one) for one in CASES if one[0] == version]
    end = bench.processor.tokenizer.convert_tokens_to_ids("<|eot_id|>")
    rows = []
    for facts, pictures, expected in cases:
        for row, (words, shown) in enumerate(zip(facts["prompts"], pictures, strict=True)):
            tokens = expected["generated"][row].tolist()
            rows.append(
                (
                    words,
                    Picture(shown, bench.processor, b""),
                    tokens[: tokens.index(end)] if end in tokens else tokens,
                )
            )

    def answers(batch, asks):
        running = []
        for words, shown, tokens in asks:
            asked, _ = bench.ask((shown,), words, Sampling(max_new_tokens=len(tokens)))
            batch.submit(asked)
            running.append(asked)
        while batch.busy:
            batch.step()
        return [asked.speech.ids for asked in running]

    shared = bench.batch()
    for batch, asks in (
        (bench.batch(), rows[:1]),
        (shared, rows),
        (bench.batch(), rows[::-1]),
        (shared, rows),
    ):
        assert answers(batch, asks) == [tokens for _, _, tokens in asks]


@pytest.mark.parametrize(("version", "name"), [("v1", "tiny"), ("v2", "tiny")])
def test_a_processor_put_together_by_hand_gives_the_same(version, name):
    """The original's own way: a CLIP image processor and a tokenizer, handed to the constructor."""
    folder = REFERENCE / version
    facts, pictures, expected = case(version, name)

    processor = DragonflyProcessor(
        image_processor=CLIPImageProcessorPil.from_pretrained(folder / "clip"),
        tokenizer=load_tokenizer(folder / "checkpoint"),
        image_encoding_style="llava-hd",
    )
    batch = processor(
        text=facts["prompts"], images=pictures, max_length=4096, return_tensors="pt", is_generate=True
    )

    assert torch.equal(batch["input_ids"], expected["input_ids"])
    assert torch.equal(torch.stack(batch["image_patches"])[..., :4, :4], expected["crop_corner"])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_batch_generates_what_each_question_gets_alone(version):
    """Unequal prompts, unequal pictures and one row without any, padded on the left."""
    model, processor = checkpoint(version)
    shapes = ((61, 47), (40, 150))
    pictures = [Image.effect_mandelbrot(shape, (-2, -1.5, 1, 1.5), 60).convert("RGB") for shape in shapes]
    asked = [("Is there an effusion?", pictures[0]), ("A longer question, on two lungs.", pictures[1])]
    asked.append(("Hi", None))

    def answers(rows):
        batch = processor(text=[text for text, _ in rows], images=[one for _, one in rows], is_generate=True)
        ids = model.generate(
            **batch,
            max_new_tokens=6,
            do_sample=False,
            eos_token_id=processor.tokenizer.encode("<|eot_id|>"),
            pad_token_id=processor.tokenizer.eos_token_id,
        )
        return ids[:, batch["input_ids"].shape[1] :].tolist()

    together = answers(asked)

    for row, one in zip(together, asked, strict=True):
        alone = answers([one])[0]
        assert row[: len(alone)] == alone
