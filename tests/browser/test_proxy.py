"""The settings that are handed to an operator: nginx with TLS and HTTP/2, PostgreSQL, one web and two workers."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from app.settings import Settings
from tests.browser import pages
from tests.browser.conftest import Watcher, environment
from tests.browser.house import PACE_MS, PASSWORD, ROOT, House
from tests.browser.test_walk import walk
from tests.conftest import Postgres, free_port
from tests.test_deploy import nginx_settings

CHUNKS = """async (address) => {
  const reader = (await fetch(address)).body.getReader();
  const times = [];
  for (;;) {
    const { done } = await reader.read();
    if (done) return times;
    times.push(performance.now());
  }
}"""


@pytest.fixture(scope="module")
def hospital(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """deploy/env.example, of which only addresses, folders and the pace are changed; deploy/proxy.conf before it."""
    folder = tmp_path_factory.mktemp("hospital")
    web, tls = free_port(), free_port()
    chosen = {
        **example(),
        "data_dir": str(folder / "data"),
        "database_url": postgres.new_database(),
        "port": str(web),
        "public_url": f"https://127.0.0.1:{tls}",
        "pace_ms": str(PACE_MS),
    }
    (folder / "data").mkdir(mode=0o700)
    opened = House(Settings(**chosen), chosen["public_url"], environment(chosen))
    proxy = None
    try:
        opened.found()
        opened.start("serve")
        workers = [opened.start("work") for _ in range(2)]
        settings = nginx_settings(folder, web_port=web, tls_port=tls, plain_port=free_port())
        proxy = subprocess.Popen(["nginx", "-c", settings, "-g", "daemon off;"])
        opened.wait_for_web()
        for worker in workers:
            opened.wait_for_worker(worker)
        yield opened
    finally:
        if proxy is not None:
            proxy.terminate()
            proxy.wait(20)
        opened.close()


def example() -> dict[str, str]:
    """deploy/env.example as a process would read it."""
    lines = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("=", 1) for line in lines if line.startswith("DRAGONFLY_")]
    return {name.removeprefix("DRAGONFLY_").lower(): value for name, value in pairs if value}


def test_the_walk_goes_through_proxy_and_postgres(hospital: House, watcher: Watcher) -> None:
    """The same way as without them, over HTTP/2 and TLS."""
    page = watcher.person(hospital.address)
    pages.sign_in(page, "dr.lee")
    spoken = page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")

    walk(page, pages.upload(page, Path(get_testdata_file("CT_small.dcm"))), spoken="CompressedSamples")

    assert spoken == "h2"
    auditor = watcher.person(hospital.address)
    pages.sign_in(auditor, "auditor")
    assert pages.verify_log(auditor) == "clean"
    entries = pages.get(auditor, "/api/audit?limit=500&action=worker.started")["entries"]
    assert len({entry["actor"]["id"] for entry in entries}) == 2


def test_answers_pass_the_proxy_piece_by_piece(hospital: House, watcher: Watcher) -> None:
    """What the worker says reaches the browser while it is said, not at the end."""
    page = watcher.person(hospital.address)
    pages.sign_in(page, "dr.park")
    pages.open_study(page, pages.upload(page, Path(get_testdata_file("CT_small.dcm"))))
    exchange = pages.caption(page)

    times = page.evaluate(CHUNKS, f"/api/answers/{exchange.id}/stream?offset=0")

    exchange.wait_until("done")
    spoken = exchange.kept()["text"].split()
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert len(times) >= len(spoken) / 2
    assert sum(gap > PACE_MS / 3 for gap in gaps) >= len(spoken) / 3


def test_the_smoke_test_of_an_operator_passes(hospital: House, watcher: Watcher) -> None:
    """deploy/smoke.sh against this installation, with a token of its own."""
    page = watcher.person(hospital.address)
    pages.sign_in(page, "dr.choi")
    made = page.evaluate(
        """async () => {
          const csrf = (await (await fetch('/api/session')).json()).csrf;
          const answer = await fetch('/api/tokens', {method: 'POST', body: '{"label": "smoke", "days": 1, "scope": "write", "password": "PASSWORD"}',
            headers: {'X-CSRF-Token': csrf, 'Content-Type': 'application/json'}});
          return await answer.json();
        }""".replace("PASSWORD", PASSWORD)
    )

    ran = subprocess.run(
        ["sh", "deploy/smoke.sh"],
        cwd=ROOT,
        env={
            "PATH": "/usr/bin:/bin",
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "DRAGONFLY_URL": hospital.address,
            "DRAGONFLY_TOKEN": made["secret"],
            "CURL_OPTIONS": "--insecure",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("all is well\n")
