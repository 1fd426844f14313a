"""`dragonfly-med retain`: a list first, then requests in somebody's name; nothing by itself."""

import shutil
from datetime import timedelta

import pytest

from app.cli import main
from app.settings import Settings
from app.wiring import SYSTEM, open_database
from storage import users
from storage.database import Actor, utc_now
from storage.users import Passwords
from tests.storage.conftest import CHEAP
from tests.storage.test_retention import draft_of


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A patient whose last study is a hundred days old, and a log that was closed then."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    database = open_database(Settings(), clock=lambda: utc_now() - timedelta(days=100))
    with database.write(SYSTEM) as tx:
        known = {
            role: users.add(
                tx,
                Passwords(CHEAP),
                username=f"a.{role}",
                display_name=role,
                role=role,
                password="correct horse battery",
            )
            for role in ("clinician", "auditor")
        }
    draft_of(database, Actor(id=known["clinician"].id, role="clinician"), "T-1", "1")
    database.renew_log(SYSTEM, "rotation", tmp_path / "closed")
    database.close()
    return tmp_path


def test_it_lists_and_then_asks_in_the_name_of_a_person(house, monkeypatch, capsys):
    """Without limits there is nothing; an auditor cannot answer for it; the closed log goes once it is with them."""
    call = ["retain", "--closed", str(house / "closed"), "--copies", str(house / "copies")]
    assert main([*call, "--dry-run"]) == 0
    assert "0 patients, 0 uploads, 0 closed logs are due" in capsys.readouterr().out
    monkeypatch.setenv("DRAGONFLY_RETAIN_UNSIGNED_DAYS", "90")
    monkeypatch.setenv("DRAGONFLY_RETAIN_LOG_DAYS", "90")
    assert main([*call, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert (
        "1 patients, 0 uploads, 0 closed logs are due" in said and "no copy" in said and "unsigned " in said
    )
    shutil.copytree(house / "closed", house / "copies")

    assert main(call) == 2 and main([*call, "--yes", "--dry-run"]) == 2
    for name in ("", "a.auditor", "nobody"):
        assert main([*call, "--yes", "--by", name]) == 2
    assert len(list((house / "closed").iterdir())) == 1
    assert main([*call, "--yes", "--by", "a.clinician"]) == 0

    assert "1 erasures were asked for" in capsys.readouterr().out
    assert list((house / "closed").iterdir()) == []
    assert main(["verify"]) == 0
    assert main([*call, "--dry-run"]) == 0
    assert ": asked" in capsys.readouterr().out
