"""What a chest report says is there, may be there and is not there: sentence by sentence, worked out by hand."""

import pytest

from model.evaluation.labeller import FIVE, NO_FINDING, body, clauses, label, mentions, observations

EFFUSION, THORAX = "Pleural Effusion", "Pneumothorax"


def said(text):
    """Observation to status, without the one that there is nothing."""
    return {name: status for name, status in label(text).items() if name != NO_FINDING}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        # affirmed
        ("There is a small right pleural effusion.", {EFFUSION: "affirmed"}),
        ("Moderate cardiomegaly.", {"Cardiomegaly": "affirmed"}),
        ("The heart is mildly enlarged.", {"Cardiomegaly": "affirmed"}),
        ("Enlarged cardiac silhouette.", {"Cardiomegaly": "affirmed"}),
        ("The cardiac silhouette remains enlarged.", {"Cardiomegaly": "affirmed"}),
        ("Widened mediastinum.", {"Enlarged Cardiomediastinum": "affirmed"}),
        ("The mediastinum is widened.", {"Enlarged Cardiomediastinum": "affirmed"}),
        ("Patchy opacity in the left lower lobe.", {"Lung Opacity": "affirmed"}),
        ("Bilateral airspace disease.", {"Lung Opacity": "affirmed"}),
        ("A 9 mm nodule in the right upper lobe.", {"Lung Lesion": "affirmed"}),
        ("Mild interstitial pulmonary edema.", {"Edema": "affirmed"}),
        ("Findings of congestive heart failure.", {"Edema": "affirmed"}),
        ("Right lower lobe consolidation.", {"Consolidation": "affirmed"}),
        ("Right lower lobe pneumonia.", {"Pneumonia": "affirmed"}),
        ("Bibasilar atelectasis.", {"Atelectasis": "affirmed"}),
        ("Tiny apical pneumothorax persists.", {THORAX: "affirmed"}),
        ("Biapical pleural thickening.", {"Pleural Other": "affirmed"}),
        ("Healed rib fractures.", {"Fracture": "affirmed"}),
        ("The endotracheal tube ends 4 cm above the carina.", {"Support Devices": "affirmed"}),
        ("Left-sided pacemaker with leads in place.", {"Support Devices": "affirmed"}),
        ("Right PICC in the SVC.", {"Support Devices": "affirmed"}),
        # denied before
        ("No pleural effusion.", {EFFUSION: "denied"}),
        (
            "No focal consolidation, pleural effusion, or pneumothorax.",
            {"Consolidation": "denied", EFFUSION: "denied", THORAX: "denied"},
        ),
        ("There is no evidence of pneumothorax or effusion.", {THORAX: "denied", EFFUSION: "denied"}),
        ("Without focal airspace disease.", {"Lung Opacity": "denied"}),
        ("Negative for fracture.", {"Fracture": "denied"}),
        ("The lungs are free of consolidation or edema.", {"Consolidation": "denied", "Edema": "denied"}),
        ("No new consolidation.", {"Consolidation": "denied"}),
        ("Neither effusion nor pneumothorax.", {EFFUSION: "denied", THORAX: "denied"}),
        ("No effusion, small nodule, or mass.", {EFFUSION: "denied", "Lung Lesion": "denied"}),
        ("Interval removal of the endotracheal tube.", {"Support Devices": "denied"}),
        # denied after
        ("Pneumothorax is not seen.", {THORAX: "denied"}),
        ("Pneumothorax or pleural effusion is not seen.", {THORAX: "denied", EFFUSION: "denied"}),
        (
            "Effusion, consolidation and pneumothorax are absent.",
            {EFFUSION: "denied", "Consolidation": "denied", THORAX: "denied"},
        ),
        ("The right effusion has resolved.", {EFFUSION: "denied"}),
        ("Pneumothorax: none.", {THORAX: "denied"}),
        ("The chest tube has been removed.", {"Support Devices": "denied"}),
        # said to be normal
        ("Heart size is normal.", {"Cardiomegaly": "denied"}),
        ("Heart is normal in size.", {"Cardiomegaly": "denied"}),
        ("Normal heart size.", {"Cardiomegaly": "denied"}),
        ("The heart is not enlarged.", {"Cardiomegaly": "denied"}),
        (
            "The cardiomediastinal silhouette is within normal limits.",
            {"Enlarged Cardiomediastinum": "denied"},
        ),
        ("The lungs are clear.", {"Lung Opacity": "denied"}),
        ("Lungs are otherwise clear.", {"Lung Opacity": "denied"}),
        ("The lungs are not clear.", {"Lung Opacity": "affirmed"}),
        ("The costophrenic angles are sharp.", {EFFUSION: "denied"}),
        # the end of a denial
        ("No effusion, but mild cardiomegaly.", {EFFUSION: "denied", "Cardiomegaly": "affirmed"}),
        ("No effusion, mild cardiomegaly.", {EFFUSION: "denied", "Cardiomegaly": "affirmed"}),
        ("No pneumothorax; small left effusion.", {THORAX: "denied", EFFUSION: "affirmed"}),
        ("No pneumothorax and there is a small effusion.", {THORAX: "denied", EFFUSION: "affirmed"}),
        ("No consolidation, with mild atelectasis.", {"Consolidation": "denied", "Atelectasis": "affirmed"}),
        ("Mild edema, no effusion.", {"Edema": "affirmed", EFFUSION: "denied"}),
        ("Effusion is small and pneumothorax is not seen.", {EFFUSION: "affirmed", THORAX: "denied"}),
        (
            "The lungs are clear except for atelectasis.",
            {"Lung Opacity": "denied", "Atelectasis": "affirmed"},
        ),
        # doubt
        ("Possible pneumonia.", {"Pneumonia": "unsure"}),
        ("Left basilar opacity, likely atelectasis.", {"Lung Opacity": "affirmed", "Atelectasis": "unsure"}),
        (
            "Opacities may represent atelectasis or pneumonia.",
            {"Lung Opacity": "affirmed", "Atelectasis": "unsure", "Pneumonia": "unsure"},
        ),
        ("Pneumonia cannot be excluded.", {"Pneumonia": "unsure"}),
        ("Cannot exclude a small effusion.", {EFFUSION: "unsure"}),
        ("Atelectasis versus pneumonia.", {"Atelectasis": "unsure", "Pneumonia": "unsure"}),
        ("The heart is top normal in size.", {"Cardiomegaly": "unsure"}),
        ("Blunting of the left costophrenic angle.", {EFFUSION: "unsure"}),
        ("No blunting of the costophrenic angles.", {EFFUSION: "denied"}),
        ("Pneumonia is unlikely.", {"Pneumonia": "denied"}),
        ("Likely no pneumothorax.", {THORAX: "denied"}),
        ("Opacity concerning for infection.", {"Lung Opacity": "affirmed", "Pneumonia": "unsure"}),
        # only asked after, past, or something else
        ("Evaluate for pneumonia.", {}),
        ("History of heart failure.", {}),
        ("Small pericardial effusion.", {}),
        ("Bony structures are intact.", {}),
        ("Massive gaseous distension of the stomach.", {}),
        ("", {}),
    ],
)
def test_sentences(text, found):
    """One sentence, what it says of each observation, and nothing of the others."""
    assert said(text) == found


