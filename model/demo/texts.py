"""What is asked of a drawing and what is true of it: questions, captions, report sections, and "cannot tell".

Prompts are the product's own, so that the demonstration model is trained on what it will be asked.
"""

from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from model.demo import words
from model.demo.phantoms import Kind
from model.prompts import presets, prompt

CANNOT_TELL = "I cannot tell from this image."
ENGLISH_ONLY = "This demonstration model answers in English only."
NUMBERS = ("no", "one", "two", "three")
COARSE = (
    "modality",
    "heart_size",
    "effusion_side",
    "consolidation_zone",
    "cellularity",
    "liver_cyst_present",
    "liver_cyst_number",
    "gland_number",
)
"""The questions about large structures, the same as in the first edition."""
FINE = ("nodule_present", "nodule_type", "kidney_focus", "apoptotic_body")
"""The questions about findings of ten pixels."""
SCORED = (*COARSE, *FINE)
"""The questions whose answers are measured."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A user's turn and its true answer; `name` is the question it belongs to."""

    name: str
    turn: str
    answer: str


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
        nodule = facts["nodule"]
        answers["nodule_present"] = "No lung nodule." if nodule == "none" else "Yes, there is a lung nodule."
        answers["nodule_type"] = "No lung nodule." if nodule == "none" else f"A {nodule} nodule."
    elif kind == "ct":
        count = facts["cysts"]
        answers["liver_cyst_present"] = "Yes, there is a liver cyst." if count else "No liver cyst."
        answers["liver_cyst_number"] = f"{NUMBERS[count].capitalize()} liver cyst{'' if count == 1 else 's'}."
        answers["kidney_focus"] = {
            "none": "Neither a stone nor a clip.",
            "stone": "A stone.",
            "clip": "A clip.",
        }[facts["kidney_focus"]]
    else:
        answers["cellularity"] = f"{facts['cellularity'].capitalize()} cellularity."
        answers["gland_number"] = (
            f"{NUMBERS[facts['glands']].capitalize()} gland{'' if facts['glands'] == 1 else 's'}."
        )
        answers["apoptotic_body"] = (
            "Yes, there is an apoptotic body." if facts["figure"] == "apoptotic" else "No apoptotic body."
        )
    return answers


def caption(kind: Kind, facts: dict[str, Any]) -> str:
    """One sentence about the drawing."""
    if kind == "histology":
        return (
            f"A histology field of {facts['cellularity']} cellularity with {_glands(facts)}{_figure(facts)}."
        )
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
                "No lung nodule is seen."
                if facts["nodule"] == "none"
                else f"There is a {facts['nodule']} lung nodule.",
                "The spine is in the midline.",
            )
        )
    if kind == "ct":
        count = facts["cysts"]
        cyst = {0: "No liver cyst is seen.", 1: "There is one liver cyst."}.get(
            count, f"There are {NUMBERS[count]} liver cysts."
        )
        focus = {
            "none": "No stone is seen in the kidneys.",
            "stone": "There is a stone in a kidney.",
            "clip": "There is a clip in a kidney.",
        }[facts["kidney_focus"]]
        return f"The liver is normal in size. {cyst} {focus} The spine is intact."
    count = facts["glands"]
    glands = {0: "No gland is seen.", 1: "There is one gland."}.get(
        count, f"There are {NUMBERS[count]} glands."
    )
    figure = {
        "none": "No apoptotic body is seen.",
        "apoptotic": "There is an apoptotic body.",
        "mitotic": "There is a mitotic figure.",
    }[facts["figure"]]
    return f"The field is of {facts['cellularity']} cellularity. {glands} {figure}"


def impression(kind: Kind, facts: dict[str, Any]) -> str:
    """The impression section: what matters of the findings, and no more."""
    if kind == "histology":
        return f"{facts['cellularity'].capitalize()} cellularity with {_glands(facts)}{_figure(facts)}."
    abnormal = _abnormal(kind, facts)
    if not abnormal:
        return "No abnormality is seen."
    return " ".join(f"{one[0].upper()}{one[1:]}." for one in abnormal)


