"""Scores of short answers: what counts as the same, as right, and as no answer at all.

The same name stands for different sums in the literature, so every one here says whose it is.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
} | {"none": "0"}
ARTICLES = frozenset(("a", "an", "the"))
YES_NO = ("yes", "no")
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'


def normalise(text: str) -> str:
    """Lower case without punctuation, articles and apostrophes, number words as digits, single blanks.

    source: the rules of the VQA challenge's evaluation. Its table of contractions makes "dont" and "don't"
    one word; here the apostrophe goes on both sides, which does the same to every pair of answers.
    """
    given = bare = text.lower()
    # A mark between two letters parts words ("chest/abdomen"); at the edge of a word it only goes. A comma
    # inside a number turns every mark of the text into nothing: "1,000" is one number.
    inside_number = re.search(r"\d,\d", given) is not None
    for mark in _PUNCTUATION:
        at_an_edge = f"{mark} " in given or f" {mark}" in given
        bare = bare.replace(mark, "" if at_an_edge or inside_number else " ")
    bare = re.sub(r"\.(?!\d)", "", bare).replace("'", "").replace("’", "")
    words = [NUMBERS.get(word, word) for word in bare.split()]
    return " ".join(word for word in words if word not in ARTICLES)


def exact_match(answer: str, gold: str) -> bool:
    """Whether both are the same words after normalising."""
    return normalise(answer) == normalise(gold)


def parse_closed(answer: str, choices: Sequence[str] = YES_NO) -> str | None:
    """The choice an answer makes, or None where it makes none or more than one.

    A choice counts where the answer begins with it; failing that, where it is the only one that occurs and it
    is not "no", which is a word of ordinary sentences ("there is no doubt that ...").
    """
    words = normalise(answer).split()
    sought = {choice: normalise(choice).split() for choice in choices}
    first = [choice for choice, its in sought.items() if its and words[: len(its)] == its]
    if first:
        return max(first, key=lambda choice: len(sought[choice]))
    found = [choice for choice, its in sought.items() if its and its != ["no"] and _occurs(its, words)]
    ambiguous = "no" in words and ["no"] in sought.values()
    return found[0] if len(found) == 1 and not ambiguous else None


def _occurs(sought: list[str], words: list[str]) -> bool:
    return any(words[at : at + len(sought)] == sought for at in range(len(words) - len(sought) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A closed question judged: `parsed` is False where no choice could be read; such an answer is wrong."""

    right: bool
    parsed: bool


def closed_strict(answer: str, gold: str, choices: Sequence[str] = ()) -> Closed:
    """Right only where the answer makes one choice and it is the gold one.

    choices: what could be answered; without them yes and no for a gold of yes or no. A gold that belongs to no
    known choices is right where the answer is the same words, and such an answer always counts as parsed.
    """
    wanted = normalise(gold)
    options = choices or (YES_NO if wanted in YES_NO else ())
    if not options:
        return Closed(right=normalise(answer) == wanted, parsed=bool(normalise(answer)))
    made = parse_closed(answer, options)
    return Closed(right=made is not None and normalise(made) == wanted, parsed=made is not None)


def closed_compatible(answer: str, gold: str) -> bool:
    """Right as the LLaVA-Med evaluation counts: "yes" or "no" anywhere in the answer, and the gold anywhere.

    Kept for comparison. It finds "no" inside "normal", and calls every gold like "left" wrong unless a yes or no
    happens to stand beside it.
    source: LLaVA-Med v1.0 evaluation
    """
    said = normalise(answer)
    return ("yes" in said or "no" in said) and normalise(gold) in said


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Words in common: each between 0 and 1."""

    precision: float
    recall: float
    f1: float


NOTHING = Overlap(precision=0.0, recall=0.0, f1=0.0)


def token_overlap(answer: str, gold: str) -> Overlap:
    """Words in common, each counted as often as it stands on both sides (SQuAD's F1 with VQA's normalising)."""
    said, wanted = Counter(normalise(answer).split()), Counter(normalise(gold).split())
    common = (said & wanted).total()
    return _overlap(common, said.total() - common, wanted.total() - common)


def token_overlap_compatible(answer: str, gold: str) -> Overlap:
    """As LLaVA-Med and Path-VQA count: a right word counts as often as the answer says it.

    Kept for comparison: "lung lung lung lung" has an F1 of 0.89 for "left lung".
    """
    said, wanted = Counter(normalise(answer).split()), Counter(normalise(gold).split())
    right = sum(count for word, count in said.items() if word in wanted)
    missed = sum(count for word, count in wanted.items() if word not in said)
    return _overlap(right, said.total() - right, missed)


def _overlap(right: int, wrong: int, missed: int) -> Overlap:
    if not right:
        return NOTHING
    precision, recall = right / (right + wrong), right / (right + missed)
    return Overlap(precision=precision, recall=recall, f1=2 * precision * recall / (precision + recall))
