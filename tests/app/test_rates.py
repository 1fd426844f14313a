"""Too many requests are refused with the time to wait, per session and per address, and nobody else pays for it."""

import pytest

from app.rates import MOST, Rates
from tests.app.conftest import open_world


class Hand:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_is_emptied_at_once_and_fills_steadily():
    """Of 2 a second 20 pass at once; the next after half a second; after ten idle seconds 20 again and not more."""
    clock = Hand()
    rates = Rates(2, clock)

    first = [rates.take("a") for _ in range(21)]
    clock.now = 0.5
    later = [rates.take("a"), rates.take("a")]
    clock.now = 100.0
    again = [rates.take("a") for _ in range(21)]

    assert first == [0.0] * 20 + [0.5]
    assert later == [0.0, 0.5]
    assert again == [0.0] * 20 + [0.5]
    assert rates.take("b") == 0.0


def test_a_mass_of_callers_takes_no_more_memory():
    """Whoever asks under ever new names finds the same room; a rate of 0 limits nobody and remembers nobody."""
    rates, free = Rates(1, Hand()), Rates(0, Hand())

    for number in range(MOST + 100):
        rates.take(str(number))
        free.take(str(number))

    assert len(rates._buckets) == MOST
    assert len(free._buckets) == 0


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_session_that_floods_is_told_when_to_come_again(tmp_path, language):
    """429 with Retry-After and a sentence; somebody else of the same address, and the proxy's question, pass."""
    with open_world(tmp_path, rate_per_session=1) as world:
        flooding, other = world.sign_in("clinician"), world.sign_in("clinician")
        flooding.patch("/api/session", json={"language": language})
        answers = [flooding.get("/api/words") for _ in range(12)]

        refused = answers[-1]
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert ("요청이 너무 많았습니다" in refused.text) is (language == "ko")
        assert refused.json()["error"]["facts"]["seconds"] == int(refused.headers["retry-after"])
        assert other.get("/api/words").status_code == 200


def test_an_address_that_floods_is_not_looked_up(tmp_path):
    """Guessed cookies by the thousand cost no reading of the database; whether the process lives is always said."""
    with open_world(tmp_path, rate_per_address=1) as world:
        browser = world.browser(cookie="__Host-dragonfly=guessed")
        states = [browser.get("/api/session").status_code for _ in range(12)]

        assert states[0] == 401 and states[-1] == 429
        assert browser.get("/health").status_code == 200