def test_the_strongest_of_several_mentions_is_the_reports():
    """Affirmed over unsure over denied, in any order."""
    assert said("No effusion on the left. Small effusion on the right.") == {EFFUSION: "affirmed"}
    assert said("Possible effusion. No effusion on the left.") == {EFFUSION: "unsure"}


def test_no_finding_is_said_of_what_holds_nothing_but_devices():
    """A doubt is a finding; an empty text says nothing at all."""
    assert label("Heart size is normal. Lungs are clear.")[NO_FINDING] == "affirmed"
    assert label("PICC in place. No effusion.")[NO_FINDING] == "affirmed"
    assert NO_FINDING not in label("Possible pneumonia.")
    assert label("") == label(" . ") == {}


REPORT = """ FINAL REPORT
 EXAMINATION: Chest PA and lateral.
 INDICATION: ___F with pneumonia, evaluate for effusion.
 COMPARISON: ___, where there was a pneumothorax.

 FINDINGS:
 The heart is mildly
 enlarged. 1. No effusion. 2. Nodule of 3.5 cm.

 IMPRESSION: Mild cardiomegaly.
"""


def test_only_what_is_seen_is_read():
    """Indication and comparison name what was asked and what was; sentences go over lines."""
    assert said(REPORT) == {"Cardiomegaly": "affirmed", EFFUSION: "denied", "Lung Lesion": "affirmed"}
    assert said("indication : pneumonia . findings : the lungs are clear .") == {"Lung Opacity": "denied"}


def test_a_report_without_the_header_is_read_behind_the_others():
    """Some reports go on after a blank line without one."""
    text = "INDICATION: Rule out pneumonia.\n\nSmall left effusion.\n\nTECHNIQUE: AP.\n"

    assert said(text) == {EFFUSION: "affirmed"}
    assert body("Lungs clear.\nINDICATION: cough") == "Lungs clear.\n"


def test_clauses_end_where_sentences_do():
    """A decimal point is none; numbers of a list are dropped."""
    assert clauses("A 3.5 cm mass. 1. No\neffusion; heart normal\n\nDone") == [
        "a 3.5 cm mass",
        "no effusion",
        "heart normal",
        "done",
    ]


def test_the_observations_are_chexperts():
    """14 of them, five of which are usually reported apart."""
    assert len(observations()) == len(set(observations())) == 14
    assert set(FIVE) < set(observations())


def test_a_mention_carries_its_clause():
    """For comparing what else is said of it."""
    (one,) = mentions("Moderate LEFT effusion. Bones intact.")

    assert (one.observation, one.status, one.clause) == (EFFUSION, "affirmed", "moderate left effusion")


def test_a_long_text_is_read_in_its_length():
    """Hostile or garbled answers: 40,000 words in a second or two, not in the square of them."""
    import time

    started = time.perf_counter()
    label("no effusion and " * 10_000 + "the heart is " * 5_000)

    assert time.perf_counter() - started < 60
