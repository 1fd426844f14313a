"""What is wrong with this installation, and the fix for each."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    fix: str = ""


def examine(settings: Settings) -> list[Line]:
    """All lines; looking changes nothing but a new installation's database."""
    return [line for look in _LOOKS for line in look(settings)]


def _device(settings: Settings) -> Iterator[Line]:
    if settings.model_server:
        yield _server(settings)
        return
    import torch

    from model.devices import device_named
    from model.errors import DeviceAbsent

    try:
        device = device_named(settings.device)
    except DeviceAbsent as error:
        yield Line(
            "device",
            False,
            str(error),
            "Install the driver and a build of torch for it, or set DRAGONFLY_DEVICE=cpu.",
        )
        return
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else settings.device
    yield Line("device", True, f"{kind}, {settings.threads} thread(s), torch {torch.__version__}")


def _server(settings: Settings) -> Line:
    from app.wiring import open_answerer

    try:
        card = open_answerer(settings).card
    except Exception as error:
        return Line(
            "model server",
            False,
            type(error).__name__,
            f"Start {settings.model_server} with the exported folder and its name; see deploy/README.md.",
        )
    return Line("model server", True, f"{card.name}, {card.architecture}, sha256 {card.fingerprint[:16]}")


def _memory(settings: Settings) -> Iterator[Line]:
    pages, size = os.sysconf("SC_AVPHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    free = pages * size
    yield Line(
        "memory",
        free > 2 << 30,
        f"{free / (1 << 30):.1f} GiB free",
        "Free 2 GiB, or lower DRAGONFLY_DECODERS.",
    )


def _weights(settings: Settings) -> Iterator[Line]:
    if settings.model_server:
        return  # they lie where the server is
    from model.checkpoints import read_card
    from model.demo import DEMO_MODEL
    from model.engine import looked_through
    from model.errors import DeviceAbsent, ModelError, NotEnoughMemory, QuantizationUnusable

    folder = settings.model_path or DEMO_MODEL
    try:
        card = read_card(folder)
        yield Line("weights", True, f"{card.name}, {card.architecture}, sha256 {card.fingerprint[:16]}")
        looked_through(
            folder, device=settings.device, dtype=settings.dtype, quantization=settings.quantization
        )
        yield Line("room for the weights", True, f"{settings.dtype}, quantization {settings.quantization}")
    except DeviceAbsent:
        return  # said above
    except (NotEnoughMemory, QuantizationUnusable) as error:
        yield Line(
            "room for the weights",
            False,
            str(error),
            "Set another DRAGONFLY_DTYPE or DRAGONFLY_QUANTIZATION, or take a machine with more memory.",
        )
    except Exception as error:
        yield Line(
            "weights",
            False,
            str(error) if isinstance(error, ModelError) else type(error).__name__,
            f"Check the folder {folder}: config.json, weights, tokenizer.",
        )


def _disk(settings: Settings) -> Iterator[Line]:
    folder = settings.data_dir if settings.data_dir.exists() else Path(settings.data_dir.anchor or ".")
    free = shutil.disk_usage(folder).free
    yield Line(
        "disk", free > 5 << 30, f"{free / (1 << 30):.1f} GiB free", "Free 5 GiB or move DRAGONFLY_DATA_DIR."
    )


def _database(settings: Settings) -> Iterator[Line]:
    from app.wiring import SYSTEM, open_database
    from storage import users
    from storage.privileges import rights_of

    try:
        database = open_database(settings)
    except Exception as error:
        yield Line(
            "database", False, type(error).__name__, "Check DRAGONFLY_DATABASE_URL and that the server runs."
        )
        return
    with database.read(SYSTEM) as tx:
        count = users.count(tx)
    yield Line("database", True, database.engine.dialect.name)
    rights = rights_of(database.engine)
    if database.engine.dialect.name != "sqlite":
        yield Line(
            "database login",
            rights.can_scrub and not rights.owns_the_record,
            "owns the tables of the record, so whoever gets into the application can take their triggers off"
            if rights.owns_the_record
            else "adds to the record and can change nothing in it"
            if rights.can_scrub
            else "cannot rewrite the table of patients' keys after an erasure",
            "Run deploy/postgresql.sql, then dragonfly-med migrate with DRAGONFLY_DATABASE_OWNER_URL.",
        )
    yield Line("users", count > 0, str(count), "Add one: dragonfly-med user add NAME --role admin")
    database.close()


def _keys(settings: Settings) -> Iterator[Line]:
    for file in (settings.site_key_file, settings.keys / "audit" / "signing.pem"):
        if not file.exists():
            yield Line(
                "keys",
                False,
                f"{file.name} is missing",
                "Run dragonfly-med migrate, or restore the keys folder.",
            )
            continue
        mode = file.stat().st_mode & 0o077
        yield Line(
            "keys",
            mode == 0,
            f"{file.name} {'private' if not mode else 'readable by others'}",
            f"chmod 600 {file}",
        )
    escrow = settings.keys / "audit" / "escrow" / "first-chain.key"
    yield Line(
        "escrow",
        not escrow.exists() or settings.data_dir.name == "demo",
        "still here" if escrow.exists() else "taken away",
        f"Give {escrow} to the auditor and remove it here.",
    )


_LOOKS: tuple[Callable[[Settings], Iterator[Line]], ...] = (
    _device,
    _memory,
    _weights,
    _disk,
    _database,
    _keys,
)
