"""Signed-in browsers: opened, looked up, ended; only digests of their tokens are kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from storage import users
from storage.database import Tx
from storage.errors import NotFound
from storage.rows import SessionRow
from storage.users import User

# A session that is touched at every request would write at every request.
TOUCH_EVERY = timedelta(seconds=30)
CLOCK_MAY_STEP = timedelta(minutes=1)
"""A clock that is put right by less ends no session."""
CODE_WITHIN = timedelta(minutes=5)
"""Between the right password and the code of the second factor."""
ID_LENGTH = 16
"""Hex digits of the digest by which a session is named, as the record names it too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A live session and whose it is."""

    user: User
    csrf: str
    digest: str
    expires_at: datetime
    stale: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A signed-in browser as its owner sees it."""

    id: str
    device: str
    ip: str
    opened_at: datetime
    last_seen_at: datetime
    expires_at: datetime


def open_session(
    tx: Tx, user: User, *, idle: timedelta, hard: timedelta, device: str = "", ip: str = ""
) -> tuple[str, SignedIn]:
    """A new session; returns the token for the cookie, once."""
    token, row = _add(tx, user, hard, device=device, ip=ip)
    tx.record("session.opened", object_type="user", object_id=user.id)
    return token, SignedIn(
        user=user, csrf=row.csrf, digest=row.token_sha256, expires_at=row.expires_at, stale=False
    )


def open_waiting(tx: Tx, user: User) -> str:
    """For who knew the password and owes the code: its token opens nothing but the page that asks for it."""
    token, _ = _add(tx, user, CODE_WITHIN, waiting=True)
    tx.record("session.code_wanted", object_type="user", object_id=user.id)
    return token


def _add(tx: Tx, user: User, lifetime: timedelta, **more: Any) -> tuple[str, SessionRow]:
    token = secrets.token_urlsafe(32)
    row = SessionRow(
        token_sha256=token_digest(token),
        user_id=user.id,
        csrf=secrets.token_urlsafe(24),
        created_at=tx.now,
        last_seen_at=tx.now,
        expires_at=tx.now + lifetime,
        **more,
    )
    tx.session.add(row)
    return token, row


def waiting_for(tx: Tx, token: str) -> tuple[User, str] | None:
    """Who owes a code, and the digest of what waits; None when it is unknown or too late."""
    row = tx.session.get(SessionRow, token_digest(token))
    if row is None or not row.waiting or tx.now >= row.expires_at:
        return None
    user = users.get(tx, row.user_id)
    return (user, row.token_sha256) if user.active else None


def of_user(tx: Tx, user_id: str, *, idle: timedelta) -> list[OpenSession]:
    """Where a person is signed in now, the latest use first."""
    return [
        OpenSession(
            id=row.token_sha256[:ID_LENGTH],
            device=row.device,
            ip=row.ip,
            opened_at=row.created_at,
            last_seen_at=row.last_seen_at,
            expires_at=row.expires_at,
        )
        for row in _live(tx, user_id)
        if not _is_over(row, tx.now, idle)
    ]


def _live(tx: Tx, user_id: str) -> list[SessionRow]:
    wanted = select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.waiting.is_(False))
    return list(tx.session.execute(wanted.order_by(SessionRow.last_seen_at.desc())).scalars())


def end_one(tx: Tx, user_id: str, session_id: str) -> None:
    """End one session of a person; raises NotFound when it is not theirs."""
    found = next((row for row in _live(tx, user_id) if row.token_sha256[:ID_LENGTH] == session_id), None)
    if found is None:
        raise NotFound(object="session")
    end(tx, found.token_sha256)


def end_all(tx: Tx, user_id: str, *, but: str | None = None) -> int:
    """End every session of a person but one; returns how many."""
    ended = [row.token_sha256 for row in _live(tx, user_id) if row.token_sha256 != but]
    for digest in ended:
        end(tx, digest)
    tx.record("session.closed", object_type="user", object_id=user_id, count=len(ended))
    return len(ended)


def look_up(tx: Tx, token: str, *, idle: timedelta) -> SignedIn | None:
    """Whose session it is; None when it is unknown, idle too long, over its end, or its owner left."""
    row = tx.session.get(SessionRow, token_digest(token))
    if row is None or row.waiting or _is_over(row, tx.now, idle):
        return None
    try:
        user = users.get(tx, row.user_id)
    except NotFound:
        return None
    if not user.active:
        return None
    stale = tx.now - row.last_seen_at >= TOUCH_EVERY
    return SignedIn(user=user, csrf=row.csrf, digest=row.token_sha256, expires_at=row.expires_at, stale=stale)


def _is_over(row: SessionRow, now: datetime, idle: timedelta) -> bool:
    """Too old, unused for too long, or last used in the future: the clock was set back, and its age is unknown."""
    return now >= row.expires_at or not -CLOCK_MAY_STEP < now - row.last_seen_at < idle


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
    old = [row for row in rows if _is_over(row, tx.now, idle)]
    for row in old:
        tx.session.delete(row)
    return len(old)


def token_digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
