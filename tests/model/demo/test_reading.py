"""Several questions at once are the same as one at a time, and right is what greedy generation would say."""

import pytest
import torch

from model.answers import Sampling
from model.demo import DEMO_MODEL
from model.demo.evaluate import HELD_OUT_FIRST_SEED, measured
from model.demo.phantoms import draw_phantom, kind_of
from model.demo.reading import embed, read
from model.demo.shape import new_config, new_processor
from model.demo.texts import Pair
from model.demo.tower import pooled, states_of
from model.engine import open_engine
from model.loading import load_model
from model.modeling_dragonfly import DragonflyForCausalLM
from model.processing_dragonfly import TURN_END, chat


@pytest.fixture(scope="module")
def parts():
    """An untrained model of the shipped shape, its processor, and the visual embeddings of two pictures."""
    torch.manual_seed(3)
    processor = new_processor()
    model = DragonflyForCausalLM(new_config(processor.tokenizer)).float().eval()
    features = torch.randn(2, sum(processor.zoom_plan.segments), 128)
    with torch.no_grad():
        return model, processor, embed(model, processor, features)


def test_questions_of_one_picture_are_as_if_asked_alone(parts):
    """No question sees another or its answer; the shared loss is the mean over all answer tokens."""
    model, processor, visual = parts
    pairs = [Pair("a", "Is there a cyst?", "No."), Pair("b", "How many glands are there?", "Two glands.")]
    lengths = [len(processor.tokenizer.encode(f"{one.answer}{TURN_END}")) for one in pairs]

    with torch.no_grad():
        together = read(model, processor, visual[:1], [pairs]).loss()
        alone = [read(model, processor, visual[:1], [[one]]).loss() for one in pairs]

    expected = sum(loss * n for loss, n in zip(alone, lengths, strict=True)) / sum(lengths)
    assert together.item() == pytest.approx(expected.item(), rel=1e-5)


def test_it_is_the_model_itself(parts):
    """The same loss as one plain pass over picture, turn and answer in a single sequence."""
    model, processor, visual = parts
    pair = Pair("a", "How many liver cysts are there?", "Three liver cysts.")
    turn = [processor.begin_id, *processor.tokenizer.encode(chat(pair.turn))]
    ids = torch.tensor([turn + processor.tokenizer.encode(pair.answer + TURN_END)])

    with torch.no_grad():
        found = read(model, processor, visual[1:], [[pair]]).loss()
        words = model.get_input_embeddings()(ids)
        states = model.model.language_model(inputs_embeds=torch.cat([visual[1:], words], 1)).last_hidden_state
        scores = model.lm_head(states[0, visual.shape[1] + len(turn) - 1 : -1])

    expected = torch.nn.functional.cross_entropy(scores, ids[0, len(turn) :])
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_batch_is_as_if_each_picture_stood_alone(parts):
    """Fillers behind the shorter question are seen by nobody."""
    model, processor, visual = parts
    asked = [[Pair("a", "Cyst?", "No.")], [Pair("a", "How many cysts?", "No.")]]

    with torch.no_grad():
        batch = read(model, processor, visual, asked).loss()
        single = [read(model, processor, visual[i : i + 1], asked[i : i + 1]).loss() for i in range(2)]

    assert batch.item() == pytest.approx(((single[0] + single[1]) / 2).item(), rel=1e-5)


def test_right_is_what_greedy_generation_says():
    """For true answers and for false ones, on the shipped weights: the same text, letter by letter, or not."""
    engine = open_engine(DEMO_MODEL)
    model, processor = load_model(DEMO_MODEL, device="cpu", dtype="float32"), new_processor()
    phantoms = [
        draw_phantom(kind_of(seed), seed) for seed in range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 4)
    ]
    asked = [
        [pair for one in measured(phantom) for pair in (one, Pair("x", one.turn, "No."))]
        for phantom in phantoms
    ]

    with torch.no_grad():
        states = [states_of(model, processor.image_processor.crops_of(one.pixels)) for one in phantoms]
        visual = embed(model, processor, pooled(torch.stack(states).half()))
        right = iter(read(model, processor, visual, asked).right())
    said = [
        (said_by(engine, phantom, pair.turn) == pair.answer, next(right))
        for phantom, pairs in zip(phantoms, asked, strict=True)
        for pair in pairs
    ]

    assert [forced for _, forced in said] == [generated for generated, _ in said]
    assert {forced for _, forced in said} == {True, False}


def said_by(engine, phantom, turn):
    *_, last = engine.answer([phantom.pixels], turn, Sampling(max_new_tokens=40))
    return last.text
