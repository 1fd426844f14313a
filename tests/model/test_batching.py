"""Many answers at once are each the answer that would be given alone."""

import random
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch

from model.answers import Completion, Delta, Sampling
from model.engine import Engine
from model.errors import NotEnoughMemory
from model.looking import Picture
from model.scripted import CARD
from tests.model.small import Bench, done, questions, slowly, small_model, text_of


@pytest.fixture(scope="module")
def bench():
    return Bench(*small_model())


@pytest.fixture(scope="module")
def asked_alone(bench):
    made = questions(bench)
    return made, [bench.alone(*one) for one in made]


class Faults:
    """Memory that runs out now and then, wherever the arithmetic is."""

    def __init__(self, bench, monkeypatch):
        self.chance, self.share, self.raised = random.Random(0), 0.0, 0
        for owner, name in ((bench.decoder, "read"), (bench.decoder, "speak"), (bench.eyes, "encode")):
            monkeypatch.setattr(owner, name, self._faulty(getattr(owner, name)))

    def _faulty(self, work):
        def run(*args):
            if self.chance.random() < self.share:
                self.raised += 1
                raise torch.OutOfMemoryError("no memory")
            return work(*args)

        return run


def play(bench, made, alone, faults, seed):
    """One random schedule of joins, stops, evictions and failures; every answer is checked, and its end told."""
    chance = random.Random(seed)
    faults.chance, faults.share, faults.raised = chance, chance.choice((0.0, 0.0, 0.05)), 0
    room = chance.choice((10**9, 10**9, 200_000))
    batch = bench.batch(readers=chance.randint(1, 4), room_bytes=room)
    running, stopped, most = [], set(), chance.randint(1, 8)
    while most or batch.busy:
        act = chance.random()
        if most and act < 0.35:
            most -= 1
            number, place = chance.randrange(len(made)), len(running)
            pictures, words, sampling = made[number]
            asked, said = bench.ask(
                pictures, words, sampling, urgent=chance.random() < 0.3, stop=lambda p=place: p in stopped
            )
            running.append((number, said))
            batch.submit(asked)
        elif act < 0.42 and running:
            stopped.add(chance.randrange(len(running)))
        elif act < 0.47:
            batch.shelf.give_up(lambda _: False) if chance.random() < 0.5 else batch.shelf.clear()
        else:
            batch.step()
    for place, (number, said) in enumerate(running):
        yield check(said, alone[number], place in stopped, faults.raised)


def check(said, alone, was_stopped, raised):
    finals = [one for one in said if not isinstance(one, Delta)]
    assert finals == said[-1:]
    if isinstance(said[-1], NotEnoughMemory):
        assert raised >= 2
        return "memory"
    mine, expected = done(said), done(alone)
    assert text_of(said) == mine.text
    if mine.stop_reason == "stopped":
        assert was_stopped
        assert expected.text.startswith(mine.text)
        count = mine.generated_tokens
        assert mine.log_probabilities == pytest.approx(expected.log_probabilities[:count], abs=1e-9)
        return "stopped"
    assert (mine.text, mine.stop_reason, mine.boxes) == (expected.text, expected.stop_reason, expected.boxes)
    assert mine.log_probabilities == pytest.approx(expected.log_probabilities, abs=1e-9)
    return mine.stop_reason


def play_all(bench, asked_alone, faults, count):
    """Many schedules; every way to end was met, or they prove nothing."""
    ends = Counter(end for seed in range(count) for end in play(bench, *asked_alone, faults, seed))
    assert set(ends) >= {"length", "stop_string", "stopped", "memory"}, ends


def test_random_schedules_change_no_answer(bench, asked_alone, monkeypatch):
    """Joins, stops, evictions, too little room, memory that runs out: each answer is the one given alone."""
    faults = Faults(bench, monkeypatch)

    play_all(bench, asked_alone, faults, 1_000)


