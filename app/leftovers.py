"""What a killed process left of uploads among the sealed files: files that no row names are removed."""

from contextlib import suppress
from datetime import datetime

import structlog

from app.wiring import SYSTEM, Services
from storage.errors import UnrecordedChange

log = structlog.get_logger()


def remove(services: Services, before: datetime) -> int:
    """Remove sealed files older than this that no row names; returns how many. That it was done is in the record."""
    with services.database.read(SYSTEM) as tx:
        if not services.files.left_over(tx, before):
            return 0
    removed = []
    with suppress(UnrecordedChange), services.database.write(SYSTEM) as tx:
        # Again, under the lock that whoever notes a file holds as well: it may have been noted meanwhile.
        removed = services.files.left_over(tx, before)
        for path in removed:
            path.unlink(missing_ok=True)
        if removed:
            tx.record("upload.cleared", files=len(removed))
    log.info("left-over files removed", files=len(removed))
    return len(removed)