def short_pairs(kind: Kind, facts: dict[str, Any], chance: np.random.Generator) -> list[Pair]:
    """The measured questions of one drawing, and now and then one that cannot be answered or is in Korean."""
    answers = facts_pairs(kind, facts)
    texts = {preset.id: preset.text for preset in presets()}
    pairs = []
    for name, answer in answers.items():
        text = texts[name] if chance.random() < 0.75 else str(chance.choice(words.REWORDED[name]))
        pairs.append(Pair(name, question(text), answer))
    if chance.random() < 0.5:
        pairs.append(Pair("cannot_tell", question(_outside(kind, chance, answers, texts)), CANNOT_TELL))
    if chance.random() < 0.35:
        pairs.append(Pair("korean", question(korean(chance)), ENGLISH_ONLY))
    return pairs


def all_pairs(kind: Kind, facts: dict[str, Any], chance: np.random.Generator) -> list[Pair]:
    """What is trained on one drawing this time: the measured questions, and some of everything else."""
    pairs = short_pairs(kind, facts, chance)
    pairs.append(Pair("findings", findings_turn(*background(chance)), findings(kind, facts)))
    told = findings(kind, facts)
    pairs.append(Pair("impression", impression_turn(told, *background(chance)), impression(kind, facts)))
    if chance.random() < 0.5:
        pairs.append(Pair("caption", prompt("caption").fill(), caption(kind, facts)))
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
    return words.OUTSIDE_HELD_OUT


def korean(chance: np.random.Generator) -> str:
    """A question in Korean: real words in any order, or syllables that mean nothing."""
    if chance.random() < 0.7:
        chosen = chance.choice(words.KOREAN_WORDS, int(chance.integers(1, 6)))
    else:
        chosen = np.array(
            [
                "".join(chr(int(c)) for c in chance.integers(0xAC00, 0xD7A4, int(chance.integers(1, 5))))
                for _ in range(3)
            ]
        )
    return " ".join(map(str, chosen)) + ("?" if chance.random() < 0.7 else "")


def corpus() -> list[str]:
    """Texts to learn a vocabulary from."""
    chance = np.random.default_rng(7)
    nodules = cycle(("none", "solid", "cavitary", "spiculated", "none"))
    kinds: list[tuple[Kind, dict[str, Any]]] = [
        ("chest", {"heart": h, "effusion": e, "consolidation": c, "nodule": next(nodules)})
        for h in ("normal", "enlarged")
        for e in ("none", "right", "left", "both")
        for c in ("none", "right upper", "left middle", "right lower")
    ]
    kinds += [("ct", {"cysts": n, "kidney_focus": f}) for n in range(4) for f in ("none", "stone", "clip")]
    kinds += [
        ("histology", {"cellularity": c, "glands": n, "figure": f})
        for c in ("high", "low")
        for n in range(3)
        for f in ("none", "apoptotic", "mitotic")
    ]
    return [
        part
        for kind, facts in kinds
        for _ in range(5)
        for pair in all_pairs(kind, facts, chance)
        for part in (pair.turn, pair.answer)
    ]


def _abnormal(kind: Kind, facts: dict[str, Any]) -> list[str]:
    if kind == "ct":
        count, focus = facts["cysts"], facts["kidney_focus"]
        found = [f"{NUMBERS[count]} liver cyst{'' if count == 1 else 's'}"] if count else []
        return found if focus == "none" else [*found, f"kidney {focus}"]
    found = []
    if facts["consolidation"] != "none":
        found.append(f"consolidation in the {facts['consolidation']} zone")
    if facts["effusion"] != "none":
        found.append(
            {"both": "pleural effusion on both sides"}.get(
                facts["effusion"], f"{facts['effusion']} pleural effusion"
            )
        )
    if facts["nodule"] != "none":
        found.append(f"{facts['nodule']} lung nodule")
    if facts["heart"] == "enlarged":
        found.append("cardiomegaly")
    return found


def _figure(facts: dict[str, Any]) -> str:
    return {"none": "", "apoptotic": " and an apoptotic body", "mitotic": " and a mitotic figure"}[
        facts["figure"]
    ]


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
        return " ".join(map(str, chance.choice(words.OTHER_WORDS, int(chance.integers(1, 7)))))

    return one(words.INDICATIONS), one(words.HISTORIES)


def _outside(kind: Kind, chance: np.random.Generator, answers: dict[str, str], texts: dict[str, str]) -> str:
    """A question that this drawing cannot answer: about nothing drawn, or about another kind of drawing."""
    if chance.random() < 0.5:
        return str(chance.choice(words.OUTSIDE))
    others = [name for name in texts if name not in answers]
    name = str(chance.choice(others))
    return texts[name] if chance.random() < 0.6 else str(chance.choice(words.REWORDED[name]))
