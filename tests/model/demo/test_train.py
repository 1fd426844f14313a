"""Training: the loss falls, several questions at once are the same as one at a time, the crops' targets fit."""

import numpy as np
import pytest
import torch

from model.answers import Completion, Sampling
from model.demo.phantoms import draw_phantom
from model.demo.texts import Pair
from model.demo.train import answer_loss, new_config, new_processor, patch_targets, train_demo
from model.engine import open_engine
from model.modeling_dragonfly import DragonflyForCausalLM


@pytest.fixture(scope="module")
def parts():
    """An untrained model of the shipped shape, its processor, and features of two pictures that never were."""
    torch.manual_seed(3)
    processor = new_processor()
    model = DragonflyForCausalLM(new_config(processor.tokenizer)).float().eval()
    return model, processor, torch.randn(2, sum(processor.zoom_plan.segments), 128)


def test_questions_in_one_sequence_are_as_if_asked_alone(parts):
    """No question of a picture sees another or its answer; the shared loss is the mean over all answer tokens."""
    model, processor, features = parts
    pairs = [Pair("a", "Is there a cyst?", "No."), Pair("b", "How many glands are there?", "Two glands.")]
    lengths = [len(processor.tokenizer.encode(f"{one.answer}<|eot_id|>")) for one in pairs]

    with torch.no_grad():
        together = answer_loss(model, processor, features[:1], [pairs])
        alone = [answer_loss(model, processor, features[:1], [[one]]) for one in pairs]

    expected = sum(loss * n for loss, n in zip(alone, lengths, strict=True)) / sum(lengths)
    assert together.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_batch_is_as_if_each_picture_stood_alone(parts):
    """Padding of the shorter row is seen by nobody."""
    model, processor, features = parts
    asked = [[Pair("a", "Cyst?", "No.")], [Pair("a", "How many liver cysts are there?", "No.")]]

    with torch.no_grad():
        batch = answer_loss(model, processor, features, asked)
        single = [answer_loss(model, processor, features[i : i + 1], asked[i : i + 1]) for i in range(2)]

    assert batch.item() == pytest.approx(((single[0] + single[1]) / 2).item(), rel=1e-5)


def test_any_unicode_text_survives_the_tokenizer():
    """Korean, hanja, accents and emoji come back as they were."""
    tokenizer = new_processor().tokenizer
    text = "흉수가 있습니까? 胸水 café 🫁"

    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_targets_say_which_share_of_a_patch_is_covered():
    """The low crop's patch (row 2, column 1) is 96 pixels wide: counted from the mask, then its square root."""
    phantom = draw_phantom("ct", 1)

    targets = patch_targets(phantom, new_processor().zoom_plan)

    share = phantom.masks["liver"][192:288, 96:192].mean()
    assert targets.shape == (41, 4, 4, 10)
    assert targets[0, 2, 1, 4].item() == pytest.approx(np.sqrt(share), abs=1e-6)


def test_a_short_training_learns_and_gives_a_checkpoint_that_answers(tmp_path):
    """The whole recipe in little: the loss falls and the engine opens what was written."""
    heard = []

    took = train_demo(
        tmp_path,
        drawings=5,
        tower_steps=4,
        steps=12,
        last_steps=5,
        progress=lambda stage, share: heard.append(stage),
    )
    *_, last = open_engine(tmp_path).answer(
        [draw_phantom("chest", 1).pixels], "Is the heart enlarged?", Sampling(max_new_tokens=3)
    )

    assert took["last_loss"] < took["first_loss"]
    assert {"drawings", "vision tower", "features"} <= set(heard)
    assert isinstance(last, Completion)
    assert last.generated_tokens <= 3
