"""Running the parts: web, worker, demonstration; people; doctor."""

import getpass
import os
import sys
from argparse import Namespace

from app import logs
from app.settings import Settings
from app.wiring import SYSTEM, bring_up_to_date, open_database
from storage import factors, sessions, users
from storage.users import Passwords


def serve(settings: Settings, options: Namespace) -> int:
    """The web process until it is told to stop."""
    import uvicorn

    from app.web import create_app

    logs.set_up(settings.log_level)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        proxy_headers=settings.proxy_headers,
        forwarded_allow_ips="127.0.0.1",
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return 0


def work(settings: Settings, options: Namespace) -> int:
    """A worker until it is told to stop."""
    # Set before the arithmetic library starts: two contended threads can be ten times slower than one.
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    from app import worker

    logs.set_up(settings.log_level)
    if options.model:
        settings = settings.model_copy(update={"model_path": options.model})
    worker.run(settings)
    return 0


def run_migrations(settings: Settings, options: Namespace) -> int:
    """Database, keys and the tables of the queue."""
    bring_up_to_date(settings)
    sys.stdout.write(
        f"The database is ready. Keys: {settings.keys}; take {settings.keys}/audit/escrow to the auditor.\n"
    )
    return 0


def user(settings: Settings, options: Namespace) -> int:
    """Add, list, give a password, take a lost second factor off."""
    database = open_database(settings)
    try:
        with database.read(SYSTEM) as tx:
            known = {one.username: one for one in users.everyone(tx)}
        if options.action == "list":
            for one in known.values():
                sys.stdout.write(f"{one.username}\t{one.role}\t{'active' if one.active else 'inactive'}\n")
            return 0
        if options.action == "factor-off":
            with database.write(SYSTEM) as tx:
                factors.remove(tx, _known(known, options.username).id)
                sessions.end_all(tx, _known(known, options.username).id)
            sys.stdout.write("done\n")
            return 0
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        with database.write(SYSTEM) as tx:
            if options.action == "add":
                users.add(
                    tx,
                    Passwords(),
                    username=options.username,
                    display_name=options.name or options.username,
                    role=options.role,
                    password=password,
                )
            else:
                users.change(tx, Passwords(), _known(known, options.username).id, password=password)
    finally:
        database.close()
    sys.stdout.write("done\n")
    return 0


def _known(known: dict[str, users.User], username: str) -> users.User:
    name = users.folded(username)
    if name not in known:
        raise ValueError("There is no such user; `dragonfly-med user list` shows all.")
    return known[name]


def demo(settings: Settings, options: Namespace) -> int:
    """The whole application with drawn studies."""
    from app.demo import run

    return run(settings, options.folder)


def doctor(settings: Settings, options: Namespace) -> int:
    """Everything an installation needs, with the fix for what is wrong."""
    from app.doctor import examine

    lines = examine(settings)
    for line in lines:
        sys.stdout.write(f"{'ok  ' if line.ok else 'FIX '} {line.what}: {line.found}\n")
        if not line.ok:
            sys.stdout.write(f"     {line.fix}\n")
    return 0 if all(line.ok for line in lines) else 1
