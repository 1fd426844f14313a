"""People, sessions and tokens: guessing is slow, nothing secret is kept, nobody is locked out for good."""

import threading
import unicodedata
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from storage import sessions, tokens, users
from storage.audit.search import find
from storage.database import Actor
from storage.errors import Conflict, NotFound, TooManyTries
from storage.tries import FREE_TRIES

NOBODY = Actor(id="nobody", role="none", ip="10.0.0.1")
RIGHT = "correct horse battery"
IDLE, HARD = timedelta(minutes=15), timedelta(hours=12)


def sign_in(database, passwords, password, username="dr.lee", network="10.0.0.1"):
    return users.sign_in(database, NOBODY, passwords, username, password, network)


def test_a_person_signs_in_whatever_the_case_and_composition(database, passwords, clinician):
    """A Hangul password typed on another system has other bytes and is the same password."""
    with database.write(NOBODY) as tx:
        users.change(tx, passwords, clinician.id, password="비밀번호가 조금 길어요")

    assert (
        sign_in(database, passwords, unicodedata.normalize("NFD", "비밀번호가 조금 길어요"), " DR.Lee ").id
        == clinician.id
    )


def test_each_wrong_password_is_recorded_and_the_wait_grows(database, passwords, clock, clinician):
    """Three tries are free; then one, two, four seconds and so on, and the right password still works after."""
    waits = []
    for _ in range(6):
        try:
            assert sign_in(database, passwords, "wrong password") is None
        except TooManyTries as error:
            waits.append(error.facts["seconds"])
            clock.advance(seconds=error.facts["seconds"])
            assert sign_in(database, passwords, "wrong password") is None

    assert waits == [1, 2, 4]
    with pytest.raises(TooManyTries):
        sign_in(database, passwords, RIGHT)
    assert sign_in(database, passwords, RIGHT, network="10.0.0.2").id == clinician.id
    clock.advance(minutes=5)
    assert sign_in(database, passwords, RIGHT).id == clinician.id
    assert sign_in(database, passwords, "wrong password") is None
    with database.read(NOBODY) as tx:
        refused = find(tx.session, action="session.refused")
    assert [entry["object"]["id"] for entry in refused] == [clinician.id] * 7


def test_the_wait_never_exceeds_five_minutes(database, passwords, clock, clinician):
    """A stranger cannot lock a clinician out of the ward."""
    for _ in range(30):
        clock.advance(minutes=5, seconds=1)
        assert sign_in(database, passwords, "wrong password") is None

    clock.advance(minutes=5, seconds=1)
    assert sign_in(database, passwords, RIGHT) is not None


def test_many_tries_at_once_are_not_checked_for_free(database, clinician, clock):
    """A try counts before it is checked, so guessing in parallel gains nothing over guessing in a row."""
    checked = []

    class Slow(users.Passwords):
        def fits(self, kept, password):
            checked.append(password)
            return super().fits(kept, password)

    slow, refused = Slow(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)), []

    def attempt():
        try:
            sign_in(database, slow, "wrong password")
        except TooManyTries:
            refused.append(1)

    crowd = [threading.Thread(target=attempt) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()

    assert len(checked) == FREE_TRIES and len(refused) == 8 - FREE_TRIES


def test_an_unknown_name_costs_as_much_as_a_known_one(database, clinician):
    """Whoever asks for names must not be able to tell by the time the answer takes."""
    verified = []

    class Counting(PasswordHasher):
        def verify(self, kept, password):
            verified.append(kept)
            return super().verify(kept, password)

    counting = users.Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))

    assert sign_in(database, counting, "wrong password", "nobody") is None
    assert sign_in(database, counting, "nobody has this password", "nobody") is None
    assert len(verified) == 2


def test_a_weak_hash_is_replaced_when_its_owner_signs_in(database, passwords, clinician):
    """Yesterday's settings do not stay for ever."""
    stronger = users.Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))

    assert sign_in(database, stronger, RIGHT) is not None

    with database.read(NOBODY) as tx:
        kept = tx.session.execute(text("SELECT password_hash FROM users")).scalar_one()
    assert "m=16,t=2" in kept
    assert sign_in(database, stronger, RIGHT) is not None


def test_production_passwords_use_the_settings_that_were_chosen():
    """64 MiB, three passes, four lanes, argon2id."""
    kept = users.Passwords().hash("a password of some length")

    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_the_last_administrator_stays(database, passwords):
    """Nobody may leave an installation that nobody can manage."""
    with database.write(NOBODY) as tx:
        admin = users.add(tx, passwords, username="root", display_name="", role="admin", password=RIGHT)

    for change in ({"role": "clinician"}, {"active": False}):
        with pytest.raises(Conflict), database.write(NOBODY) as tx:
            users.change(tx, passwords, admin.id, **change)


def test_two_people_cannot_have_one_name(database, passwords, clinician):
    """Not even in another case."""
    with pytest.raises(Conflict), database.write(NOBODY) as tx:
        users.add(tx, passwords, username="DR.LEE", display_name="x", role="auditor", password=RIGHT)


