"""The record leaves in three forms, by page, file and wire."""

import json
import socket

from app.cli import main
from storage.verifier import CLEAN, verify, verify_lines
from tests.app.conftest import confirmed


def test_the_auditor_takes_the_record_in_three_forms(own_world, tmp_path):
    """Sealed, as FHIR resources, as syslog messages; each leaving is an entry, another form is refused."""
    auditor = own_world.sign_in("auditor")

    sealed = confirmed(auditor, "/api/audit/export")
    events = [
        json.loads(line) for line in confirmed(auditor, "/api/audit/export?form=fhir").content.splitlines()
    ]
    messages = confirmed(auditor, "/api/audit/export?form=syslog&after=3").content.splitlines()

    (tmp_path / "log").write_bytes(sealed.content)
    public = auditor.get("/api/audit/public-key").content
    assert verify(tmp_path / "log", public).status == CLEAN
    assert [one["entity"][-1]["detail"][0]["valueString"] for one in events] == [
        str(seq) for seq in range(len(events))
    ]
    # Behind the fourth entry; between the two exports the second was confirmed: given, used, exported.
    assert len(messages) == len(events) + 3 - 4
    assert [one.get("form") for one in own_world.entries("audit.exported")] == ["syslog", "fhir", None]
    assert auditor.get("/api/audit/export?form=pdf").status_code == 422


def test_the_record_goes_to_a_file_and_to_a_log_server(tmp_path, monkeypatch, capsys):
    """Nothing is overwritten; a server that listens gets each message as a datagram of its own."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    capsys.readouterr()

    assert main(["audit-export", str(tmp_path / "events"), "--form", "fhir"]) == 0
    assert main(["audit-export", str(tmp_path / "events"), "--form", "fhir"]) == 2
    assert main(["audit-export"]) == 2
    assert main(["audit-export", "--send", "syslog://127.0.0.1:1"]) == 2
    assert main(["audit-export", "--form", "syslog", "--send", "https://127.0.0.1"]) == 2
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        place = f"syslog://127.0.0.1:{server.getsockname()[1]}"
        assert main(["audit-export", "--form", "syslog", "--send", place]) == 0
        first = server.recv(65535)

    assert len((tmp_path / "events").read_bytes().splitlines()) == 2
    assert first.startswith(b"<85>1 ") and b"log.opened" in first
    assert "messages sent" in capsys.readouterr().out


def test_a_new_record_follows_the_old_one(tmp_path, monkeypatch, capsys):
    """Both verify by the command, the old one from its file; a damaged anchor is no anchor."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    assert main(["new-log", str(tmp_path / "closed"), "--reason", "restored", "--ahead", "no"]) == 2
    capsys.readouterr()

    assert (
        main(["new-log", str(tmp_path / "closed"), "--reason", "restored", "--ahead", f"9:{'ab' * 32}"]) == 0
    )

    (closed,) = (tmp_path / "closed").iterdir()
    assert str(closed) in capsys.readouterr().out
    public = str(tmp_path / "data" / "keys" / "audit" / "public.pem")
    assert main(["verify", str(closed), "--public", public]) == 0
    assert main(["verify"]) == 0
    said = capsys.readouterr().out
    assert "It follows log" in said and "reason: restored" in said and "was longer" in said


def test_the_auditor_gives_a_receipt_of_one_entry(own_world):
    """Over the page: the line verifies with the public key alone; an entry that is not there has none."""
    auditor = own_world.sign_in("auditor")
    public = auditor.get("/api/audit/public-key").content

    given = auditor.get("/api/audit/receipt?seq=1")
    continued = auditor.get("/api/audit/continuation?size=2")

    assert given.headers["content-disposition"] == 'attachment; filename="receipt-1.json"'
    assert verify_lines(iter([given.content]), public).status == CLEAN
    told = json.loads(continued.content)
    assert (told["format"], told["size"]) == ("dragonfly-continuation-1", 2)
    assert auditor.get("/api/audit/receipt?seq=100000").status_code == 404
    assert auditor.get("/api/audit/receipt?seq=-1").status_code == 422


def test_a_receipt_is_written_and_checked_by_the_command(tmp_path, monkeypatch, capsys):
    """Neither overwrites a file; `verify` takes it as it takes a record."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    file, other = str(tmp_path / "receipt.json"), str(tmp_path / "continues.json")

    assert main(["receipt", "0", "-o", file]) == 0
    assert main(["receipt", "1", "--continues", "-o", other]) == 0

    capsys.readouterr()
    assert main(["verify", file]) == 0
    assert "Entry 0, log.opened at " in capsys.readouterr().out
    root = json.loads((tmp_path / "receipt.json").read_text())["proof"]
    assert main(["verify", other, "--anchor", f"1:{'00' * 32}"]) == 1 and len(root) == 1
    assert main(["receipt", "0", "-o", file]) == 2
    assert main(["receipt", "999", "-o", str(tmp_path / "none.json")]) == 2
