"""An answer is computed from its own pictures, whoever asks beside it and whatever happens to them meanwhile."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from model.answers import Completion, Sampling
from model.engine import Engine
from model.looking import Picture, digest_of
from model.scripted import CARD
from tests.model.small import Bench, small_model

FEW = Sampling(max_new_tokens=4)


@pytest.fixture(scope="module")
def bench():
    return Bench(*small_model())


def noise(seed, size=(60, 44)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def heard(engine, pictures, words, stop=lambda: False):
    """The last piece of an answer: log-probabilities tell apart what words would not."""
    *_, last = engine.answer(pictures, words, FEW, stop=stop)
    assert isinstance(last, Completion)
    return last.log_probabilities


def engine_of(bench, card=CARD, model=None):
    return Engine(model or bench.model, bench.processor, card, limits=bench.limits, threads=1)


def test_no_two_requests_share_a_key(bench):
    """Every choice and order of up to three of four pictures, and each picture's own key: all different."""
    pictures = [bench.picture(seed) for seed in range(4)]

    keys = [
        digest_of(chosen)
        for count in (1, 2, 3)
        for chosen in [*permutations(pictures, count), *((one,) * count for one in pictures if count > 1)]
    ]
    keys += [one.digest for one in pictures]

    assert len(set(keys)) == len(keys) == 4 + (12 + 4) + (24 + 4) + 4


def test_equal_bytes_in_other_shapes_are_other_pictures(bench):
    """Turned, stretched to a line, or a row shorter."""
    flat = np.zeros((4, 6, 3), np.uint8)
    shapes = (flat, flat.reshape(6, 4, 3), flat.reshape(2, 12, 3), flat.reshape(1, 24, 3), flat[:-1])

    assert len({Picture(one, bench.processor, b"a").digest for one in shapes}) == 5


def test_no_byte_passes_from_pixels_to_recipe(bench):
    """Recipe, size and pixels were joined without bounds: these two, of other sizes and recipes, had one key.

    The larger picture's pixels spell the size and pixels of the smaller; the longer recipe spells what is before.
    """
    large, small = (np.array(size, np.int64).tobytes() for size in ((8, 4), (6, 4)))
    rest = bytes(range(72))
    first = np.frombuffer(b"8 bytes." + small + rest, np.uint8).reshape(4, 8, 3)
    second = np.frombuffer(rest, np.uint8).reshape(4, 6, 3)
    assert b"a" + large + first.tobytes() == (b"a" + large + b"8 bytes.") + small + second.tobytes()

    one = Picture(first, bench.processor, b"a")
    other = Picture(second, bench.processor, b"a" + large + b"8 bytes.")

    assert one.digest != other.digest


@pytest.mark.parametrize("kind", ["array", "strided array", "picture"])
def test_a_picture_is_what_it_was_when_it_was_asked_about(bench, kind):
    """Its owner draws on it while the question waits; a picture of Pillow's was shared with its owner before."""
    wide = noise(1, (120, 44))
    owned = wide[:, ::2] if kind == "strided array" else wide[:, ::2].copy()
    if kind == "picture":
        owned = Image.fromarray(owned)
    kept = Picture(np.array(owned), bench.processor, b"")

    asked = Picture(owned, bench.processor, b"")
    if kind == "picture":
        owned.paste((0, 0, 0), (0, 0, 60, 44))
    else:
        owned[:] = 0

    assert asked.digest == kept.digest
    assert (asked.crops == kept.crops).all()


def test_threads_that_ask_about_pictures_alike_get_each_their_own(bench):
    """Eight threads, pictures that differ in one gray level, changed by their owners and given up in the middle."""
    base = noise(7)
    alike = []
    for place in range(6):
        one = base.copy()
        one[20 + place, 30, 1] ^= 1
        alike.append(one)
    alike += [base.reshape(60, 44, 3), base[:, :-1].copy()]
    requests = [(number,) for number in range(len(alike))] + [(0, 1), (1, 0), (0, 0)]
    expected = {}
    for numbers in requests:
        quiet = engine_of(bench)
        expected[numbers] = heard(quiet, [alike[one] for one in numbers], "What is seen?")
        quiet.close()
    assert len({tuple(round(value, 12) for value in one) for one in expected.values()}) == len(requests)
    engine = engine_of(bench)
    chance, lock = random.Random(1), threading.Lock()

    def ask(numbers):
        mine = [alike[one].copy() for one in numbers]

        def stop():  # runs between steps, on the engine's own thread, from before the first piece is read
            for one in mine:
                one[:] = 255 - one
            with lock:
                what = chance.random()
            if what < 0.05:
                engine._batch.shelf.clear()
            elif what < 0.2:
                engine._batch.shelf.give_up(engine._batch._is_held)
            return False

        return numbers, heard(engine, mine, "What is seen?", stop)

    order = requests * 3
    chance.shuffle(order)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, order))
    engine.close()

    for numbers, mine in answers:
        assert mine == pytest.approx(expected[numbers], abs=1e-9), numbers


def test_other_weights_never_use_what_these_left(bench):
    """Reopened with other weights, even over the very same shelf: another key, and the answer of its own weights."""
    other, processor = small_model(seed=6)
    picture = noise(2)
    fresh = Engine(other, processor, replace(CARD, fingerprint="b"), limits=bench.limits, threads=1)
    expected = heard(fresh, [picture], "x")
    first = engine_of(bench)
    before = heard(first, [picture], "x")
    second = Engine(other, processor, replace(CARD, fingerprint="b"), limits=bench.limits, threads=1)
    second._batch.shelf = first._batch.shelf
    assert second._batch.shelf.values()

    found = heard(second, [picture], "x")

    for engine in (fresh, first, second):
        engine.close()
    assert found == pytest.approx(expected, abs=1e-9)
    assert found != pytest.approx(before, abs=1e-3)
