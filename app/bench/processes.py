"""The application's processes and somebody who uses them, for what is measured from outside."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.settings import Settings
from app.wiring import SYSTEM, Services
from storage import users

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def started(settings: Settings, *verbs: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A process for each verb, on these settings; ended afterwards."""
    environment = {
        **os.environ,
        "DRAGONFLY_DATA_DIR": str(settings.data_dir),
        "DRAGONFLY_DATABASE_URL": settings.database_url,
        "DRAGONFLY_PORT": str(settings.port),
        "DRAGONFLY_LOG_LEVEL": "ERROR",
    }
    parts = [
        subprocess.Popen([sys.executable, "-m", "app", verb], env=environment, cwd=ROOT) for verb in verbs
    ]
    try:
        yield parts
    finally:
        for part in parts:
            part.terminate()
        for part in parts:
            part.wait(60)


def somebody(services: Services) -> users.User:
    """A clinician with a password that nobody knows."""
    with services.database.write(SYSTEM) as tx:
        return users.add(
            tx,
            services.passwords,
            username="bench",
            display_name="Bench",
            role="clinician",
            password="bench-" + os.urandom(6).hex(),
        )
