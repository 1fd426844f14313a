"""The list before signing: each line a question to the reader, none where there is nothing to ask."""

import pytest

from app.checklist import check


def codes(findings, impression, *, sex="F", comparison=""):
    """What is asked about a report of these sentences."""
    sections = {"findings": findings, "impression": impression, "comparison": comparison and [comparison]}
    content = {"sections": {name: [{"text": one} for one in rows] for name, rows in sections.items()}}
    return {line.code for line in check(content, sex=sex, identified=True, demonstration=False)}


@pytest.mark.parametrize(
    ("findings", "impression", "asked"),
    [
        ("There is a right pleural effusion.", "Left pleural effusion.", {"check.side"}),
        ("There is a right pleural effusion.", "Right pleural effusion.", {"check.nothing"}),
        ("There is a right pleural effusion.", "Bilateral pleural effusions.", {"check.side"}),
        ("There are pleural effusions on both sides.", "Left pleural effusion.", {"check.nothing"}),
        ("우측 흉수가 있습니다.", "좌측 흉수.", {"check.side"}),
    ],
)
def test_left_and_right_must_agree(findings, impression, asked):
    """A side that the findings do not give is asked about, in both languages."""
    assert codes([findings], [impression]) == asked


@pytest.mark.parametrize(
    ("findings", "impression", "asked"),
    [
        ("The lungs are clear.", "Pneumothorax.", {"check.unfounded"}),
        ("No pneumothorax is seen.", "Pneumothorax.", {"check.unfounded"}),
        ("기흉은 없습니다.", "기흉.", {"check.unfounded"}),
        ("The lungs are clear.", "No pneumothorax, consolidation or effusion.", {"check.nothing"}),
        ("A nodule is seen.", "Pulmonary nodules.", {"check.nothing"}),
        ("There is a massive effusion.", "A mass.", {"check.unfounded"}),
        ("No consolidation, but a small effusion.", "Effusion.", {"check.nothing"}),
    ],
)
def test_an_impression_rests_on_what_the_findings_affirm(findings, impression, asked):
    """What the findings deny carries nothing, and what the impression denies needs nothing to carry it."""
    assert codes([findings], [impression]) == asked


def test_an_organ_of_the_other_sex_is_asked_about():
    """A prostate in a woman, a uterus in a man; nothing where the sex is unknown."""
    said = ["The prostate is enlarged."]

    assert codes(said, ["Normal."], sex="F") == {"check.sex"}
    assert codes(said, ["Normal."], sex="M") == codes(said, ["Normal."], sex="") == {"check.nothing"}


def test_words_of_comparison_need_a_prior():
    """'None available' is no prior; a named study is, even where its name begins like 'none'."""
    said = ["The effusion is unchanged."]

    assert codes(said, ["Normal."]) == {"check.comparison"}
    assert codes(said, ["Normal."], comparison="None available.") == {"check.comparison"}
    assert codes(said, ["Normal."], comparison="Nonenhanced CT of last year.") == {"check.nothing"}
    assert codes(["A nodule of high priority."], ["Nodule."]) == {"check.nothing"}


def test_empty_sections_and_an_unknown_patient_stop_the_signature():
    """These are no warnings to click away."""
    lines = check({"sections": {}}, sex="", identified=False, demonstration=True)

    assert [line.code for line in lines if line.level == "stop"] == [
        "check.identity",
        "check.empty_findings",
        "check.empty_impression",
    ]
    assert [line.code for line in lines if line.level == "warn"] == ["check.demonstration"]
