"""The second factor: the codes of the standard, each taken once, guessing slow, recovery codes used up."""

import threading

import pytest

from storage import factors
from storage.audit.search import find
from storage.database import Actor
from storage.errors import Conflict, NotFound, TooManyTries
from storage.factors import code_at, step_of

NOBODY = Actor(id="nobody", role="none", ip="10.0.0.1")


@pytest.fixture
def enrolled(database, clock, clinician):
    """A clinician with a second factor: secret and recovery codes."""
    with database.write(NOBODY) as tx:
        secret = factors.begin(tx, clinician.id)
    codes = factors.enrol(database, NOBODY, clinician.id, code_at(secret, step_of(clock.now)))
    clock.advance(minutes=2)
    return secret, codes


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds, code):
    """RFC 6238 appendix B, SHA-1, the last six of its eight digits."""
    assert code_at(b"12345678901234567890", seconds // 30) == code


def test_a_code_is_taken_once_and_none_before_it(database, clock, clinician, enrolled):
    """Who looks over a shoulder gains nothing; half a minute of a wrong clock costs nothing."""
    secret, _ = enrolled
    now = step_of(clock.now)
    check = lambda step: factors.check(database, NOBODY, clinician.id, code_at(secret, step))  # noqa: E731

    assert [check(now - 2), check(now), check(now)] == [False, True, False]
    clock.advance(minutes=10)
    later = step_of(clock.now)
    assert check(later + 1) is True
    assert check(later) is False


def test_of_many_who_send_one_code_at_once_one_is_let_in(database, clock, clinician, enrolled):
    """The race between two uses of one code has one winner."""
    secret, _ = enrolled
    code, results = code_at(secret, step_of(clock.now)), []

    def use():
        try:
            results.append(factors.check(database, NOBODY, clinician.id, code))
        except TooManyTries:
            results.append(False)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(results) == [False, False, True]


def test_guessing_codes_gets_slower_from_everywhere(database, clock, clinician, enrolled):
    """Three tries are free, then it waits, whatever network a try comes from; the right code works afterwards."""
    secret, _ = enrolled
    for number in range(3):
        elsewhere = Actor(id="nobody", role="none", ip=f"10.0.0.{number}")
        assert factors.check(database, elsewhere, clinician.id, "000000") is False

    with pytest.raises(TooManyTries):
        factors.check(database, NOBODY, clinician.id, code_at(secret, step_of(clock.now)))
    clock.advance(minutes=6)
    assert factors.check(database, NOBODY, clinician.id, code_at(secret, step_of(clock.now)))


def test_a_recovery_code_stands_in_once(database, clinician, enrolled):
    """Ten of them, each usable once in any case and spacing; new ones end the old."""
    _, codes = enrolled
    check = lambda code: factors.check(database, NOBODY, clinician.id, code)  # noqa: E731

    assert len(set(codes)) == 10
    assert check(codes[0].lower().replace("-", " ")) is True
    assert check(codes[0]) is False
    with database.read(NOBODY) as tx:
        assert factors.of(tx, clinician.id).recovery_left == 9
    with database.write(NOBODY) as tx:
        newer = factors.renew_recovery(tx, clinician.id)
    assert check(codes[1]) is False
    assert check(newer[1]) is True


def test_nothing_secret_is_kept_in_clear_and_all_stands_in_the_record(database, clock, clinician, enrolled):
    """Secret and recovery codes are in no table; who enrolled, used and failed is."""
    secret, codes = enrolled
    factors.check(database, NOBODY, clinician.id, codes[0])
    factors.check(database, NOBODY, clinician.id, "000000")

    with database.read(NOBODY) as tx:
        kept = [
            str(row)
            for table in ("second_factors", "recovery_codes")
            for row in tx.session.connection().exec_driver_sql(f"SELECT * FROM {table}")
        ]
        found = [(e["action"], e["outcome"]) for e in find(tx.session, object_id=clinician.id)][:4]
    assert not any(code.replace("-", "") in row or secret.hex() in row for row in kept for code in codes)
    assert found == [
        ("factor.checked", "failure"),
        ("factor.recovery_used", "success"),
        ("factor.enrolled", "success"),
        ("factor.begun", "success"),
    ]


def test_a_factor_counts_only_once_it_was_confirmed(database, clock, clinician):
    """Who begins and leaves is not locked out; who has one cannot begin over it; taken off, it is gone."""
    with database.write(NOBODY) as tx:
        secret = factors.begin(tx, clinician.id)
    code = code_at(secret, step_of(clock.now))

    assert factors.check(database, NOBODY, clinician.id, code) is False
    assert factors.enrol(database, NOBODY, clinician.id, "000000") is None
    assert len(factors.enrol(database, NOBODY, clinician.id, code)) == 10
    with pytest.raises(Conflict), database.write(NOBODY) as tx:
        factors.begin(tx, clinician.id)
    with database.write(NOBODY) as tx:
        factors.remove(tx, clinician.id)
    with pytest.raises(NotFound), database.write(NOBODY) as tx:
        factors.remove(tx, clinician.id)
