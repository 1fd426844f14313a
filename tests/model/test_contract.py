"""What a server that runs models through transformers (vLLM's Transformers backend) needs of ours, item by item.

`backend.py` plays the server's part; every promise here is one item of that contract.
"""

import json

import jinja2
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import LlamaModel
from transformers.modeling_utils import PreTrainedModel

from model.answers import Completion, Sampling
from model.configuration_dragonfly import DragonflyConfig
from model.engine import Engine, open_engine
from model.image_processing_dragonfly import DragonflyImageProcessor
from model.modeling_dragonfly import DragonflyForCausalLM, DragonflyModel
from model.processing_dragonfly import CHAT_TEMPLATE, DragonflyProcessor, chat
from tests.model.backend import ATTENTION, Backend, auto_map, user
from tests.model.conftest import REFERENCE

SMALL = ["small-v1", "small-v2"]
REAL = ["v1", "v2"]


def picture(seed, size=(90, 70)):
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture(scope="module")
def backend(exported):
    """The player of the server's part over an exported folder, loaded once."""
    loaded = {}

    def of(name):
        if name not in loaded:
            folder = exported(name)
            loaded[name] = Backend(folder, DragonflyProcessor.from_pretrained(folder))
        return loaded[name]

    return of


# -- configuration ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_the_configuration_is_composite(exported, name):
    """That its text part is another object is what marks the model as one that sees."""
    config = DragonflyConfig.from_pretrained(exported(name))

    text = config.get_text_config()

    assert text is not config and text != config
    assert set(config.sub_configs) == {"text_config", "vision_config"}
    fields = ("num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads")
    assert [getattr(text, field) for field in fields] == [3, 64, 8, 2]
    assert (text.head_dim, text.vocab_size) == (8, 470)


@pytest.mark.parametrize("name", REAL)
def test_the_base_model_stands_before_the_one_with_a_head(exported, name):
    """A server takes the first class of the map that it can use."""
    facts = json.loads((exported(name) / "config.json").read_text())

    assert list(auto_map(exported(name))) == ["AutoConfig", "AutoModel", "AutoModelForCausalLM"]
    assert facts["auto_map"]["AutoModel"] == "modeling_dragonfly.DragonflyModel"
    assert facts["architectures"] == ["DragonflyForCausalLM"]


# -- model -----------------------------------------------------------------------------------------------------


def test_the_model_has_the_parts_a_server_looks_for(backend):
    """Prefix, decoder by name, embeddings that can be exchanged, and a plan to share it between devices."""
    model = backend("small-v1").model

    assert isinstance(model, DragonflyModel) and isinstance(model, PreTrainedModel)
    assert model.base_model_prefix == "model" and type(model).is_backend_compatible()
    assert isinstance(model.language_model, LlamaModel) and model.get_decoder() is model.language_model
    assert model.get_input_embeddings() is model.language_model.embed_tokens
    assert model.tp_plan["language_model.layers.*.self_attn.q_proj"] == "colwise"
    assert "vision_embed_tokens.weight" in dict(model.named_parameters())


