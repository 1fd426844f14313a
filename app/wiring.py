"""The one place where parts are put together: database, keys, files, decoder, queue, answerer."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from app import safety
from app.anchoring import Anchors, open_anchors
from app.settings import Settings
from app.volumes import Volumes
from dicom.guard import Limits
from dicom.sandbox import Decoder
from storage.audit.keys import AuditKeys
from storage.audit.spool import Spool
from storage.audit.witness import open_witness
from storage.database import Actor, Database, utc_now
from storage.durable import make_folder
from storage.files import FileStore
from storage.migrate import migrate
from storage.pdf.signing import open_seal
from storage.plaintexts import Plaintexts
from storage.privileges import grant
from storage.sealing import Keyring
from storage.users import Passwords

if TYPE_CHECKING:
    from model.answers import Answerer
    from storage.pdf.signing import Seal

SYSTEM = Actor(id="system", role="system")


@dataclass(frozen=True, slots=True)
class Services:
    """What the use cases work with."""

    settings: Settings
    database: Database
    files: FileStore
    decoder: Decoder
    passwords: Passwords
    copies: Plaintexts
    """Of slides, for as long as they are read."""
    volumes: Volumes
    anchors: Anchors
    seal: "Seal | None" = None
    """What signed reports are sealed with as they leave."""

    @property
    def idle(self) -> timedelta:
        """How long a session may rest."""
        return timedelta(minutes=self.settings.session_idle_minutes)

    @property
    def hard(self) -> timedelta:
        """How long a session may last."""
        return timedelta(hours=self.settings.session_hours)

    def close(self) -> None:
        """End processes and connections."""
        self.volumes.close()
        self.decoder.close()
        self.copies.sweep()
        self.database.close()


def open_services(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, passwords: Passwords | None = None
) -> Services:
    """Everything but the model; makes keys and tables on the first start."""
    seal, anchors = open_seal(settings.paper_seal), open_anchors(settings)
    database = open_database(settings, clock)
    database.spool = open_spool(settings)
    database.spool.prepare()
    limits = Limits(file_bytes=settings.upload_file_bytes, memory_bytes=settings.decoder_memory_bytes)
    decoder = Decoder(settings.decoders, limits)
    return Services(
        settings,
        database,
        FileStore(settings.data_dir / "files"),
        decoder,
        passwords or Passwords(),
        Plaintexts(settings.slide_copies, settings.slide_copies_bytes),
        Volumes(decoder, settings.decoders, settings.volume_bytes),
        anchors,
        seal,
    )


def open_database(
    settings: Settings, clock: Callable[[], datetime] = utc_now, *, as_owner: bool = False
) -> Database:
    """The database at its newest schema, its log open.

    as_owner: by the login that owns the tables, where there is one, for what the application's may not
    raises: ValueError for settings that are not safe, SchemaOld
    """
    safety.check(settings)
    make_folder(settings.data_dir)
    make_folder(settings.keys)
    site = settings.site_key_file
    # One that is given from outside is never made here: another would open nothing.
    keyring = Keyring.load(site) if settings.site_key or site.exists() else Keyring.create(site)
    keys, witness = AuditKeys.create(settings.keys / "audit"), open_witness(settings.witness)
    url = (as_owner and settings.database_owner_url) or settings.url
    database = Database(url, keyring, keys, clock, witness)
    try:
        migrate(database.engine)
        database.open(SYSTEM)
    except BaseException:
        database.close()
        raise
    return database


def open_spool(settings: Settings) -> Spool:
    """Where emergency readings are written down while the record cannot be; the web process makes it."""
    return Spool(settings.data_dir / "spool", AuditKeys(settings.keys / "audit"))


def bring_up_to_date(settings: Settings) -> None:
    """Tables of application and queue, and what the application's login may do with them."""
    from app.queue import prepare

    database = open_database(settings, as_owner=True)
    try:
        prepare(database.engine)
        if settings.database_owner_url:
            grant(database.engine, str(make_url(settings.url).username))
    finally:
        database.close()


def wipe_scratch(settings: Settings) -> None:
    """Remove what a killed process left of uploads: plaintext has no business on the disk."""
    shutil.rmtree(settings.scratch, ignore_errors=True)
    settings.scratch.mkdir(parents=True, mode=0o700)


def open_answerer(settings: Settings) -> "Answerer":
    """The model of this worker: the named checkpoint, or the demonstration; never one instead of the other.

    raises: ModelError; ValueError for settings that do not go together
    """
    if settings.model_server:
        return _open_served(settings)
    from model.demo import DEMO_MODEL
    from model.engine import open_engine

    return open_engine(
        settings.model_path or DEMO_MODEL,
        device=settings.device,
        dtype=settings.dtype,
        quantization=settings.quantization,
        threads=settings.threads,
        pace_ms=settings.pace_ms,
        readers=settings.worker_concurrency,
    )


def _open_served(settings: Settings) -> "Answerer":
    """A model server; the worker itself loads neither weights nor the library that computes with them."""
    from model.served import open_served

    if settings.model_path is None:
        raise ValueError("DRAGONFLY_MODEL_SERVER wants DRAGONFLY_MODEL_PATH: the exported folder it serves.")
    return open_served(
        settings.model_path,
        settings.model_server,
        key_file=settings.model_server_key,
        patience_seconds=settings.model_server_patience_seconds,
        ranks=settings.model_server_ranks,
    )
