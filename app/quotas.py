"""How much one person may take of what all share; each limit is checked in the change that would go beyond it.

A change holds the lock of the record, so that of two that would each just fit the second one sees the first.
"""

from app.auth import Caller
from app.errors import Refused
from app.shapes.people import Quota, Quotas
from app.wiring import Services
from storage import quotas
from storage.database import Tx

GIB = 1 << 30


def before_upload(services: Services, tx: Tx, size: int) -> None:
    """That an upload of so many bytes may begin; raises Refused."""
    settings, used = services.settings, quotas.of(tx, tx.actor.id)
    _within("app.quota_uploads", used.uploads + 1, settings.quota_uploads)
    if settings.quota_bytes and used.kept + used.coming + size > settings.quota_bytes:
        raise _full(used.kept + used.coming, settings.quota_bytes)


def after_keeping(services: Services, tx: Tx) -> None:
    """That what was just noted still fits: an archive holds more than was announced. Raises Refused."""
    limit = services.settings.quota_bytes
    if limit and (used := quotas.kept(tx, tx.actor.id)) > limit:
        raise _full(used, limit)


def before_questions(services: Services, tx: Tx, more: int = 1) -> None:
    """That so many more answers may be asked for; raises Refused."""
    settings, who = services.settings, tx.actor.id
    if settings.quota_waiting:
        _within("app.quota_waiting", quotas.waiting(tx, who) + more, settings.quota_waiting)
    if settings.quota_answers:
        _within("app.quota_answers", quotas.answers(tx, who) + more, settings.quota_answers)


def _within(code: str, wanted: int, limit: int) -> None:
    if limit and wanted > limit:
        raise Refused(code, wanted=wanted, limit=limit)


def _full(used: int, limit: int) -> Refused:
    return Refused("app.quota_bytes", used=f"{used / GIB:.1f}", limit=f"{limit / GIB:.1f}")


def shown(services: Services, caller: Caller) -> Quotas:
    """Used and most of each; a limit of null is none."""
    settings = services.settings
    with services.database.read(caller.actor) as tx:
        used = quotas.of(tx, caller.user.id)
    return {
        "bytes": _quota(used.kept + used.coming, settings.quota_bytes),
        "uploads": _quota(used.uploads, settings.quota_uploads),
        "waiting": _quota(used.waiting, settings.quota_waiting),
        "answers": _quota(used.answers, settings.quota_answers),
    }


def _quota(used: int, limit: int) -> Quota:
    return {"used": used, "limit": limit or None}