@pytest.mark.slow
def test_ten_thousand_random_schedules_change_no_answer(bench, asked_alone, monkeypatch):
    """The same, as often as it takes to meet what is rare."""
    faults = Faults(bench, monkeypatch)

    play_all(bench, asked_alone, faults, 10_000)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_engine_says_what_the_library_generates(version):
    """Greedy, against transformers' generate over the same weights, one picture after the other and all at once."""
    model, processor = small_model(version)
    asks = [("Is the heart enlarged?", 1), ("Left or right?", 2), ("x", 1)]
    pixels = {n: np.random.default_rng(n).integers(0, 256, (44, 60, 3), dtype=np.uint8) for n in (1, 2)}
    expected = []
    for words, number in asks:
        batch = processor(text=[words], images=[pixels[number]], is_generate=True)
        ids = model.generate(
            **batch, max_new_tokens=8, do_sample=False, pad_token_id=0, eos_token_id=processor.end_id
        )
        text = processor.decode(ids[0, batch["input_ids"].shape[1] :], skip_special_tokens=True)
        expected.append(text)

    bench = Bench(model, processor)
    together = bench.batch()
    running = []
    for words, number in asks:
        asked, said = bench.ask((Picture(pixels[number], processor, b""),), words, Sampling(max_new_tokens=8))
        together.submit(asked)
        running.append(said)
    while together.busy:
        together.step()

    assert [done(said).text for said in running] == [one.rstrip("\ufffd") for one in expected]


SHAPES = {
    "one pixel": (1, 1),
    "a row of pixels": (500, 1),
    "a column of pixels": (1, 500),
    "6 x 4": (192, 128),
    "4 x 6": (128, 192),
    "8 x 3": (256, 96),
    "3 x 8": (96, 256),
    "12 x 2": (390, 66),
    "2 x 12": (62, 380),
}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_pictures_of_every_grid_are_answered_as_the_library_answers(version):
    """Every grid, one pixel, and several pictures in one request; prompts of one to forty words, all in one batch.

    Alone, all at once, backwards over the same shelf, and over a shelf that was emptied in the middle: each time
    token by token what the library's whole forward pass gives.
    """
    bench = Bench(*small_model(version, max_position_embeddings=1200), readers=12, room_bytes=10**8)
    chance = np.random.default_rng(4)
    arrays = {
        name: chance.integers(0, 256, (high, wide, 3), dtype=np.uint8)
        for name, (wide, high) in SHAPES.items()
    }
    shown = {name: Picture(one, bench.processor, b"") for name, one in arrays.items()}
    assert {one.plan.middle for one in shown.values()} == set(bench.processor.zoom_plan.middle_grids)
    if version == "v1":
        assert {one.plan.high for one in shown.values()} == set(bench.processor.zoom_plan.high_grids)
    asks = [((name,), "heart " * (1 + 5 * number)) for number, name in enumerate(SHAPES)]
    asks += [(("12 x 2", "one pixel"), "Which?"), (("one pixel", "12 x 2", "3 x 8"), "And now?")]
    asks += [(("one pixel", "12 x 2"), "Which?"), (("12 x 2",), "Which?")]
    expected = [
        slowly(bench.model, bench.processor, [arrays[one] for one in names], words, 5)
        for names, words in asks
    ]

    def answers(batch, numbers, upset=0):
        running = {}
        for number in numbers:
            names, words = asks[number]
            asked, _ = bench.ask([shown[one] for one in names], words, Sampling(max_new_tokens=5))
            batch.submit(asked)
            running[number] = asked
        steps = 0
        while batch.busy:
            batch.step()
            steps += 1
            if steps == upset:
                batch.shelf.clear()
        return [running[number].speech.ids for number in range(len(asks)) if number in running]

    every, shared = range(len(asks)), bench.batch()
    assert [answers(bench.batch(), [number])[0] for number in every] == expected
    assert answers(shared, every) == expected
    assert answers(shared, reversed(every)) == expected
    assert answers(bench.batch(), every, upset=9) == expected
    assert len({tuple(one) for one in expected}) > len(asks) // 2


