"""The second factor at the door: who owes a code, and what is drawn of a new secret."""

from urllib.parse import quote

from fastapi.responses import RedirectResponse

from app.auth import Caller
from app.shapes.people import NewFactor
from app.wiring import Services
from storage import factors, sessions
from storage.database import Actor
from storage.factors import Factor
from storage.pdf.drawing import qr_svg
from storage.users import User

HALF_COOKIE = "__Host-dragonfly-half"


def state(services: Services, caller: Caller) -> Factor:
    """The caller's second factor."""
    with services.database.read(caller.actor) as tx:
        return factors.of(tx, caller.user.id)


def is_demanded(services: Services, user: User) -> bool:
    """Whether this site wants a second factor of the person's role."""
    return user.role in services.settings.second_factor.split(",")


def is_owed(services: Services, actor: Actor, user: User) -> bool:
    """Whether a password alone lets this person in no longer."""
    with services.database.read(actor) as tx:
        return factors.of(tx, user.id).enrolled or is_demanded(services, user)


def ask(services: Services, user: User, ip: str, target: str) -> RedirectResponse:
    """To the page that asks for the code, with a token that opens nothing else."""
    with services.database.write(Actor(id=user.id, role=user.role, ip=ip, auth="password")) as tx:
        token = sessions.open_waiting(tx, user)
    response = RedirectResponse(f"/login/code?next={quote(target, safe='')}", 303)
    lasts = int(sessions.CODE_WITHIN.total_seconds())
    response.set_cookie(
        HALF_COOKIE, token, secure=True, httponly=True, samesite="strict", path="/", max_age=lasts
    )
    return response


def shown(services: Services, user: User, secret: bytes) -> NewFactor:
    """A new secret as it is typed and as it is scanned."""
    address = factors.address(secret, user.username, f"Dragonfly-Med {services.settings.institution}")
    spelled = factors.spelled(secret)
    return {
        "secret": " ".join(spelled[at : at + 4] for at in range(0, len(spelled), 4)),
        "address": address,
        "qr": qr_svg(address),
    }
