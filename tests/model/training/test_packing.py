"""Several questions in one sequence: what is learned, who sees whom, and that nothing changes by it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.errors import PromptTooLong, RecordsUnusable, TrainingUnusable
from model.processing_dragonfly import chat
from model.training.learner import Learner
from model.training.packing import collate, fitting, pack, visible
from model.training.records import Pair, Record

PAIRS = (Pair("Is the heart enlarged?", "no"), Pair("Where is the nodule?", "left upper zone"))


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (30, 20, 3), dtype=np.uint8)


def tokens_of(processor, row):
    """Each position as (token, learned) with the tokenizer's own spelling."""
    names = processor.tokenizer.convert_ids_to_tokens(row.ids)
    return [(name, label != -100) for name, label in zip(names, row.labels, strict=True)]


def test_answers_and_their_closing_tokens_are_learned_and_nothing_else(tiny):
    """Token by token: pictures, begin tokens, headers and questions are read, not learned."""
    _, processor = tiny()
    encode = lambda text: processor.tokenizer.tokenize(text, add_special_tokens=False)  # noqa: E731

    row = pack(processor, 1, PAIRS, "answers")

    expected = [(name, False) for name in processor.tokenizer.convert_ids_to_tokens(processor.visual_ids())]
    for pair in PAIRS:
        expected += [("<|begin_of_text|>", False)]
        expected += [(name, False) for name in encode(chat(pair.question))]
        expected += [(name, True) for name in encode(pair.answer)] + [("<|eot_id|>", True)]
    assert tokens_of(processor, row) == expected
    assert all(label in (-100, number) for number, label in zip(row.ids, row.labels, strict=True))


def test_the_whole_loss_learns_everything_after_each_begin_token(tiny):
    """As the original: the user's turn and the end token too; never the pictures, never the begin token."""
    _, processor = tiny()
    encode = lambda text: processor.tokenizer.tokenize(text, add_special_tokens=False)  # noqa: E731

    row = pack(processor, 1, PAIRS, "whole")

    expected = [(name, False) for name in processor.tokenizer.convert_ids_to_tokens(processor.visual_ids())]
    for pair in PAIRS:
        words = [*encode(chat(pair.question)), *encode(pair.answer), "<|eot_id|>", "<|end_of_text|>"]
        expected += [("<|begin_of_text|>", False), *((name, True) for name in words)]
    assert tokens_of(processor, row) == expected


@pytest.mark.parametrize("loss", ["answers", "whole"])
def test_padding_is_never_learned(tiny, loss):
    """The original copied its labels after padding and learned it; here both losses leave it out."""
    _, processor = tiny()
    rows = [pack(processor, 1, PAIRS[:1], loss), pack(processor, 1, PAIRS, loss)]
    crops = [[processor.image_processor.crops_of(noise(seed))] for seed in (1, 2)]

    batch = collate(processor, rows, crops)

    short = len(rows[0].ids)
    assert batch.ids.shape[1] > short
    assert (batch.labels[0, short:] == -100).all()
    assert batch.learned == sum(label != -100 for row in rows for label in row.labels)


def test_each_question_begins_behind_the_pictures(tiny):
    """Positions restart, and two pictures stand one behind the other."""
    _, processor = tiny()
    visual = processor.zoom_plan.visual_positions

    row = pack(processor, 2, PAIRS, "answers")

    lengths = [row.blocks.count(number) for number in (1, 2)]
    assert row.blocks == [0] * (2 * visual) + [1] * lengths[0] + [2] * lengths[1]
    assert row.positions == [
        *range(2 * visual),
        *range(2 * visual, 2 * visual + lengths[0]),
        *range(2 * visual, 2 * visual + lengths[1]),
    ]