def test_a_session_ends_when_idle_at_its_end_and_with_its_owner(database, passwords, clock, clinician):
    """Only the digest of its token is kept."""

    def opened():
        with database.write(clinician) as tx:
            return sessions.open_session(tx, users.get(tx, clinician.id), idle=IDLE, hard=HARD)

    def found(token):
        with database.read(clinician) as tx:
            return sessions.look_up(tx, token, idle=IDLE)

    token, signed_in = opened()
    with database.read(clinician) as tx:
        assert token not in str(tx.session.execute(text("SELECT * FROM sessions")).all())
    assert found(token).csrf == signed_in.csrf and found("another") is None
    for _ in range(52):
        clock.advance(minutes=14)
        if (alive := found(token)) is None:
            break
        with database.keep_house(clinician) as tx:
            sessions.touch(tx, alive.digest)
    assert clock.now >= signed_in.expires_at

    idle_token, _ = opened()
    clock.advance(minutes=15)
    assert found(idle_token) is None

    with database.keep_house(clinician) as tx:
        assert sessions.end_expired(tx, idle=IDLE) == 2
    last, _ = opened()
    with database.write(clinician) as tx:
        users.change(tx, passwords, clinician.id, password="another good password")
    assert found(last) is None


def test_a_token_is_shown_once_and_ends(database, clock, clinician, passwords):
    """At most 90 days, at once when revoked or when its owner leaves; its last use is known."""
    with pytest.raises(ValueError), database.write(clinician) as tx:
        tokens.add(tx, clinician.id, label="script", lifetime=timedelta(days=91))
    with database.write(clinician) as tx:
        secret, token = tokens.add(tx, clinician.id, label="scr\x00ipt", lifetime=timedelta(days=90))
        _, other = tokens.add(tx, clinician.id, label="b", lifetime=timedelta(days=1), scope="write")

    def found():
        with database.read(clinician) as tx:
            return tokens.look_up(tx, secret)

    assert token.label == "script" and secret.startswith(token.prefix)
    assert found().user.id == clinician.id and found().scope == "read" and found().stale
    with database.keep_house(clinician) as tx:
        tokens.used(tx, token.id)
    assert not found().stale
    with database.read(clinician) as tx:
        assert secret not in str(tx.session.execute(text("SELECT * FROM api_tokens")).all())
        assert [one.last_used_at for one in tokens.of_user(tx, clinician.id)] == [clock.now, None]
    with pytest.raises(NotFound), database.write(clinician) as tx:
        tokens.revoke(tx, "somebody else", other.id)
    clock.advance(days=90)
    assert found() is None
    with database.read(clinician) as tx:
        assert tokens.of_user(tx, clinician.id) == []


def test_a_person_sees_and_ends_their_sessions_and_nobody_elses(database, passwords, clock, clinician):
    """Latest use first, with device and address; one, all others or all can be ended, and the record counts them."""
    with database.write(NOBODY) as tx:
        other = users.add(
            tx, passwords, username="dr.kim", display_name="Kim", role="clinician", password=RIGHT
        )
    opened = []
    for user, device in (
        (clinician, "Firefox"),
        (clinician, "Chrome"),
        (clinician, "Safari"),
        (other, "Edge"),
    ):
        clock.advance(seconds=1)
        with database.write(NOBODY) as tx:
            opened.append(sessions.open_session(tx, user, idle=IDLE, hard=HARD, device=device, ip="10.0.0.9"))
    (first, _), (_, second), (_, third), (theirs, foreign) = opened

    with database.read(NOBODY) as tx:
        listed = sessions.of_user(tx, clinician.id, idle=IDLE)
    with pytest.raises(NotFound), database.write(NOBODY) as tx:
        sessions.end_one(tx, clinician.id, foreign.digest[: sessions.ID_LENGTH])
    with database.write(NOBODY) as tx:
        sessions.end_one(tx, clinician.id, second.digest[: sessions.ID_LENGTH])
    with database.write(NOBODY) as tx:
        ended = sessions.end_all(tx, clinician.id, but=third.digest)

    assert [(one.device, one.ip) for one in listed] == [
        (n, "10.0.0.9") for n in ("Safari", "Chrome", "Firefox")
    ]
    assert ended == 1
    with database.read(NOBODY) as tx:
        assert [one.device for one in sessions.of_user(tx, clinician.id, idle=IDLE)] == ["Safari"]
        assert sessions.look_up(tx, first, idle=IDLE) is None
        assert sessions.look_up(tx, theirs, idle=IDLE) is not None


def test_what_waits_for_a_code_opens_nothing_and_not_for_long(database, clock, clinician):
    """The right password alone is no session, is on no list, and is over after five minutes."""
    with database.write(NOBODY) as tx:
        token = sessions.open_waiting(tx, clinician)

    with database.read(NOBODY) as tx:
        assert sessions.look_up(tx, token, idle=IDLE) is None
        assert sessions.of_user(tx, clinician.id, idle=IDLE) == []
        assert sessions.waiting_for(tx, token)[0].id == clinician.id
    clock.advance(minutes=5)
    with database.read(NOBODY) as tx:
        assert sessions.waiting_for(tx, token) is None


def test_a_provider_s_name_for_somebody_is_bound_once(database, passwords, clinician):
    """The first time by user name, from then on by the lasting name alone, which is kept as a digest."""
    known = lambda subject, name: _of_provider(database, subject, name)  # noqa: E731

    assert known("s-1", " DR.Lee ") == clinician.id
    assert known("s-1", "renamed") == clinician.id
    assert known("s-2", "dr.lee") is None
    assert known("s-3", "dr.nobody") is None
    with database.write(NOBODY) as tx:
        kept = tx.session.execute(text("SELECT digest FROM provider_names")).scalars().all()
        users.change(tx, passwords, clinician.id, active=False)
    assert len(kept) == 1 and len(kept[0]) == 64 and "s-1" not in kept[0]
    assert known("s-1", "dr.lee") is None


def _of_provider(database, subject, name):
    with database.write(NOBODY) as tx:
        user = users.of_provider(tx, "https://login.example", subject, name)
        tx.record("session.refused")
    return user.id if user else None
