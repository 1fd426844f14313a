"""What is asked of a drawing and what is true of it: questions, captions, report sections, and "cannot tell".

Prompts are the product's own, so that the demonstration model is trained on what it will be asked.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from model.demo.phantoms import Kind
from model.prompts import presets, prompt

CANNOT_TELL = "I cannot tell from this image."
ENGLISH_ONLY = "This demonstration model answers in English only."
NUMBERS = ("no", "one", "two", "three")
SCORED = (
    "modality",
    "heart_size",
    "effusion_side",
    "consolidation_zone",
    "cellularity",
    "liver_cyst_present",
    "liver_cyst_number",
    "gland_number",
)
"""The questions whose answers are measured."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A user's turn and its true answer; `name` is the question it belongs to."""

    name: str
    turn: str
    answer: str


_REWORDED: dict[str, tuple[str, ...]] = {
    "modality": ("What kind of image is this?", "What is the modality?", "What type of image is shown?"),
    "heart_size": ("Is there cardiomegaly?", "What is the size of the heart?", "Is the heart size normal?"),
    "effusion_side": ("Is there a pleural effusion?", "Do you see pleural fluid?", "Any effusion?"),
    "consolidation_zone": ("Is there a consolidation?", "Where is the consolidation?", "Any lung opacity?"),
    "liver_cyst_present": ("Does the liver contain a cyst?", "Any cyst in the liver?"),
    "liver_cyst_number": ("What is the number of liver cysts?", "Count the liver cysts."),
    "cellularity": ("How cellular is this field?", "What is the cellularity?"),
    "gland_number": ("What is the number of glands?", "Count the glands."),
}
_OUTSIDE = (
    "What is the name of the patient?",
    "How old is the patient?",
    "Is the patient male or female?",
    "What is the diagnosis?",
    "Is there a fracture?",
    "Is there a pneumothorax?",
    "Is there a brain tumor?",
    "Is there a hemorrhage?",
    "Is the tumor malignant?",
    "What is the blood pressure?",
    "Is there a stroke?",
    "What treatment do you recommend?",
    "Is there a pulmonary embolism?",
    "Is the spleen enlarged?",
    "Is there appendicitis?",
    "When was this image taken?",
    "Who is the radiologist?",
    "Is there a kidney stone?",
    "Are there mitoses?",
    "Is there necrosis?",
    "What stain was used?",
    "What is the weather today?",
    "Write a poem.",
    "How are you?",
    "Is there a lung nodule?",
    "Is the aorta dilated?",
    "Is there a hernia?",
    "Are the bones normal?",
    "Is there free air?",
    "Is a catheter in place?",
    "What is the grade of the tumor?",
    "Is there metastasis?",
    "Compare with the prior study.",
    "Has this changed since last year?",
    "Is there an aneurysm?",
    "Does the patient smoke?",
    "What is the prognosis?",
    "Is there a gallstone?",
    "Is the prostate enlarged?",
    "Is there a knee injury?",
    "Tell me a joke.",
    "What is two plus two?",
)
_OUTSIDE_HELD_OUT = (
    "Is there a skull fracture?",
    "What is the address of the patient?",
    "Is the uterus normal?",
    "Is there a thrombus?",
    "Which drug should be given?",
    "Is there a bone metastasis?",
    "What is the capital of France?",
    "Is there a pancreatic mass?",
)
_INDICATIONS = (
    "Cough and fever.",
    "Shortness of breath.",
    "Chest pain.",
    "Follow-up.",
    "Abdominal pain.",
    "Weight loss.",
    "Routine check.",
    "Fall from height.",
    "Suspected pneumonia.",
    "Suspected heart failure.",
    "Abnormal liver tests.",
    "Biopsy of the colon.",
    "Jaundice.",
    "Preoperative.",
    "Trauma.",
    "Known cirrhosis.",
    "Dyspnea for three days.",
)
_HISTORIES = (
    "Smoker.",
    "Hypertension.",
    "Diabetes.",
    "No relevant history.",
    "Heart failure.",
    "Previous surgery.",
    "Chronic kidney disease.",
    "Asthma since childhood.",
    "Hepatitis B.",
    "Colon cancer, treated.",
    "Alcohol use.",
)
_OTHER_WORDS = (
    "patient",
    "left",
    "right",
    "effusion",
    "cyst",
    "enlarged",
    "heart",
    "pain",
    "two",
    "weeks",
    "sudden",
    "mild",
    "severe",
    "since",
    "yesterday",
    "known",
    "lung",
    "liver",
    "gland",
    "consolidation",
    "upper",
    "zone",
    "high",
)
_KOREAN_WORDS = (
    "흉수가",
    "있습니까",
    "심장이",
    "커졌습니까",
    "간",
    "낭종은",
    "몇",
    "개입니까",
    "폐렴",
    "소견이",
    "보이나요",
    "이",
    "영상은",
    "무엇입니까",
    "어느",
    "쪽",
    "우측",
    "좌측",
    "경화",
    "음영",
    "세포",
    "밀도가",
    "높습니까",
    "결절",
    "환자",
    "흉부",
    "판독해",
    "주세요",
    "설명해",
    "주십시오",
    "어떤",
    "검사입니까",
    "크기",
    "위치",
    "정상입니까",
    "샘이",
    "있나요",
    "골절",
    "종양",
)


