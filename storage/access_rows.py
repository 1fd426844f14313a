"""The tables of who may see whose patients: teams, what is shared, and emergencies."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.rows import Base, Digest, Id


class TeamRow(Base):
    """Clinicians who share patients; its name is no patient's."""

    __tablename__ = "teams"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    created_at: Mapped[datetime]


class TeamMemberRow(Base):
    """Who is in a team."""

    __tablename__ = "team_members"
    team_id: Mapped[str] = mapped_column(ForeignKey("teams.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    added_at: Mapped[datetime]


class ShareRow(Base):
    """A patient whom a colleague or a team sees beside the owner; taken back, the row is gone."""

    __tablename__ = "shares"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id"))
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id"), index=True)
    team_id: Mapped[str | None] = mapped_column(ForeignKey("teams.id"), index=True)
    shared_by: Mapped[str] = mapped_column(ForeignKey("users.id"))
    shared_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("patient_id", "user_id"), UniqueConstraint("patient_id", "team_id"))


class EmergencyRow(Base):
    """A patient opened by a clinician who may not see them, for a while, and what was made of it afterwards.

    Reason and note are sealed under the key of one of the patient's rows, with which they go when it is destroyed.
    """

    __tablename__ = "emergencies"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id"), index=True)
    ref: Mapped[str] = mapped_column(Digest, index=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id"))
    reason: Mapped[bytes]
    opened_at: Mapped[datetime]
    until: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    verdict: Mapped[str | None] = mapped_column(String(12), index=True)
    note: Mapped[bytes | None]
    reviewed_by: Mapped[str | None] = mapped_column(ForeignKey("users.id"))
    reviewed_at: Mapped[datetime | None]
