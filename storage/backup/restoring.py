"""Bringing an installation back from both archives, into a place where nothing is yet.

The site key is written last: an installation that was interrupted while it came back does not start. Whatever goes
wrong, what was brought in is removed again, so that the same command can be given once more.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage.backup.archive import FORMAT, MANIFEST, PIECE_BYTES, PUBLIC, reading
from storage.backup.databases import filling, is_empty
from storage.durable import sync_folder, write_once
from storage.errors import ArchiveBroken, NotEmpty
from storage.rows import PatientKeyRow, PatientRow, SessionRow

FILE = re.compile(r"files/([0-9a-f]{32})/([0-9a-f]{64})")
AUDIT = re.compile(r"audit/(signing\.pem|chain-[0-9]{1,9}\.key)")
BLOCK_BYTES = 1 << 20
KEYS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where an installation is to be: files, keys and database."""

    files: Path
    keys: Path
    url: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What the copy was: its id, when it was made, how long its log was, and how much came back."""

    backup_id: str
    made: str
    log: str
    size: int
    files: int
    patients: int


def restore(place: Place, data: Path, keys: Path, identity: Any, public_pem: bytes | None = None) -> Restored:
    """Files, database and keys as they were; who had no key any more when `keys` was made stays erased.

    public_pem: the auditor's copy of the key that the archives must be signed with
    raises: NotEmpty, ArchiveBroken, ProgramMissing
    """
    for name, folder in (("files", place.files), ("keys", place.keys)):
        if folder.exists() and any(folder.iterdir()):
            raise NotEmpty(place=name)
    if not is_empty(place.url):
        raise NotEmpty(place="database")
    try:
        facts, files = _bring_data(place, data, identity, public_pem)
        patients = _bring_keys(place, keys, identity, public_pem, facts)
    except BaseException:
        _remove(place)
        raise
    return Restored(facts["id"], facts["made"], facts["log"], int(facts["size"]), files, patients)


def _bring_data(
    place: Place, path: Path, identity: Any, public_pem: bytes | None
) -> tuple[dict[str, Any], int]:
    facts: dict[str, Any] = {}
    count = 0
    audit = place.keys / "audit"
    # One by one: the folders above the last would be open to everybody.
    for folder in (place.files, place.keys, audit):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with reading(path, identity, public_pem) as archive, ExitStack() as open_ones:
        database = None
        for name, source in archive:
            if not facts and name != MANIFEST:
                raise ArchiveBroken(reason="no manifest")
            if name == MANIFEST:
                facts = _manifest(source.whole(), "data")
                if facts["database"] != sa.make_url(place.url).get_backend_name():
                    raise ArchiveBroken(reason="of another kind of database", database=facts["database"])
            elif name == PUBLIC:
                write_once(audit / PUBLIC, source.whole())
            elif AUDIT.fullmatch(name):
                write_once(audit / name.removeprefix("audit/"), source.whole())
            elif found := FILE.fullmatch(name):
                _bring_file(place.files / found[1] / found[2], source)
                count += 1
            elif name.startswith("database/"):
                database = database or open_ones.enter_context(filling(place.url))
                while block := source.read(BLOCK_BYTES):
                    database.write(block)
            else:
                raise ArchiveBroken(reason="a member of no known kind")
    return facts, count


def _bring_file(path: Path, source: Any) -> None:
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with path.open("xb") as target:
        path.chmod(0o600)
        while block := source.read(BLOCK_BYTES):
            target.write(block)
        target.flush()
    sync_folder(path.parent)


def _bring_keys(
    place: Place, path: Path, identity: Any, public_pem: bytes | None, data: dict[str, Any]
) -> int:
    site, count = b"", 0
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with reading(path, identity, public_pem) as archive, engine.begin() as connection:
        pending: list[dict[str, Any]] = []
        rest = b""
        for name, source in archive:
            if name == MANIFEST:
                facts = _manifest(source.whole(), "keys")
                if facts["site"] != data["site"]:
                    raise ArchiveBroken(reason="keys of another installation")
            elif name == "site.key":
                site = source.whole()
            elif name.startswith("patient-keys/"):
                lines = (rest + source.read(PIECE_BYTES)).split(b"\n")
                rest = lines.pop()
                pending += [_wrapped(line) for line in lines]
                count += _insert(connection, pending)
            elif name != PUBLIC:
                raise ArchiveBroken(reason="a member of no known kind")
        # People sign in again: a session that was ended since would be open once more.
        connection.execute(sa.delete(SessionRow))
    engine.dispose()
    if not site:
        raise ArchiveBroken(reason="no site key")
    write_once(place.keys / "site.key", site, mode=0o400)
    return count


def _manifest(data: bytes, part: str) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(data)
        known = facts["format"] == FORMAT and facts["part"] == part
        complete = {"id", "made", "database", "site", "log", "size"} <= set(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveBroken(reason="no manifest") from error
    if not known or not complete:
        raise ArchiveBroken(reason=f"not the {part} archive of a known format")
    return facts


def _wrapped(line: bytes) -> dict[str, Any]:
    try:
        patient_id, wrapped, created_at = json.loads(line)
        return {
            "patient_id": patient_id,
            "wrapped": bytes.fromhex(wrapped),
            "created_at": datetime.fromisoformat(created_at),
        }
    except (TypeError, ValueError) as error:
        raise ArchiveBroken(reason="a key that cannot be read") from error


def _insert(connection: sa.Connection, pending: list[dict[str, Any]]) -> int:
    """The keys of patients who are in this database; newer keys than the data hold some who are not."""
    count = 0
    for batch in _batches(pending):
        ids = [one["patient_id"] for one in batch]
        known = set(connection.execute(sa.select(PatientRow.id).where(PatientRow.id.in_(ids))).scalars())
        rows = [one for one in batch if one["patient_id"] in known]
        if rows:
            connection.execute(sa.insert(PatientKeyRow), rows)
        count += len(rows)
    pending.clear()
    return count


def _batches(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    yield from (rows[start : start + KEYS_AT_ONCE] for start in range(0, len(rows), KEYS_AT_ONCE))


def _remove(place: Place) -> None:
    """All that came: the place was empty before."""
    for folder in (place.files, place.keys):
        for one in folder.iterdir() if folder.exists() else ():
            with suppress(OSError):
                if one.is_dir():
                    shutil.rmtree(one)
                else:
                    one.unlink()
    url = sa.make_url(place.url)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        for one in path.parent.glob(f"{path.name}*"):
            one.unlink(missing_ok=True)
        return
    engine = sa.create_engine(place.url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        schemas = connection.execute(
            sa.text(
                "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg!_%' ESCAPE '!' "
                "AND nspname <> 'information_schema'"
            )
        ).scalars()
        for schema in list(schemas):
            connection.exec_driver_sql(f'DROP SCHEMA "{schema}" CASCADE')
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