def facts_pairs(kind: Kind, facts: dict[str, Any]) -> dict[str, str]:
    """The true answer to each measured question that this drawing can answer."""
    answers = {
        "modality": {"chest": "A chest radiograph.", "ct": "A CT slice.", "histology": "A histology field."}[
            kind
        ]
    }
    if kind == "chest":
        answers["heart_size"] = (
            "Yes, the heart is enlarged."
            if facts["heart"] == "enlarged"
            else "No, the heart is normal in size."
        )
        answers["effusion_side"] = {
            "none": "No pleural effusion.",
            "right": "Right pleural effusion.",
            "left": "Left pleural effusion.",
            "both": "Pleural effusion on both sides.",
        }[facts["effusion"]]
        zone = facts["consolidation"]
        answers["consolidation_zone"] = (
            "No consolidation." if zone == "none" else f"Consolidation in the {zone} zone."
        )
    elif kind == "ct":
        count = facts["cysts"]
        answers["liver_cyst_present"] = "Yes, there is a liver cyst." if count else "No liver cyst."
        answers["liver_cyst_number"] = f"{NUMBERS[count].capitalize()} liver cyst{'' if count == 1 else 's'}."
    else:
        answers["cellularity"] = f"{facts['cellularity'].capitalize()} cellularity."
        answers["gland_number"] = (
            f"{NUMBERS[facts['glands']].capitalize()} gland{'' if facts['glands'] == 1 else 's'}."
        )
    return answers


def caption(kind: Kind, facts: dict[str, Any]) -> str:
    """One sentence about the drawing."""
    if kind == "histology":
        return f"A histology field of {facts['cellularity']} cellularity with {_glands(facts)}."
    abnormal = _abnormal(kind, facts)
    name = {"chest": "chest radiograph", "ct": "CT slice of the upper abdomen"}[kind]
    return f"A {name} with {_listed(abnormal)}." if abnormal else f"A {name} without an abnormality."


def findings(kind: Kind, facts: dict[str, Any]) -> str:
    """The findings section: a sentence for each structure."""
    if kind == "chest":
        zone, effusion = facts["consolidation"], facts["effusion"]
        return " ".join(
            (
                "The heart is enlarged." if facts["heart"] == "enlarged" else "The heart is normal in size.",
                f"There is a consolidation in the {zone} zone."
                if zone != "none"
                else "No consolidation is seen.",
                {
                    "none": "No pleural effusion is seen.",
                    "right": "There is a right pleural effusion.",
                    "left": "There is a left pleural effusion.",
                    "both": "There are pleural effusions on both sides.",
                }[effusion],
                "The spine is in the midline.",
            )
        )
    if kind == "ct":
        count = facts["cysts"]
        cyst = {0: "No liver cyst is seen.", 1: "There is one liver cyst."}.get(
            count, f"There are {NUMBERS[count]} liver cysts."
        )
        return f"The liver is normal in size. {cyst} Both kidneys are seen. The spine is intact."
    count = facts["glands"]
    glands = {0: "No gland is seen.", 1: "There is one gland."}.get(
        count, f"There are {NUMBERS[count]} glands."
    )
    return f"The field is of {facts['cellularity']} cellularity. {glands} The nuclei are of even size."


def impression(kind: Kind, facts: dict[str, Any]) -> str:
    """The impression section: what matters of the findings, and no more."""
    if kind == "histology":
        return f"{facts['cellularity'].capitalize()} cellularity with {_glands(facts)}."
    abnormal = _abnormal(kind, facts)
    if not abnormal:
        return "No abnormality is seen."
    return " ".join(f"{one[0].upper()}{one[1:]}." for one in abnormal)


