"""Sharing a patient with a colleague or a team, and taking it back; what it allows is decided in `storage.access`."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select

from storage.access_rows import ShareRow, TeamMemberRow, TeamRow
from storage.database import Tx, new_id
from storage.errors import Conflict, NotFound
from storage.rows import UserRow
from storage.studies import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """With whom a patient is shared: a colleague, or a team and who is in it now."""

    id: str
    user_id: str | None
    team_id: str | None
    name: str
    members: tuple[str, ...]
    shared_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody with whom a patient can be shared; of a team, the names of who is in it."""

    id: str
    name: str
    members: tuple[str, ...] = ()


def with_colleague(tx: Tx, study: Study, user_id: str) -> str:
    """Share the patient of one's study with another clinician; returns the share's id. Raises NotFound, Conflict."""
    row = tx.session.get(UserRow, user_id)
    if row is None or not row.active or row.role != "clinician" or user_id == study.owner_id:
        raise NotFound(object="user")
    return _add(tx, study, user_id=user_id)


def with_team(tx: Tx, study: Study, team_id: str) -> str:
    """Share the patient of one's study with a team; returns the share's id. Raises NotFound, Conflict."""
    if tx.session.get(TeamRow, team_id) is None:
        raise NotFound(object="team")
    return _add(tx, study, team_id=team_id)


def _add(tx: Tx, study: Study, *, user_id: str | None = None, team_id: str | None = None) -> str:
    known = select(ShareRow.id).where(
        ShareRow.patient_id == study.patient_id, ShareRow.user_id == user_id, ShareRow.team_id == team_id
    )
    if tx.session.execute(known).first():
        raise Conflict(object="share")
    row = ShareRow(
        id=new_id(),
        patient_id=study.patient_id,
        user_id=user_id,
        team_id=team_id,
        shared_by=tx.actor.id,
        shared_at=tx.now,
    )
    tx.session.add(row)
    tx.session.flush()
    tx.record(
        "patient.shared",
        subject=study.patient_ref,
        object_type="share",
        object_id=row.id,
        user=user_id,
        team=team_id,
    )
    return row.id


def take_back(tx: Tx, study: Study, share_id: str) -> None:
    """End a share; from the next request on the patient is not there for them. Raises NotFound."""
    row = tx.session.get(ShareRow, share_id)
    if row is None or row.patient_id != study.patient_id:
        raise NotFound(object="share")
    tx.session.delete(row)
    tx.record(
        "patient.unshared",
        subject=study.patient_ref,
        object_type="share",
        object_id=share_id,
        user=row.user_id,
        team=row.team_id,
    )


def end_for(tx: Tx, user_id: str) -> None:
    """End all that is shared with a person, and their place in teams; the entry of the change is the caller's."""
    tx.session.execute(delete(ShareRow).where(ShareRow.user_id == user_id))
    tx.session.execute(delete(TeamMemberRow).where(TeamMemberRow.user_id == user_id))


def of_patient(tx: Tx, patient_id: str) -> list[Share]:
    """With whom a patient is shared, the first first."""
    query = (
        select(ShareRow, UserRow.display_name, TeamRow.name)
        .outerjoin(UserRow, UserRow.id == ShareRow.user_id)
        .outerjoin(TeamRow, TeamRow.id == ShareRow.team_id)
        .where(ShareRow.patient_id == patient_id)
        .order_by(ShareRow.shared_at, ShareRow.id)
    )
    members = _members(tx)
    return [
        Share(
            id=row.id,
            user_id=row.user_id,
            team_id=row.team_id,
            name=person or team or "",
            members=members.get(row.team_id or "", ()),
            shared_at=row.shared_at,
        )
        for row, person, team in tx.session.execute(query)
    ]


def candidates(tx: Tx, study: Study) -> tuple[list[Candidate], list[Candidate]]:
    """Colleagues and teams with whom the patient is not shared yet, by name."""
    shared = of_patient(tx, study.patient_id)
    taken = {one.user_id for one in shared} | {one.team_id for one in shared} | {study.owner_id}
    people = (
        select(UserRow.id, UserRow.display_name)
        .where(UserRow.role == "clinician", UserRow.active.is_(True))
        .order_by(UserRow.display_name, UserRow.username)
    )
    teams = select(TeamRow.id, TeamRow.name).order_by(TeamRow.name)
    members = _members(tx)
    return (
        [Candidate(id=one, name=name) for one, name in tx.session.execute(people) if one not in taken],
        [
            Candidate(id=one, name=name, members=members.get(one, ()))
            for one, name in tx.session.execute(teams)
            if one not in taken
        ],
    )


def _members(tx: Tx) -> dict[str, tuple[str, ...]]:
    query = (
        select(TeamMemberRow.team_id, UserRow.display_name)
        .join(UserRow, UserRow.id == TeamMemberRow.user_id)
        .order_by(UserRow.display_name)
    )
    found: dict[str, tuple[str, ...]] = {}
    for team_id, name in tx.session.execute(query):
        found[team_id] = (*found.get(team_id, ()), name)
    return found
