"""Checkpoints leave by themselves, and whoever is away stops nobody and is shown."""

import pytest

from app.anchoring import open_anchors
from app.cli import main
from app.settings import Settings
from app.web import keep_up
from app.wiring import SYSTEM
from storage.audit.stamps import Stamps
from tests.app.conftest import open_world
from tests.storage.authority import Authority, served


@pytest.fixture
def authority(tmp_path):
    with served(tmp_path / "authority") as one:
        yield one


@pytest.fixture
def anchored(tmp_path, authority):
    chosen = {
        "checkpoint_file": tmp_path / "kept" / "checkpoints.txt",
        "stamp_roots": authority.roots,
        "stamp_url": authority.url,
    }
    (tmp_path / "data").mkdir(mode=0o700)
    with open_world(tmp_path / "data", **chosen) as world:
        yield world


def a_minute(world, **later):
    world.clock.advance(**(later or {"minutes": 1}))
    with world.services.database.write(SYSTEM) as tx:
        tx.record("system.read")
    keep_up(world.services, world.client.app.app.state.intake)


def figures(world):
    text = world.sign_in("admin").get("/metrics").text
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines() if not line.startswith("#")}


def test_the_file_and_the_authority_get_their_checkpoints(anchored, authority, tmp_path, capsys):
    """The file each minute, the authority each hour; the auditor reads both by the command."""
    (tmp_path / "kept").mkdir()
    for _ in range(3):
        a_minute(anchored)
    a_minute(anchored, hours=1)

    assert authority.asked == 2
    lines = (tmp_path / "kept" / "checkpoints.txt").read_text().splitlines()
    assert len(lines) == 4
    found = figures(anchored)
    assert (found["dragonfly_checkpoint_file_failures"], found["dragonfly_stamp_failures"]) == (0, 0)
    assert 0 <= found["dragonfly_stamp_age_seconds"] < 7200
    log, public = tmp_path / "log.jsonl", tmp_path / "data" / "keys" / "audit" / "public.pem"
    log.write_bytes(b"".join(anchored.services.database.export_log(SYSTEM)))
    call = [
        "verify",
        str(log),
        "--public",
        str(public),
        "--witness",
        str(tmp_path / "kept" / "checkpoints.txt"),
    ]
    stamps = ["--stamps", str(tmp_path / "data" / "stamps")]
    assert main([*call, *stamps, "--roots", str(authority.roots)]) == 0
    said = capsys.readouterr().out
    assert "saw this log 4 times" in said and "2 of " in said and "Phantom Clock" in said
    assert main([*call, *stamps]) == 2
    stranger = Authority(tmp_path / "stranger")
    assert main([*call, *stamps, "--roots", str(stranger.roots)]) == 2
    token = next((tmp_path / "data" / "stamps").glob("*.tst"))
    token.write_bytes(token.read_bytes()[:-9] + b"123456789")
    assert main([*call, *stamps, "--roots", str(authority.roots)]) == 1


def test_who_is_away_stops_nobody_and_is_shown(anchored, authority, tmp_path):
    """The record goes on, says once that a time-stamp was missed, and both are caught up with later."""
    authority.is_away = True
    for _ in range(2):
        a_minute(anchored, minutes=6)
    authority.is_away, authority.says = False, b"<html>Sign in to the network</html>"
    a_minute(anchored, minutes=6)
    authority.says = None

    found = figures(anchored)
    assert (found["dragonfly_checkpoint_file_failures"], found["dragonfly_stamp_failures"]) == (3, 3)
    assert len(anchored.entries("log.stamp_missed")) == 1
    authority.is_away = False
    (tmp_path / "kept").mkdir()
    a_minute(anchored, minutes=6)
    found = figures(anchored)
    assert (found["dragonfly_checkpoint_file_failures"], found["dragonfly_stamp_failures"]) == (0, 0)
    assert len((tmp_path / "kept" / "checkpoints.txt").read_text().splitlines()) >= 4


def test_a_time_stamp_can_be_carried_as_a_file(tmp_path, monkeypatch, capsys):
    """Out as a request and back as an answer, where nobody may be asked from here."""
    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    assert main(["stamp", str(tmp_path / "stick")]) == 2
    monkeypatch.setenv("DRAGONFLY_STAMP_ROOTS", str(authority.roots))
    assert main(["stamp", str(tmp_path / "stick")]) == 0
    (request,) = (tmp_path / "stick").glob("*.tsq")
    request.with_suffix(".tsr").write_bytes(authority.answer(request.read_bytes()))
    assert main(["stamp", str(tmp_path / "stick"), "--take"]) == 0
    capsys.readouterr()

    assert main(["verify", "--stamps", str(tmp_path / "data" / "stamps")]) == 0

    assert (
        "1 of 1 checkpoints carry a time-stamp; the last says that the first 1 entries"
        in capsys.readouterr().out
    )
    assert len(Stamps(tmp_path / "data" / "stamps", authority.roots).everything()) == 1


def test_an_authority_without_roots_is_refused_at_the_start(tmp_path):
    """A time-stamp that nobody vouches for proves nothing."""
    with pytest.raises(ValueError, match="DRAGONFLY_STAMP_ROOTS"):
        open_anchors(Settings(data_dir=tmp_path, stamp_url="https://clock.example"))
