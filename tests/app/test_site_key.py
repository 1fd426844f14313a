"""The site key given from outside, as a credential of systemd: read and never written, private or refused."""

import pytest

from app.cli import main
from app.doctor import examine
from app.settings import Settings
from app.wiring import SYSTEM, open_database
from storage import patients, users
from storage.errors import KeyExposed, KeyMissing
from storage.sealing import Keyring
from storage.users import Passwords
from tests.storage.conftest import CHEAP


@pytest.fixture
def given(tmp_path):
    """A folder as systemd makes it: for this service alone, not to be written to."""
    folder = tmp_path / "credentials"
    Keyring.create(folder / "site.key")
    folder.chmod(0o500)
    yield folder / "site.key"
    folder.chmod(0o700)


def test_it_opens_what_it_sealed_and_leaves_no_copy(given, tmp_path):
    """Patients are sealed under it; in the folder of keys lies none."""
    settings = Settings(data_dir=tmp_path / "data", site_key=given)
    database = open_database(settings)
    with database.write(SYSTEM) as tx:
        user = users.add(
            tx,
            Passwords(CHEAP),
            username="dr.lee",
            display_name="L",
            role="clinician",
            password="correct horse battery",
        )
        patient_id = patients.add(tx, user.id, {"name": "A", "patient_id": "1"})
    database.close()

    database = open_database(settings)
    with database.read(SYSTEM) as tx:
        assert patients.identity(tx, patient_id)["name"] == "A"
    database.close()
    assert not (settings.keys / "site.key").exists()
    assert all(line.ok for line in examine(settings) if line.what == "keys")


def test_one_that_is_missing_is_not_made(tmp_path):
    """A new key would open nothing, and hide that the right one is away."""
    settings = Settings(data_dir=tmp_path / "data", site_key=tmp_path / "absent" / "site.key")

    with pytest.raises(KeyMissing):
        open_database(settings)
    assert not settings.site_key_file.exists()


def test_one_that_everybody_may_read_is_refused(given, tmp_path):
    """And so is one that lies in the folder of keys as well, where the disk has it in clear."""
    settings = Settings(data_dir=tmp_path / "data", site_key=given)
    given.chmod(0o444)
    with pytest.raises(KeyExposed):
        open_database(settings)
    given.chmod(0o400)
    open_database(settings).close()
    (settings.keys / "site.key").write_bytes(given.read_bytes())

    with pytest.raises(ValueError, match="remove it there"):
        open_database(settings)


def test_it_is_not_rotated_in_place(given, tmp_path, monkeypatch, capsys):
    """What nobody can write to cannot be replaced; the command says so before it changes anything."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DRAGONFLY_SITE_KEY", str(given))
    assert main(["migrate"]) == 0
    before = given.read_bytes()

    assert main(["rotate-key"]) == 2

    assert "given from outside" in capsys.readouterr().err and given.read_bytes() == before
