"""The walk of an outsider works as written, in a folder with nothing of ours but what they were given."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pypdf
import pytest
from argon2 import PasswordHasher

from app import delivery
from app.anchoring import newest
from app.auth import Caller
from app.demo import load
from app.settings import Settings
from app.wiring import SYSTEM, open_services
from storage import reports, users, worklist
from storage.audit.receipts import continuation, receipt
from storage.audit.search import find
from storage.audit.stamps import Stamps, request_for
from storage.users import Passwords
from tests.app.conftest import PASSWORD
from tests.samples import ct_series
from tests.storage.authority import Authority

ROOT = Path(__file__).parent.parent
WALK = ROOT / "deploy" / "check-us.md"
STEP = re.compile(r"```sh\n(.*?)```\n\n((?:> [^\n]*\n)*)", re.DOTALL)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """The folder of step 1, from an installation with a signed report; the anchor read off its paper."""
    home, folder = tmp_path_factory.mktemp("hospital"), tmp_path_factory.mktemp("given")
    witness = folder / "witness.txt"
    settings = Settings(data_dir=home / "data", decoders=1, witness=str(witness))
    services = open_services(settings, passwords=Passwords(CHEAP))
    settings.scratch.mkdir(exist_ok=True, mode=0o700)
    try:
        (folder / "report.pdf").write_bytes(paper_of(services))
        text = "".join(page.extract_text() for page in pypdf.PdfReader(folder / "report.pdf").pages)
        size, digest = re.search(r"(\d+) · ((?:[0-9a-f]{8}\s*){8})", text).groups()
        (folder / "anchor.txt").write_text(f"{size}:{''.join(digest.split())}")
        with services.database.read(SYSTEM) as tx:
            (signed,) = find(tx.session, action="report.signed")
        services.database.seal_log()
        authority = Authority(home / "authority")
        shutil.copy(authority.roots, folder / "clock.pem")
        with services.database.read(SYSTEM) as tx:
            checkpoint = newest(tx.session)
        stamps = Stamps(folder / "stamps", authority.roots)
        stamps.take(checkpoint, authority.answer(request_for(checkpoint)))
        (folder / "receipt.json").write_bytes(receipt(services.database, SYSTEM, signed["seq"]))
        (folder / "continues.json").write_bytes(continuation(services.database, SYSTEM, int(size)))
        with (folder / "log.jsonl").open("wb") as file:
            file.writelines(services.database.export_log(SYSTEM))
    finally:
        services.close()
    shutil.copy(settings.keys / "audit" / "public.pem", folder)
    shutil.copy(settings.keys / "audit" / "escrow" / "first-chain.key", folder)
    shutil.copy(ROOT / "storage" / "verifier.py", folder)
    return folder


def paper_of(services):
    """A report that one clinician signed, as it left."""
    with services.database.write(SYSTEM) as tx:
        user = users.add(
            tx,
            services.passwords,
            username="dr.lee",
            display_name="이서연",
            role="clinician",
            password=PASSWORD,
        )
    caller = Caller(user=user, csrf=None, digest=None, ip="")
    load(services, caller, iter(ct_series(3, PatientID="T-1", StudyInstanceUID="2.25.1")))
    with services.database.write(caller.actor) as tx:
        study = worklist.listed(tx, user.id)[0].study
        content = {
            "sections": {"findings": [{"text": "No effusion.", "origin": "person", "answer_id": None}]}
        }
        report = reports.create(tx, study, content)
        reports.sign(tx, study, report.id, 1, [])
    return delivery.report_pdf(services, caller, report.id)


def steps():
    """Commands and the lines they should print."""
    return [
        (command, [line.removeprefix("> ") for line in said.splitlines()])
        for command, said in STEP.findall(WALK.read_text(encoding="utf-8"))
    ]


def test_every_command_of_the_walk_prints_what_the_walk_says(given):
    """All but the one that installs the library."""
    install, *walk = steps()
    assert "pip install cryptography" in install[0] and len(walk) == 17
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONSAFEPATH": "1",
        "LANG": "C.UTF-8",
    }

    for command, said in walk:
        done = subprocess.run(
            ["bash", "-c", command], cwd=given, env=environment, capture_output=True, text=True, timeout=120
        )
        for line in said:
            assert line in done.stdout, (command, done.stdout, done.stderr)
