"""Wrong passwords and codes make the next try wait longer and longer, and never lock an account for good.

A try counts as wrong before it is checked, so that many at once gain nothing.
"""

import math
from datetime import timedelta

from storage.database import Actor, Database, Tx
from storage.errors import Conflict, TooManyTries
from storage.rows import SignInTryRow

FREE_TRIES, LONGEST_WAIT = 3, timedelta(minutes=5)


def begin(database: Database, actor: Actor, account: str) -> None:
    """Count a try of this account (a pseudonym); raises TooManyTries(seconds) while it has to wait."""
    for first in (True, False):
        try:
            with database.keep_house(actor) as tx:
                _count(tx, account)
                return
        except Conflict:
            # Two first tries at the same moment; the second one finds the row of the first.
            if not first:
                raise


def _count(tx: Tx, account: str) -> None:
    tries = tx.session.get(SignInTryRow, account, with_for_update=True)
    if tries is None:
        tries = SignInTryRow(account_digest=account, failures=0, last_at=tx.now)
        tx.session.add(tries)
    elif (wait := (tries.last_at + _wait(tries.failures) - tx.now).total_seconds()) > 0:
        raise TooManyTries(seconds=math.ceil(wait))
    tries.failures, tries.last_at = tries.failures + 1, tx.now


def _wait(failures: int) -> timedelta:
    if failures < FREE_TRIES:
        return timedelta(0)
    # The exponent is bounded, or a patient guesser would make it larger than any time.
    return min(timedelta(seconds=2 ** min(failures - FREE_TRIES, 16)), LONGEST_WAIT)


def forget(database: Database, actor: Actor, account: str) -> None:
    """It was right: the next mistake is the first again."""
    with database.keep_house(actor) as tx:
        if (tries := tx.session.get(SignInTryRow, account)) is not None:
            tx.session.delete(tries)
