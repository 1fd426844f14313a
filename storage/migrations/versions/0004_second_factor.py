"""Second factors with their recovery codes; of a session, where it was opened and whether a code is wanted."""

import sqlalchemy as sa
from alembic import op

import storage.rows

revision = "0004_second_factor"
down_revision = "0003_closed_papers"


def upgrade() -> None:
    """Go forward."""
    moment = storage.rows.Moment(timezone=True)
    op.create_table(
        "second_factors",
        sa.Column("user_id", sa.String(length=32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), sa.ForeignKey("users.id"), nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_recovery_codes_user_id"), "recovery_codes", ["user_id"], unique=False)
    for name, length in (("device", 120), ("ip", 64)):
        op.add_column(
            "sessions", sa.Column(name, sa.String(length=length), server_default="", nullable=False)
        )
    op.add_column("sessions", sa.Column("waiting", sa.Boolean(), server_default=sa.false(), nullable=False))
