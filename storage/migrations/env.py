"""Schema versions, one file each in versions/; run by `storage.migrate.migrate`."""

from alembic import context

import storage.access_rows  # noqa: F401  (its tables too)
from storage.rows import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
