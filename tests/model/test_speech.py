"""What is said of an answer as it grows, token by token; no model, only the tokenizer."""

from collections import Counter

import pytest
import torch

from model.answers import Sampling
from model.demo import DEMO_MODEL
from model.processing_dragonfly import DragonflyProcessor
from model.speech import Speech


@pytest.fixture(scope="module")
def tokenizer():
    return DragonflyProcessor.from_pretrained(DEMO_MODEL).tokenizer


def said(tokenizer, text, *stop, pieces=None):
    """Speech after these words, a token at a time, and each piece that was shown."""
    pieces = pieces or [text]
    ids = [number for one in pieces for number in tokenizer.encode(one, add_special_tokens=False)]
    speech = Speech(tokenizer, Sampling(max_new_tokens=99, stop=stop), {-1}, 99)
    shown = []
    for number in [*ids, -1]:
        delta = speech.say(number, -0.5)
        if delta is not None and delta.text:
            shown.append(delta.text)
        if speech.reason is not None:
            break
    return speech, shown


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        ("effusion", "There is no "),
        (" is no effusion", "There"),
        ("no effusion.\nThe", "There is "),
        ("on.\nT", "There is no effusi"),
        ("There", ""),
    ],
)
def test_a_stop_string_ends_the_answer_wherever_its_tokens_are_cut(tokenizer, stop, told):
    """Inside a token, over several tokens, at the very beginning: nothing of it is ever shown."""
    text = "There is no effusion.\nThe heart is normal."
    assert len(tokenizer.encode(text, add_special_tokens=False)) > 8

    speech, shown = said(tokenizer, text, stop)

    assert (speech.reason, speech.text, "".join(shown)) == ("stop_string", told, told)


def test_what_only_began_a_stop_string_is_shown(tokenizer):
    """ "effusion." is held back while it could become "effusion?", and told when it did not."""
    speech, shown = said(tokenizer, "No effusion. Clear.", "effusion?", "Clear.x")

    assert (speech.reason, speech.text) == ("end", "No effusion. Clear.")
    assert "".join(shown) == speech.text


def test_the_first_stop_string_of_the_text_ends_it_not_the_first_of_the_list(tokenizer):
    """One token can hold two of them; the one named first stood behind, and the other was shown to the reader."""
    token = next(
        number
        for number in range(len(tokenizer))
        if len(tokenizer.decode([number])) > 3 and tokenizer.decode([number]).strip().isalpha()
    )
    word = tokenizer.decode([token])
    early, late = word[1], word[-1]
    assert early != late and late not in word[:-1]
    speech = Speech(tokenizer, Sampling(stop=(late, early)), {-1}, 99)

    speech.say(token, -0.5)

    assert (speech.reason, speech.text) == ("stop_string", word[: word.index(early)])


def test_half_a_character_waits_for_its_other_bytes(tokenizer):
    """Hangul is several bytes; the demonstration's tokenizer knows each byte and few syllables."""
    speech, shown = said(tokenizer, "심장은 정상.")

    assert speech.text == "심장은 정상."
    assert not any("\ufffd" in piece for piece in shown)


def test_draws_follow_the_scores():
    """Ten thousand draws at temperature 2: each share within four standard errors of the softmax."""
    scores = torch.tensor([2.0, 0.0, 1.0, -3.0], dtype=torch.float64)
    speech = Speech(None, Sampling(temperature=2.0, seed=3), set(), 9)

    counts = Counter(speech.choose(scores, 0) for _ in range(10_000))

    for token, share in enumerate(torch.softmax(scores / 2, -1).tolist()):
        assert counts[token] / 10_000 == pytest.approx(share, abs=4 * (share * (1 - share) / 10_000) ** 0.5)


def test_only_the_nucleus_is_drawn_from():
    """By hand: 0.5, 0.3, 0.15, 0.05; 0.75 is reached with the second, so the others are never drawn."""
    scores = torch.tensor([0.15, 0.5, 0.05, 0.3]).log()
    speech = Speech(None, Sampling(temperature=1.0, top_p=0.75, seed=1), set(), 9)

    counts = Counter(speech.choose(scores, 1) for _ in range(2_000))

    assert counts.keys() == {1, 3}
    assert counts[1] / 2_000 == pytest.approx(0.5 / 0.8, abs=0.05)


@pytest.mark.parametrize("top_p", [1.0, 0.9])
def test_rounding_that_reorders_two_scores_does_not_change_the_draw(top_p):
    """In company the last digit differs; a draw by rank gave half of these answers another token."""
    torch.manual_seed(0)
    scores = torch.zeros(400) + 1e-7 * torch.randn(400)
    near = scores + 1e-7 * torch.randn(400)
    assert scores.argsort().tolist() != near.argsort().tolist()
    drawn = [
        [
            Speech(None, Sampling(temperature=1.0, top_p=top_p, seed=s), set(), 9).choose(one, 0)
            for s in range(200)
        ]
        for one in (scores, near)
    ]

    differing = sum(one != other for one, other in zip(*drawn, strict=True))

    # At the edge of a nucleus among equals it is the last digit that decides who is in: nothing can help there.
    assert differing <= (0 if top_p == 1.0 else 200 * 0.15)
    assert len(set(drawn[0])) > 100
