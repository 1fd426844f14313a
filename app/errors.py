"""Any error to a status and a sentence in the asker's language, with a number that stands in the log.

Refused is the application's own; DicomError, StorageError and ModelError carry codes of their own.
"""

import secrets
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.wording import sentence
from dicom.errors import DicomError
from model.errors import ModelError
from storage.errors import StorageError

log = structlog.get_logger()
STATUS = {
    "storage.not_found": 404,
    "storage.conflict": 409,
    "storage.already_signed": 409,
    "storage.not_signed": 409,
    "storage.reviewed_before": 409,
    "storage.name_taken": 409,
    "storage.last_admin": 409,
    "storage.held": 409,
    "storage.second_person": 409,
    "storage.seen_already": 409,
    "storage.password_too_short": 422,
    "storage.only_looking": 403,
    "storage.owners_only": 403,
    "storage.wrong_patient": 409,
    "storage.too_many_tries": 429,
    "storage.database_away": 503,
    "storage.disk_full": 507,
    "storage.witness_away": 503,
    "storage.spool_full": 507,
    "storage.spool_broken": 503,
    "storage.seal_broken": 503,
    "storage.scratch_full": 507,
    "storage.unreadable": 410,
    "dicom.no_such_frame": 404,
    "dicom.busy": 503,
    "app.signed_out": 401,
    "app.forbidden": 403,
    "app.foreign_origin": 403,
    "app.confirm_first": 403,
    "app.export_scope": 403,
    "app.wrong_password": 403,
    "app.too_many_requests": 429,
    "app.code_needed": 403,
    "app.wrong_code": 403,
    "app.factor_demanded": 409,
    "app.not_here": 404,
    "app.no_report": 404,
    "app.no_emergency": 404,
    "app.too_many_emergencies": 429,
    "app.withheld": 403,
    "app.upload_too_large": 413,
    "app.quota_bytes": 413,
    "app.quota_uploads": 429,
    "app.quota_waiting": 429,
    "app.quota_answers": 429,
    "app.study_locked": 409,
    "app.identity_missing": 409,
    "app.checklist": 409,
    "app.upload_state": 409,
    "app.upload_part": 409,
    "app.upload_unfinished": 409,
    "identity.in_file": 422,
    "identity.in_details": 422,
    **{
        f"scope.{code}": 409
        for code in (
            "not_acquired",
            "page",
            "not_human",
            "blank",
            "localizer",
            "no_tissue",
            "raw",
            "burned_in",
            "modality",
            "region",
        )
    },
}


class Refused(Exception):
    """The application says no, with the code of the reason and its facts."""

    def __init__(self, code: str, **facts: Any):
        super().__init__(code)
        self.code, self.facts = code, facts


def body_for(code: str, language: str, facts: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an error."""
    reference = secrets.token_hex(3)
    status = STATUS.get(
        code, 500 if code in ("app.error", "storage.error") or code.startswith("storage.") else 422
    )
    error = {
        "code": code,
        "sentence": sentence(code, language, **{"reference": reference, **facts}),
        "reference": reference,
        "lost": False,
        "facts": {name: value for name, value in facts.items() if isinstance(value, int | str | bool)},
    }
    log.warning("request refused", code=code, status=status, reference=reference)
    return status, {"error": error}


def answer(code: str, language: str, **facts: Any) -> JSONResponse:
    """The response of an error."""
    status, body = body_for(code, language, facts)
    return JSONResponse(body, status)


def install(app: FastAPI) -> None:
    """Every error of every route becomes a sentence; the cause stays in the log, by its kind only."""

    async def known(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused | StorageError | DicomError | ModelError)
        return answer(error.code, language_of(request), **error.facts)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        what = ", ".join(str(part["loc"][-1]) for part in error.errors()[:3])
        return answer("app.invalid", language_of(request), what=what)

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = {401: "app.signed_out", 403: "app.forbidden", 404: "app.not_here"}.get(
            error.status_code, "app.invalid"
        )
        return answer(code, language_of(request), what=str(error.status_code))

    async def unknown(request: Request, error: Exception) -> JSONResponse:
        # Starlette raises it again afterwards; the guard writes it down.
        return answer("app.error", language_of(request))

    for kind in (Refused, StorageError, DicomError, ModelError):
        app.add_exception_handler(kind, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unknown)


def language_of(request: Request) -> str:
    """The asker's language: their own choice, else the browser's."""
    caller = request.scope.get("caller")
    if caller is not None:
        return str(caller.language)
    return "ko" if request.headers.get("accept-language", "").lower().startswith("ko") else "en"
