"""An installation that was lost comes back as it was, by one command each way."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pypdf
import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from app import delivery
from app.auth import Caller
from app.cli import main
from app.demo import load
from app.settings import Settings
from app.wiring import SYSTEM, Services, open_services
from storage import patients, reports, studies, users, worklist
from storage.audit.search import find
from storage.users import Passwords
from tests.app.conftest import PASSWORD
from tests.samples import ct_series

ROOT = Path(__file__).parents[2]
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
TEXT = "이서연: no effusion."


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request):
    return request.param


@dataclass
class House:
    """A place on each database, its commands reading the environment."""

    folder: Path
    set_url: object

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def wipe(self) -> None:
        """The machine is gone, its database server too."""
        shutil.rmtree(self.data)
        self.set_url()


@pytest.fixture
def house(kind, request, tmp_path, monkeypatch):
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))

    def set_url():
        if kind == "postgresql":
            monkeypatch.setenv("DRAGONFLY_DATABASE_URL", request.getfixturevalue("postgres").new_database())

    set_url()
    return House(tmp_path, set_url)


@contextmanager
def opened() -> Iterator[Services]:
    services = open_services(Settings(decoders=1), passwords=Passwords(CHEAP))
    services.settings.scratch.mkdir(exist_ok=True, mode=0o700)
    try:
        yield services
    finally:
        services.close()


def clinician(services) -> Caller:
    with services.database.read(SYSTEM) as tx:
        known = {one.username: one for one in users.everyone(tx)}
    if "dr.lee" not in known:
        with services.database.write(SYSTEM) as tx:
            known["dr.lee"] = users.add(
                tx,
                services.passwords,
                username="dr.lee",
                display_name="이서연",
                role="clinician",
                password=PASSWORD,
            )
    return Caller(user=known["dr.lee"], csrf=None, digest=None, ip="")


def signed_report(services, caller, number: str = "1") -> str:
    """A drawn study that was taken in, and a report signed on it."""
    load(services, caller, iter(ct_series(3, PatientID=f"T-{number}", StudyInstanceUID=f"2.25.{number}")))
    with services.database.write(caller.actor) as tx:
        study = next(
            line.study
            for line in worklist.listed(tx, caller.user.id)
            if patients.identity(tx, line.study.patient_id)["patient_id"] == f"T-{number}"
        )
        content = {"sections": {"findings": [{"text": TEXT, "origin": "person", "answer_id": None}]}}
        report = reports.create(tx, study, content)
        reports.sign(tx, study, report.id, 1, [])
    return report.id


def told(services, report_id) -> tuple[dict, str]:
    """The signed text and the digest that stands on its paper."""
    with services.database.read(SYSTEM) as tx:
        study = studies.get(tx, reports.study_of(tx, report_id), None)
        report = reports.get(tx, study, report_id)
    return report.content, report.sha256


def attached(paper: bytes) -> bytes:
    """What was signed, as it lies in the paper."""
    return pypdf.PdfReader(BytesIO(paper)).attachments["report.json"][0]


def key_of(house, capsys) -> str:
    capsys.readouterr()
    assert main(["backup-key", str(house.folder / "backup.key")]) == 0
    return capsys.readouterr().out.strip()


def archives(folder: Path) -> list[str]:
    return [str(next(folder.glob(f"*-{part}.age"))) for part in ("data", "keys")]


def test_backup_wipe_restore_verify(house, capsys):
    """The drill: the signed report opens with the same bytes, its paper is known, every file and entry is proved."""
    recipient = key_of(house, capsys)
    with opened() as services:
        caller = clinician(services)
        report_id = signed_report(services, caller)
        before, paper = told(services, report_id), delivery.report_pdf(services, caller, report_id)
    (house.folder / "report.pdf").write_bytes(paper)

    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 0
    house.wipe()
    identity = ["--identity", str(house.folder / "backup.key")]
    assert main(["restore", *archives(house.folder / "out"), *identity]) == 0

    assert "files: 3 read" in capsys.readouterr().out
    folders = [house.data, *(one for one in house.data.rglob("*") if one.is_dir())]
    assert all(one.stat().st_mode & 0o077 == 0 for one in folders)
    with opened() as services:
        again = delivery.report_pdf(services, clinician(services), report_id)
        assert told(services, report_id) == before
        assert attached(again) == attached(paper)
        assert hashlib.sha256(attached(again)).hexdigest() == before[1]
        with services.database.read(SYSTEM) as tx:
            restored = find(tx.session, action="backup.restored")[0]
    assert (restored["outcome"], restored["broken"]) == ("success", 0)
    capsys.readouterr()
    assert main(["verify", "--paper", str(house.folder / "report.pdf")]) == 0
    assert "The paper left as it is" in capsys.readouterr().out


def test_after_a_new_site_key_reports_open_and_verify(house, capsys):
    """And a copy of before, restored with the keys of after, opens too."""
    recipient = key_of(house, capsys)
    with opened() as services:
        caller = clinician(services)
        report_id = signed_report(services, caller)
        before, paper = told(services, report_id), delivery.report_pdf(services, caller, report_id)
    (house.folder / "report.pdf").write_bytes(paper)
    assert main(["backup", str(house.folder / "old"), "--to", recipient]) == 0

    assert main(["rotate-key"]) == 0

    assert "1 patients' keys wrapped under a new site key" in capsys.readouterr().out
    assert main(["backup", str(house.folder / "new"), "--to", recipient]) == 0
    assert main(["verify", "--paper", str(house.folder / "report.pdf")]) == 0
    with opened() as services:
        assert told(services, report_id) == before
    house.wipe()
    mixed = archives(house.folder / "old")[0], archives(house.folder / "new")[1]
    assert main(["restore", *mixed, "--identity", str(house.folder / "backup.key")]) == 0
    with opened() as services:
        assert told(services, report_id) == before
        assert attached(delivery.report_pdf(services, clinician(services), report_id)) == attached(paper)


def test_nothing_is_restored_over_what_is_there(house, capsys):
    """Neither over files, nor keys, nor a database; and what was there stays as it was."""
    recipient = key_of(house, capsys)
    with opened() as services:
        signed_report(services, clinician(services))
    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 0
    call = ["restore", *archives(house.folder / "out"), "--identity", str(house.folder / "backup.key")]

    assert main(call) == 2
    assert "place=files" in capsys.readouterr().err
    shutil.move(house.data / "files", house.folder / "files")
    assert main(call) == 2
    assert "place=keys" in capsys.readouterr().err
    shutil.move(house.data / "keys", house.folder / "keys")
    assert main(call) == 2
    assert "place=database" in capsys.readouterr().err
    shutil.move(house.folder / "keys", house.data / "keys")
    shutil.move(house.folder / "files", house.data / "files")
    assert main(["verify"]) == 0


def test_who_was_erased_since_stays_erased(house, capsys):
    """Old data with today's keys: the other patient is back, the erased one is not."""
    recipient = key_of(house, capsys)
    with opened() as services:
        caller = clinician(services)
        kept, gone = signed_report(services, caller, "1"), signed_report(services, caller, "2")
    assert main(["backup", str(house.folder / "old"), "--to", recipient]) == 0
    with opened() as services:
        with services.database.write(SYSTEM) as tx:
            study = studies.get(tx, reports.study_of(tx, gone), None)
            patients.erase(tx, study.patient_id, "asked for")
        services.files.remove_patient(study.patient_id)
    assert main(["backup", str(house.folder / "new"), "--to", recipient]) == 0
    house.wipe()
    old, new = archives(house.folder / "old")[0], archives(house.folder / "new")[1]

    assert main(["restore", old, new, "--identity", str(house.folder / "backup.key")]) == 0

    with opened() as services:
        assert told(services, kept)[0]["sections"]["findings"][0]["text"] == TEXT
        with pytest.raises(Exception, match="its key was destroyed"):
            told(services, gone)


