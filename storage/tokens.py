"""Tokens for programs: a prefix to know them by, a secret of which only the digest is kept, and an end."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from storage import users
from storage.database import Tx, new_id
from storage.errors import NotFound
from storage.rows import TokenRow
from storage.sessions import token_digest
from storage.users import User

LONGEST = timedelta(days=90)
MARK = "dfm_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token as it is listed."""

    id: str
    label: str
    prefix: str
    expires_at: datetime
    last_used_at: datetime | None


def add(tx: Tx, user_id: str, *, label: str, lifetime: timedelta) -> tuple[str, Token]:
    """A new token; its secret is returned once. Raises ValueError for a lifetime over 90 days."""
    if not timedelta(0) < lifetime <= LONGEST:
        raise ValueError(f"A token lives at most {LONGEST.days} days.")
    prefix = MARK + secrets.token_hex(4)
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    row = TokenRow(
        id=new_id(),
        user_id=user_id,
        label=label[:120],
        prefix=prefix,
        secret_sha256=token_digest(secret),
        created_at=tx.now,
        expires_at=tx.now + lifetime,
        last_used_at=None,
        revoked_at=None,
    )
    tx.session.add(row)
    tx.record("token.added", object_type="token", object_id=row.id)
    return secret, _token(row)


def look_up(tx: Tx, secret: str) -> tuple[User, str] | None:
    """Whose token it is and its id; None when unknown, revoked or over."""
    row = tx.session.execute(
        select(TokenRow).where(TokenRow.secret_sha256 == token_digest(secret))
    ).scalar_one_or_none()
    if row is None or row.revoked_at is not None or tx.now >= row.expires_at:
        return None
    user = users.get(tx, row.user_id)
    return (user, row.id) if user.active else None


def of_user(tx: Tx, user_id: str) -> list[Token]:
    """The live tokens of a person."""
    rows = tx.session.execute(
        select(TokenRow).where(TokenRow.user_id == user_id, TokenRow.revoked_at.is_(None))
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
        prefix=row.prefix,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
    )
