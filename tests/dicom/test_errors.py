"""Every refusal, warning and finding has words for the person in front of it."""

import re
from pathlib import Path

import pytest

from app.wording import catalogue, sentence
from dicom import errors
from dicom.dimensions import NAMES
from dicom.series import DIMENSIONS

SOURCE = "\n".join(file.read_text(encoding="utf-8") for file in (Path(errors.__file__).parent).glob("*.py"))
LIMITS = sorted(set(re.findall(r'TooLarge\(\s*what="(\w+)"', SOURCE)))
REASONS = sorted(set(re.findall(r'NoVolume\(reason="(\w+)"', SOURCE)))
FINDINGS = sorted(set(re.findall(r'"(series\.\w+)"', SOURCE)))


@pytest.mark.parametrize("kind", errors.BY_NAME.values(), ids=lambda kind: kind.__name__)
def test_every_error_says_what_to_do_in_both_languages(kind):
    """Two sentences at least where something is to be done; Korean in the formal style."""
    texts = catalogue()[kind.code]

    assert len(texts["en"]) > 30 and texts["en"].endswith(".")
    assert texts["ko"].endswith("니다.") or texts["ko"].endswith("시오.")


@pytest.mark.parametrize("what", LIMITS)
def test_every_limit_has_a_sentence_of_its_own(what):
    """Too many frames and too large a ZIP are left by different ways out."""
    error = errors.TooLarge(what=what, found="9 GB", limit="2 GB")

    assert error.code in catalogue()
    assert "—" not in sentence(error.code, "ko", **error.facts)


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_against_a_volume_has_a_sentence_of_its_own(reason):
    """The page says it where planes cannot be cut."""
    error = errors.NoVolume(reason=reason, found="9 GB", limit="2 GB")

    assert len(REASONS) == 10 and error.code in catalogue()
    assert "—" not in sentence(error.code, "ko", **error.facts)


@pytest.mark.parametrize("code", FINDINGS)
def test_every_finding_about_a_series_has_words(code):
    """A finding is shown by its words or not at all."""
    assert set(catalogue()[code]) == {"en", "ko"}


@pytest.mark.parametrize("name", sorted({*NAMES.values(), *DIMENSIONS, "other", "unnamed"}))
def test_every_dimension_has_words(name):
    """What tells stacks at the same places apart is said in both languages."""
    assert set(catalogue()[f"series.dimension.{name}"]) == {"en", "ko"}


def test_every_warning_about_a_picture_has_words():
    """The codes are made in `dicom.inspection`, one for each thing a reader should know."""
    body = SOURCE[SOURCE.index("def _warnings") : SOURCE.index("dicom.warning.{name}")]
    names = re.findall(r'^\s+"(\w+)": ', body, re.MULTILINE)

    assert len(names) == 10
    assert all(f"dicom.warning.{name}" in catalogue() for name in names)


def test_sizes_read_as_people_say_them():
    """By hand: 3 * 1024, 1.5 * 2**30."""
    assert [errors.in_bytes(n) for n in (12, 3072, 1610612736)] == ["12 B", "3 kB", "1.5 GB"]
