"""Prompts are data with a version and a digest; filling one never parses what is filled in."""

import hashlib

import pytest

from model.prompts import presets, prompt, prompt_names


def test_an_empty_field_takes_its_line_with_it():
    """No prompt says "History:" and then nothing."""
    text = prompt("report_findings").fill(indication="Cough.", history="")

    assert text.splitlines() == [
        "Write the findings section of the report on this image.",
        "Indication: Cough.",
    ]


def test_braces_in_a_value_stay_braces():
    """A question can ask about {anything}."""
    assert prompt("question").fill(question="What is {0.__class__}?") == "What is {0.__class__}?"


def test_an_unknown_name_is_an_error():
    """A misspelt field would drop a patient's history in silence."""
    with pytest.raises(KeyError):
        prompt("caption").fill(histroy="x")
    with pytest.raises(KeyError):
        prompt("../secrets")


def test_each_prompt_names_its_version_and_digest():
    """An answer can say which words it was given."""
    for name in prompt_names():
        one = prompt(name)
        assert one.version >= 1
        assert one.sha256 == hashlib.sha256(one.text.encode()).hexdigest()


def test_presets_have_unique_ids_and_known_groups():
    """One click, one question."""
    ids = [one.id for one in presets()]

    assert len(ids) == len(set(ids))
    assert {one.group for one in presets()} <= {"any", "chest", "ct", "histology"}
