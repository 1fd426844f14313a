"""What closed logs knew of papers."""

import sqlalchemy as sa
from alembic import op

import storage.rows

revision = "0003_closed_papers"
down_revision = "0002_erasures"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "closed_papers",
        sa.Column("log", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("time", storage.rows.Moment(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("log", "seq"),
    )
    op.create_index(op.f("ix_closed_papers_object_id"), "closed_papers", ["object_id"], unique=False)
    op.create_index(op.f("ix_closed_papers_sha256"), "closed_papers", ["sha256"], unique=False)