@pytest.mark.parametrize("name", [*SMALL, "v1"])
def test_features_come_in_the_order_of_the_placeholders(backend, name):
    """One row for each place that holds an embedding, picture by picture, each as it is alone."""
    served = backend(name)
    pictures = [picture(1), picture(2, (40, 130))]
    request = served.request(user("x", 2), pictures)

    with torch.no_grad():
        together = served.features(request)
        alone = [served.features(served.request(user("x"), [one]))[0] for one in pictures]
        by_hand = served.model.visual_embeddings(served.processor.image_processor.stacked(pictures))

    assert sum(request.is_visual) == sum(map(len, together))
    for one, other, own in zip(together, alone, by_hand, strict=True):
        assert one.shape == (sum(served.processor.zoom_plan.segments), served.text_config.hidden_size)
        assert torch.allclose(one, other, atol=1e-5)
        assert torch.allclose(one, own[0], atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_hidden_states_come_first_and_no_pixels_are_needed(exported, name):
    """Ids or embeddings, positions, no cache, no dictionary: a tuple that begins with the hidden states."""
    model = DragonflyModel.from_pretrained(exported(name)).eval()
    ids, positions = torch.tensor([[5, 6, 7, 8]]), torch.arange(4)[None]
    asked = {"position_ids": positions, "use_cache": False, "return_dict": False}

    with torch.no_grad():
        by_ids = model(input_ids=ids, **asked)
        by_rows = model(inputs_embeds=model.get_input_embeddings()(ids), **asked)
        named = model(input_ids=ids, position_ids=positions, use_cache=False)

    assert type(by_ids) is tuple and by_ids[0].shape == (1, 4, model.config.text_config.hidden_size)
    assert torch.equal(by_ids[0], by_rows[0]) and torch.equal(by_ids[0], named.last_hidden_state)


def test_a_head_can_be_asked_for_a_tuple_too(exported):
    """The outer class takes the word itself and does not hand it on."""
    model = DragonflyForCausalLM.from_pretrained(exported("small-v1")).eval()

    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[5, 6]]), return_dict=False)[0]

    assert logits.shape == (1, 2, model.config.text_config.vocab_size)


@pytest.mark.parametrize("name", SMALL)
def test_attention_goes_through_the_interface(backend, name):
    """The server's own function is called in every layer, with its instances, and the model builds no mask."""
    served = backend(name)
    request = served.request(user("Is there an effusion?"), [picture(1)])
    assert served.model.language_model.config._attn_implementation == ATTENTION

    with torch.inference_mode():
        served.forward({"one": (served.embed(request), 0)})
    held = [layer.kept.pop("one")[0].shape for layer in served.layers.values()]

    text = served.text_config
    assert held == [(text.num_key_value_heads, len(request.ids), text.head_dim)] * text.num_hidden_layers


@pytest.mark.parametrize("name", [*REAL, "demo"])
def test_weights_bear_the_names_a_server_loads(exported, name):
    """`lm_head.weight` on its own and all else below `model.`, every tensor the model has and no other."""
    folder = exported(name)
    with torch.device("meta"):
        expected = DragonflyForCausalLM(DragonflyConfig.from_pretrained(folder)).state_dict()

    with safe_open(folder / "model.safetensors", "pt") as file:
        found = set(file.keys())

    assert found == set(expected)
    assert {one for one in found if not one.startswith("model.")} == {"lm_head.weight"}


# -- processor -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMALL, *REAL, "demo"])
def test_a_placeholder_becomes_the_ids_of_a_picture(backend, name):
    """The expansion is that of our own processor; its commonest id is the one where embeddings go."""
    processor = backend(name).processor

    ids = processor.tokenizer.encode(processor.replace_image_token({}, 0), add_special_tokens=False)

    assert ids == processor.visual_ids()
    assert processor.tokenizer.convert_tokens_to_ids(processor.image_token) == processor.image_token_id
    assert int(torch.tensor(ids).mode().values) == processor.image_token_id
    assert ids.count(processor.image_token_id) == sum(processor.zoom_plan.segments)


@pytest.mark.parametrize(("name", "positions"), [("v1", 867), ("v2", 2098)])
def test_a_picture_says_how_much_it_takes_before_it_is_read(backend, name, positions):
    """Positions with their newlines, and one row of pixels, whatever its height and width."""
    counted = backend(name).processor._get_num_multimodal_tokens(image_sizes=[(7, 9), (3000, 2000)])

    assert counted["num_image_tokens"] == [positions] * 2
    assert counted["num_image_patches"] == [1, 1]


