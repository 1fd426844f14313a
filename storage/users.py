"""People: who they are, their one role, their password, what they prefer.

Passwords are argon2id over the NFC form (a Hangul password typed on another system has other bytes).
Wrong tries make the next one wait longer and longer (`storage.tries`), and never lock an account for good: a
stranger could lock out a ward. A password is checked outside the change, so that guessing holds up nobody else's.
"""

import threading
import unicodedata
from dataclasses import dataclass
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select

from storage import sharing, tries
from storage.database import Actor, Database, Tx, new_id
from storage.errors import LastAdmin, NameTaken, NotFound, PasswordTooShort
from storage.rows import ProviderNameRow, SessionRow, UserRow

Role = Literal["clinician", "researcher", "admin", "auditor"]
ROLES: tuple[Role, ...] = ("clinician", "researcher", "admin", "auditor")
SHORTEST_PASSWORD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person as the application sees them."""

    id: str
    username: str
    display_name: str
    role: Role
    active: bool
    language: str
    theme: str
    panel_width: int


class Passwords:
    """Argon2id with 64 MiB, three passes; two at a time, because each one costs memory and a core."""

    def __init__(self, hasher: PasswordHasher | None = None):
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4)
        self._gate = threading.Semaphore(2)
        self._decoy = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """The hash to keep."""
        with self._gate:
            return self._hasher.hash(unicodedata.normalize("NFC", password))

    def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is the password; takes as long for an account that does not exist."""
        with self._gate:
            try:
                return self._hasher.verify(
                    kept or self._decoy, unicodedata.normalize("NFC", password)
                ) and bool(kept)
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, kept: str) -> bool:
        """Whether today's settings are stronger than those of this hash."""
        return self._hasher.check_needs_rehash(kept)


