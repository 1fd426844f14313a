"""What text may reach a researcher."""

import pytest

from app.review import as_csv
from app.telling import is_telling, only_together

VALUES = {"Hong^Gil-dong", "Gil-dong", "Müller", "홍길동", "길동", "Li", "PLANT-0815", "19610314", "Clinic"}


@pytest.mark.parametrize(
    "text",
    [
        "Seen with Gildong.",
        "Seen with GIL DONG.",
        "Seen with Mu\u200bller.",
        "Seen with MULLER.",
        "Seen with Ｍüller.",
        "홍길동 님",
        "길동 님의 영상",
        "Mr Li was seen.",
        "Number plant 0815.",
        "Number plant0815.",
        "Seen on 2026-11-24.",
        "Seen on 2026. 11. 24.",
        "Seen on 24/11/26.",
        "Seen in 11/2026.",
        "Seen on March 5th.",
        "Seen on the 5th of March.",
        "Seen in March 2024.",
        "2026년 검사",
        "3월 5일 검사",
        "Write to a.b@example.org.",
        "Call 010-1234-5678.",
        "Call 555 123.",
        "Case 123456.",
        "Case １２３４５６.",
        "Case 12_34_56.",
        "Case 12–34–56.",
        "Seen at the clinic.",
        "Müllers Bilder.",
        "홍길동님",
        "Seen on 5Mar.",
    ],
)
def test_what_could_tell_waits(text):
    """Names however they are written, dates, addresses and numbers of six digits and more."""
    assert is_telling(text, VALUES)


@pytest.mark.parametrize(
    "text",
    [
        "There is a right pleural effusion.",
        "A nodule of 12 x 15 mm, formerly 10 mm.",
        "The liver is normal.",
        "Follow up in 6 to 12 months; may show nothing.",
        "우측 흉수가 있습니다.",
        "Clinical correlation is advised.",
        "Septal thickening, marked, 12 mm; decreased 5 mm; marginal 3 mm.",
        "3년 전 수술",
    ],
)
def test_what_tells_nothing_passes(text):
    """A reading full of gaps would be no reading; `Li` inside of `liver` is nobody."""
    assert not is_telling(text, VALUES)


def test_a_number_broken_over_two_sentences_waits_whole():
    """Neither half tells alone; both wait, and their neighbour does not."""
    assert only_together(["Call 010-12", "34-56 soon.", "No effusion."], VALUES) == {0, 1}


def test_a_cell_never_starts_a_formula():
    """A comment that a spreadsheet would run is shown as text."""
    row = dict.fromkeys(
        ("report_id", "reviewer", "modality", "rating", "seconds", "edit_distance", "model"), ""
    ) | {"model_fingerprint": "", "demonstration": 0, "categories": [], "comment": "=1+1"}

    assert "'=1+1" in as_csv([row])
