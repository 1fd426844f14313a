"""The record, for the auditor: search, verify, take away."""

from datetime import UTC, datetime
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from app import leaving, record
from app.auth import Caller, allow, services_of
from app.describing import gives
from app.record import Form
from app.shapes.system import Continuation, Entries, Entry, LogVerdict, Receipt
from storage import users
from storage.audit.actions import ACTIONS
from storage.audit.receipts import continuation, receipt
from storage.audit.search import find, verify_rows
from storage.verifier import CANNOT_TELL, CLEAN, TAMPERED

router = APIRouter(tags=["audit"], prefix="/api/audit")
AUDITOR = allow("auditor")
Number = Annotated[int, Query(ge=-1, le=2**31 - 1)]
"""The number of an entry, as the database counts."""
FILES: dict[Form, tuple[str, str]] = {
    "sealed": ("audit-log.jsonl", "application/x-ndjson"),
    "fhir": ("audit-events.ndjson", "application/fhir+ndjson"),
    "syslog": ("audit-messages.log", "text/plain; charset=utf-8"),
}
WORDS: dict[int, Literal["clean", "tampered", "cannot_tell"]] = {
    CLEAN: "clean",
    TAMPERED: "tampered",
    CANNOT_TELL: "cannot_tell",
}


@router.get("")
def search(
    request: Request,
    actor: str = "",
    action: str = "",
    subject: str = "",
    object_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: Number | None = None,
    limit: int = 100,
    caller: Caller = AUDITOR,
) -> Entries:
    """Entries, newest first; names of staff beside their ids, patients only as pseudonyms."""
    with services_of(request).database.look(caller.actor) as tx:
        tx.record("audit.read")
        names = {user.id: user.username for user in users.everyone(tx)}
        ids = [one for one, name in names.items() if name == actor] or ([actor] if actor else [""])
        entries = find(
            tx.session,
            actor=ids[0],
            action=action,
            subject=subject,
            object_id=object_id,
            since=_utc(since),
            until=_utc(until),
            before=cursor,
            limit=min(max(limit, 1), 500),
        )
    return {
        "entries": [
            cast(Entry, {**entry, "actor": {**entry["actor"], "name": names.get(entry["actor"]["id"])}})
            for entry in entries
        ],
        "cursor": entries[-1]["seq"] if len(entries) == min(max(limit, 1), 500) else None,
        "actions": list(ACTIONS),
    }


def _utc(moment: datetime | None) -> datetime | None:
    """A time without a zone is meant as UTC, as all times of the record are."""
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


@router.post("/verify")
def verify(request: Request, caller: Caller = AUDITOR) -> LogVerdict:
    """Whether the record is as it was written, with the public key; the escrowed key proves more, offline."""
    database = services_of(request).database
    database.seal_log()
    with database.read(caller.actor) as tx:
        verdict = verify_rows(tx.session, database.audit_keys.public_pem)
    with database.write(caller.actor) as tx:
        tx.record("audit.verified", outcome="success" if verdict.status == CLEAN else "failure")
    return {"verdict": WORDS[verdict.status], "entries": verdict.entries, "lines": list(verdict.lines)}


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses=gives(*(kind.split(";")[0] for _, kind in FILES.values())),
)
def export(
    request: Request, form: Form = "sealed", after: Number = -1, caller: Caller = AUDITOR
) -> StreamingResponse:
    """The whole record as a sealed file; or what stands behind an entry, as FHIR resources or syslog messages."""
    leaving.check(request, caller)
    lines = record.lines(services_of(request).database, caller.actor, form, after)
    name, kind = FILES[form]
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(lines, media_type=kind, headers=headers)


@router.get("/receipt", response_model=Receipt)
def give_receipt(
    request: Request, seq: Annotated[int, Query(ge=0, le=2**31 - 1)], caller: Caller = AUDITOR
) -> Response:
    """One entry with the proof that it stands in the record, for who holds the public key alone."""
    return _file(receipt(services_of(request).database, caller.actor, seq), f"receipt-{seq}.json")


@router.get("/continuation", response_model=Continuation)
def give_continuation(
    request: Request, size: Annotated[int, Query(ge=1, le=2**31 - 1)], caller: Caller = AUDITOR
) -> Response:
    """The proof that the record continues its first entries, whose tree hash stands on a paper."""
    return _file(continuation(services_of(request).database, caller.actor, size), f"continues-{size}.json")


def _file(line: bytes, name: str) -> Response:
    # These very bytes: the verifier takes no other way to write them.
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(line, media_type="application/json", headers=headers)


@router.get("/public-key", response_class=Response, responses=gives("application/x-pem-file"))
def public_key(request: Request, caller: Caller = AUDITOR) -> Response:
    """What the exported record is verified with."""
    pem = services_of(request).database.audit_keys.public_pem
    return Response(
        pem,
        media_type="application/x-pem-file",
        headers={"content-disposition": 'attachment; filename="public.pem"'},
    )
