"""Lines kept elsewhere: what an owner of the database can cut away unseen without them, and not with them."""

import socket
import threading

import pytest
import sqlalchemy as sa

from storage.audit.search import verify_rows
from storage.audit.witness import FileWitness, Standing, SyslogWitness, open_witness
from storage.database import Actor, Database
from storage.errors import WitnessAway
from storage.verifier import CLEAN, TAMPERED, verify

OWNER = Actor(id="owner", role="system")


@pytest.fixture
def seen(tmp_path):
    """The file on the other host."""
    return tmp_path / "witness.txt"


@pytest.fixture
def watched(database, database_url, seen, clock):
    """The same log, opened again with a witness."""
    witnessed = Database(database_url, database.keyring, database.audit_keys, clock, FileWitness(seen))
    witnessed.open(OWNER)
    yield witnessed
    witnessed.close()


def read_often(database, actor, times):
    for number in range(times):
        with database.write(actor) as tx:
            tx.record("study.read", object_type="study", object_id=f"{number:032x}")


def verdict(database, seen):
    with database.read(OWNER) as tx:
        return verify_rows(tx.session, database.audit_keys.public_pem, witness=seen)


def cut(database, entries):
    """All rights over the database: remove the last entries and set the head as if they had never been."""
    from tests.storage.test_tampering import _drop_triggers, rewrite

    with database.engine.begin() as connection:
        _drop_triggers(connection)

    def change(rows):
        del rows[-entries:]

    rewrite(database, change)
    with database.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM audit_index WHERE seq >= (SELECT size FROM audit_head WHERE id = 1)"
        )


def test_a_cut_of_entries_that_no_checkpoint_covers_is_found(watched, clinician, seen):
    """The one attack that neither the keys nor a report printed yesterday can show."""
    read_often(watched, clinician, 4)
    assert verdict(watched, seen).status == CLEAN

    cut(watched, 2)

    with watched.read(OWNER) as tx:
        first = bytes.fromhex(watched.audit_keys.escrow.read_text())
        assert verify_rows(tx.session, watched.audit_keys.public_pem, first).status == CLEAN
    found = verdict(watched, seen)
    assert found.status == TAMPERED
    assert found.lines == ("First broken: entry 4: missing, the witness proves that there were 6.",)


def test_a_tail_that_was_cut_and_grew_again_is_found(watched, clinician, seen):
    """The log is as long as it was, but the witness saw other entries in these places."""
    read_often(watched, clinician, 4)
    cut(watched, 2)
    read_often(watched, clinician, 2)

    found = verdict(watched, seen)

    assert found.status == TAMPERED
    assert "entry 4 or before: the witness saw two different logs of 5 entries" in found.lines[0]


def test_a_log_that_is_not_the_one_that_was_seen_is_found(watched, clinician, seen, tmp_path):
    """Also when the file holds only lines of before: each size is compared."""
    read_often(watched, clinician, 3)
    kept = seen.read_text().splitlines()
    altered = tmp_path / "altered.txt"
    altered.write_text("\n".join([kept[1][:-1] + ("0" if kept[1][-1] == "1" else "1"), kept[-1]]))

    found = verdict(watched, altered)

    assert found.status == TAMPERED and "entry 2 or before: the witness saw something else" in found.lines[0]


def test_the_witness_holds_for_an_exported_file_too(watched, clinician, seen, tmp_path):
    """An auditor needs the export, the public key and the lines, and nothing of the installation."""
    read_often(watched, clinician, 3)
    exported = tmp_path / "log.jsonl"
    exported.write_bytes(b"".join(watched.export_log(clinician)))

    found = verify(exported, watched.audit_keys.public_pem, witness=seen)

    # Seen at the start, and after each of the three readings and the export; the clinician was added before.
    assert found.status == CLEAN
    assert any(
        "saw this log 5 times, the last time with 6 entries; 0 of its lines are of other logs" in line
        for line in found.lines
    )


def test_a_log_server_may_write_around_the_line(watched, clinician, seen, tmp_path):
    """The mark is looked for anywhere in a line; lines of other programs and other logs prove nothing here."""
    read_often(watched, clinician, 2)
    lines = seen.read_text().splitlines()
    server = tmp_path / "messages"
    server.write_text(
        "\n".join(
            [f"Nov 25 08:00:0{i} pacs1 dragonfly-audit - witness - {line}" for i, line in enumerate(lines)]
            + [
                "Nov 25 sshd[1]: session opened",
                Standing("f" * 32, 99, "0" * 64).line(),
                "torn dragonfly-aud",
            ]
        )
    )

    found = verdict(watched, server)

    assert found.status == CLEAN and any("1 of its lines are of other logs" in line for line in found.lines)


def test_a_witness_that_goes_away_is_counted_and_stops_nobody(database, database_url, clinician, clock, seen):
    """A ward goes on reading when a cable is pulled; the operator is told, and the next line covers the gap."""
    away = threading.Event()

    class Cable:
        def note(self, standing):
            if away.is_set():
                raise OSError("unplugged")
            FileWitness(seen).note(standing)

        def close(self):
            pass

    watched = Database(database_url, database.keyring, database.audit_keys, clock, Cable())
    watched.open(OWNER)
    away.set()
    read_often(watched, clinician, 3)
    assert watched.witness_behind == 3

    away.clear()
    read_often(watched, clinician, 1)

    assert watched.witness_behind == 0
    assert verdict(watched, seen).status == CLEAN
    watched.close()


def test_a_witness_that_cannot_be_reached_at_the_start_is_refused(database, database_url, clock, tmp_path):
    """A wrong path would otherwise look like protection for years."""
    nowhere = FileWitness(tmp_path / "absent" / "witness.txt")
    refused = Database(database_url, database.keyring, database.audit_keys, clock, nowhere)

    with pytest.raises(WitnessAway):
        refused.open(OWNER)
    refused.close()


def test_a_line_says_nothing_but_length_and_hash(watched, clinician, seen):
    """It goes to a host that has no business with patients or people."""
    read_often(watched, clinician, 1)

    with watched.read(OWNER) as tx:
        log, size = tx.session.execute(sa.text("SELECT log, size FROM audit_head")).one()
    words = seen.read_text().splitlines()[-1].split(" ")
    assert words[:2] == ["dragonfly-audit", log] and words[2].startswith(f"{size}:") and len(words) == 3


def test_a_log_server_is_sent_one_datagram_for_each_change():
    """In the form of RFC 5424: facility 13 (log audit), notice."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        witness = open_witness(f"syslog://127.0.0.1:{server.getsockname()[1]}")
        assert isinstance(witness, SyslogWitness)

        witness.note(Standing("a" * 32, 7, "b" * 64))

        message = server.recv(2000).decode()
    assert message.startswith("<109>1 - ")
    assert message.endswith(f" dragonfly-audit - witness - dragonfly-audit {'a' * 32} 7:{'b' * 64}")


@pytest.mark.parametrize("place", ["witness.txt", "http://witness.example/", "syslog://"])
def test_a_place_that_is_neither_path_nor_server_is_refused(place):
    """Not written into the current folder, and not ignored."""
    with pytest.raises(WitnessAway):
        open_witness(place)


def test_no_witness_is_a_choice():
    """Left empty, nothing is written anywhere."""
    assert open_witness("") is None
