"""Who gets a process and who waits: what is slow holds up its own reader and no other."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest

from dicom.errors import Busy
from dicom.guard import Limits
from dicom.pool import LOOKED_SECONDS, Pool
from dicom.sandbox import Decoder, Held
from tests.dicom.hostile import GOOD
from tests.samples import dicom_bytes


@pytest.fixture
def pool():
    """Three processes; nothing is asked of them here but to be given out."""
    opened = Pool(3, Limits(wall_seconds=1))
    yield opened
    opened.close()


def taken(pool, *askings):
    """An exit stack that holds a process for each (kind, key)."""
    stack = ExitStack()
    for kind, key in askings:
        stack.enter_context(pool.process(kind, key))
    return stack


def test_who_looks_waits_as_long_as_one_file_may_take_and_is_told(pool):
    """Not for ever behind a row of slow files: after the time of one, that all are busy."""
    with taken(pool, ("looking", "a"), ("looking", "b"), ("arriving", None)):
        began = time.monotonic()
        with pytest.raises(Busy) as refused, pool.process():
            pass
        waited = time.monotonic() - began

    assert 1 <= waited < 10
    assert refused.value.facts == {"seconds": 1}
    with pool.process():
        pass


def test_a_file_that_is_being_decoded_never_takes_the_last_process(pool):
    """Its other frames wait for it; somebody else's file does not."""
    with taken(pool, ("looking", "slow"), ("looking", "slow")):
        with pytest.raises(Busy), pool.process("looking", "slow"):
            pass
        with pool.process("looking", "another"):
            pass


def test_what_arrives_leaves_one_process_to_who_looks(pool):
    """However many uploads there are."""
    with ThreadPoolExecutor(1) as threads:
        with taken(pool, ("arriving", None), ("arriving", None)) as held:
            third = threads.submit(lambda: taken(pool, ("arriving", None)).close())
            with pool.process("looking", "any"):
                assert not third.done()
            time.sleep(0.1)
            assert not third.done()
            held.close()
            third.result(timeout=20)


def test_a_volume_takes_every_process_until_somebody_looks(pool):
    """All three while nobody does; after a look the last one is left for a while."""
    with taken(pool, ("filling", None), ("filling", None), ("filling", None)):
        assert pool.idle == []
    with pool.process("looking"):
        pass
    looked = time.monotonic()
    with taken(pool, ("filling", None), ("filling", None), ("filling", None)):
        assert time.monotonic() - looked >= LOOKED_SECONDS * 0.9


def test_who_looks_goes_before_what_fills(pool):
    """Both wait; the one who came last and looks is served first."""
    order = []

    def use(kind):
        with pool.process(kind):
            order.append(kind)

    with ThreadPoolExecutor(2) as threads:
        with taken(pool, *[("filling", None)] * 2):
            with taken(pool, ("filling", None)):
                filling = threads.submit(use, "filling")
                while len(pool._waiting) < 1:
                    time.sleep(0.01)
                looking = threads.submit(use, "looking")
                while len(pool._waiting) < 2:
                    time.sleep(0.01)
            # One process came back, and only one of the two can have it.
            looking.result(timeout=20)
        filling.result(timeout=20)

    assert order == ["looking", "filling"]


def test_a_closed_pool_lets_nobody_wait():
    """Who waits when the application ends is told, and does not hold it up."""
    pool = Pool(1, Limits(wall_seconds=60))
    with ThreadPoolExecutor(1) as threads:
        with pool.process():
            waiting = threads.submit(lambda: taken(pool, ("arriving", None)).close())
            while not pool._waiting:
                time.sleep(0.01)
            pool.close()
            with pytest.raises(RuntimeError):
                waiting.result(timeout=20)


def film(value, frames=6, side=8):
    """A film whose frame k holds `value` + k everywhere."""
    values = np.repeat(np.arange(frames) + value, side * side).astype(np.int16).reshape(-1, side)
    return dicom_bytes(values, NumberOfFrames=frames, Rows=side)


class Reading:
    """A file that counts how often it was read."""

    def __init__(self, data, name):
        self.data, self.count = data, 0
        self.held = Held(name, self)

    def __call__(self):
        self.count += 1
        return self.data


def test_a_film_is_handed_over_and_parsed_once():
    """Every further frame comes from the process that has it open, whoever else asks in between."""
    films = [Reading(film(100 * n), f"film {n}") for n in range(3)]
    with Decoder(2) as decoder:
        for k in (0, 5, 2, 4, 4):
            for n, one in enumerate(films):
                assert (decoder.frame(one.held, k).values == 100 * n + k).all()

        assert all(one.count <= 2 for one in films)
        assert any("film 2" in process.holds for process in decoder.pool.idle)


def test_no_more_is_kept_than_is_allowed():
    """Room for two films of some 30 kB: the one asked for longest ago is given back, and read anew when asked for."""
    films = [Reading(film(0, frames=4, side=64), f"film {n}") for n in range(3)]
    limits = Limits(kept_bytes=2 * len(films[0].data) + 100)
    with Decoder(1, limits) as decoder:
        for one in films:
            decoder.frame(one.held, 1)
        assert decoder.pool.idle[0].holds == {"film 1", "film 2"}
        decoder.frame(films[2].held, 0)
        decoder.frame(films[0].held, 0)

        assert [one.count for one in films] == [2, 1, 1]
        assert decoder.pool.idle[0].holds == {"film 0", "film 2"}


def test_a_large_film_is_kept_alone():
    """Over the common room: the others make way, and it is not read for each frame."""
    large = Reading(film(0, frames=60, side=64), "large")
    with Decoder(1, Limits(kept_bytes=10_000)) as decoder:
        decoder.frame(Held("small", lambda: film(0)), 0)
        decoder.frame(large.held, 0)
        decoder.frame(large.held, 59)
        assert large.count == 1 and decoder.pool.idle[0].holds == {"large"}


def test_what_a_dead_process_had_open_is_read_anew():
    """The next frame is right all the same."""
    one = Reading(film(7), "film")
    with Decoder(1) as decoder:
        decoder.frame(one.held, 0)
        decoder.pool.idle[0].child.send_signal(signal.SIGKILL)
        decoder.pool.idle[0].child.wait()

        assert (decoder.frame(one.held, 3).values == 10).all()
        assert one.count == 2


def test_a_process_that_forgot_says_so_and_is_given_the_file_again():
    """Under memory pressure, or asked nothing for a minute, it keeps nothing; nobody notices but by the time."""
    one = Reading(film(7), "film")
    with Decoder(1) as decoder:
        decoder.frame(one.held, 0)
        decoder.pool.idle[0].holds = frozenset(["film", "another"])
        other = Reading(film(50), "another")

        assert (decoder.frame(other.held, 1).values == 51).all()
        assert (other.count, one.count) == (1, 1)


def test_a_file_that_cannot_be_read_leaves_the_process_as_it_was():
    """The store may be away when the decoder asks for a file."""

    def away():
        raise OSError("away")

    with Decoder(1) as decoder:
        decoder.frame(GOOD)
        process = decoder.pool.idle[0]
        with pytest.raises(OSError, match="away"):
            decoder.frame(Held("x", away), 0)

        assert decoder.pool.idle[0] is process
        assert decoder.frame(GOOD).values.shape == (8, 8)
