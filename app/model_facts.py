"""Which model answers right now, as the workers say of themselves."""

from datetime import timedelta
from typing import cast

from app.shapes.answers import ModelFacts
from app.wiring import SYSTEM, Services
from storage import workers
from storage.workers import Worker


def alive(services: Services) -> list[Worker]:
    """The workers heard of lately."""
    patience = timedelta(seconds=services.settings.worker_patience_seconds)
    with services.database.read(SYSTEM) as tx:
        return [worker for worker in workers.heard_of(tx) if worker.is_alive(tx.now, patience)]


def model_in_use(services: Services) -> ModelFacts | None:
    """Name, architecture and nature of the model of the worker heard of last; None when none is there."""
    for worker in alive(services):
        if found := worker.facts.get("model"):
            return cast(ModelFacts, found)
    return None
