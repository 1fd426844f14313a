"""Structured logs without patients: events in the past tense, facts from an allow-list of names."""

import logging
import sys
from typing import Any

import structlog

ALLOWED = {
    "event", "level", "timestamp", "code", "status", "reference", "kind", "path", "seconds", "milliseconds", "count",
    "files", "bytes", "state", "worker", "node", "pid", "attempt", "answer_id", "study_id", "upload_id", "user_id",
    "address", "device", "model", "pieces", "version", "port", "method",
}  # fmt: skip


def set_up(level: str) -> None:
    """One JSON line an event on standard error; a field nobody allowed is dropped, so that no name slips in."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(message)s", force=True)
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


def _only_allowed(_logger: Any, _method: str, event: Any) -> Any:
    return {name: value for name, value in event.items() if name in ALLOWED}