def add(tx: Tx, passwords: Passwords, *, username: str, display_name: str, role: Role, password: str) -> User:
    """A new person; raises NameTaken, PasswordTooShort, ValueError for an unknown role."""
    name = folded(username)
    if role not in ROLES:
        raise ValueError(f"{role} is no role; choose one of {', '.join(ROLES)}.")
    check_password(password)
    if not name:
        raise ValueError("A user needs a name.")
    if tx.session.execute(select(UserRow.id).where(UserRow.username == name)).first():
        raise NameTaken()
    row = UserRow(
        id=new_id(),
        username=name,
        display_name=cleaned(display_name)[:200] or name,
        role=role,
        password_hash=passwords.hash(password),
        active=True,
        language="en",
        theme="system",
        panel_width=440,
        created_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.record("user.added", object_type="user", object_id=row.id, role=role)
    return _user(row)


def check_password(password: str) -> None:
    """Raises PasswordTooShort(least)."""
    if len(unicodedata.normalize("NFC", password)) < SHORTEST_PASSWORD:
        raise PasswordTooShort(least=SHORTEST_PASSWORD)


@dataclass(frozen=True, slots=True)
class _Try:
    account: str
    user_id: str | None
    kept: str | None


def sign_in(
    database: Database, actor: Actor, passwords: Passwords, username: str, password: str, network: str
) -> User | None:
    """The person, or None, which is recorded as a refused sign-in.

    raises: TooManyTries(seconds) while the account has to wait from this network
    """
    attempt = _begin_try(database, actor, username, network)
    if not passwords.fits(attempt.kept, password):
        with database.write(actor) as tx:
            tx.record("session.refused", object_type="user", object_id=attempt.user_id, outcome="failure")
        return None
    assert attempt.user_id is not None and attempt.kept is not None
    tries.forget(database, actor, attempt.account)
    if passwords.outdated(attempt.kept):
        stronger = passwords.hash(password)
        with database.write(actor) as tx:
            _row(tx, attempt.user_id).password_hash = stronger
            tx.record(
                "user.password_changed", object_type="user", object_id=attempt.user_id, reason="stronger_hash"
            )
    with database.read(actor) as tx:
        return get(tx, attempt.user_id)


def confirm(
    database: Database, actor: Actor, passwords: Passwords, user_id: str, password: str, network: str
) -> bool:
    """Whether a signed-in person knows their password, with the same growing delay; raises TooManyTries."""
    with database.read(actor) as tx:
        username = get(tx, user_id).username
    return sign_in(database, actor, passwords, username, password, network) is not None


def _begin_try(database: Database, actor: Actor, username: str, network: str) -> _Try:
    account = database.keyring.pseudonym("sign-in", folded(username), network)
    tries.begin(database, actor, account)
    with database.read(actor) as tx:
        wanted = select(UserRow).where(UserRow.username == folded(username))
        row = tx.session.execute(wanted).scalar_one_or_none()
        if row is None or not row.active:
            return _Try(account, None, None)
        return _Try(account, row.id, row.password_hash)


def of_provider(tx: Tx, issuer: str, subject: str, username: str) -> User | None:
    """The active person whom a provider knows by this lasting name; the first time, whoever has this user name.

    From then on the name alone opens nothing: a provider may give it to somebody else.
    """
    digest = tx.keyring.pseudonym("provider", issuer, subject)
    bound = tx.session.get(ProviderNameRow, digest)
    if bound is not None:
        row = _row(tx, bound.user_id)
        tx.record("user.provider_known", object_type="user", object_id=row.id)
        return _user(row) if row.active else None
    wanted = select(UserRow).where(
        UserRow.username == folded(username),
        UserRow.active.is_(True),
        UserRow.id.not_in(select(ProviderNameRow.user_id)),
    )
    found = tx.session.execute(wanted).scalar_one_or_none()
    if found is None:
        return None
    tx.session.add(ProviderNameRow(digest=digest, user_id=found.id))
    tx.record("user.provider_bound", object_type="user", object_id=found.id)
    return _user(found)


def get(tx: Tx, user_id: str) -> User:
    """A person by id; raises NotFound."""
    return _user(_row(tx, user_id))


def everyone(tx: Tx) -> list[User]:
    """All people, by name."""
    return [_user(row) for row in tx.session.execute(select(UserRow).order_by(UserRow.username)).scalars()]


def count(tx: Tx) -> int:
    """How many people there are."""
    return tx.session.execute(select(func.count()).select_from(UserRow)).scalar_one()


def change(
    tx: Tx,
    passwords: Passwords,
    user_id: str,
    *,
    role: Role | None = None,
    active: bool | None = None,
    display_name: str | None = None,
    password: str | None = None,
) -> User:
    """Change a person; a new role, password or leave ends all their sessions, a new role also what was shared with them.

    raises: LastAdmin, PasswordTooShort, NotFound, ValueError for an unknown role
    """
    row = _row(tx, user_id)
    if role is not None and role not in ROLES:
        raise ValueError(f"{role} is no role; choose one of {', '.join(ROLES)}.")
    if row.role == "admin" and row.active and (role not in (None, "admin") or active is False):
        _keep_an_admin(tx, user_id)
    if role is not None and role != row.role:
        sharing.end_for(tx, user_id)
    row.role = role or row.role
    row.active = row.active if active is None else active
    row.display_name = cleaned(display_name or "")[:200] or row.display_name
    if password is not None:
        check_password(password)
        row.password_hash = passwords.hash(password)
        tx.record("user.password_changed", object_type="user", object_id=user_id)
    if role is not None or active is not None or password is not None:
        for session in tx.session.execute(select(SessionRow).where(SessionRow.user_id == user_id)).scalars():
            tx.session.delete(session)
    tx.record("user.changed", object_type="user", object_id=user_id, role=row.role, active=row.active)
    return _user(row)


def prefer(
    tx: Tx,
    user_id: str,
    *,
    language: str | None = None,
    theme: str | None = None,
    panel_width: int | None = None,
) -> User:
    """Keep what a person prefers."""
    row = _row(tx, user_id)
    row.language = language or row.language
    row.theme = theme or row.theme
    row.panel_width = panel_width or row.panel_width
    tx.record("session.preferences", object_type="user", object_id=user_id)
    return _user(row)


def folded(username: str) -> str:
    """One form of a name, whatever case or composition it is typed in."""
    return cleaned(username).casefold()[:120]


def cleaned(text: str) -> str:
    """Text of a person as one line: NFC, no control characters, which some databases and terminals choke on."""
    normal = unicodedata.normalize("NFC", text)
    return "".join(sign for sign in normal if unicodedata.category(sign) not in ("Cc", "Cs")).strip()


def _keep_an_admin(tx: Tx, leaving: str) -> None:
    others = select(func.count()).where(
        UserRow.role == "admin", UserRow.active.is_(True), UserRow.id != leaving
    )
    if tx.session.execute(others).scalar_one() == 0:
        raise LastAdmin()


def _row(tx: Tx, user_id: str) -> UserRow:
    row = tx.session.get(UserRow, user_id)
    if row is None:
        raise NotFound(object="user")
    return row


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        username=row.username,
        display_name=row.display_name,
        role=row.role,  # type: ignore[arg-type]
        active=row.active,
        language=row.language,
        theme=row.theme,
        panel_width=row.panel_width,
    )
