"""The words of the page: every one that the script asks for is there, in both languages."""

import json
import re
from pathlib import Path

import pytest

APP = Path(__file__).parents[2] / "app"
WORDS = {
    key: texts
    for file in sorted((APP / "words").glob("*.json"))
    for key, texts in json.loads(file.read_text(encoding="utf-8")).items()
}
SOURCES = sorted((APP / "viewer" / "src").rglob("*.ts"))


def asked_for() -> set[str]:
    """Keys written out in the sources; those put together from a value end with the dot before it."""
    found = set()
    for source in SOURCES:
        found |= set(re.findall(r"""["'`](ui\.[a-z_.]+)["'`$]""", source.read_text(encoding="utf-8")))
    return found


def test_every_word_the_page_asks_for_is_written():
    """A key without words would stand on the screen as it is."""
    missing = {
        key
        for key in asked_for()
        if key not in WORDS and not (key.endswith(".") and any(word.startswith(key) for word in WORDS))
    }

    assert missing == set()


@pytest.mark.parametrize("key", [key for key in WORDS if key.startswith("ui.")])
def test_a_word_stands_in_both_languages_with_the_same_places(key):
    """A translation that lost a {place} would lose a number or a name."""
    texts = WORDS[key]

    assert texts["en"].strip() and texts["ko"].strip()
    assert set(re.findall(r"\{\w+\}", texts["en"])) == set(re.findall(r"\{\w+\}", texts["ko"]))


def test_the_built_page_holds_every_file_it_names():
    """main.js loads its chunks by their names; a build that was committed in half would end there."""
    static = APP / "static"
    scripts = [static / "main.js", *(static / "chunks").glob("*.js")]

    for script in scripts:
        for name in re.findall(
            r"""(?:from|import)\s*\(?["'](\.{1,2}/[^"']+\.js)["']""", script.read_text(encoding="utf-8")
        ):
            assert (script.parent / name).is_file(), (script.name, name)
    for name in re.findall(
        r"url\([\"']?(\./fonts/[^\"')]+)", (static / "page.css").read_text(encoding="utf-8")
    ):
        assert (static / name).is_file(), name