def test_a_copy_that_is_not_whole_leaves_nothing_behind(house, capsys):
    """Cut, altered, or sealed to somebody else: refused with a sentence, and the place is as empty as before."""
    recipient = key_of(house, capsys)
    with opened() as services:
        signed_report(services, clinician(services))
    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 0
    data, keys = map(Path, archives(house.folder / "out"))
    identity = ["--identity", str(house.folder / "backup.key")]
    whole = data.read_bytes()
    house.wipe()

    for broken in (whole[: len(whole) // 2], whole[:-1], whole[:-9] + b"X" + whole[-8:], b"", b"age"):
        data.write_bytes(broken)
        assert main(["restore", str(data), str(keys), *identity]) == 2
        assert "The copy is not whole, or not ours." in capsys.readouterr().err
        assert [one for one in house.data.rglob("*") if one.is_file()] == []
    data.write_bytes(whole)
    assert main(["restore", str(keys), str(data), *identity]) == 2
    assert main(["restore", str(data), str(keys), *identity]) == 0


def test_a_copy_that_somebody_else_made_is_not_taken_for_ours(house, capsys):
    """Whoever knows the recipient can seal to it; the auditor's copy of the public key tells them apart."""
    recipient = key_of(house, capsys)
    with opened() as services:
        clinician(services)
    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 0
    public = house.folder / "public.pem"
    shutil.copy(house.data / "keys" / "audit" / "public.pem", public)
    house.wipe()
    with opened() as services:
        clinician(services)
    assert main(["backup", str(house.folder / "other"), "--to", recipient]) == 0
    house.wipe()
    more = ["--identity", str(house.folder / "backup.key"), "--public", str(public)]

    assert main(["restore", *archives(house.folder / "other"), *more]) == 2
    assert "not signed with this log's key" in capsys.readouterr().err
    assert main(["restore", *archives(house.folder / "out"), *more]) == 0


def test_a_picture_that_is_damaged_is_named_after_restoring(house, capsys):
    """The copy holds what lay on the disk; the check says which file is not what its name says."""
    recipient = key_of(house, capsys)
    with opened() as services:
        signed_report(services, clinician(services))
        file = next(one for one in services.files.root.glob("*/*") if one.stat().st_size > 1000)
    bent = bytearray(file.read_bytes())
    bent[-1] ^= 1
    file.write_bytes(bent)
    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 0
    house.wipe()
    capsys.readouterr()

    call = ["restore", *archives(house.folder / "out"), "--identity", str(house.folder / "backup.key")]
    assert main(call) == 1

    assert file.name in capsys.readouterr().out


def test_a_missing_file_makes_no_copy(house, capsys):
    """Better no archive than one that looks whole."""
    recipient = key_of(house, capsys)
    with opened() as services:
        signed_report(services, clinician(services))
        next(services.files.root.glob("*/*")).unlink()

    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 2

    assert "a file is missing" in capsys.readouterr().err
    assert not list((house.folder / "out").glob("*-data.age*"))
    assert not list(house.data.glob("backup-scratch/*"))


def test_the_data_archive_holds_no_patients_key(house, capsys):
    """Not even in a page of the database that was freed."""
    from storage.backup.archive import identity_of, reading
    from storage.rows import PatientKeyRow

    recipient = key_of(house, capsys)
    with opened() as services:
        signed_report(services, clinician(services))
        with services.database.read(SYSTEM) as tx:
            wrapped = tx.session.execute(sa.select(PatientKeyRow.wrapped)).scalar_one()
        site = services.database.keyring.text().strip()
    assert main(["backup", str(house.folder / "out"), "--to", recipient]) == 0
    data, keys = map(Path, archives(house.folder / "out"))
    identity = identity_of(house.folder / "backup.key")

    held = []
    for archive in (data, keys):
        with reading(archive, identity) as members:
            held.append(b"".join(source.read() for _, source in members))

    assert wrapped not in held[0] and site not in held[0] and bytes.fromhex(site.decode()) not in held[0]
    assert wrapped.hex().encode() in held[1]
    assert wrapped not in data.read_bytes() + keys.read_bytes()


@pytest.mark.slow
def test_two_gigabytes_go_and_come_back_in_little_memory(house, capsys):
    """As processes of their own, as an operator starts them; seconds and memory are printed."""
    recipient = key_of(house, capsys)
    noise = os.urandom(10_000_000)
    with opened() as services:
        caller = clinician(services)
        with services.database.write(caller.actor) as tx:
            patient_id = patients.add(tx, caller.user.id, {"patient_id": "T-1"})
            key = tx.patient_key(patient_id)
        kept = [
            services.files.keep(key, patient_id, BytesIO(number.to_bytes(8, "big") + noise))
            for number in range(200)
        ]
        with services.database.write(caller.actor) as tx:
            for file in kept:
                services.files.note(tx, patient_id, file)
            tx.record("study.added")
    calls = {"backup": ["backup", str(house.folder / "out"), "--to", recipient]}
    identity = ["--identity", str(house.folder / "backup.key")]

    _, idle = _measured(["user", "list"])
    used = {"backup": _measured(calls["backup"])}
    house.wipe()
    used["restore"] = _measured(["restore", *archives(house.folder / "out"), *identity])

    with capsys.disabled():
        for verb, (seconds, memory) in used.items():
            print(f"\n{verb} of 2 GB: {seconds:.1f} s, {memory:.0f} MB")
    # One piece of the database and some blocks; the rest is what any command loads.
    assert all(memory < idle + 100 for _, memory in used.values())


# Not what wait4 says: there the memory of the process that forked counts too.
MEASURING = """
import sys
from app.cli import main
status = main(sys.argv[1:])
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1], file=sys.stderr)
sys.exit(status)
"""


def _measured(call: list[str]) -> tuple[float, float]:
    """Seconds, and megabytes at most, of one command in a process of its own."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", MEASURING, *call], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began, int(done.stderr.split()[-1]) / 1024


def test_a_key_for_backups_is_never_overwritten(tmp_path, capsys):
    """A key that opened last year's backups must not be lost to a second command."""
    assert main(["backup-key", str(tmp_path / "k")]) == 0
    kept = (tmp_path / "k").read_text()

    assert main(["backup-key", str(tmp_path / "k")]) == 2
    assert (tmp_path / "k").read_text() == kept
    assert main(["backup", str(tmp_path), "--to", "age1nobody"]) == 2
