"""Who may see a patient: shares, teams, and access in an emergency with its review."""

from typing import Literal

from typing_extensions import TypeAliasType, TypedDict

from app.shapes import Time, exact
from app.shapes.studies import Way

Verdict = TypeAliasType("Verdict", Literal["justified", "unjustified"])


@exact
class Shared(TypedDict):
    """With whom the patient is shared: a colleague, or a team and the names of who is in it now."""

    id: str
    kind: Literal["colleague", "team"]
    name: str
    members: list[str]
    shared_at: Time


@exact
class Candidate(TypedDict):
    """With whom the patient can be shared."""

    id: str
    name: str
    members: list[str]


@exact
class Access(TypedDict):
    """Whose patient it is, in which way the caller sees them, and who else does; candidates for the owner only."""

    way: Way
    owner: str
    shares: list[Shared]
    colleagues: list[Candidate]
    teams: list[Candidate]


@exact
class Team(TypedDict):
    """A team and the ids of the clinicians in it."""

    id: str
    name: str
    members: list[str]


@exact
class EmergencyOpened(TypedDict):
    """What was opened, and until when."""

    id: str
    until: Time


@exact
class EmergenciesWaiting(TypedDict):
    """How many wait for a review and how many of them too long; how many are open now; tries for nobody in 72 hours."""

    unreviewed: int
    overdue: int
    running: int
    refused: int


@exact
class EmergencyCase(TypedDict):
    """One emergency access, the patient as a pseudonym; reason and note are gone once the patient was erased."""

    id: str
    ref: str
    opened_by: str
    opened_at: Time
    until: Time
    ended_at: Time | None
    due: Time
    overdue: bool
    running: bool
    reason: str | None
    verdict: Verdict | None
    note: str | None
    reviewed_by: str | None
    reviewed_at: Time | None


@exact
class FollowedEntry(TypedDict):
    """An entry of the record that was made under it."""

    seq: int
    time: Time
    action: str
    object_type: str | None
    object_id: str | None


@exact
class EmergencyFollowed(EmergencyCase):
    """One emergency access with what was done under it."""

    entries: list[FollowedEntry]
