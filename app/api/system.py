"""The state of the service: for everybody in a line, for the administrator in full; and what it is made of."""

import shutil
from typing import cast

from fastapi import APIRouter, Request, Response

from app.api.answers import queue_of
from app.auth import Caller, allow, services_of
from app.model_facts import alive, model_in_use
from app.shapes.system import About, Status, SystemState, WorkerState
from app.wiring import SYSTEM, Services
from storage import emergencies, workers
from storage.database import Tx
from storage.rows import AuditHeadRow

router = APIRouter(tags=["system"])
SOFTWARE = (
    ("Dragonfly-Med", "Apache-2.0"),
    ("PyTorch", "BSD-3-Clause"),
    ("transformers", "Apache-2.0"),
    ("pydicom", "MIT"),
    ("imagecodecs", "BSD-3-Clause"),
    ("pylibjpeg, pylibjpeg-openjpeg, pylibjpeg-rle, pyjpegls", "MIT"),
    ("SQLAlchemy, Alembic", "MIT"),
    ("DBOS Transact", "MIT"),
    ("FastAPI, Starlette, uvicorn", "MIT, BSD-3-Clause"),
    ("Gradio", "Apache-2.0"),
    ("reportlab", "BSD-3-Clause"),
    ("pikepdf", "MPL-2.0"),
    ("cryptography", "Apache-2.0 or BSD-3-Clause"),
    ("joserfc", "BSD-3-Clause"),
    ("psycopg", "LGPL-3.0"),
    ("OpenSlide, openslide-python", "LGPL-2.1"),
    ("Cornerstone3D", "MIT"),
    ("OpenSeadragon", "BSD-3-Clause"),
    ("Noto Sans KR", "OFL-1.1"),
)
WEIGHTS = (
    ("Dragonfly-Med demonstration", "Apache-2.0", "drawings only; knows nothing about patients"),
    ("Llama-3-8B-Dragonfly-Med-v1", "Llama 3 Community; non-commercial", "not shipped"),
    ("Llama-3.1-8B-Dragonfly-Med-v2", "Llama 3.1 Community; non-commercial", "not shipped"),
)


@router.get("/api/status")
def status(request: Request, caller: Caller = allow()) -> Status:
    """Whether somebody answers, and how many wait."""
    return {"workers": len(alive(services_of(request))), "waiting": queue_of(request).depth()}


@router.get("/api/about")
def about(request: Request, caller: Caller = allow()) -> About:
    """Version, licences of software and weights, and the model that answers now."""
    return {
        "version": request.app.version,
        "software": [{"name": name, "licence": licence} for name, licence in SOFTWARE],
        "weights": [{"name": name, "licence": licence, "note": note} for name, licence, note in WEIGHTS],
        "model": model_in_use(services_of(request)),
    }


@router.get("/api/system")
def system(request: Request, caller: Caller = allow("admin")) -> SystemState:
    """Workers, model, memory, queue, disk, record."""
    services = services_of(request)
    with services.database.look(caller.actor) as tx:
        tx.record("system.read")
        known = workers.heard_of(tx)
        now, entries = tx.now, _entries(tx)
    living = {worker.id for worker in alive(services)}
    disk = shutil.disk_usage(services.settings.data_dir)
    return {
        "workers": [
            cast(
                WorkerState,
                {
                    "id": one.id,
                    "alive": one.id in living,
                    "seconds_silent": max(0, round((now - one.beat_at).total_seconds())),
                    "started_at": one.started_at.isoformat(),
                    **one.facts,
                },
            )
            for one in known
        ],
        "waiting": queue_of(request).depth(),
        "disk": {"free": disk.free, "total": disk.total},
        "audit_entries": entries,
        "database": services.database.engine.dialect.name,
        "pace_ms": services.settings.pace_ms,
    }


@router.get("/metrics", response_class=Response, include_in_schema=False)
def metrics(request: Request, caller: Caller = allow("admin")) -> Response:
    """Figures for the operator, in Prometheus' text format."""
    return Response(
        _figures(services_of(request), queue_of(request).depth()), media_type="text/plain; version=0.0.4"
    )


def _figures(services: Services, waiting: int) -> str:
    disk = shutil.disk_usage(services.settings.data_dir)
    with services.database.read(SYSTEM) as tx:
        entries, opened = _entries(tx), emergencies.waiting(tx)
    values = {
        "dragonfly_workers_alive": len(alive(services)),
        "dragonfly_answers_waiting": waiting,
        "dragonfly_audit_entries": entries,
        "dragonfly_emergencies_running": opened.running,
        "dragonfly_emergencies_overdue": opened.overdue,
        "dragonfly_witness_behind": services.database.witness_behind,
        "dragonfly_spool_waiting": int(
            not (services.database.spool is None or services.database.spool.is_empty)
        ),
        "dragonfly_checkpoint_file_failures": services.anchors.file_failures,
        "dragonfly_stamp_failures": services.anchors.stamp_failures,
        "dragonfly_disk_free_bytes": disk.free,
    }
    if (age := services.anchors.stamp_age_seconds(services.database.clock())) is not None:
        values["dragonfly_stamp_age_seconds"] = round(age)
    return "".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in values.items())


def _entries(tx: Tx) -> int:
    head = tx.session.get(AuditHeadRow, 1)
    return head.size if head else 0
