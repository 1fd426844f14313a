"""Routes, pages, guard and lifespan in one application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from app import erasing, errors, intake, leftovers, queue
from app.api import ROUTERS
from app.describing import REFUSALS
from app.guard import Guard
from app.settings import Settings
from app.ui.page import mount_pages
from app.wiring import SYSTEM, Services, open_services, wipe_scratch
from storage import sessions
from storage.database import utc_now
from storage.errors import StorageError
from storage.privileges import rights_of

STATIC = Path(__file__).parent / "static"
UPKEEP_SECONDS = 60
log = structlog.get_logger()


def create_app(settings: Settings, services: Services | None = None) -> ASGIApp:
    """The whole web process as one ASGI application."""
    parts = services or open_services(settings)
    started = utc_now()
    wipe_scratch(settings)
    parts.copies.sweep()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        intake.forget_interrupted(parts)
        erasing.finish(parts)
        _take_in(parts)
        with parts.database.write(SYSTEM) as tx:
            tx.record("application.started")
        log.info("web process started", address=settings.address)
        if (
            parts.database.engine.dialect.name != "sqlite"
            and rights_of(parts.database.engine).owns_the_record
        ):
            log.warning("the application's login owns the tables of the record", see="deploy/postgresql.sql")
        upkeep = asyncio.create_task(_upkeep(parts, app.state.intake, started))
        yield
        upkeep.cancel()
        app.state.intake.close()
        with parts.database.write(SYSTEM) as tx:
            tx.record("application.stopped")
        parts.database.seal_log()
        parts.anchors.round(parts.database, SYSTEM)
        parts.close()

    app = FastAPI(
        title="Dragonfly-Med",
        version="0.1.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=REFUSALS,
    )
    app.state.services = parts
    app.state.queue = queue.Queue(parts.database.engine)
    app.state.intake = intake.Intake(parts)
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    mount_pages(app, settings.scratch)
    return Guard(app, parts)


async def _upkeep(services: Services, received: intake.Intake, started: datetime) -> None:
    """At once: remove what a killed process left. Each minute: sign the log's end, forget sessions that are over,
    give up silent uploads and unused volumes."""
    try:
        await run_in_threadpool(leftovers.remove, services, started)
    except (StorageError, OSError) as error:
        log.warning("left-over files stay", kind=type(error).__name__)
    while True:
        await asyncio.sleep(UPKEEP_SECONDS)
        try:
            await run_in_threadpool(keep_up, services, received)
        except StorageError as error:
            log.warning("upkeep failed", code=error.code)


def _take_in(services: Services) -> None:
    """Put emergency readings that were written down elsewhere into the record."""
    try:
        count = services.database.spool.take_in(services.database, SYSTEM) if services.database.spool else 0
    except OSError as error:
        log.warning("emergency readings wait still", kind=type(error).__name__)
        return
    if count:
        log.warning("emergency readings were taken into the record", count=count)


def keep_up(services: Services, received: intake.Intake) -> None:
    """One round of it."""
    _take_in(services)
    services.database.seal_log()
    services.anchors.round(services.database, SYSTEM)
    with services.database.keep_house(SYSTEM) as tx:
        sessions.end_expired(tx, idle=services.idle)
    received.give_up_silent()
    services.copies.sweep(unused_seconds=services.idle.total_seconds())
    services.volumes.sweep()
