"""Who is signed in and where, people for the administrator, tokens, the second factor."""

from typing import Literal

from typing_extensions import TypedDict

from app.shapes import Language, Role, Theme, Time, exact
from app.shapes.answers import ModelFacts


@exact
class Who(TypedDict):
    """A person as the page names them."""

    id: str
    username: str
    display_name: str
    role: Role


@exact
class Session(TypedDict):
    """Who is asking, what they prefer, the token that changes need, and which model answers."""

    user: Who
    language: Language
    theme: Theme
    panel_width: int | None
    csrf: str
    demonstration: bool
    model: ModelFacts | None
    identity_lens: bool
    second_factor: bool


@exact
class Preferred(TypedDict):
    """What a person chose about their page."""

    language: Language
    theme: str
    panel_width: int | None


@exact
class OpenSession(TypedDict):
    """One place where one is signed in."""

    id: str
    device: str
    ip: str
    opened_at: Time
    last_seen_at: Time
    here: bool


@exact
class OpenSessions(TypedDict):
    """All of them."""

    sessions: list[OpenSession]


@exact
class Ended(TypedDict):
    """How many sessions were ended."""

    ended: int


@exact
class FactorState(TypedDict):
    """Whether there is a second factor, how many recovery codes are left, and whether the site demands one."""

    enrolled: bool
    recovery_left: int
    demanded: bool


@exact
class NewFactor(TypedDict):
    """A new secret as it is typed, as an address and as it is scanned (SVG); shown this once."""

    secret: str
    address: str
    qr: str


@exact
class Recovery(TypedDict):
    """Recovery codes, shown this once."""

    recovery: list[str]


@exact
class Quota(TypedDict):
    """What of something is used, and the most of it; null: no limit."""

    used: int
    limit: int | None


@exact
class Quotas(TypedDict):
    """Bytes kept or on their way, uploads and answers of the last 24 hours, and answers that are waited for."""

    bytes: Quota
    uploads: Quota
    waiting: Quota
    answers: Quota


@exact
class GrantGiven(TypedDict):
    """How long the browser may open what was confirmed."""

    seconds: int


@exact
class Person(TypedDict):
    """A person, for the administrator."""

    id: str
    username: str
    display_name: str
    role: Role
    active: bool


@exact
class PersonLine(Person):
    """A person in the list, and whether they have a second factor."""

    second_factor: bool


@exact
class Token(TypedDict):
    """A program's token; its secret only at the moment it is made."""

    id: str
    label: str
    prefix: str
    scope: Literal["read", "write", "export"]
    expires_at: Time
    last_used_at: Time | None


@exact
class TokenMade(Token):
    """A token with its secret, shown this once."""

    secret: str
