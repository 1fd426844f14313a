"""A new site key: every patient's key is wrapped anew, while everybody goes on working.

Names the new key first: from then on every process wraps under it, because each looks at the file before it wraps.
Then all that the older key wraps is wrapped anew, some at a time under the lock of the log's head; whoever was
wrapping under the older key when the file changed held that lock, and is done before. Only then is the older key
destroyed. Stopped anywhere, the same command goes on. Files and fields are sealed under the patients' keys, which
stay, so nothing else is touched, and what is signed keeps its bytes.
"""

from pathlib import Path

from sqlalchemy import select

from storage.database import Actor, Database
from storage.durable import replace
from storage.rows import PatientKeyRow
from storage.sealing import SiteKey

AT_ONCE = 500
"""Keys wrapped in one change: some 10 ms under the lock."""


def rotate(database: Database, path: Path, actor: Actor) -> int:
    """Put a new site key in the place of the one in this file; returns how many keys were wrapped anew.

    raises: KeyMissing, Unreadable when a patient's key was altered (the older site key then stays)
    """
    now = SiteKey.read(path)
    with database.write(actor) as tx:
        tx.record("key.rotation_started", object_type="key", continued=bool(now.older))
    if not now.older:
        now = now.rotated()
        replace(path, now.text(), mode=0o400)
    count, last = 0, ""
    while (step := _wrap_some(database, actor, last)) is not None:
        wrapped, last = step
        count += wrapped
    replace(path, now.settled().text(), mode=0o400)
    with database.write(actor) as tx:
        tx.record("key.rotated", object_type="key", count=count)
    database.scrub()
    return count


def _wrap_some(database: Database, actor: Actor, after: str) -> tuple[int, str] | None:
    """How many of the next keys were wrapped anew, and the last of them; None at the end."""
    with database.write(actor) as tx:
        rows = (
            tx.session.execute(
                select(PatientKeyRow)
                .where(PatientKeyRow.patient_id > after)
                .order_by(PatientKeyRow.patient_id)
                .limit(AT_ONCE)
            )
            .scalars()
            .all()
        )
        old = [row for row in rows if not tx.keyring.is_newest(row.patient_id, row.wrapped)]
        for row in old:
            key = tx.keyring.patient_key(row.patient_id, row.wrapped)
            row.wrapped = tx.keyring.wrap(row.patient_id, key)
        tx.record("key.rewrapped", object_type="key", count=len(old))
    return (len(old), rows[-1].patient_id) if rows else None
