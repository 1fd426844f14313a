"""Teams: clinicians with whom a patient is shared together. An administrator makes them and says who is in them."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import delete, select

from storage import users
from storage.access_rows import ShareRow, TeamMemberRow, TeamRow
from storage.database import Tx, new_id
from storage.errors import NameTaken, NotFound
from storage.rows import UserRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team and the ids of who is in it."""

    id: str
    name: str
    members: tuple[str, ...]


def add(tx: Tx, name: str) -> Team:
    """A new team without anybody; raises NameTaken, ValueError without a name."""
    row = TeamRow(id=new_id(), name=_free_name(tx, name), created_at=tx.now)
    tx.session.add(row)
    tx.session.flush()
    tx.record("team.added", object_type="team", object_id=row.id)
    return Team(id=row.id, name=row.name, members=())


def change(tx: Tx, team_id: str, *, name: str | None = None, members: Iterable[str] | None = None) -> Team:
    """Another name, or others in it; who leaves sees nothing more of what is shared with the team.

    raises: NotFound, also for a member who is no active clinician; NameTaken, ValueError without a name
    """
    row = _row(tx, team_id)
    if name is not None and users.cleaned(name) != row.name:
        row.name = _free_name(tx, name)
    before = set(_members(tx, team_id))
    after = before if members is None else set(members)
    for user_id in after - before:
        person = tx.session.get(UserRow, user_id)
        if person is None or not person.active or person.role != "clinician":
            raise NotFound(object="user")
        tx.session.add(TeamMemberRow(team_id=team_id, user_id=user_id, added_at=tx.now))
    for user_id in before - after:
        tx.session.delete(tx.session.get(TeamMemberRow, (team_id, user_id)))
    tx.session.flush()
    tx.record(
        "team.changed",
        object_type="team",
        object_id=team_id,
        came=sorted(after - before),
        left=sorted(before - after),
    )
    return Team(id=row.id, name=row.name, members=tuple(_members(tx, team_id)))


def remove(tx: Tx, team_id: str) -> None:
    """End a team; what was shared with it is shared with nobody of it any more. Raises NotFound."""
    row = _row(tx, team_id)
    ended = list(tx.session.execute(select(ShareRow.id).where(ShareRow.team_id == team_id)).scalars())
    tx.session.execute(delete(ShareRow).where(ShareRow.team_id == team_id))
    tx.session.execute(delete(TeamMemberRow).where(TeamMemberRow.team_id == team_id))
    tx.session.delete(row)
    tx.record("team.removed", object_type="team", object_id=team_id, shares=len(ended))


def everything(tx: Tx) -> list[Team]:
    """All teams, by name."""
    rows = tx.session.execute(select(TeamRow).order_by(TeamRow.name)).scalars().all()
    return [Team(id=row.id, name=row.name, members=tuple(_members(tx, row.id))) for row in rows]


def _members(tx: Tx, team_id: str) -> list[str]:
    query = (
        select(TeamMemberRow.user_id)
        .join(UserRow, UserRow.id == TeamMemberRow.user_id)
        .where(TeamMemberRow.team_id == team_id)
        .order_by(UserRow.username)
    )
    return list(tx.session.execute(query).scalars())


def _free_name(tx: Tx, name: str) -> str:
    wanted = users.cleaned(name)[:120]
    if not wanted:
        raise ValueError("A team needs a name.")
    if tx.session.execute(select(TeamRow.id).where(TeamRow.name == wanted)).first():
        raise NameTaken()
    return wanted


def _row(tx: Tx, team_id: str) -> TeamRow:
    row = tx.session.get(TeamRow, team_id)
    if row is None:
        raise NotFound(object="team")
    return row
