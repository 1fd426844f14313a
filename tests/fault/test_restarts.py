"""PostgreSQL is restarted at once, again and again, while four people write: nothing acknowledged is lost or doubled.

Two restarts belong to `make test`, twenty to `make prove`. Not covered: a full disk under PostgreSQL's own log.
"""

import threading
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from storage.audit.keys import AuditKeys
from storage.audit.search import verify_rows
from storage.database import Actor, Database, utc_now
from storage.errors import DatabaseAway
from storage.migrate import migrate
from storage.sealing import Keyring

pytestmark = pytest.mark.postgres
SYSTEM = Actor(id="tests", role="system")
WRITERS = 4
BACK_SECONDS = 15


class Writers:
    """Each writes or looks, again and again, and notes the number and id of what was acknowledged, and when."""

    def __init__(self, database):
        self.database, self.told, self.away = database, [], []
        self.unexpected: list[BaseException] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(number,)) for number in range(WRITERS)]

    def work(self, number):
        while not self.ended.is_set():
            way = self.database.write if number % 2 else self.database.look
            try:
                with way(SYSTEM) as tx:
                    tx.record("study.read", object_type="study", object_id=str(number))
                self.told.append((tx.positions[0].seq, tx.entries[0]["id"], time.monotonic()))
            except DatabaseAway:
                self.away.append(time.monotonic())
                time.sleep(0.05)
            except BaseException as error:
                self.unexpected.append(error)
                return

    def since(self, moment):
        """How many were acknowledged since."""
        return sum(when > moment for _, _, when in self.told)


def restarted(postgres, tmp_path, restarts):
    """After so many restarts: what the writers were told, and for how long nothing could be written."""
    keys = AuditKeys.create(tmp_path / "audit")
    database = Database(postgres.new_database(), Keyring(b"k" * 32), keys, utc_now)
    migrate(database.engine)
    database.open(SYSTEM)
    writers, gaps = Writers(database), []
    for thread in writers.threads:
        thread.start()
    try:
        for _ in range(restarts):
            before = time.monotonic()
            while writers.since(before) < 10 * WRITERS:
                assert time.monotonic() < before + 60 and not writers.unexpected, writers.unexpected
                time.sleep(0.02)
            down = time.monotonic()
            postgres.restart_at_once()
            back = time.monotonic()
            while not writers.since(back):
                assert time.monotonic() < back + BACK_SECONDS and not writers.unexpected, writers.unexpected
                time.sleep(0.02)
            gaps.append(time.monotonic() - down)
    finally:
        writers.ended.set()
        for thread in writers.threads:
            thread.join()
    return database, writers, gaps


def check(postgres, tmp_path, restarts):
    """Every acknowledged entry stands at its number, no id stands twice, and the log is clean."""
    database, writers, gaps = restarted(postgres, tmp_path, restarts)
    with database.read(SYSTEM) as tx:
        query = sa.text("SELECT seq, convert_from(body, 'UTF8')::json ->> 'id' FROM audit_event")
        standing = dict(tx.session.execute(query).all())
        first = bytes.fromhex(database.audit_keys.escrow.read_text())
        verdict = verify_rows(tx.session, database.audit_keys.public_pem, first)
    database.close()
    print(
        f"\n{restarts} restarts, {len(writers.told)} acknowledged of {len(standing)}, writing again after {max(gaps):.1f} s at most"
    )
    assert not writers.unexpected and len(writers.away) >= restarts
    assert verdict.status == 0, verdict
    assert [one for one in writers.told if standing.get(one[0]) != one[1]] == []
    assert max(Counter(standing.values()).values()) == 1
    assert max(Counter(seq for seq, _, _ in writers.told).values()) == 1


def test_two_restarts_under_load_lose_nothing(postgres, tmp_path):
    """And writing goes on by itself within fifteen seconds of the server's return."""
    check(postgres, tmp_path, 2)


@pytest.mark.slow
def test_twenty_restarts_under_load_lose_nothing(postgres, tmp_path):
    """The same, ten times as often."""
    check(postgres, tmp_path, 20)
