"""The last lessons: the report follows the picture and the impression follows the findings, whatever is written.

A referrer's note often names a finding ("known left effusion"), or is long and full of words never seen. Trained on
short harmless notes alone, a small model copies the claim into the report, or takes the note for a question. Here
notes claim findings at random, true and false alike, ramble in any words, and impressions are asked for findings
that may belong to another picture.
"""

from typing import Any

import numpy as np

from model.demo import texts
from model.demo.anatomy import NODULES, ZONES
from model.demo.phantoms import Kind
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
    *(f"{kind} lung nodule" for kind in NODULES),
    *("lung nodules", "no nodule", "kidney stone", "a stone in a kidney", "kidney clip", "no stone"),
    *("apoptotic bodies", "an apoptotic body", "a mitotic figure", "no apoptosis"),
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
_ABSENT = tuple(
    """pneumothorax, rib fracture, tumor, mass, abscess, hematoma, bleeding, scar, embolus, stent, pacemaker, tube,
    gallstone, bladder stone, ascites, hernia, ulcer, polyp, lymph node, infarct, stroke, aneurysm,
    stenosis, calcification, emphysema, fibrosis, atelectasis, edema, cirrhosis, steatosis, appendicitis,
    diverticulitis, colitis, pancreatitis, obstruction, melanoma, lymphoma, leukemia, granuloma, fungus,
    amyloid, vessel, nerve, screw, foreign body, scoliosis, arthritis, dislocation, tear, meningioma, glaucoma,
    cataract, caries, metal implant, pneumonia, fluid level, pregnancy, bruise, infection, catheter""".replace(
        "\n    ", " "
    ).split(", ")
)
_ASKED = (
    "Is there a {}?",
    "Is there {}?",
    "Do you see a {}?",
    "Any {}?",
    "Any sign of {}?",
    "Are there any {}s?",
    "Where is the {}?",
    "How large is the {}?",
    "How many {}s are there?",
    "Does the patient have {}?",
    "Is {} present on the left side?",
    "Is there a {} on the right side?",
    "Is there a {} in the left upper zone?",
    "What is the cause of the {}?",
    "Has the {} grown?",
    "How should the {} be treated?",
)
_WORDS = tuple(
    """a, about, abdominal, acute, admitted, after, ago, allergic, and, ankle, antibiotics, arm, at, back, before, bowel,
    brain, breast, breath, by, cancer, cardiac, chemotherapy, chest, child, chronic, clinic, colon, contrast, cough,
    daily, day, days, denies, diabetes, discharge, disease, dizziness, dose, dyspnea, emergency, evaluate, exertion,
    fall, family, father, female, fever, for, found, from, gastric, had, has, head, heart, her, his, history, hospital,
    in, increasing, injury, is, kidney, laboratory, left, leg, liver, loss, low, lower, lung, male, man, media, medical,
    mother, months, morning, nausea, new, night, no, not, of, old, on, operation, pain, past, patient, please, positive,
    prior, raised, recent, referred, renal, right, screening, shortness, since, smoker, sputum, stable, surgery,
    symptoms, test, the, therapy, this, to, today, treated, treatment, under, unknown, upper, vomiting, was, weakness,
    week, weeks, weight, with, woman, worse, years, yesterday, biopsy, tissue, slide, stain, section, sample,
    picture, image, say, ignore, write, tell, describe, colour, why, who, when, how, hello""".replace(
        "\n    ", " "
    ).split(", ")
)
_REWORDED = {
    "modality": (
        "What kind of picture is this?",
        "Is this a chest X-ray?",
        "Is this a CT?",
        "Is this histology?",
    ),
    "heart_size": (
        "How big is the heart?",
        "Is the heart too large?",
        "Heart size?",
        "Is cardiomegaly present?",
    ),
    "effusion_side": (
        "Are there pleural effusions?",
        "Where is the effusion?",
        "Is there fluid in the chest?",
    ),
    "consolidation_zone": ("Is there an infiltrate?", "Which zone is consolidated?", "Are the lungs clear?"),
    "liver_cyst_present": ("Are there liver cysts?", "Is there a cyst?", "Are there any cysts in the liver?"),
    "liver_cyst_number": ("How many cysts does the liver have?", "Number of cysts?", "How many cysts?"),
    "cellularity": ("Is the field cellular?", "Are there many cells?", "Cellularity?"),
    "gland_number": ("How many glands do you see?", "Are there glands?", "Number of glands?"),
    "nodule_present": ("Are there nodules?", "Is there a nodule in a lung?", "Are there lung nodules?"),
    "nodule_type": ("Which type of nodule?", "What type of lung nodule is there?", "Type of nodule?"),
    "kidney_focus": ("Is there a stone?", "Are there kidney stones?", "Stone or clip?"),
    "apoptotic_body": ("Is there apoptosis?", "Apoptotic bodies?", "Is an apoptotic body present?"),
}
_OPEN = (
    "What do you see?",
    "What is in this image?",
    "Describe the image.",
    "Describe this picture.",
    "What does the image show?",
    "Summarize the image.",
    "What is shown here?",
    "Please describe what you see.",
)


