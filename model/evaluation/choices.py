"""Answers to questions with lettered choices, and to questions of MMMU and ChartQA: how each benchmark reads them.

source: MMMU's eval_utils.py, LLaVA's eval_science_qa.py, pix2struct's metrics.py, POPE's evaluate.py: the rules, not
the code
"""

import re
from collections.abc import Sequence
from string import ascii_uppercase

from model.evaluation.vqa import normalise


def letters(choices: Sequence[str]) -> str:
    """The letters that name them: "ABC" for three."""
    return ascii_uppercase[: len(choices)]


def parse_choice(answer: str, choices: Sequence[str]) -> str | None:
    """The letter an answer chooses, or None where it chooses none or more than one.

    A letter counts alone, in brackets, before a mark ("B.", "(B) the heart") or after "answer is" and "option"; "A"
    before another word is an article and no choice. Without a letter, the text of exactly one choice counts.
    """
    known = letters(choices)
    text = answer.replace("*", "").strip()
    alone = re.fullmatch(rf"\(?([{known}{known.lower()}])\)?[.:,]?", text)
    if alone:
        return alone[1].upper()
    marked = set(re.findall(rf"\(([{known}])\)|(?<![\w'])([{known}])[.):,](?!\w)", text))
    marked |= {("", one) for one in re.findall(rf"(?i:answer is|answer|option):?\s+([{known}])\b", text)}
    named = {first or second for first, second in marked}
    if named:
        return named.pop() if len(named) == 1 else None
    said = f" {normalise(text)} "
    told = [
        letter
        for letter, one in zip(known, choices, strict=True)
        if normalise(one) and f" {normalise(one)} " in said
    ]
    # "left lung" also holds "lung": the longest is meant where the others are parts of it.
    longest = max(told, key=lambda letter: len(choices[known.index(letter)]), default=None)
    if longest is None:
        return None
    whole = normalise(choices[known.index(longest)])
    return longest if all(normalise(choices[known.index(one)]) in whole for one in told) else None


def parse_choice_mmmu(answer: str, choices: Sequence[str]) -> str | None:
    """As MMMU's evaluation reads: "(B)" anywhere, else " B " anywhere, else a choice's text in more than five words.

    The last of several is meant. Where it would pick a choice at random this says None, which counts as wrong.
    """
    text = answer
    for mark in ",.!?;:'":
        text = text.strip(mark)
    text = f" {text} "
    known = letters(choices)
    for shape in ("({})", " {} "):
        places = {letter: text.rfind(shape.format(letter)) for letter in known}
        if max(places.values()) >= 0:
            return max(places, key=lambda letter: places[letter])
    if len(text.split()) > 5:
        lowered = text.lower()
        told = {letter: lowered.rfind(one.lower()) for letter, one in zip(known, choices, strict=True)}
        if max(told.values()) >= 0:
            return max(told, key=lambda letter: told[letter])
    return None


def parse_choice_llava(answer: str, choices: Sequence[str]) -> str | None:
    """As LLaVA's ScienceQA evaluation reads: the letter alone, "B. ..." at the start, or one "The answer is B."."""
    known = letters(choices)
    if answer in tuple(known):
        return answer
    if len(answer) >= 3 and answer[0] in known and answer[1:3] == ". ":
        return answer[0]
    found = re.findall(r"The answer is ([A-Z]).", answer)
    return found[0] if len(found) == 1 and found[0] in known else None


def yes_no_pope(answer: str) -> str:
    """As POPE's evaluation reads: the first sentence says no where "No", "not" or "no" is a word of it, else yes.

    An answer of neither is a yes there.
    """
    words = answer.split(".")[0].replace(",", "").split(" ")
    return "no" if {"No", "not", "no"} & set(words) else "yes"


def relaxed(answer: str, gold: str, *, tolerance: float = 0.05) -> bool:
    """ChartQA's relaxed accuracy: a number within 5 % of the gold one, other text equal but for case.

    A percentage is a hundredth of its number, on both sides; a gold of 0 wants the same text.
    source: Masry et al. 2022, section 5.1, as pix2struct computes it
    """
    said, wanted = _number(answer), _number(gold)
    if said is not None and wanted:
        return abs(said - wanted) / abs(wanted) <= tolerance
    return answer.lower() == gold.lower()


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def open_mmmu(answer: str, golds: Sequence[str]) -> bool:
    """As MMMU judges open questions: a gold text inside of what the answer concludes, or an equal number.

    Numbers are equal after rounding to two places; a gold of one letter wants a blank beside it.
    """
    wanted = [form for gold in golds for form in _forms(gold)]
    for said in _conclusions(answer):
        numbers = [found for shape in _NUMBERS for found in shape.findall(said)]
        for form in [form for text in (said, *numbers) for form in _forms(text)]:
            if isinstance(form, float):
                if form in wanted:
                    return True
            elif any(isinstance(one, str) and one in form for one in wanted):
                return True
    return False


_NUMBERS = (
    re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b"),
    re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+"),
    re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])"),
)
"""With commas, with an exponent, plain; "1,000" is also read as the plain 000, as there."""
_BEFORE_A_CONCLUSION = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")


def _forms(text: str) -> list[str | float]:
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        text = text.lower()
        return [f" {text}", f"{text} "] if len(text) == 1 else [text]


def _conclusions(answer: str) -> list[str]:
    """Of each line the shortest rest behind a word that announces a conclusion; the whole where there is none."""
    whole = answer.strip().strip(".").lower()
    lines = whole.split("\n")
    found = []
    for place, line in enumerate(lines):
        signs = (*_BEFORE_A_CONCLUSION, "=") if place == len(lines) - 1 else _BEFORE_A_CONCLUSION
        rest = ""
        for sign in signs:
            behind = line.split(sign)[-1].strip()
            if sign in line and (not rest or len(behind) < len(rest)):
                rest = behind
        if rest and rest not in tuple(":,.!?;'"):
            found.append(rest)
    return found or [whole]


def vqa_accuracy(answer: str, golds: Sequence[str]) -> float:
    """VQA accuracy over human answers: the mean, over leaving each of them out, of min(matches / 3, 1).

    golds: the ten answers of TextVQA
    source: the VQA challenge, with the answers of both sides made alike as M4C's TextVQA evaluator does
    """
    said, wanted = _alike(answer), [_alike(one) for one in golds]
    matches = wanted.count(said)
    # Leaving out an answer that is the same leaves one match less.
    return (matches * min(1.0, (matches - 1) / 3) + (len(wanted) - matches) * min(1.0, matches / 3)) / max(
        1, len(wanted)
    )


def _alike(text: str) -> str:
    """Lower case without commas and question marks, "'s" apart, then the challenge's rules.

    The evaluator's table of contractions writes "dont" as "don't"; without apostrophes on both sides the same pairs
    are equal, "'s" included.
    """
    return normalise(text.lower().replace(",", "").replace("?", "").replace("'s", " 's"))
