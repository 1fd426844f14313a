"""Keeping an installation: backups and the way back, and a new site key."""

import sys
import time
from argparse import Namespace
from contextlib import suppress

from app.settings import Settings
from app.wiring import SYSTEM, bring_up_to_date, open_database
from storage import retention, users
from storage.audit.search import verify_rows
from storage.database import Actor, Database, Tx
from storage.durable import write_once
from storage.errors import Conflict, NotEmpty, NotFound
from storage.files import FileStore
from storage.verifier import CLEAN

MB = 1e6


def backup(settings: Settings, options: Namespace) -> int:
    """Both archives; prints where they are."""
    from storage.backup.archive import recipient_of
    from storage.backup.saving import save

    recipient = recipient_of(options.to or settings.backup_recipient)
    began = time.monotonic()
    database = open_database(settings)
    try:
        saved = save(
            database,
            _files(settings),
            options.folder,
            recipient,
            SYSTEM,
            settings.data_dir / "backup-scratch",
        )
    finally:
        database.close()
    _say(f"data: {saved.data} ({saved.data.stat().st_size / MB:.1f} MB)")
    _say(f"keys: {saved.keys} ({saved.keys.stat().st_size / MB:.3f} MB)")
    _say(f"{saved.files} files, {saved.entries} entries of the record, {time.monotonic() - began:.1f} s")
    return 0


def backup_key(settings: Settings, options: Namespace) -> int:
    """A key for backups; nothing is overwritten."""
    from storage.backup.archive import new_identity

    if options.file.exists():
        raise NotEmpty(place="key")
    identity, recipient = new_identity()
    write_once(options.file, f"# public key: {recipient}\n{identity}\n".encode(), mode=0o400)
    _say(recipient)
    return 0


def restore(settings: Settings, options: Namespace) -> int:
    """Everything back, then the proof; what is not as it was is named."""
    from storage.backup import restoring
    from storage.backup.archive import identity_of
    from storage.backup.checking import check_files

    began = time.monotonic()
    identity = identity_of(options.identity)
    public = options.public.read_bytes() if options.public else None
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = settings.database_owner_url or settings.url
    place = restoring.Place(settings.data_dir / "files", settings.keys, url)
    restored = restoring.restore(place, options.data, options.keys, identity, public)
    _say(f"restored the copy of {restored.made}: {restored.files} files, {restored.patients} patients' keys")
    _say(f"{time.monotonic() - began:.1f} s")
    bring_up_to_date(settings)
    database = open_database(settings)
    try:
        with database.read(SYSTEM) as tx:
            verdict = verify_rows(tx.session, database.audit_keys.public_pem)
            checked = check_files(tx, _files(settings))
        with database.write(SYSTEM) as tx:
            tx.record(
                "backup.restored",
                object_type="backup",
                object_id=restored.backup_id,
                outcome="success" if verdict.status == CLEAN and not checked.broken else "failure",
                log_size=restored.size,
                files=checked.files,
                broken=len(checked.broken),
            )
        database.seal_log()
    finally:
        database.close()
    _say("record: " + " ".join(verdict.lines))
    _say(f"files: {checked.files} read, {checked.bytes / MB:.1f} MB, {len(checked.broken)} not as they were")
    for sha256 in checked.broken:
        _say(f"  {sha256}")
    _say(f"{time.monotonic() - began:.1f} s in all")
    return 0 if verdict.status == CLEAN and not checked.broken else 1


def rotate_key(settings: Settings, options: Namespace) -> int:
    """A new site key; prints how many patients' keys were wrapped anew."""
    from storage.rotation import rotate

    if settings.site_key:
        raise ValueError("The site key is given from outside and cannot be written; see deploy/README.md.")
    database = open_database(settings)
    try:
        began = time.monotonic()
        count = rotate(database, settings.site_key_file, SYSTEM)
    finally:
        database.close()
    _say(f"{count} patients' keys wrapped under a new site key, {time.monotonic() - began:.1f} s")
    return 0


def retain(settings: Settings, options: Namespace) -> int:
    """List what was kept long enough; with --yes ask for erasures, forget uploads, let closed logs go."""
    limits = retention.Limits(
        unsigned=settings.retain_unsigned_days,
        signed=settings.retain_signed_days,
        uploads=settings.retain_upload_days,
        logs=settings.retain_log_days,
    )
    if options.yes == options.dry_run:
        raise ValueError("Say either --dry-run or --yes.")
    database = open_database(settings)
    try:
        with database.read(SYSTEM) as tx:
            who = _who(tx, options.by) if options.yes else SYSTEM
            patients, uploads = retention.due(tx, limits), retention.old_uploads(tx, limits)
            public, now = database.audit_keys.public_pem, tx.now
        logs = (
            retention.old_logs(options.closed, options.copies, public, now, limits) if options.closed else []
        )
        for one in patients:
            _say(f"{one.kind} {one.ref[:12]} last {one.last.date()}: {one.state}")
        for log in logs:
            _say(f"log {log.file.name} closed {log.closed_at.date()}: {'due' if log.has_copy else 'no copy'}")
        _say(
            f"{sum(one.state == 'due' for one in patients)} patients, {len(uploads)} uploads, "
            f"{sum(log.has_copy for log in logs)} closed logs are due"
        )
        if options.yes:
            _retain(database, who, limits, patients, uploads, logs)
    finally:
        database.close()
    return 0


def _retain(
    database: Database,
    who: Actor,
    limits: retention.Limits,
    patients: list[retention.Due],
    uploads: list[str],
    logs: list[retention.ClosedLog],
) -> None:
    with database.write(who) as tx:
        tx.record(
            "retention.run",
            unsigned_days=limits.unsigned,
            signed_days=limits.signed,
            upload_days=limits.uploads,
            log_days=limits.logs,
            due=sum(one.state == "due" for one in patients),
            held=sum(one.state == "held" for one in patients),
        )
        if uploads:
            retention.forget_uploads(tx, uploads, limits)
    asked = 0
    for one in patients:
        if one.state == "due":
            with suppress(Conflict, NotFound), database.write(who) as tx:
                retention.ask(tx, one)
                asked += 1
    for log in logs:
        if log.has_copy:
            with database.write(who) as tx:
                retention.remove_log(tx, log)
            log.file.unlink()
    _say(
        f"{asked} erasures were asked for; somebody else than {who.role} {who.id[:8]} decides on the page Erasures"
    )


def _who(tx: Tx, username: str) -> Actor:
    """The person who answers for it: the erasures are asked for in this name, and another person decides."""
    known = {one.username: one for one in users.everyone(tx) if one.active}
    person = known.get(users.folded(username))
    if person is None or person.role not in ("clinician", "admin"):
        raise ValueError("Name with --by the clinician or administrator who answers for it.")
    return Actor(id=person.id, role=person.role)


def _files(settings: Settings) -> FileStore:
    return FileStore(settings.data_dir / "files")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
