"""Routes, pages, guard and lifespan in one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from app import errors, intake, queue
from app.api import ROUTERS
from app.guard import Guard
from app.settings import Settings
from app.ui.page import mount_pages
from app.wiring import SYSTEM, Services, open_services, wipe_scratch

STATIC = Path(__file__).parent / "static"
log = structlog.get_logger()


def create_app(settings: Settings, services: Services | None = None) -> ASGIApp:
    """The whole web process as one ASGI application."""
    parts = services or open_services(settings)
    wipe_scratch(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        intake.forget_interrupted(parts)
        with parts.database.write(SYSTEM) as tx:
            tx.record("application.started")
        log.info("web process started", address=settings.address)
        yield
        app.state.intake.close()
        with parts.database.write(SYSTEM) as tx:
            tx.record("application.stopped")
        parts.database.seal_log()
        parts.close()

    app = FastAPI(title="Dragonfly-Med", version="0.1.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.services = parts
    app.state.queue = queue.Queue(parts.database.engine)
    app.state.intake = intake.Intake(parts)
    errors.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    mount_pages(app, settings.scratch)
    return Guard(app, parts)