def test_any_order_of_arrival_gives_the_same_answers(bench):
    """All 24 orders of four questions, two of them about one picture, each arriving some steps after the last."""
    asks = [
        (bench.pictures[:1], "Is the heart enlarged?", Sampling(max_new_tokens=5)),
        (bench.pictures[:1], "Where?", Sampling(max_new_tokens=7, temperature=1.3, seed=2)),
        (bench.pictures[:2], "Both? " * 12, Sampling(max_new_tokens=4)),
        (bench.pictures[2:], "x", Sampling(max_new_tokens=6, temperature=0.7, top_p=0.9, seed=5)),
    ]
    expected = [done(bench.alone(*one)) for one in asks]

    for place, order in enumerate(permutations(range(4))):
        batch, heard = bench.batch(readers=2 + place % 3), {}
        for number in order:
            asked, heard[number] = bench.ask(*asks[number])
            batch.submit(asked)
            for _ in range(place % 4):
                batch.step()
        while batch.busy:
            batch.step()
        for number, alone in enumerate(expected):
            mine = done(heard[number])
            assert (mine.text, mine.stop_reason, mine.boxes) == (alone.text, alone.stop_reason, alone.boxes)
            assert mine.log_probabilities == pytest.approx(alone.log_probabilities, abs=1e-9)


def test_a_second_question_reads_no_picture_again(bench, monkeypatch):
    """What the picture left behind is shared: the tower is not asked, and only the words are read."""
    alone = done(bench.alone(bench.pictures[:1], "Which side?")).text
    batch = bench.batch()
    first, _ = bench.ask(bench.pictures[:1], "Is the heart enlarged?")
    batch.submit(first)
    while batch.busy:
        batch.step()
    read = []
    work = bench.decoder.read
    monkeypatch.setattr(bench.eyes, "encode", lambda _: pytest.fail("the tower was asked again"))
    monkeypatch.setattr(bench.decoder, "read", lambda *args: read.append(len(args[0])) or work(*args))

    second, said = bench.ask(bench.pictures[:1], "Which side?")
    batch.submit(second)
    while batch.busy:
        batch.step()

    assert sum(read) == len(second.words)
    assert done(said).text == alone


@pytest.mark.parametrize(
    "other",
    ["one pixel", "turned", "another weight"],
)
def test_nothing_but_the_same_picture_shares_what_was_read(bench, other):
    """One gray level in one pixel, the same bytes in another shape, or other weights: another key."""
    pixels = np.random.default_rng(9).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    changed, recipe = pixels.copy(), b"small"
    if other == "one pixel":
        changed[20, 30, 1] ^= 1
    elif other == "turned":
        changed = changed.reshape(60, 40, 3)
    else:
        recipe = b"small "

    first = Picture(pixels, bench.processor, b"small")
    second = Picture(changed, bench.processor, recipe)

    assert first.digest == Picture(pixels.copy(), bench.processor, b"small").digest
    assert first.digest != second.digest
    assert not bench.batch().knows((second,))


def test_an_answer_never_comes_from_another_picture(bench):
    """Pictures alike but for one corner, asked about in turn on one shelf, each answered as on a shelf of its own."""
    pixels = np.random.default_rng(3).integers(0, 256, (44, 60, 3), dtype=np.uint8)
    alike = []
    for corner in range(4):
        changed = pixels.copy()
        changed[:22, :30] = 60 * corner
        alike.append(Picture(changed, bench.processor, b"small"))
    expected = [bench.alone((one,), "What is seen?") for one in alike]
    batch, running = bench.batch(readers=4), []
    for one in (*alike, *reversed(alike)):
        asked, said = bench.ask((one,), "What is seen?")
        batch.submit(asked)
        running.append(said)
    while batch.busy:
        batch.step()

    logged = [done(said).log_probabilities for said in running]
    for mine, one in zip(logged, [*expected, *reversed(expected)], strict=True):
        assert mine == pytest.approx(done(one).log_probabilities, abs=1e-9)
    assert len({values[0] for values in (done(one).log_probabilities for one in expected)}) == 4


