"""Grants: that somebody confirmed a moment ago who they are, for one thing, once.

A session has at most one, and it ends with the session. Only digests are kept, of the token and of what it is for.
"""

import secrets
from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.engine import CursorResult

from storage.database import Tx
from storage.rows import SessionRow
from storage.sessions import token_digest

LASTS = timedelta(seconds=60)
"""From the password to the first byte; a download that has begun goes on."""


def give(tx: Tx, session_sha256: str, target: str, route: str) -> str:
    """A token that opens one target to this session, once; an earlier one of the session ends.

    target: what exactly it opens; route: the same without ids, for the record
    """
    token = secrets.token_urlsafe(32)
    row = tx.session.get_one(SessionRow, session_sha256)
    row.grant_sha256, row.grant_target = token_digest(token), token_digest(target)
    row.grant_until = tx.now + LASTS
    tx.record("grant.given", object_type="session", route=route)
    return token


def use(tx: Tx, session_sha256: str, token: str, target: str, route: str) -> bool:
    """Take the grant of this session for this target; False, and nothing recorded, where there is none."""
    # One statement: of two requests that carry it at once only one changes the row.
    taken = tx.session.execute(
        update(SessionRow)
        .where(
            SessionRow.token_sha256 == session_sha256,
            SessionRow.grant_sha256 == token_digest(token),
            SessionRow.grant_target == token_digest(target),
            SessionRow.grant_until > tx.now,
        )
        .values(grant_sha256=None, grant_target=None, grant_until=None)
    )
    assert isinstance(taken, CursorResult)
    if taken.rowcount != 1:
        return False
    tx.record("grant.used", object_type="session", route=route)
    return True
