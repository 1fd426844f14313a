"""Alive, and ready to serve: for the proxy and the operator, without any fact about patients."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.auth import services_of
from app.shapes.system import Alive
from app.wiring import SYSTEM
from storage import users
from storage.errors import StorageError

router = APIRouter(tags=["health"])
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="9" fill="#0b6e72"/>'
    '<g fill="#fff"><ellipse cx="14.5" cy="17" rx="9.5" ry="3.5" transform="rotate(14 24 19)"/>'
    '<ellipse cx="33.5" cy="17" rx="9.5" ry="3.5" transform="rotate(-14 24 19)"/>'
    '<rect x="22.7" y="14" width="2.6" height="26" rx="1.3"/><circle cx="24" cy="12" r="3.1"/></g></svg>'
)


@router.get("/health")
def health() -> Alive:
    """The process lives."""
    return {"status": "alive"}


@router.get("/ready", responses={503: {"model": Alive}})
def ready(request: Request, response: Response) -> Alive:
    """The database answers."""
    try:
        with services_of(request).database.read(SYSTEM) as tx:
            users.count(tx)
    except StorageError as error:
        response.status_code = 503
        return {"status": "away", "code": error.code}
    return {"status": "ready"}


@router.get("/favicon.ico", include_in_schema=False)
def icon() -> Response:
    """The mark."""
    return Response(ICON, media_type="image/svg+xml", headers={"cache-control": "public, max-age=86400"})


@router.get("/manifest.json", include_in_schema=False)
def manifest() -> dict[str, Any]:
    """Gradio's pages link to it."""
    return {"name": "Dragonfly-Med", "short_name": "Dragonfly-Med", "start_url": "/", "display": "browser"}