def test_urgent_questions_begin_first(bench):
    """Whoever is urgent overtakes those who wait, and nobody who speaks."""
    batch, order = bench.batch(readers=1), []
    for name, urgent in (("a", False), ("b", False), ("c", True)):
        asked, _ = bench.ask(bench.pictures[:1], name, urgent=urgent)
        asked.tell = lambda piece, name=name: order.append(name) if isinstance(piece, Completion) else None
        batch.submit(asked)
    while batch.busy:
        batch.step()

    assert order == ["c", "a", "b"]


def test_a_stream_of_urgent_questions_starves_nobody(bench):
    """An urgent one arrives whenever one ends, for ever: after four of them one that waited begins."""
    batch, order, most = bench.batch(readers=1), [], 40

    def submit(name, urgent):
        asked, _ = bench.ask(bench.pictures[:1], "x", Sampling(max_new_tokens=1), urgent=urgent)

        def tell(piece):
            if isinstance(piece, Completion):
                order.append(name)
                if urgent and len(order) < most:
                    submit("urgent", True)

        asked.tell = tell
        batch.submit(asked)

    for name in ("a", "b", "c"):
        submit(name, False)
    submit("urgent", True)
    while len(order) < most:
        batch.step()

    assert [place for place, name in enumerate(order) if name != "urgent"] == [4, 9, 14]
    assert [name for name in order if name != "urgent"] == ["a", "b", "c"]


def test_reading_much_never_keeps_those_who_speak_from_their_next_token(bench, monkeypatch):
    """While a long question about two new pictures is read, each step reads a bounded piece and one token is said."""
    batch = bench.batch(tokens_at_once=16, patches_at_once=10)
    first, _ = bench.ask(bench.pictures[:1], "Say more.", Sampling(max_new_tokens=60))
    batch.submit(first)
    while first not in batch.speaking:
        batch.step()
    pieces = []
    work, look = bench.decoder.read, bench.eyes.encode
    monkeypatch.setattr(
        bench.decoder, "read", lambda rows, *rest: pieces.append(len(rows)) or work(rows, *rest)
    )
    monkeypatch.setattr(batch.eyes, "encode", lambda crops: pieces.append(5 * len(crops)) or look(crops))
    batch.eyes.tokens_at_once, batch.eyes.crops_at_once = 16, 2
    long, _ = bench.ask(bench.pictures[1:], "heart " * 60, Sampling(max_new_tokens=2))
    batch.submit(long)
    steps = 0
    while long not in batch.speaking and first.speech.reason is None:
        before, told = len(first.speech.ids), len(pieces)
        batch.step()
        steps += 1
        assert len(first.speech.ids) == before + 1 or first.speech.reason
        assert sum(pieces[told:]) <= 16
    bench.eyes.tokens_at_once, bench.eyes.crops_at_once = 40, 8

    assert steps > 20 and max(pieces) <= 16


def test_rows_grown_for_many_do_not_crowd_out_one_who_comes_later(bench):
    """Three long answers had grown rows that were kept while one more waited: it joined beyond the room."""
    room = 200_000
    batch, running = bench.batch(room_bytes=room, readers=3), []
    asks = [(bench.pictures[:1], "lung " * 5, Sampling(max_new_tokens=50))] * 3
    asks += [(bench.pictures[1:], "x", Sampling(max_new_tokens=4))]
    for one in asks:
        asked, said = bench.ask(*one)
        batch.submit(asked)
        running.append(said)
    most, rows = 0, 0
    while batch.busy:
        batch.step()
        most, rows = max(most, batch.nbytes), max(rows, len(batch.speaking))

    assert [done(said).text for said in running] == [done(bench.alone(*one)).text for one in asks]
    assert rows > 1 and most <= room


