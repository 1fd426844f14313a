"""Who may see a patient: the owner shares all their studies with a colleague or a team, and takes it back."""

from typing import Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, model_validator

from app.auth import Caller, allow, services_of
from app.shapes import Made, Nothing
from app.shapes.access import Access, Candidate
from storage import sharing, studies, users

router = APIRouter(tags=["access"], prefix="/api/studies/{study_id}/access")
CLINICIAN = allow("clinician")


class SharedWith(BaseModel):
    """A colleague or a team, one of both."""

    colleague_id: str | None = Field(None, max_length=64)
    team_id: str | None = Field(None, max_length=64)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.colleague_id) == bool(self.team_id):
            raise ValueError("One of both.")
        return self


@router.get("")
def shown(request: Request, study_id: str, caller: Caller = CLINICIAN) -> Access:
    """Who may see the patient of a study."""
    with services_of(request).database.read(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "work")
        assert study.grant is not None
        mine = study.grant.way == "owner"
        colleagues, teams = sharing.candidates(tx, study) if mine else ([], [])
        return {
            "way": study.grant.way,
            "owner": users.get(tx, study.owner_id).display_name,
            "shares": [
                {
                    "id": one.id,
                    "kind": "team" if one.team_id else "colleague",
                    "name": one.name,
                    "members": list(one.members),
                    "shared_at": one.shared_at.isoformat(),
                }
                for one in sharing.of_patient(tx, study.patient_id)
            ],
            "colleagues": [_candidate(one) for one in colleagues],
            "teams": [_candidate(one) for one in teams],
        }


def _candidate(one: sharing.Candidate) -> Candidate:
    return {"id": one.id, "name": one.name, "members": list(one.members)}


@router.post("", status_code=201)
def share(request: Request, study_id: str, wanted: SharedWith, caller: Caller = CLINICIAN) -> Made:
    """Share all studies of the patient of one's study."""
    with services_of(request).database.write(caller.actor) as tx:
        study = studies.get(tx, study_id, caller.user.id, "own")
        if wanted.colleague_id:
            return {"id": sharing.with_colleague(tx, study, wanted.colleague_id)}
        return {"id": sharing.with_team(tx, study, wanted.team_id or "")}


@router.delete("/{share_id}")
def take_back(request: Request, study_id: str, share_id: str, caller: Caller = CLINICIAN) -> Nothing:
    """Take it back; it holds from the next request on."""
    with services_of(request).database.write(caller.actor) as tx:
        sharing.take_back(tx, studies.get(tx, study_id, caller.user.id, "own"), share_id)
    return {}
