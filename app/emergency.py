"""Emergency access: a clinician opens a patient whom they may not see, with a reason and their password.

The number and the reason come in a body and never in an address or a line of the log. Whoever tries numbers waits
longer after each, and every try stands in the record, also one for a patient who is not here.
"""

import structlog

from app.auth import Caller, confirm
from app.erasing import reference
from app.errors import Refused
from app.wiring import Services
from storage import emergencies, tries
from storage.emergencies import LONGEST_REASON, SHORTEST_REASON, Emergency, Verdict
from storage.errors import TooManyTries

log = structlog.get_logger()


def begin(
    services: Services,
    caller: Caller,
    *,
    number: str,
    issuer: str,
    reason: str,
    password: str,
    code: str = "",
) -> Emergency:
    """Open the patient of this number to the caller, who has just given their password.

    raises: Refused for a program, a reason that is too short, a wrong password, too many tries, and where nobody with
        this number is here; SeenAlready, TooManyTries
    """
    if caller.csrf is None:
        raise Refused("app.forbidden")
    said = " ".join(reason.split())
    if not SHORTEST_REASON <= len(said) <= LONGEST_REASON:
        raise Refused("app.reason_length", least=SHORTEST_REASON, most=LONGEST_REASON)
    if not number.strip():
        raise Refused("app.invalid", what="number")
    confirm(services, caller, password, code)
    database = services.database
    account = database.keyring.pseudonym("emergency", caller.user.id)
    try:
        tries.begin(database, caller.actor, account)
    except TooManyTries as error:
        raise Refused("app.too_many_emergencies", **error.facts) from error
    with database.write(caller.actor) as tx:
        opened = emergencies.begin(tx, reference(tx, number.strip(), issuer.strip()), said)
    if opened is None:
        raise Refused("app.no_emergency")
    tries.forget(database, caller.actor, account)
    log.warning(
        "emergency access opened",
        emergency_id=opened.id,
        user_id=caller.user.id,
        until=opened.until.isoformat(),
    )
    return opened


def end(services: Services, caller: Caller, emergency_id: str) -> None:
    """End one's own before its time."""
    with services.database.write(caller.actor) as tx:
        emergencies.end(tx, emergency_id)
    log.info("emergency access ended", emergency_id=emergency_id, user_id=caller.user.id)


def review(services: Services, caller: Caller, emergency_id: str, verdict: Verdict, note: str) -> None:
    """Judge one of somebody else; raises Refused without a word of why."""
    said = note.strip()
    with services.database.write(caller.actor) as tx:
        if not said and emergencies.get(tx, emergency_id).reason is not None:
            raise Refused("app.invalid", what="note")
        emergencies.review(tx, emergency_id, verdict, said)
