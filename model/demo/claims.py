"""The last lessons: the report follows the picture and the impression follows the findings, whatever is claimed.

A referrer's note often names a finding ("known left effusion"). Trained on harmless notes alone, a small model
copies such a claim into the report. Here notes claim findings at random, true and false alike, and impressions
are asked for findings that may belong to another picture.
"""

from typing import Any

import numpy as np

from model.demo import texts
from model.demo.phantoms import ZONES, Kind
from model.demo.texts import CANNOT_TELL, NUMBERS, Pair

_CLAIMS = (
    *(f"{zone} zone consolidation" for zone in ZONES),
    *(f"consolidation in the {zone} zone" for zone in ZONES),
    *(f"{side} pleural effusion" for side in ("right", "left", "bilateral", "no")),
    *(f"pleural fluid on {side}" for side in ("the right", "the left", "both sides")),
    *("cardiomegaly", "an enlarged heart", "normal heart size", "heart failure", "pneumonia", "clear lungs"),
    *(f"{number} liver cysts" for number in NUMBERS),
    *("a cyst of the liver", "liver cyst", "high cellularity", "low cellularity"),
    *(f"{number} glands" for number in NUMBERS),
)
_FRAMES = (
    "Known {}.",
    "Suspected {}.",
    "{}?",
    "{}.",
    "History of {}.",
    "Rule out {}.",
    "Question of {}.",
    "Patient with {} and cough.",
    "Prior study showed {}.",
    "Follow-up of {}, {}.",
    "Pain for two weeks, {}.",
    "{} reported elsewhere, now fever.",
    "Control after {}.",
)
_ABSENT = (
    "pneumothorax",
    "rib fracture",
    "tumor",
    "mass",
    "abscess",
    "hematoma",
    "bleeding",
    "scar",
    "embolus",
    "stent",
    "pacemaker",
    "tube",
    "gallstone",
    "kidney stone",
    "bladder stone",
    "ascites",
    "hernia",
    "ulcer",
    "polyp",
    "lymph node",
    "infarct",
    "stroke",
    "aneurysm",
    "stenosis",
    "calcification",
    "emphysema",
    "fibrosis",
    "atelectasis",
    "edema",
    "cirrhosis",
    "steatosis",
    "appendicitis",
    "diverticulitis",
    "colitis",
    "pancreatitis",
    "obstruction",
    "melanoma",
    "lymphoma",
    "leukemia",
    "granuloma",
    "mitosis",
    "fungus",
    "amyloid",
    "vessel",
    "nerve",
    "screw",
    "foreign body",
    "scoliosis",
    "arthritis",
    "dislocation",
    "tear",
    "meningioma",
    "glaucoma",
    "cataract",
    "caries",
)
_ASKED = (
    "Is there a {}?",
    "Do you see a {}?",
    "Any {}?",
    "Any sign of {}?",
    "Where is the {}?",
    "How large is the {}?",
    "How many {}s are there?",
    "Does the patient have {}?",
    "Is {} present?",
    "What is the cause of the {}?",
    "Has the {} grown?",
    "How should the {} be treated?",
)


def harder_pairs(
    kind: Kind, facts: dict[str, Any], others: dict[str, Any], chance: np.random.Generator
) -> list[Pair]:
    """What is trained last on one drawing: as before, with claims in the notes and more that it cannot tell.

    others: the facts of another drawing of the same kind, for an impression of findings that are not its own
    """
    kept = [
        pair for pair in texts.all_pairs(kind, facts, chance) if pair.name not in {"findings", "impression"}
    ]
    shown = others if chance.random() < 0.5 else facts
    told = texts.findings(kind, shown)
    return [
        *kept,
        Pair("findings", texts.findings_turn(*notes(chance)), texts.findings(kind, facts)),
        Pair("findings", texts.findings_turn(*notes(chance)), texts.findings(kind, facts)),
        Pair("impression", texts.impression_turn(told, *notes(chance)), texts.impression(kind, shown)),
        Pair("cannot_tell", texts.question(absent(chance)), CANNOT_TELL),
    ]


def notes(chance: np.random.Generator) -> tuple[str, str]:
    """Indication and history: empty, harmless, or claiming something."""
    indication, history = texts.background(chance)
    if chance.random() < 0.55:
        indication = claim(chance)
    if chance.random() < 0.25:
        history = claim(chance)
    return indication, history


def claim(chance: np.random.Generator) -> str:
    """A note that claims one finding or two."""
    frame = str(chance.choice(_FRAMES))
    text = frame.format(*map(str, chance.choice(_CLAIMS, 2)))
    return text[0].upper() + text[1:]


def absent(chance: np.random.Generator) -> str:
    """A question about something that no drawing shows."""
    return str(chance.choice(_ASKED)).format(chance.choice(_ABSENT))
