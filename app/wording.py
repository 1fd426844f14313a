"""Words for people: every label, notice and error sentence, in English and Korean, from words/*.json."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "words"
LANGUAGES = ("en", "ko")


@cache
def words(language: str) -> dict[str, str]:
    """All words of one language, by key."""
    return {key: texts[language] for key, texts in catalogue().items()}


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """All words in all languages."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted(FOLDER.glob("*.json")):
        found.update(json.loads(file.read_text(encoding="utf-8")))
    return found


def sentence(code: str, language: str, **facts: Any) -> str:
    """The sentence for a code, its {places} filled; a fact that is missing shows as a dash, never as braces."""
    texts = catalogue().get(code) or catalogue()["app.error"]
    return texts.get(language, texts["en"]).format_map(_Facts(facts))


class _Facts(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "—"
