"""The log proves itself: RFC 6962 vectors, every bit of an export, keys that move one way."""

import bisect
import hashlib
import itertools
import json
import random
import resource
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage.audit.export import export
from storage.audit.keys import AuditKeys
from storage.audit.merkle import Frontier, leaf_hash
from storage.audit.receipts import receipt
from storage.audit.witness import FileWitness
from storage.database import Actor, Database
from storage.migrate import migrate
from storage.sealing import Keyring
from storage.verifier import CANNOT_TELL, CLEAN, TAMPERED, main, verify

VERIFIER = Path(__file__).parents[2] / "storage" / "verifier.py"
# RFC 6962 as exercised by Certificate Transparency's own test data.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
# The largest memory of the verifier's own program: what the system says of a child begins with that of its parent.
MEASURED = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0], file=sys.stderr)
"""
ROUNDS = 200
"""Of five thousand entries each: a million."""
ROOT_OF_EIGHT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_the_tree_is_that_of_rfc_6962():
    """Copies of the standard with wrong prefixes exist; these are its true values."""
    tree = Frontier()
    for leaf in LEAVES:
        tree.add(leaf_hash(bytes.fromhex(leaf)))

    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert tree.root().hex() == ROOT_OF_EIGHT
    assert Frontier(tree.size, tree.packed()).root() == tree.root()


@pytest.fixture
def exported(database, clinician, clock, tmp_path):
    """An exported log of some forty entries with checkpoints and unsealed entries at its end."""
    for number in range(40):
        clock.advance(seconds=7)
        with database.write(clinician) as tx:
            tx.record("study.read", object_type="study", object_id=f"{number:032x}", details={"이름": "없음"})
    file = tmp_path / "log.jsonl"
    with database.read(clinician) as tx:
        file.write_bytes(b"".join(export(tx.session, database.audit_keys)))
    return file


def keys_of(database):
    first = (database.audit_keys.folder / "escrow" / "first-chain.key").read_text()
    return database.audit_keys.public_pem, bytes.fromhex(first)


def test_an_untouched_export_is_clean(database, exported):
    """With the public key alone, and with the escrowed key."""
    public, first = keys_of(database)

    assert verify(exported, public).status == CLEAN
    verdict = verify(exported, public, first)
    assert verdict.status == CLEAN and verdict.entries == 42


def test_every_one_of_a_thousand_flipped_bits_is_found(database, exported, tmp_path):
    """A hex digit's case and a line's end included, because every byte must be the canonical one."""
    public, first = keys_of(database)
    data, chance, target = exported.read_bytes(), random.Random(6962), tmp_path / "flipped"

    for _ in range(1000):
        bit = chance.randrange(len(data) * 8)
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        target.write_bytes(flipped)
        verdict = verify(target, public, first)
        assert verdict.status == TAMPERED, (bit, verdict)
        assert verdict.lines[0].startswith("First broken: ")


def test_the_first_broken_entry_is_named(database, exported):
    """An auditor knows where to look."""
    public, first = keys_of(database)
    lines = exported.read_bytes().split(b"\n")
    place = next(i for i, line in enumerate(lines) if b'"seq":17,' in line)
    lines[place] = lines[place].replace(b"study.read", b"study.reaD")
    exported.write_bytes(b"\n".join(lines))

    assert "entry 17" in verify(exported, public, first).lines[0]


def test_an_anchor_finds_a_tail_that_was_cut(database, clinician, exported, tmp_path):
    """A report printed yesterday proves that the log was longer."""
    public, first = keys_of(database)

    verdict = verify(exported, public, first, {50: "00" * 32})

    assert verdict.status == TAMPERED and "entry 42: missing" in verdict.lines[0]


def test_a_paper_is_the_one_that_left_or_it_is_not(database, clinician, tmp_path):
    """Every changed byte of it is noticed, and an addendum that came later is named."""
    paper, other = tmp_path / "report.pdf", tmp_path / "altered.pdf"
    paper.write_bytes(bytes(range(256)))
    report = {"object_type": "report", "object_id": "a" * 32}
    with database.write(clinician) as tx:
        tx.record("report.signed", **report)
        tx.record("report.exported", output_sha256=hashlib.sha256(paper.read_bytes()).hexdigest(), **report)
        tx.record("report.signed", object_type="report", object_id="b" * 32)
    log, public = tmp_path / "log.jsonl", database.audit_keys.public_pem
    log.write_bytes(b"".join(database.export_log(clinician)))

    assert "The paper left as it is, in entry 3 at " in " ".join(verify(log, public, paper=paper).lines)
    assert not any("superseded" in line for line in verify(log, public, paper=paper).lines)
    for place in range(256):
        altered = bytearray(paper.read_bytes())
        altered[place] ^= 1
        other.write_bytes(altered)
        assert verify(log, public, paper=other).status == TAMPERED
    with database.write(clinician) as tx:
        tx.record("report.addendum", **report)
    log.write_bytes(b"".join(database.export_log(clinician)))
    verdict = verify(log, public, paper=paper)
    assert (
        verdict.status == CLEAN
        and "superseded: the report was signed or added to in entry 6" in verdict.lines[1]
    )
    assert verify(log, public, paper=tmp_path / "absent.pdf").status == CANNOT_TELL


def test_a_missing_key_or_file_is_no_verdict(database, exported, tmp_path):
    """Not knowing is not the same as clean."""
    public, _ = keys_of(database)
    (tmp_path / "public.pem").write_bytes(public)

    assert verify(tmp_path / "absent", public).status == CANNOT_TELL
    assert verify(exported, b"no key").status == CANNOT_TELL
    assert main([str(exported), "--public", str(tmp_path / "absent.pem")]) == CANNOT_TELL
    assert main([str(exported), "--public", str(tmp_path / "public.pem")]) == CLEAN


def test_yesterdays_chain_key_is_gone_after_a_checkpoint(database, clinician, clock):
    """A thief of today's key cannot rewrite yesterday."""
    folder = database.audit_keys.folder
    clock.advance(minutes=2)
    with database.write(clinician) as tx:
        tx.record("study.read")

    kept = sorted(folder.glob("chain-*.key"))
    first = bytes.fromhex((folder / "escrow" / "first-chain.key").read_text())
    assert len(kept) == 1 and kept[0].name != "chain-0.key"
    expected = first
    for _ in range(int(kept[0].stem.split("-")[1])):
        expected = hashlib.sha256(b"evolve" + expected).digest()
    assert kept[0].read_bytes() == expected


