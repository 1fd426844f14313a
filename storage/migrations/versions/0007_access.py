"""Teams, patients that are shared with colleagues and teams, and emergencies."""

import sqlalchemy as sa
from alembic import op

import storage.rows

revision = "0007_access"
down_revision = "0006_grants"


def upgrade() -> None:
    """Go forward."""
    moment = storage.rows.Moment(timezone=True)
    op.create_table(
        "teams",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", sa.String(length=32), sa.ForeignKey("teams.id"), nullable=False),
        sa.Column("user_id", sa.String(length=32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("added_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("team_id", "user_id"),
    )
    op.create_index(op.f("ix_team_members_user_id"), "team_members", ["user_id"], unique=False)
    op.create_table(
        "shares",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("user_id", sa.String(length=32), sa.ForeignKey("users.id"), nullable=True),
        sa.Column("team_id", sa.String(length=32), sa.ForeignKey("teams.id"), nullable=True),
        sa.Column("shared_by", sa.String(length=32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("shared_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("patient_id", "user_id"),
        sa.UniqueConstraint("patient_id", "team_id"),
    )
    for column in ("user_id", "team_id"):
        op.create_index(op.f(f"ix_shares_{column}"), "shares", [column], unique=False)
    op.create_table(
        "emergencies",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("user_id", sa.String(length=32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=32), sa.ForeignKey("patients.id"), nullable=False),
        sa.Column("reason", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", moment, nullable=False),
        sa.Column("until", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("verdict", sa.String(length=12), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("reviewed_by", sa.String(length=32), sa.ForeignKey("users.id"), nullable=True),
        sa.Column("reviewed_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    for column in ("user_id", "ref", "verdict"):
        op.create_index(op.f(f"ix_emergencies_{column}"), "emergencies", [column], unique=False)
