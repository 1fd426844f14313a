"""Signed-in browsers: opened, looked up, ended; only digests of their tokens are kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from storage import users
from storage.database import Tx
from storage.errors import NotFound
from storage.rows import SessionRow
from storage.users import User

# A session that is touched at every request would write at every request.
TOUCH_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A live session and whose it is."""

    user: User
    csrf: str
    digest: str
    expires_at: datetime
    stale: bool


def open_session(tx: Tx, user: User, *, idle: timedelta, hard: timedelta) -> tuple[str, SignedIn]:
    """A new session; returns the token for the cookie, once."""
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    row = SessionRow(
        token_sha256=token_digest(token),
        user_id=user.id,
        csrf=csrf,
        created_at=tx.now,
        last_seen_at=tx.now,
        expires_at=tx.now + hard,
    )
    tx.session.add(row)
    tx.record("session.opened", object_type="user", object_id=user.id)
    return token, SignedIn(
        user=user, csrf=csrf, digest=row.token_sha256, expires_at=row.expires_at, stale=False
    )


def look_up(tx: Tx, token: str, *, idle: timedelta) -> SignedIn | None:
    """Whose session it is; None when it is unknown, idle too long, over its end, or its owner left."""
    row = tx.session.get(SessionRow, token_digest(token))
    if row is None or tx.now >= row.expires_at or tx.now - row.last_seen_at >= idle:
        return None
    try:
        user = users.get(tx, row.user_id)
    except NotFound:
        return None
    if not user.active:
        return None
    stale = tx.now - row.last_seen_at >= TOUCH_EVERY
    return SignedIn(user=user, csrf=row.csrf, digest=row.token_sha256, expires_at=row.expires_at, stale=stale)


def touch(tx: Tx, digest: str) -> None:
    """Note that a session is in use; no entry, because nothing anybody did is changed by it."""
    row = tx.session.get(SessionRow, digest)
    if row is not None:
        row.last_seen_at = tx.now


def end(tx: Tx, digest: str) -> None:
    """Sign out."""
    row = tx.session.get(SessionRow, digest)
    if row is not None:
        tx.session.delete(row)
        tx.record("session.closed", object_type="user", object_id=row.user_id)


def end_expired(tx: Tx, *, idle: timedelta) -> int:
    """Forget sessions that can no longer be used; returns how many."""
    rows = tx.session.execute(select(SessionRow)).scalars().all()
    old = [row for row in rows if tx.now >= row.expires_at or tx.now - row.last_seen_at >= idle]
    for row in old:
        tx.session.delete(row)
    return len(old)


def token_digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
