"""What is unsafe does not start, and says in a sentence which setting it was."""

import pytest

from app.cli import main
from app.safety import check
from app.settings import Settings


@pytest.fixture
def installation(tmp_path, monkeypatch):
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql+psycopg://dragonfly:dragonfly@db/dragonfly", "tries first"),
        ("postgresql+psycopg://ward7:Ward7@db/x", "tries first"),
        ("postgresql+psycopg://ward7:reading@db/reading", "tries first"),
        ("postgresql+psycopg://ward7:changeme@db/x", "tries first"),
        ("postgresql+psycopg://ward7:k0Xw-9fQ2@db/x", None),
        ("postgresql+psycopg://ward7@db/x", None),
        ("", None),
    ],
)
def test_a_password_that_everybody_tries_is_refused(tmp_path, url, word):
    """Those of manuals and examples, and the account's own name; none at all is for the server to judge."""
    refused(Settings(data_dir=tmp_path / "data", database_url=url), word)


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("http://reading.hospital.example", "in the clear"),
        ("http://10.0.0.7:7860", "in the clear"),
        ("reading.hospital.example", "in the clear"),
        ("https://reading.hospital.example", None),
        ("http://127.0.0.1:7860", None),
        ("http://localhost:7860", None),
        ("http://[::1]:7860", None),
        ("", None),
    ],
)
def test_an_address_without_tls_is_refused_but_on_this_machine(tmp_path, address, word):
    """What travels there are passwords and patients."""
    refused(Settings(data_dir=tmp_path / "data", public_url=address), word)


@pytest.mark.parametrize(
    ("mode", "word"), [(0o755, "look into"), (0o701, "look into"), (0o750, None), (0o700, None)]
)
def test_a_folder_that_everybody_may_look_into_is_refused(tmp_path, mode, word):
    """While an upload is read its files lie there in plain."""
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data").chmod(mode)

    refused(Settings(data_dir=tmp_path / "data"), word)


def refused(settings, word):
    if word is None:
        check(settings)
        return
    with pytest.raises(ValueError, match=word):
        check(settings)


@pytest.mark.parametrize("file", ["site.key", "audit/signing.pem", "audit/chain-0.key"])
def test_a_key_that_everybody_may_read_stops_every_command(installation, capsys, file):
    """Its name is told, not its folder; once it is private again, all goes on."""
    key = installation / "keys" / file
    key.chmod(0o644)
    capsys.readouterr()

    assert main(["user", "list"]) == 2

    assert f"file={key.name}" in capsys.readouterr().err
    key.chmod(0o600)
    assert main(["user", "list"]) == 0


@pytest.mark.parametrize("verb", ["serve", "work", "migrate", "backup"])
def test_no_verb_starts_with_an_unsafe_setting(installation, monkeypatch, capsys, verb):
    """Not the web process, not a worker, not a command."""
    monkeypatch.setenv("DRAGONFLY_PUBLIC_URL", "http://reading.hospital.example")
    monkeypatch.setattr("app.logs.set_up", lambda *_: None)  # it would bind the log to this test's screen
    more = ["/tmp/nowhere", "--to", "age1"] if verb == "backup" else []
    capsys.readouterr()

    assert main([verb, *more]) == 2
    assert capsys.readouterr().err


def test_a_provider_in_the_clear_is_refused(tmp_path):
    """Whoever stands on the way to it could say who somebody is; on this machine nobody does."""
    refused(Settings(data_dir=tmp_path / "data", oidc_issuer="http://login.hospital.example"), "not https")
    refused(Settings(data_dir=tmp_path / "data", oidc_issuer="https://login.hospital.example"), None)
    refused(Settings(data_dir=tmp_path / "data", oidc_issuer="http://127.0.0.1:9000"), None)
