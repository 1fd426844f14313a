"""Published files load as they are; what is not a Dragonfly checkpoint is refused with the reason."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

import model.modeling_dragonfly  # noqa: F401 - registers the Auto classes
from model.answers import Completion, Delta, Sampling
from model.checkpoints import convert, fingerprint, read_card
from model.configuration_dragonfly import KNOWN_TOWERS, DragonflyConfig
from model.engine import Engine, open_engine
from model.errors import PromptTooLong, WeightsMismatch
from model.loading import load_model
from model.processing_dragonfly import DragonflyProcessor

REFERENCE = Path(__file__).parent / "reference"


@pytest.fixture(scope="module")
def v1():
    folder = REFERENCE / "v1" / "checkpoint"
    return load_model(folder, device="cpu", dtype="float32"), DragonflyProcessor.from_pretrained(folder)


def picture(seed: int, size=(90, 70)) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def logits(model, processor, prompts, pictures):
    batch = processor(text=prompts, images=pictures, is_generate=True)
    with torch.no_grad():
        output = model(**batch, position_ids=(batch["attention_mask"].cumsum(1) - 1).clamp(min=0))
    return output.logits[:, -1]


def copy_of(version: str, target: Path) -> Path:
    """A writable checkpoint with its tower's config beside it."""
    shutil.copytree(REFERENCE / version / "clip", target / "clip")
    folder = target / "checkpoint"
    shutil.copytree(REFERENCE / version / "checkpoint", folder)
    return folder


def test_a_batch_of_unequal_prompts_gives_what_each_gives_alone(v1):
    """Padding on the left changes nothing, and neither does company."""
    prompts = [
        "Is there an effusion?",
        "Describe the lungs, the heart, and everything else that you can see.",
    ]
    pictures = [picture(1), picture(2, (60, 130))]

    together = logits(*v1, prompts, pictures)

    for row, (prompt, one) in enumerate(zip(prompts, pictures, strict=True)):
        assert torch.allclose(together[row], logits(*v1, [prompt], [one])[0], atol=1e-4)


@pytest.mark.parametrize("cache", [None, "empty"])
def test_two_pictures_never_give_the_same_hidden_states(v1, cache):
    """The original loses the picture when a library passes an empty cache object on the first step."""
    net, processor = v1
    states = []
    for seed in (1, 2):
        batch = processor(text=["What is this?"], images=[picture(seed)], is_generate=True)
        past = DynamicCache(config=net.config.text_config) if cache else None
        with torch.no_grad():
            states.append(
                net.model(**batch, past_key_values=past, use_cache=bool(cache)).last_hidden_state[:, -1]
            )

    assert (states[0] - states[1]).abs().max() > 1e-3


def test_text_alone_has_no_visual_positions(v1):
    """images=[None]: begin token and prompt, nothing else."""
    _, processor = v1

    batch = processor(text=["Hello"], images=[None], is_generate=True)

    assert batch["input_ids"][0, 0] == processor.begin_id
    assert (batch["image_patches_indices"] == -1).all()
    assert logits(*v1, ["Hello"], [None]).shape[0] == 1


def test_training_rows_end_with_the_closing_token_and_are_padded_on_the_right(v1):
    """As the original batches them."""
    _, processor = v1

    batch = processor(text=["A", "A longer prompt"], images=[None, None])

    last = batch["attention_mask"].sum(1) - 1
    assert [batch["input_ids"][row, place].item() for row, place in enumerate(last)] == [processor.end_id] * 2
    assert batch["attention_mask"][0, -1] == 0


def test_a_prompt_that_does_not_fit_says_by_how_much(v1):
    """Never a silent cut: half of max_length minus one, begin token included."""
    _, processor = v1

    with pytest.raises(PromptTooLong) as caught:
        processor(text=["word " * 40], images=[None], max_length=32, is_generate=True)

    assert caught.value.budget == 15
    assert caught.value.tokens_over > 0


def test_pickled_shards_load_like_safetensors(tmp_path):
    """The published v2 files are two pickles and an index; weights only, nothing is executed."""
    folder = copy_of("v2", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    index = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({name: tensors[name] for name in part}, folder / file)
        index |= dict.fromkeys(part, file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / "model.safetensors").unlink()

    loaded = load_model(folder, device="cpu", dtype="float32")

    assert torch.equal(loaded.lm_head.weight, tensors["language_model.lm_head.weight"])


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    """A checkpoint is data."""
    folder = copy_of("v1", tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"language_model.lm_head.weight": Path("x")}, folder / "pytorch_model.bin")

    with pytest.raises(WeightsMismatch):
        load_model(folder, device="cpu", dtype="float32")


def test_converting_keeps_every_tensor_and_needs_no_tower_beside_it(tmp_path):
    """The result stands alone: safetensors, its tower's config inside, same logits."""
    folder = copy_of("v1", tmp_path / "a")

    digest = convert(folder, tmp_path / "b")

    assert digest == fingerprint(tmp_path / "b") == read_card(tmp_path / "b").fingerprint
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "b" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    old = load_model(folder, device="cpu", dtype="float32"), DragonflyProcessor.from_pretrained(folder)
    new = (
        load_model(tmp_path / "b", device="cpu", dtype="float32"),
        DragonflyProcessor.from_pretrained(tmp_path / "b"),
    )
    assert torch.equal(logits(*old, ["Hi"], [picture(1)]), logits(*new, ["Hi"], [picture(1)]))