def test_what_can_never_fit_is_refused_with_the_figures(bench):
    """Before anything is read, and without disturbing anybody."""
    batch = bench.batch(room_bytes=10_000)
    asked, said = bench.ask(bench.pictures[:1], "x")

    with pytest.raises(NotEnoughMemory) as caught:
        batch.submit(asked)

    assert caught.value.facts["needed_bytes"] > caught.value.facts["room_bytes"] == 10_000
    assert not batch.busy and said == []


def test_memory_stays_within_its_room(bench, asked_alone):
    """However many ask: those who do not fit wait, and what nobody uses is given up."""
    made, _ = asked_alone
    room = 200_000
    batch = bench.batch(room_bytes=room, readers=4)
    for one in made:
        batch.submit(bench.ask(*one)[0])
    most = 0
    while batch.busy:
        batch.step()
        most = max(most, batch.nbytes)

    assert room / 2 < most <= room


def test_memory_that_runs_out_fails_one_answer_and_not_the_others(bench, monkeypatch):
    """The one who came last without urgency goes; the others end as if nothing had been."""
    batch, running = bench.batch(), []
    for words in ("one", "two", "three"):
        asked, said = bench.ask(bench.pictures[:1], words, Sampling(max_new_tokens=9))
        batch.submit(asked)
        running.append((words, said))
    while len(batch.speaking) < 3:
        batch.step()
    work, left = bench.decoder.speak, [2]

    def speak(*args):
        if left[0]:
            left[0] -= 1
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")
        return work(*args)

    monkeypatch.setattr(bench.decoder, "speak", speak)
    while batch.busy:
        batch.step()

    assert left == [0] and isinstance(running[2][1][-1], NotEnoughMemory)
    for words, said in running[:2]:
        assert (
            done(said).text == done(bench.alone(bench.pictures[:1], words, Sampling(max_new_tokens=9))).text
        )


def test_a_stop_string_is_never_shown_and_what_could_begin_one_waits(bench):
    """The answer ends before it; text that only looked like its beginning is shown after all."""
    whole = done(bench.alone(bench.pictures[:1], "Say more.", Sampling(max_new_tokens=40))).text
    stop = whole[12:15]
    said = bench.alone(
        bench.pictures[:1], "Say more.", Sampling(max_new_tokens=40, stop=(stop, whole[4:7] + "\x00"))
    )

    assert done(said).stop_reason == "stop_string"
    assert text_of(said) == whole[: whole.index(stop)]


def test_what_nobody_asks_about_is_forgotten(bench):
    """Features and keys are a patient's: they go when their time is over."""
    from model.batching import Batch
    from model.shelf import Shelf

    now = [0.0]
    batch = Batch(bench.decoder, bench.eyes, bench.limits, Shelf(60.0, lambda: now[0]))
    asked, _ = bench.ask(bench.pictures[:1], "x")
    batch.submit(asked)
    while batch.busy:
        batch.step()
    kept = batch.nbytes

    now[0] = 61.0
    batch.shelf.sweep()

    assert kept > 0 and batch.nbytes == 0


def test_nobody_waits_for_ever_when_something_unforeseen_breaks(bench, monkeypatch):
    """Everyone in the batch is told, and the next question is answered as if nothing had been."""
    model, processor = bench.model, bench.processor
    engine = Engine(model, processor, CARD, limits=bench.limits)
    pixels = np.random.default_rng(1).integers(0, 256, (44, 60, 3), dtype=np.uint8)
    work, broken = engine._batch._hear, [True]

    def hear():
        if broken.pop() if broken else False:
            raise RuntimeError("unforeseen")
        work()

    monkeypatch.setattr(engine._batch, "_hear", hear)
    with pytest.raises(RuntimeError, match="unforeseen"):
        list(engine.answer([pixels], "x", Sampling(max_new_tokens=3)))

    *_, last = engine.answer([pixels], "x", Sampling(max_new_tokens=3))
    engine.close()
    *_, again = engine.answer([pixels], "x", Sampling(max_new_tokens=3))
    engine.close()

    assert isinstance(last, Completion) and again.text == last.text