def test_the_verifier_is_one_file_that_needs_nothing_of_this_project(database, exported, tmp_path):
    """An auditor copies it to a machine of their own, with the standard library and `cryptography`."""
    alone = tmp_path / "elsewhere" / "verifier.py"
    alone.parent.mkdir()
    shutil.copy(VERIFIER, alone)
    public = database.audit_keys.folder / "public.pem"
    command = [sys.executable, "-I", str(alone), str(exported), "--public", str(public)]

    done = subprocess.run(
        [*command, "--first-key", str(database.audit_keys.escrow)], cwd=alone.parent, capture_output=True
    )

    assert done.returncode == CLEAN, done.stderr
    assert done.stdout.startswith(b"clean\n42 entries")


def long_log(database, clinician, clock, file, entries):
    """An exported log of so many entries, with checkpoints."""
    for _ in range(20):
        clock.advance(seconds=7)
        with database.write(clinician) as tx:
            for number in range(entries // 20):
                tx.record("study.read", object_type="study", object_id=f"{number:032x}")
    file.write_bytes(b"".join(database.export_log(clinician)))
    return file


def flipped_bits(database, log, count):
    """What the verifier says to each of so many flips, and to the log as it is; printed: processor time."""
    keys = (database.audit_keys.folder / "public.pem", database.audit_keys.escrow)
    command = [sys.executable, "-m", "tests.storage.flips", *map(str, (log, *keys, count, 5000))]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=VERIFIER.parents[1], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"\n{count} flips: {seconds:.1f} s of processor time")
    *flips, untouched = [json.loads(line) for line in done.stdout.splitlines()]
    assert untouched["bit"] == -1 and untouched["status"] == CLEAN
    return flips


def check_flips(log, flips, count):
    """Every one was found, and in the very entry that it lies in."""
    lines = log.read_bytes().split(b"\n")
    ends = list(itertools.accumulate(len(line) + 1 for line in lines))
    entries = [b'"body":' in line for line in lines]
    before = [0, *itertools.accumulate(map(int, entries))]
    assert len(flips) == count
    for flip in flips:
        assert flip["status"] == TAMPERED and flip["said"].startswith("First broken: "), flip
        line = bisect.bisect_right(ends, flip["bit"] // 8)
        if entries[line]:
            assert flip["entries"] == before[line], flip
            assert flip["said"].startswith(f"First broken: entry {before[line]}:"), flip


def test_two_hundred_flipped_bits_are_named_by_their_entry(database, clinician, clock, tmp_path):
    """In a log of three hundred entries; each flip names the entry it lies in, not one behind it."""
    log = long_log(database, clinician, clock, tmp_path / "log.jsonl", 300)

    check_flips(log, flipped_bits(database, log, 200), 200)


@pytest.mark.slow
def test_ten_thousand_flipped_bits_of_five_thousand_entries_are_found(database, clinician, clock, tmp_path):
    """Every one of them, in the very entry that was flipped."""
    log = long_log(database, clinician, clock, tmp_path / "log.jsonl", 5000)

    check_flips(log, flipped_bits(database, log, 10_000), 10_000)


@pytest.mark.slow
def test_a_million_entries_are_verified_in_little_memory(tmp_path):
    """As a process of its own, as an auditor runs it: at most 150 MB; its processor time, and that of receipts, is printed."""
    keys, clock = AuditKeys.create(tmp_path / "audit"), datetime(2026, 11, 24, 8, tzinfo=UTC)
    owner = Actor(id="tests", role="system")
    file, lines = tmp_path / "long.db", tmp_path / "witness.txt"
    database = Database(f"sqlite:///{file}", Keyring(b"k" * 32), keys, lambda: clock, FileWitness(lines))
    migrate(database.engine)
    database.open(owner)
    for _ in range(ROUNDS):
        clock += timedelta(seconds=90)
        with database.write(owner) as tx:
            for number in range(5000):
                tx.record("study.read", object_type="study", object_id=f"{number:032x}")
    for which in ("the first receipt", "the second"):
        began = time.perf_counter()
        assert len(json.loads(receipt(database, owner, 12_345))["proof"]) <= 20
        print(f"\n{which}: {time.perf_counter() - began:.2f} s", end="")
    database.close()
    command = [sys.executable, "-I", "-c", MEASURED, str(VERIFIER), str(file)]
    command += [
        "--public",
        str(keys.folder / "public.pem"),
        "--first-key",
        str(keys.escrow),
        "--witness",
        str(lines),
    ]

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        told, kilobytes = process.communicate()
        used = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert process.returncode == CLEAN, (told, kilobytes)
    assert told.startswith(b"clean\n%d entries" % (ROUNDS * 5000 + 3)), told
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(f"\n{seconds:.1f} s of processor time, {int(kilobytes) / 1024:.0f} MB")
    assert int(kilobytes) * 1024 < 150_000_000
