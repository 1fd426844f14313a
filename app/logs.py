"""Structured logs without patients: events in the past tense, facts from an allow-list of names."""

import json
import logging
import sys
import traceback
from pathlib import Path
from typing import Any

import structlog

ALLOWED = {
    "event", "level", "timestamp", "code", "status", "reference", "kind", "path", "seconds", "milliseconds", "count",
    "files", "bytes", "state", "worker", "node", "pid", "attempt", "answer_id", "study_id", "upload_id", "user_id",
    "address", "device", "model", "pieces", "version", "port", "method", "place",
}  # fmt: skip


def set_up(level: str) -> None:
    """One JSON line an event on standard error; a field nobody allowed is dropped, so that no name slips in."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Foreign())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("pydicom", "PIL", "httpx", "uvicorn.access", "alembic", "transformers", "dbos"):
        logging.getLogger(noisy).setLevel(logging.WARNING if noisy != "pydicom" else logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_allowed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


class _Foreign(logging.Formatter):
    """Lines of the libraries: who spoke, how loud, and the kind of an exception.

    Their messages and tracebacks are not written down: a path, a statement or a value in them may name a patient.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One JSON line."""
        error = record.exc_info[1] if record.exc_info else None
        facts = {
            "event": "library spoke",
            "level": record.levelname.lower(),
            "library": record.name,
            "line": record.lineno,
            "kind": type(error).__name__ if error else None,
            "place": place_of(error) if error else None,
        }
        return json.dumps({name: value for name, value in facts.items() if value is not None})


def place_of(error: BaseException) -> str:
    """File and line an exception comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _only_allowed(_logger: Any, _method: str, event: Any) -> Any:
    return {name: value for name, value in event.items() if name in ALLOWED}