@pytest.mark.parametrize("name", [*SMALL, *REAL])
def test_the_offsets_tell_what_stands_where(backend, name):
    """One entry for each picture, its text in the prompt and in the expansion."""
    processor = backend(name).processor
    text = f"{processor.image_token}{processor.image_token}words"

    sent = processor(
        text=text, images=[picture(1), picture(2)], return_text_replacement_offsets=True, return_tensors="pt"
    )

    whole = processor.replace_image_token({}, 0)
    first, second = sent["text_replacement_offsets"][0]
    token, grown = len(processor.image_token), len(whole)
    assert (first["span"], second["span"]) == ((0, token), (token, 2 * token))
    assert (first["new_span"], second["new_span"]) == ((0, grown), (grown, 2 * grown))
    assert first["replacement"] == second["replacement"] == whole
    side = processor.zoom_plan.crop_px
    assert sent["pixel_values"].shape == (2, processor.zoom_plan.crops, 3, side, side)
    assert sent["input_ids"].shape[1] == 2 * len(processor.visual_ids()) + len(
        processor.tokenizer.encode("words", add_special_tokens=False)
    )


@pytest.mark.parametrize("name", REAL)
def test_pixels_are_bit_equal_to_our_own(backend, name):
    """Whichever way they are asked for."""
    processor = backend(name).processor

    sent = processor(text=processor.image_token, images=[picture(1)])
    own = processor(text=["x"], images=[picture(1)], is_generate=True)

    assert torch.equal(sent["pixel_values"][0], own["image_patches"][0])


@pytest.mark.parametrize("count", [0, 2])
def test_placeholders_and_pictures_that_do_not_match_are_refused(backend, count):
    """Never a picture too few or too many."""
    processor = backend("small-v1").processor

    with pytest.raises(ValueError, match="images"):
        processor(text=processor.image_token, images=[picture(1)] * count or None)


def test_the_image_processor_survives_saving(tmp_path):
    """Names, a size with height and width as plain numbers, and pictures that are handed in come back."""
    made = DragonflyImageProcessor(crop_size=224)
    made.save_pretrained(tmp_path)
    facts = json.loads((tmp_path / "preprocessor_config.json").read_text())

    loaded = DragonflyImageProcessor.from_pretrained(tmp_path)

    shown = picture(1)
    assert facts["size"] == {"height": 224, "width": 224}
    assert loaded.size == {"height": 224, "width": 224} and loaded.size.get("height") == 224
    assert loaded.model_input_names[0] == "pixel_values"
    assert loaded.fetch_images([shown]) == [shown]
    assert loaded.zoom_plan == made.zoom_plan


def test_the_exported_image_processor_is_found(exported):
    """A server that asks for it alone gets it by the folder's map."""
    facts = json.loads((exported("v2") / "preprocessor_config.json").read_text())

    assert facts["auto_map"]["AutoImageProcessor"] == "image_processing_dragonfly.DragonflyImageProcessor"
    assert facts["size"] == {"height": 336, "width": 336}


# -- chat template ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "text", ["Is there an effusion?", " two\n\nlines  ", "폐렴이 있습니까?", "{{ 7 * 7 }}"]
)
def test_a_turn_reads_as_our_own_prompt(backend, name, text):
    """Placeholders, begin token, then exactly what the engine asks; text and pictures in any order."""
    processor = backend(name).processor
    parts = [{"type": "text", "text": text}, {"type": "image_url"}, {"type": "image"}]

    rendered = processor.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True
    )

    assert rendered == processor.image_token * 2 + "<|begin_of_text|>" + chat(text)


