"""Of a session, what its person has confirmed a moment ago and may take away once."""

import sqlalchemy as sa
from alembic import op

import storage.rows

revision = "0006_grants"
down_revision = "0005_provider"


def upgrade() -> None:
    """Go forward."""
    for name in ("grant_sha256", "grant_target"):
        op.add_column("sessions", sa.Column(name, sa.String(length=64), nullable=True))
    op.add_column("sessions", sa.Column("grant_until", storage.rows.Moment(timezone=True), nullable=True))