def all_pairs(kind: Kind, facts: dict[str, Any], chance: np.random.Generator) -> list[Pair]:
    """What is trained on one drawing this time: the measured questions, and some of everything else."""
    answers = facts_pairs(kind, facts)
    texts = {preset.id: preset.text for preset in presets()}
    pairs = []
    for name, answer in answers.items():
        text = texts[name] if chance.random() < 0.75 else str(chance.choice(_REWORDED[name]))
        pairs.append(Pair(name, question(text), answer))
    pairs.append(Pair("findings", findings_turn(*background(chance)), findings(kind, facts)))
    told = findings(kind, facts)
    pairs.append(Pair("impression", impression_turn(told, *background(chance)), impression(kind, facts)))
    if chance.random() < 0.5:
        pairs.append(Pair("caption", prompt("caption").fill(), caption(kind, facts)))
    if chance.random() < 0.5:
        pairs.append(Pair("cannot_tell", question(_outside(kind, chance, answers, texts)), CANNOT_TELL))
    if chance.random() < 0.35:
        pairs.append(Pair("korean", question(korean(chance)), ENGLISH_ONLY))
    return pairs


def question(text: str) -> str:
    """The product's turn for a question."""
    return prompt("question").fill(question=text)


def findings_turn(indication: str, history: str) -> str:
    """The product's turn for the findings section."""
    return prompt("report_findings").fill(indication=indication, history=history)


def impression_turn(told: str, indication: str, history: str) -> str:
    """The product's turn for the impression section."""
    return prompt("report_impression").fill(findings=told, indication=indication, history=history)


def held_out_outside() -> tuple[str, ...]:
    """Questions outside the drawings that were never trained on."""
    return _OUTSIDE_HELD_OUT


def korean(chance: np.random.Generator) -> str:
    """A question in Korean: real words in any order, or syllables that mean nothing."""
    if chance.random() < 0.7:
        words = chance.choice(_KOREAN_WORDS, int(chance.integers(1, 6)))
    else:
        words = np.array(
            [
                "".join(chr(int(c)) for c in chance.integers(0xAC00, 0xD7A4, int(chance.integers(1, 5))))
                for _ in range(3)
            ]
        )
    return " ".join(map(str, words)) + ("?" if chance.random() < 0.7 else "")


def corpus() -> list[str]:
    """Texts to learn a vocabulary from."""
    chance = np.random.default_rng(7)
    kinds: list[tuple[Kind, dict[str, Any]]] = [
        ("chest", {"heart": h, "effusion": e, "consolidation": c})
        for h in ("normal", "enlarged")
        for e in ("none", "right", "left", "both")
        for c in ("none", "right upper", "left middle", "right lower")
    ]
    kinds += [("ct", {"cysts": n}) for n in range(4)]
    kinds += [("histology", {"cellularity": c, "glands": n}) for c in ("high", "low") for n in range(3)]
    return [
        part
        for kind, facts in kinds
        for _ in range(6)
        for pair in all_pairs(kind, facts, chance)
        for part in (pair.turn, pair.answer)
    ]


def _abnormal(kind: Kind, facts: dict[str, Any]) -> list[str]:
    if kind == "ct":
        count = facts["cysts"]
        return [f"{NUMBERS[count]} liver cyst{'' if count == 1 else 's'}"] if count else []
    found = []
    if facts["consolidation"] != "none":
        found.append(f"consolidation in the {facts['consolidation']} zone")
    if facts["effusion"] != "none":
        found.append(
            {"both": "pleural effusion on both sides"}.get(
                facts["effusion"], f"{facts['effusion']} pleural effusion"
            )
        )
    if facts["heart"] == "enlarged":
        found.append("cardiomegaly")
    return found


def _glands(facts: dict[str, Any]) -> str:
    return f"{NUMBERS[facts['glands']]} gland{'' if facts['glands'] == 1 else 's'}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def background(chance: np.random.Generator) -> tuple[str, str]:
    """Indication and history, each there or not, known phrases or loose words; they say nothing of the drawing."""

    def one(phrases: tuple[str, ...]) -> str:
        if chance.random() < 0.4:
            return ""
        if chance.random() < 0.7:
            return str(chance.choice(phrases))
        return " ".join(map(str, chance.choice(_OTHER_WORDS, int(chance.integers(1, 7)))))

    return one(_INDICATIONS), one(_HISTORIES)


def _outside(kind: Kind, chance: np.random.Generator, answers: dict[str, str], texts: dict[str, str]) -> str:
    """A question that this drawing cannot answer: about nothing drawn, or about another kind of drawing."""
    if chance.random() < 0.5:
        return str(chance.choice(_OUTSIDE))
    others = [name for name in texts if name not in answers]
    name = str(chance.choice(others))
    return texts[name] if chance.random() < 0.6 else str(chance.choice(_REWORDED[name]))
