"""The second factor: codes of an authenticator (RFC 6238), each taken once, and recovery codes, each usable once.

The secret is sealed under a key derived from the site key's names, which stay when the site key is rotated.
Covered: SHA-1, six digits, thirty seconds, what every authenticator reads. Not covered: hardware keys.
"""

import base64
import hmac
import os
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
from sqlalchemy import delete, func, select

from storage import tries
from storage.database import Actor, Database, Tx
from storage.errors import Conflict, NotFound
from storage.rows import RecoveryCodeRow, SecondFactorRow
from storage.sealing import seal, unseal

STEP_SECONDS, SECRET_BYTES = 30, 20
STEPS_EITHER_WAY = 1
"""A clock may be half a minute wrong."""
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class Factor:
    """Whether a person has a second factor, and how many recovery codes they have left."""

    enrolled: bool
    recovery_left: int


def code_at(secret: bytes, step: int) -> str:
    """The code of one half minute. source: RFC 6238 over RFC 4226 section 5.3"""
    return pyotp.HOTP(spelled(secret)).at(step)


def step_of(moment: datetime) -> int:
    """The half minute of a moment, counted from 1970."""
    return int(moment.timestamp()) // STEP_SECONDS


def address(secret: bytes, username: str, issuer: str) -> str:
    """What the QR code holds for an authenticator."""
    return pyotp.TOTP(spelled(secret)).provisioning_uri(name=username, issuer_name=issuer)


def spelled(secret: bytes) -> str:
    """The secret as it is typed by hand."""
    return base64.b32encode(secret).decode().rstrip("=")


def of(tx: Tx, user_id: str) -> Factor:
    """The second factor of a person."""
    row = tx.session.get(SecondFactorRow, user_id)
    left = select(func.count()).where(RecoveryCodeRow.user_id == user_id, RecoveryCodeRow.used_at.is_(None))
    return Factor(
        enrolled=row is not None and row.confirmed_at is not None,
        recovery_left=tx.session.execute(left).scalar_one(),
    )


def enrolled(tx: Tx) -> set[str]:
    """Everybody who has one."""
    wanted = select(SecondFactorRow.user_id).where(SecondFactorRow.confirmed_at.is_not(None))
    return set(tx.session.execute(wanted).scalars())


def begin(tx: Tx, user_id: str) -> bytes:
    """A new secret, which counts from `enrol` on; raises Conflict when there is a confirmed one."""
    row = tx.session.get(SecondFactorRow, user_id)
    if row is not None and row.confirmed_at is not None:
        raise Conflict(object="second_factor")
    secret = os.urandom(SECRET_BYTES)
    sealed = seal(_key(tx, user_id), secret, user_id.encode())
    if row is None:
        tx.session.add(SecondFactorRow(user_id=user_id, secret=sealed, created_at=tx.now, last_step=0))
    else:
        row.secret, row.created_at, row.last_step = sealed, tx.now, 0
    tx.record("factor.begun", object_type="user", object_id=user_id)
    return secret


def begun(tx: Tx, user_id: str) -> bytes:
    """The secret that waits to be confirmed; raises NotFound."""
    row = tx.session.get(SecondFactorRow, user_id)
    if row is None or row.confirmed_at is not None:
        raise NotFound(object="second_factor")
    return unseal(_key(tx, user_id), row.secret, user_id.encode())


def _key(tx: Tx, user_id: str) -> bytes:
    return bytes.fromhex(tx.keyring.pseudonym("second-factor", user_id))


def enrol(database: Database, actor: Actor, user_id: str, code: str) -> list[str] | None:
    """Confirm a secret by its first code; returns the recovery codes, once, None for a wrong code.

    raises: NotFound when none was begun, Conflict when it is confirmed already, TooManyTries
    """
    with database.read(actor) as tx:
        begun(tx, user_id)
    account = _counted(database, actor, user_id)
    with database.write(actor) as tx:
        row = tx.session.get(SecondFactorRow, user_id)
        if row is None or row.confirmed_at is not None:
            raise Conflict(object="second_factor")
        right = _takes(tx, row, code)
        if right:
            row.confirmed_at = tx.now
            codes = _new_recovery(tx, user_id)
        tx.record("factor.enrolled", object_type="user", object_id=user_id, outcome=_outcome(right))
    if not right:
        return None
    tries.forget(database, actor, account)
    return codes


def check(database: Database, actor: Actor, user_id: str, code: str) -> bool:
    """Whether it is the person's code now, or one of their recovery codes; each is taken once.

    raises: TooManyTries
    """
    account = _counted(database, actor, user_id)
    with database.write(actor) as tx:
        row = tx.session.get(SecondFactorRow, user_id)
        by_code = row is not None and row.confirmed_at is not None and _takes(tx, row, code)
        by_recovery = not by_code and _recovers(tx, user_id, code)
        right = by_code or by_recovery
        action = "factor.recovery_used" if by_recovery else "factor.checked"
        tx.record(action, object_type="user", object_id=user_id, outcome=_outcome(right))
    if right:
        tries.forget(database, actor, account)
    return right


def _counted(database: Database, actor: Actor, user_id: str) -> str:
    # By person and not by network: whoever gets this far knows the password, from wherever they come.
    account = database.keyring.pseudonym("code", user_id)
    tries.begin(database, actor, account)
    return account


def _outcome(right: bool) -> str:
    return "success" if right else "failure"


def _takes(tx: Tx, row: SecondFactorRow, code: str) -> bool:
    """Whether a step that was not used before has this code; that step and all before it are used then."""
    typed = "".join(code.split()).encode()
    secret, now = unseal(_key(tx, row.user_id), row.secret, row.user_id.encode()), step_of(tx.now)
    fits = [
        step
        for step in range(now - STEPS_EITHER_WAY, now + STEPS_EITHER_WAY + 1)
        if hmac.compare_digest(code_at(secret, step).encode(), typed) and step > row.last_step
    ]
    if fits:
        row.last_step = fits[-1]
    return bool(fits)


def _recovers(tx: Tx, user_id: str, code: str) -> bool:
    row = tx.session.get(RecoveryCodeRow, _digest(tx, user_id, code))
    if row is None or row.user_id != user_id or row.used_at is not None:
        return False
    row.used_at = tx.now
    return True


def _digest(tx: Tx, user_id: str, code: str) -> str:
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    return tx.keyring.pseudonym("recovery", user_id, plain)


def renew_recovery(tx: Tx, user_id: str) -> list[str]:
    """New recovery codes in place of all others; raises NotFound without a second factor."""
    if not of(tx, user_id).enrolled:
        raise NotFound(object="second_factor")
    tx.record("factor.recovery_renewed", object_type="user", object_id=user_id)
    return _new_recovery(tx, user_id)


def _new_recovery(tx: Tx, user_id: str) -> list[str]:
    tx.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    codes = [base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES)]
    tx.session.add_all(
        RecoveryCodeRow(digest=_digest(tx, user_id, code), user_id=user_id, used_at=None) for code in codes
    )
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def remove(tx: Tx, user_id: str) -> None:
    """Take the second factor off a person; raises NotFound when they have none."""
    row = tx.session.get(SecondFactorRow, user_id)
    if row is None:
        raise NotFound(object="second_factor")
    tx.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))
    tx.session.delete(row)
    tx.record("factor.removed", object_type="user", object_id=user_id)
