"""Tokens for programs: a prefix to know them by, a secret of which only the digest is kept, and an end."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select

from storage import users
from storage.database import Tx, new_id
from storage.errors import NotFound
from storage.rows import TokenRow
from storage.sessions import token_digest
from storage.users import User

Scope = Literal["read", "write", "export"]
SCOPES: tuple[Scope, ...] = ("read", "write", "export")
LONGEST = timedelta(days=90)
MARK = "dfm_"
# A token that is noted at every request would write at every request.
NOTE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is listed."""

    id: str
    label: str
    scope: Scope
    prefix: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUse:
    """Whose token a request carries and what it may do: only look, look and take exports, or whatever its owner may but exports."""

    user: User
    token_id: str
    scope: Scope
    stale: bool


def add(tx: Tx, user_id: str, *, label: str, lifetime: timedelta, scope: Scope = "read") -> tuple[str, Token]:
    """A new token; its secret is returned once. Raises ValueError for a lifetime over 90 days."""
    if not timedelta(0) < lifetime <= LONGEST:
        raise ValueError(f"A token lives at most {LONGEST.days} days.")
    if scope not in SCOPES:
        raise ValueError(f"{scope} is no scope; choose one of {', '.join(SCOPES)}.")
    if not users.get(tx, user_id).active:
        raise NotFound(object="user")
    prefix = MARK + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = TokenRow(
        id=new_id(),
        user_id=user_id,
        label=users.cleaned(label)[:120],
        scope=scope,
        prefix=prefix,
        secret_sha256=token_digest(secret),
        created_at=tx.now,
        expires_at=tx.now + lifetime,
        last_used_at=None,
        revoked_at=None,
    )
    tx.session.add(row)
    tx.record("token.added", object_type="token", object_id=row.id, user=user_id, scope=scope)
    return secret, _token(row)


def look_up(tx: Tx, secret: str) -> TokenUse | None:
    """Whose token it is; None when unknown, revoked, over, or its owner left. `stale` asks for `used`."""
    row = tx.session.execute(
        select(TokenRow).where(TokenRow.secret_sha256 == token_digest(secret))
    ).scalar_one_or_none()
    if row is None or row.revoked_at is not None or tx.now >= row.expires_at:
        return None
    user = users.get(tx, row.user_id)
    if not user.active:
        return None
    stale = row.last_used_at is None or tx.now - row.last_used_at >= NOTE_EVERY
    return TokenUse(user=user, token_id=row.id, scope=row.scope, stale=stale)  # type: ignore[arg-type]


def used(tx: Tx, token_id: str) -> None:
    """Note that a token is in use; no entry, because nothing anybody did is changed by it."""
    row = tx.session.get(TokenRow, token_id)
    if row is not None:
        row.last_used_at = tx.now


def of_user(tx: Tx, user_id: str) -> list[Token]:
    """The live tokens of a person, oldest first."""
    rows = tx.session.execute(
        select(TokenRow)
        .where(TokenRow.user_id == user_id, TokenRow.revoked_at.is_(None), TokenRow.expires_at > tx.now)
        .order_by(TokenRow.created_at)
    )
    return [_token(row) for row in rows.scalars()]


def revoke(tx: Tx, user_id: str, token_id: str) -> None:
    """End a token now; raises NotFound when it is not this person's."""
    row = tx.session.get(TokenRow, token_id)
    if row is None or row.user_id != user_id:
        raise NotFound(object="token")
    row.revoked_at = tx.now
    tx.record("token.revoked", object_type="token", object_id=token_id)


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        label=row.label,
        scope=row.scope,  # type: ignore[arg-type]
        prefix=row.prefix,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
