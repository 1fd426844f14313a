"""${message}"""

import sqlalchemy as sa
from alembic import op

import storage.rows

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Go forward."""
    ${upgrades if upgrades else "pass"}
