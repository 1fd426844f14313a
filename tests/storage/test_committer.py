"""Many who look at once are recorded together, and nobody is shown anything before the record is on the disk."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from storage import users
from storage.audit.committer import Committer
from storage.audit.search import find, verify_rows
from storage.errors import ChainBroken, UnrecordedChange
from storage.rows import UserRow
from storage.verifier import CLEAN


def test_looking_is_recorded_before_it_is_over(database, clinician):
    """What was seen may be shown when the block ends: by then the entry stands in the log."""
    with database.look(clinician) as tx:
        seen = users.get(tx, clinician.id)
        tx.record("study.read", object_id="a")

    assert seen.display_name == "이서연"
    assert tx.positions[0].seq == 2
    with database.read(clinician) as tx:
        assert [entry["object"]["id"] for entry in find(tx.session, action="study.read")] == ["a"]


def test_looking_without_an_entry_is_an_error(database, clinician):
    """Nothing is seen unrecorded, not even by mistake."""
    with pytest.raises(UnrecordedChange), database.look(clinician) as tx:
        users.get(tx, clinician.id)


def test_looking_changes_nothing(database, clinician):
    """A change inside a look is an error and not quietly forgotten."""
    with pytest.raises(UnrecordedChange), database.look(clinician) as tx:
        tx.session.get(UserRow, clinician.id).display_name = "changed"
        tx.record("study.read")

    with database.read(clinician) as tx:
        assert users.get(tx, clinician.id).display_name == "이서연"
        assert find(tx.session, action="study.read") == []


def test_many_lookers_are_all_recorded_once(database, clinician):
    """Each of 200 looks from 8 threads has its own place in an unbroken log."""

    def look(number):
        with database.look(clinician) as tx:
            tx.record("study.read", object_id=f"{number}")
            tx.record("answer.read", object_id=f"{number}")
        return [position.seq for position in tx.positions]

    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(look, range(200)))

    assert sorted(seq for pair in places for seq in pair) == list(range(2, 402))
    assert all(second == first + 1 for first, second in places)
    with database.read(clinician) as tx:
        told = {
            entry["seq"]: entry["object"]["id"] for entry in find(tx.session, action="study.read", limit=500)
        }
        assert told == {pair[0]: f"{number}" for number, pair in enumerate(places)}
        assert verify_rows(tx.session, database.audit_keys.public_pem).status == CLEAN


def test_an_entry_that_cannot_be_written_fails_alone(database, clinician):
    """A number with a point is a programmer's mistake, and not that of whoever looks at the same moment."""
    with pytest.raises(TypeError), database.look(clinician) as tx:
        tx.record("study.read", share=0.5)

    with database.look(clinician) as tx:
        tx.record("study.read")
    assert tx.positions


def test_a_slow_look_does_not_write_times_that_run_backwards(database, clinician, clock):
    """The entry carries the time of its commit; others may have been written since the look began."""
    with database.look(clinician) as slow:
        slow.record("study.read", object_id="slow")
        clock.advance(seconds=30)
        with database.look(clinician) as quick:
            quick.record("study.read", object_id="quick")
        clock.advance(seconds=1)

    with database.read(clinician) as tx:
        newest, older = find(tx.session, action="study.read")
        assert [newest["object"]["id"], older["object"]["id"]] == ["slow", "quick"]
        assert newest["time"] > older["time"] and "clock_back_s" not in newest
        assert verify_rows(tx.session, database.audit_keys.public_pem).status == CLEAN


def test_a_log_that_cannot_be_continued_shows_nothing(database, clinician):
    """No entry, no answer: whoever looks gets the error instead of what was seen."""
    with database.engine.begin() as connection:
        dropped = (
            "DROP TRIGGER audit_event_no_delete"
            if connection.dialect.name == "sqlite"
            else "ALTER TABLE audit_event DISABLE TRIGGER USER"
        )
        connection.exec_driver_sql(dropped)
        connection.execute(sa.text("DELETE FROM audit_event WHERE seq = 1"))

    with pytest.raises(ChainBroken), database.look(clinician) as tx:
        tx.record("study.read")


def test_whoever_comes_meanwhile_shares_the_next_commit():
    """Four come while one commits: two commits in all, and each is told its own places."""
    begun, go_on, commits = threading.Event(), threading.Event(), []

    def commit(entries):
        commits.append([entry["n"] for entry in entries])
        begun.set()
        assert go_on.wait(10)
        return [entry["n"] * 10 for entry in entries]

    committer = Committer(commit)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(committer.add, [{"n": 0}])
        assert begun.wait(10)
        others = [pool.submit(committer.add, [{"n": n}, {"n": n + 5}]) for n in range(1, 5)]
        while len(committer._waiting) < 4:
            threading.Event().wait(0.01)
        go_on.set()
        assert first.result(10) == (0,)
        assert [one.result(10) for one in others] == [(n * 10, n * 10 + 50) for n in range(1, 5)]

    assert len(commits) == 2 and commits[0] == [0] and sorted(commits[1]) == [1, 2, 3, 4, 6, 7, 8, 9]


def test_a_commit_that_fails_is_told_to_all_who_shared_it():
    """And to nobody after them."""
    fail = [True]

    def commit(entries):
        if fail[0]:
            raise OSError("full")
        return entries

    committer = Committer(commit)
    with pytest.raises(OSError, match="full"):
        committer.add([{}])
    fail[0] = False

    assert committer.add([{"n": 1}]) == ({"n": 1},)