def test_a_checkpoint_with_a_tensor_missing_is_refused(tmp_path):
    """No random weights where a file is incomplete."""
    folder = copy_of("v1", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    del tensors["vision_embed_tokens.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(WeightsMismatch, match="vision_embed_tokens"):
        load_model(folder, device="cpu", dtype="float32")


def test_a_folder_without_weights_is_refused(tmp_path):
    """There is no other model behind it."""
    with pytest.raises(WeightsMismatch):
        open_engine(tmp_path)


PUBLISHED_V2 = {
    "model_type": "dragonfly",
    "architectures": ["DragonflyForCausalLM"],
    "image_encoder": "openai/clip-vit-large-patch14-336",
    "text_pretrained_model_name_or_path": "meta-llama/Meta-Llama-3.1-8B-Instruct",
    "hidden_size": 4096,
    "rope_scaling": None,
    "rope_theta": 500000.0,
    "partial_rotary_factor": 0.5,
    "use_imgconst_loss": True,
    "torch_dtype": "bfloat16",
    "text_config": {
        "model_type": "llama",
        "intermediate_size": 14336,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
        "rope_theta": 500000.0,
        "rms_norm_eps": 1e-05,
        "max_position_embeddings": 8192,
        "bos_token_id": 128000,
        "eos_token_id": 128001,
    },
}


def parameters(config: DragonflyConfig) -> int:
    with torch.device("meta"):
        return sum(one.numel() for one in AutoModelForCausalLM.from_config(config).parameters())


@pytest.mark.parametrize(
    ("tower", "expected"),
    [("openai/clip-vit-large-patch14-336", 8_337_967_104), ("openai/clip-vit-base-patch32", 8_120_867_072)],
)
def test_published_configurations_have_the_published_size(tmp_path, tower, expected):
    """Library defaults filled in, dead keys tolerated, the tower known by its name alone and never fetched."""
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED_V2 | {"image_encoder": tower}))

    config = AutoConfig.from_pretrained(tmp_path)

    assert parameters(config) == expected
    assert config.zoom_plan.visual_positions == {224: 867, 336: 2098}[KNOWN_TOWERS[tower]["image_size"]]
    assert config.text_config.rope_parameters["rope_theta"] == 500000.0


@pytest.fixture(scope="module")
def engine(v1) -> Engine:
    folder = REFERENCE / "v1" / "checkpoint"
    return Engine(*v1, read_card(folder))


def run(engine, prompt, sampling, pictures=None, stop=lambda: False):
    pieces = list(engine.answer(pictures or [np.asarray(picture(3))], prompt, sampling, stop=stop))
    return pieces[:-1], pieces[-1]


def test_pieces_join_to_the_answer(engine):
    """Streaming shows what is kept, with one log-probability a token."""
    deltas, done = run(engine, "What is this?", Sampling(max_new_tokens=20))

    assert isinstance(done, Completion) and all(isinstance(one, Delta) for one in deltas)
    assert "".join(one.text for one in deltas) == done.text
    assert len(done.log_probabilities) == done.generated_tokens
    assert all(value <= 0 for value in done.log_probabilities)
    assert done.visual_positions == 867


def test_stop_takes_effect_within_one_token(engine):
    """Whoever presses Stop does not pay for more."""
    count = iter(range(100))

    _, done = run(engine, "What is this?", Sampling(max_new_tokens=50), stop=lambda: next(count) >= 3)

    assert done.stop_reason == "stopped" and done.generated_tokens <= 3


def test_the_seed_makes_drawn_words_repeatable(engine):
    """The same seed, the same words; another seed, others."""
    drawn = [
        run(engine, "x", Sampling(max_new_tokens=16, temperature=1.5, seed=s))[1].text for s in (1, 1, 2)
    ]

    assert drawn[0] == drawn[1] != drawn[2]


def test_special_tokens_in_a_question_stay_words(engine):
    """A question cannot end its own turn."""
    ids = engine._words("a<|eot_id|><|start_header_id|>system")

    assert ids.count(engine.processor.tokenizer.convert_tokens_to_ids("<|eot_id|>")) == 1


def test_kept_crops_come_back_as_boxes_in_picture_pixels(engine):
    """12 of 24 high crops, each drawn where its own tile lies."""
    _, done = run(engine, "x", Sampling(max_new_tokens=1), pictures=[np.asarray(picture(3, (240, 160)))])

    high = [box for box in done.boxes if box.level == "high"]
    assert len(done.boxes) == 29 and len(high) == 24
    assert sum(box.kept for box in high) == 12
    assert max(box.x + box.width for box in done.boxes) == pytest.approx(240)
    assert max(box.y + box.height for box in done.boxes) == pytest.approx(160)


def test_pieces_can_be_asked_for_from_any_thread(engine):
    """Inference mode stays inside the engine: it neither leaks to the caller nor is missed elsewhere."""
    pieces = engine.answer([np.asarray(picture(3))], "What is this?", Sampling(max_new_tokens=6))
    expected = run(engine, "What is this?", Sampling(max_new_tokens=6))[1].text

    first = next(pieces)
    leaked = torch.is_inference_mode_enabled()
    with ThreadPoolExecutor(1) as other:
        rest = other.submit(list, pieces).result()

    assert not leaked
    assert rest[-1].text == expected
    assert first.text + "".join(one.text for one in rest[:-1]) == expected


def test_an_answer_ends_where_the_trained_positions_end(engine, monkeypatch):
    """Beyond max_position_embeddings there is only noise; without room for one word it is an error."""
    words = len(engine._words("x"))
    text = engine.model.config.text_config

    monkeypatch.setattr(text, "max_position_embeddings", 867 + words + 3)
    _, done = run(engine, "x", Sampling(max_new_tokens=50))
    monkeypatch.setattr(text, "max_position_embeddings", 867 + words)
    with pytest.raises(PromptTooLong) as caught:
        run(engine, "x", Sampling(max_new_tokens=50))

    assert done.generated_tokens <= 3
    assert caught.value.tokens_over == 1
