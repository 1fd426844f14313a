"""What is promised in writing: every setting is explained, every error has its sentence, every verb its help."""

import re
from pathlib import Path

import pytest

from app.errors import STATUS
from app.settings import Settings, example
from app.wording import catalogue, sentence
from dicom.errors import DicomError
from model.errors import ModelError
from model.prompts import prompt, prompt_names
from storage.errors import StorageError

ROOT = Path(__file__).parent.parent


def kinds(root):
    """A class and everything below it."""
    yield root
    for below in root.__subclasses__():
        yield from kinds(below)


def codes():
    """Every code an error can carry: of the classes, of the table, and those written out in the sources."""
    found = set(STATUS)
    for root in (DicomError, ModelError, StorageError):
        found |= {kind.code for kind in kinds(root) if isinstance(kind.code, str)}
    for file in (ROOT / "app").rglob("*.py"):
        found |= set(re.findall(r'Refused\(\s*"([^"]+)"', file.read_text(encoding="utf-8")))
    return sorted(found)


def test_every_setting_stands_in_the_example_with_its_sentence():
    """The file an operator copies is the one that the settings themselves would write."""
    written = (ROOT / "deploy" / "env.example").read_text(encoding="utf-8")

    assert written == example()
    assert all(field.description for field in Settings.model_fields.values())


def test_the_example_can_be_used_as_it_is(monkeypatch):
    """Read back as an environment it gives settings, and what is left empty is at its default."""
    for line in example().splitlines():
        name, _, value = line.partition("=")
        if not line.startswith("#") and name:
            monkeypatch.setenv(name, value)

    settings = Settings()

    assert settings.keys == Path("/var/lib/dragonfly-med/keys")
    assert settings.model_path is None
    assert "reading.hospital.example" in settings.hosts
    assert settings.proxy_headers is True


def test_only_the_settings_read_the_environment():
    """A variable read elsewhere would be in no list and no example."""
    readers = {
        str(file.relative_to(ROOT))
        for folder in ("app", "model", "dicom", "storage")
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"os\.getenv|environ\.get\(|environ\[.*\](?! *=)", file.read_text(encoding="utf-8"))
    }

    # The limited process is given the path of the interpreter, and nothing else of its surroundings.
    assert readers <= {"dicom/process.py"}


@pytest.mark.parametrize("code", codes())
def test_every_error_has_its_sentence_in_both_languages(code):
    """A code without words would show as some other error, in the wrong language."""
    texts = catalogue()[code]

    assert set(texts) == {"en", "ko"}
    assert all(len(text) > 5 for text in texts.values())
    assert set(re.findall(r"\{(\w+)\}", texts["en"])) == set(re.findall(r"\{(\w+)\}", texts["ko"]))


def test_a_missing_fact_shows_as_a_dash():
    """A sentence never stands on the screen with its braces."""
    assert "{" not in sentence("storage.too_many_tries", "en")
    assert "—" in sentence("storage.too_many_tries", "en")


@pytest.mark.parametrize("name", prompt_names())
def test_every_prompt_has_a_version(name):
    """An answer keeps it, so that it can be asked again with the very same words."""
    assert prompt(name).version >= 1
    assert len(prompt(name).sha256) == 64
