"""The record in the forms that others read; each leaving is itself an entry."""

import json
import socket
from collections.abc import Iterable, Iterator
from typing import Literal
from urllib.parse import urlsplit

from storage.audit import messages
from storage.database import Actor, Database

Form = Literal["sealed", "fhir", "syslog"]
FORMS: tuple[Form, ...] = ("sealed", "fhir", "syslog")
SYSLOG_PORT = 514


def lines(database: Database, actor: Actor, form: Form, after: int = -1) -> Iterator[bytes]:
    """The sealed export, or each entry behind a number as a FHIR resource or a syslog message, one to a line."""
    if form == "sealed":
        yield from database.export_log(actor)
        return
    with database.write(actor) as tx:
        tx.record("audit.exported", form=form, behind=after)
    with database.read(actor) as tx:
        for entry, leaf in messages.entries(tx.session, after):
            if form == "fhir":
                yield json.dumps(messages.fhir(entry, leaf), ensure_ascii=False).encode() + b"\n"
            else:
                yield messages.syslog(entry, leaf, socket.gethostname()) + b"\n"


def send(them: Iterable[bytes], place: str) -> int:
    """Send each line as a datagram to `syslog://host:port` (RFC 5426); returns how many.

    raises: ValueError for another kind of address, OSError
    """
    parts = urlsplit(place)
    if parts.scheme != "syslog" or not parts.hostname:
        raise ValueError("Messages are sent to syslog://host:port.")
    count = 0
    (family, kind, _, _, address), *_ = socket.getaddrinfo(
        parts.hostname, parts.port or SYSLOG_PORT, type=socket.SOCK_DGRAM
    )
    with socket.socket(family, kind) as sending:
        for line in them:
            sending.sendto(line.rstrip(b"\n"), address)
            count += 1
    return count
