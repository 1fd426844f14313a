"""Teams, for the administrator: their names and who is in them, never which patients are shared with them."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.auth import Caller, allow, services_of
from app.errors import Refused
from app.shapes import Nothing
from app.shapes.access import Team
from storage import teams

router = APIRouter(tags=["users"], prefix="/api/teams")
ADMIN = allow("admin")


class NewTeam(BaseModel):
    """A team to add."""

    name: str = Field(min_length=1, max_length=120)


class ChangedTeam(BaseModel):
    """Another name; all who are in it from now on."""

    name: str | None = Field(None, max_length=120)
    members: list[str] | None = Field(None, max_length=1000)


@router.get("")
def everything(request: Request, caller: Caller = ADMIN) -> list[Team]:
    """All teams."""
    with services_of(request).database.read(caller.actor) as tx:
        return [_team(one) for one in teams.everything(tx)]


@router.post("", status_code=201)
def add(request: Request, wanted: NewTeam, caller: Caller = ADMIN) -> Team:
    """Add a team."""
    try:
        with services_of(request).database.write(caller.actor) as tx:
            return _team(teams.add(tx, wanted.name))
    except ValueError as error:
        raise Refused("app.invalid", what="name") from error


@router.patch("/{team_id}")
def change(request: Request, team_id: str, wanted: ChangedTeam, caller: Caller = ADMIN) -> Team:
    """Give a team another name, or other members."""
    try:
        with services_of(request).database.write(caller.actor) as tx:
            return _team(teams.change(tx, team_id, name=wanted.name, members=wanted.members))
    except ValueError as error:
        raise Refused("app.invalid", what="name") from error


@router.delete("/{team_id}")
def remove(request: Request, team_id: str, caller: Caller = ADMIN) -> Nothing:
    """End a team, and what was shared with it."""
    with services_of(request).database.write(caller.actor) as tx:
        teams.remove(tx, team_id)
    return {}


def _team(one: teams.Team) -> Team:
    return {"id": one.id, "name": one.name, "members": list(one.members)}