def test_a_question_sees_its_pictures_and_itself(tiny):
    """By hand: two picture positions, two questions of two words, one position of padding."""
    seen = visible(torch.tensor([[0, 0, 1, 1, 2, 2, -1]]))[0].int().tolist()

    assert seen == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 0, 0, 1, 0, 0],
        [1, 1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("loss", ["answers", "whole"])
def test_packed_questions_give_the_loss_and_gradients_of_each_alone(tiny, version, loss):
    """In float64, against the model's own forward on one question at a time, with its own loss."""
    model, processor = tiny(version)
    model = model.double()
    shown = [noise(1), noise(2)]
    asked = [PAIRS, (*PAIRS, Pair("Which side?", "right"))]
    crops = [processor.image_processor.crops_of(one).double() for one in shown]
    batch = collate(processor, [pack(processor, 1, pairs, loss) for pairs in asked], [[one] for one in crops])

    together = Learner(model)(batch)
    together.backward()
    gradients = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    model.zero_grad()
    alone = torch.zeros((), dtype=torch.float64)
    for one, pairs in zip(crops, asked, strict=True):
        for pair in pairs:
            row = pack(processor, 1, [pair], loss)
            places = processor.visual_indices()
            labels = torch.tensor([row.labels])
            logits = model(
                input_ids=torch.tensor([row.ids]),
                image_patches=[one],
                image_patches_indices=torch.tensor([places + [-1] * (len(row.ids) - len(places))]),
            ).logits
            alone = alone + torch.nn.functional.cross_entropy(
                logits[0, :-1], labels[0, 1:], reduction="sum", ignore_index=-100
            )
    alone.backward()

    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
    assert {"model.vision_embed_tokens.weight", "lm_head.weight"} <= gradients.keys()
    for name, one in model.named_parameters():
        if one.grad is not None:
            # Llama's norms work in float32 whatever they are given: their gradients are rounded there.
            # A bias of the keys shifts every score alike: its gradient is zero, and what is left is noise.
            near = max(1e-6 * float(one.grad.abs().max()), 1e-12)
            torch.testing.assert_close(gradients[name], one.grad, rtol=1e-6, atol=near)


def test_several_pictures_stand_in_their_order(tiny):
    """The second picture of a record is not the first: exchanged, the loss is another."""
    model, processor = tiny()
    crops = [processor.image_processor.crops_of(noise(seed)) for seed in (1, 2)]
    row = pack(processor, 2, PAIRS, "answers")
    learner = Learner(model)
    with torch.no_grad():
        straight = learner(collate(processor, [row], [crops]))
        turned = learner(collate(processor, [row], [crops[::-1]]))
        beside = learner(collate(processor, [row, row], [crops, crops[::-1]]))

    assert abs(float(straight - turned)) > 1e-4
    torch.testing.assert_close(beside, straight + turned)


def test_special_tokens_in_a_record_stay_words(tiny):
    """A text of the data cannot end its own turn or put a picture somewhere else."""
    _, processor = tiny()

    row = pack(processor, 1, [Pair("a<|eot_id|>", "b<|reserved_special_token_0|>")], "answers")

    end = processor.tokenizer.convert_tokens_to_ids("<|eot_id|>")
    assert row.ids.count(end) == 2
    assert row.ids.count(processor.image_token_id) == sum(processor.zoom_plan.segments)


def test_more_words_than_fit_become_several_sequences_of_the_same_picture(tiny):
    """No pair is lost, none is cut; one that never fits is refused."""
    _, processor = tiny()
    record = Record((Path("a.png"),), PAIRS * 3, "x", 7)
    lengths = [len(pack(processor, 0, [pair], "answers").ids) for pair in PAIRS]

    fitted = fitting(processor, [record], "answers", words=sum(lengths), room=512)

    assert [one.pairs for one in fitted] == [PAIRS] * 3
    assert {one.line for one in fitted} == {7}
    with pytest.raises(PromptTooLong):
        fitting(processor, [record], "answers", words=max(lengths) - 1, room=512)
    with pytest.raises(RecordsUnusable, match=r"Line 7: .* the model has 110"):
        fitting(processor, [record], "answers", words=200, room=110)


def test_attention_that_takes_no_such_mask_is_refused(tiny):
    """Added to scores, a mask of true and false would hide nothing."""
    model, _ = tiny()
    model.set_attn_implementation("eager")

    with pytest.raises(TrainingUnusable, match="sdpa"):
        Learner(model)