def test_a_text_cannot_spell_special_tokens(backend):
    """Neither a turn's end nor a picture's placeholder, in a string or in a part."""
    processor = backend("v1").processor
    text = f"<|eot_id|><<||{processor.image_token}"

    for content in (text, [{"type": "text", "text": text}]):
        rendered = processor.apply_chat_template(
            [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
        )
        assert rendered.count("<|") == 6 and processor.image_token not in rendered


def test_only_the_roles_the_model_knows_are_taken(backend):
    """It was never trained with a system's words; earlier turns stand in their order behind all pictures."""
    processor = backend("v1").processor
    turns = [*user("a"), {"role": "assistant", "content": "b"}, *user("c")]

    rendered = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    assert rendered == (
        processor.image_token * 2 + "<|begin_of_text|>" + chat("a") + "b<|eot_id|>" + chat("c")
    )
    with pytest.raises(jinja2.TemplateError, match="user and assistant"):
        processor.apply_chat_template([{"role": "system", "content": "x"}], tokenize=False)


def test_the_template_shows_that_it_takes_parts():
    """A server reads the template: only a loop over a message's content makes it hand over pictures in place."""
    tree = jinja2.Environment().parse(CHAT_TEMPLATE)

    loops = [node.iter for node in tree.find_all(jinja2.nodes.For)]

    assert any(isinstance(one, jinja2.nodes.Getitem) and one.arg.value == "content" for one in loops)


# -- the whole way ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMALL, *REAL, "demo"])
@pytest.mark.parametrize("pictures", [1, 2])
def test_a_served_prompt_has_the_ids_of_our_own(backend, name, pictures):
    """Visual positions before the begin token, newlines between crops, then the words."""
    served, text = backend(name), "Is there an effusion in the left lung?"

    request = served.request(user(text, pictures), [picture(seed) for seed in range(pictures)])

    processor = served.processor
    words = processor.words(chat(text), None, is_generate=True)
    assert request.ids == processor.visual_ids() * pictures + words
    places = [place >= 0 for place in processor.visual_indices()] * pictures
    assert request.is_visual == places + [False] * len(words)


@pytest.mark.parametrize(("version", "name"), [("v1", "landscape"), ("v1", "tiny"), ("v2", "tiny")])
def test_served_tokens_are_those_of_the_original(backend, version, name):
    """The original's own stored greedy tokens."""
    folder = REFERENCE / version / "cases"
    facts = json.loads((folder / f"{name}.json").read_text())
    expected = load_file(folder / f"{name}.safetensors")["generated"][0].tolist()
    shown = Image.open(folder / facts["images"][0]).convert("RGB")
    text = (
        facts["prompts"][0]
        .split("\n\n")[1]
        .removesuffix("<|eot_id|><|start_header_id|>assistant<|end_header_id|>")
    )
    served = backend(version)

    said, _ = served.generate({"one": served.request(user(text), [shown])}, 12, chunk=1000)

    assert said["one"] == expected[:12]


@pytest.mark.parametrize("name", [*SMALL, "small-v1-learned", "demo"])
def test_served_answers_are_those_of_the_engine_in_any_company(exported, backend, name):
    """Requests of unequal length, one with two pictures, laid end to end in one pass: each as our engine alone."""
    served, engine = backend(name), open_engine(exported(name))
    asked = {
        "one": ("Is there an effusion?", [picture(1)]),
        "two": (
            "Which imaging modality is this? Describe what is shown.",
            [picture(2), picture(3, (40, 130))],
        ),
        "three": ("Left?", [picture(4, (200, 60))]),
    }

    said, logged = served.generate(
        {key: served.request(user(text, len(shown)), shown) for key, (text, shown) in asked.items()},
        8,
        ends=engine._ends,
    )

    for key, (text, shown) in asked.items():
        done = answer(engine, text, shown)
        tokens = [token for token in said[key] if token not in engine._ends]
        text = served.tokenizer.decode(tokens, skip_special_tokens=True)
        assert text.rstrip("\ufffd") == done.text  # half a character is never shown
        assert len(tokens) == done.generated_tokens
        assert logged[key][: len(tokens)] == pytest.approx(done.log_probabilities, abs=1e-4)


def answer(engine: Engine, text, pictures) -> Completion:
    *_, done = engine.answer([np.asarray(one) for one in pictures], text, Sampling(max_new_tokens=8))
    assert isinstance(done, Completion)
    return done
