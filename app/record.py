"""The record in the forms that others read; each leaving is itself an entry."""

import json
import socket
from collections.abc import Iterable, Iterator
from typing import Literal

from storage.audit import messages
from storage.audit.log_server import open_log_server
from storage.database import Actor, Database

Form = Literal["sealed", "fhir", "syslog"]
FORMS: tuple[Form, ...] = ("sealed", "fhir", "syslog")


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
    """Send each line to `syslog://host:port` or `syslog+tls://host:port`; returns how many.

    raises: ValueError for another kind of address, OSError
    """
    server = open_log_server(place)
    if server is None:
        raise ValueError("Messages are sent to syslog://host:port or syslog+tls://host:port.")
    count = 0
    try:
        for line in them:
            server.send(line.rstrip(b"\n"))
            count += 1
    finally:
        server.close()
    return count
