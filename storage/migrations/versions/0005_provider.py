"""By which lasting names a hospital's provider knows people, as keyed digests."""

import sqlalchemy as sa
from alembic import op

revision = "0005_provider"
down_revision = "0004_second_factor"


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "provider_names",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=32), sa.ForeignKey("users.id"), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("user_id"),
    )