def harder_pairs(
    kind: Kind, facts: dict[str, Any], others: dict[str, Any], chance: np.random.Generator
) -> list[Pair]:
    """What is trained last on one drawing: as before, with notes of any content and more ways of asking.

    others: the facts of another drawing of the same kind, for an impression of findings that are not its own
    """
    kept = [
        pair for pair in texts.all_pairs(kind, facts, chance) if pair.name not in {"findings", "impression"}
    ]
    truths = texts.facts_pairs(kind, facts)
    name = str(chance.choice(list(truths)))
    shown = others if chance.random() < 0.5 else facts
    told = texts.findings(kind, shown)
    if chance.random() < 0.3:
        told = f"{told} {rambling(chance, 12)}"
    opened = chance.random() < 0.4
    return [
        *kept,
        Pair("findings", texts.findings_turn(*notes(chance)), texts.findings(kind, facts)),
        Pair("findings", texts.findings_turn(*notes(chance)), texts.findings(kind, facts)),
        Pair("impression", texts.impression_turn(told, *notes(chance)), texts.impression(kind, shown)),
        Pair("cannot_tell", texts.question(absent(chance)), CANNOT_TELL),
        Pair("open", texts.question(str(chance.choice(_OPEN))), texts.caption(kind, facts))
        if opened
        else Pair(name, texts.question(str(chance.choice(_REWORDED[name]))), truths[name]),
    ]


def notes(chance: np.random.Generator) -> tuple[str, str]:
    """Indication and history: empty, harmless, claiming something, or rambling."""
    indication, history = texts.background(chance)
    if chance.random() < 0.65:
        indication = claim(chance) if chance.random() < 0.5 else rambling(chance, 24)
    if chance.random() < 0.35:
        history = claim(chance) if chance.random() < 0.4 else rambling(chance, 18)
    return indication, history


def claim(chance: np.random.Generator) -> str:
    """A note that claims one finding or two."""
    frame = str(chance.choice(_FRAMES))
    text = frame.format(*map(str, chance.choice(_CLAIMS, 2)))
    return text[0].upper() + text[1:]


def rambling(chance: np.random.Generator, longest: int) -> str:
    """Up to so many words in no order: clinical ones, numbers, claims, Korean, and words that do not exist."""
    text = " ".join(_word(chance) for _ in range(int(chance.integers(1, longest + 1))))
    return text[0].upper() + text[1:] + ("." if chance.random() < 0.7 else "")


def absent(chance: np.random.Generator) -> str:
    """A question about something that no drawing shows, or words that ask nothing."""
    if chance.random() < 0.3:
        return rambling_question(chance)
    return str(chance.choice(_ASKED)).format(chance.choice(_ABSENT))


def rambling_question(chance: np.random.Generator) -> str:
    """English words and words that do not exist, in no order; without the structures that are drawn."""
    drawn = {"heart", "lung", "liver", "chest", "kidney", "renal"}
    words = [_invented(chance) if chance.random() < 0.3 else str(chance.choice(_WORDS)) for _ in range(8)]
    kept = [word for word in words if word not in drawn][: int(chance.integers(1, 8))]
    text = " ".join(kept) or "why"
    return text[0].upper() + text[1:] + ("?" if chance.random() < 0.6 else "")


def _word(chance: np.random.Generator) -> str:
    share = chance.random()
    if share < 0.62:
        return str(chance.choice(_WORDS)) + ("," if chance.random() < 0.1 else "")
    if share < 0.72:
        return str(chance.choice(_ABSENT))
    if share < 0.78:
        return str(chance.choice(_CLAIMS))
    if share < 0.84:
        return str(chance.integers(1, 2030)) + ("-year-old" if chance.random() < 0.3 else "")
    return _invented(chance) if share < 0.94 else texts.korean(chance)


def _invented(chance: np.random.Generator) -> str:
    letters = chance.choice(list("aaabcdeeefghiijklmnoopqrsttuuvwxyz"), int(chance.integers(1, 11)))
    word = "".join(map(str, letters))
    return word.upper() if chance.random() < 0.15 else word
