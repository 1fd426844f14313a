"""Scores of captions and reports against one or more references.

Every text is cut into words by `words`; scores that were computed after another cut are not comparable.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from model.evaluation.stemming import stem

Words = list[str]
BLEU_ORDERS = 4


def words(text: str) -> Words:
    """Runs of letters and digits in lower case; punctuation and the marks of removed text go."""
    return [found for found in re.findall(r"[^\W_]+", text.lower()) if not re.fullmatch("x{3,}", found)]


def _grams(text: Words, order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[at : at + order]) for at in range(len(text) - order + 1))


def bleu_counts(answer: Words, references: Sequence[Words]) -> np.ndarray:
    """What BLEU needs of one answer, to be summed over all: float (10,).

    returns: clipped matches of orders 1 to 4, grams of orders 1 to 4, length, length of the closest reference
    (the shorter of two equally close ones)
    source: Papineni et al., ACL 2002
    """
    matches, totals = [], []
    for order in range(1, BLEU_ORDERS + 1):
        said = _grams(answer, order)
        allowed: Counter[tuple[str, ...]] = Counter()
        for reference in references:
            allowed |= _grams(reference, order)
        matches.append((said & allowed).total())
        totals.append(said.total())
    closest = min((abs(len(one) - len(answer)), len(one)) for one in references)[1]
    return np.array([*matches, *totals, len(answer), closest], dtype=float)


def bleu(sums: np.ndarray, order: int = BLEU_ORDERS) -> float:
    """Corpus BLEU of the orders up to `order` from summed counts, 0 to 1, unsmoothed."""
    matches, totals = sums[:order], sums[BLEU_ORDERS : BLEU_ORDERS + order]
    said, wanted = sums[-2], sums[-1]
    if not np.all(matches > 0):
        return 0.0
    brevity = min(1.0, math.exp(1 - wanted / said))
    return float(brevity * np.exp(np.mean(np.log(matches / totals))))


def rouge_l(answer: Words, references: Sequence[Words], *, beta: float = 1.0) -> float:
    """F of the longest common subsequence, 0 to 1; precision and recall each of the best reference.

    beta: 1 as Google's rouge-score weighs, 1.2 as the COCO caption evaluation does
    """
    lengths = [(_common(answer, reference), len(reference)) for reference in references]
    precision = max((common / len(answer) for common, _ in lengths if answer), default=0.0)
    recall = max((common / length for common, length in lengths if length), default=0.0)
    if not precision or not recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def _common(first: Words, second: Words) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for at, other in enumerate(second, start=1):
            diagonal, row[at] = row[at], diagonal + 1 if word == other else max(row[at], row[at - 1])
    return row[-1]


METEOR_VARIANT = "METEOR, exact and Porter-stem matches only, no synonyms (alpha 0.9, beta 3, gamma 0.5)"


def meteor(answer: Words, references: Sequence[Words]) -> float:
    """METEOR_VARIANT, 0 to 1, the best reference: NLTK's weights and its order of matching, without WordNet.

    Not the Java program's METEOR 1.5, whose figures are about half as large.
    """
    return max(_meteor(answer, reference) for reference in references)


def _meteor(answer: Words, reference: Words) -> float:
    said, wanted = list(enumerate(answer)), list(enumerate(reference))
    pairs = _matched(said, wanted, stems=False) + _matched(said, wanted, stems=True)
    if not pairs:
        return 0.0
    precision, recall = len(pairs) / len(answer), len(pairs) / len(reference)
    mean = precision * recall / (0.9 * precision + 0.1 * recall)
    ordered = sorted(pairs)
    chunks = 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in pairwise(ordered))
    return mean * (1 - 0.5 * (chunks / len(pairs)) ** 3)


def _matched(
    said: list[tuple[int, str]], wanted: list[tuple[int, str]], *, stems: bool
) -> list[tuple[int, int]]:
    """Pairs of places, from the end of both; what is paired leaves the lists."""
    pairs = []
    for at, word in reversed(list(said)):
        for place, other in reversed(wanted):
            if word == other or (stems and stem(word) == stem(other)):
                pairs.append((at, place))
                said.remove((at, word))
                wanted.remove((place, other))
                break
    return pairs


@dataclass(frozen=True, slots=True)
class CiderD:
    """CIDEr-D with the references' own document frequencies; 10 is a perfect answer.

    `frequencies`: in how many examples' references a gram of 1 to 4 words stands; `examples`: how many there are.
    Meaningless on a handful of examples, whose words are all rare.
    source: Vedantam et al., CVPR 2015; sigma 6 and clipping as in the COCO caption evaluation
    """

    frequencies: Counter[tuple[str, ...]]
    examples: int

    @classmethod
    def over(cls, references: Sequence[Sequence[Words]]) -> "CiderD":
        """The frequencies of these examples."""
        seen: Counter[tuple[str, ...]] = Counter()
        for of_one in references:
            seen.update(
                {gram for one in of_one for order in range(1, BLEU_ORDERS + 1) for gram in _grams(one, order)}
            )
        return cls(seen, len(references))

    def score(self, answer: Words, references: Sequence[Words]) -> float:
        """One example's score, 0 to 10."""
        total = 0.0
        for reference in references:
            # Lengths are counted in bigrams there, and so here: equal figures matter more than the name.
            apart = max(0, len(answer) - 1) - max(0, len(reference) - 1)
            penalty = math.exp(-(apart**2) / (2 * 6.0**2))
            total += penalty * sum(
                self._likeness(answer, reference, order) for order in range(1, BLEU_ORDERS + 1)
            )
        return 10 * total / (BLEU_ORDERS * len(references))

    def _likeness(self, answer: Words, reference: Words, order: int) -> float:
        said, wanted = self._weighed(answer, order), self._weighed(reference, order)
        product = sum(
            min(weight, wanted[gram]) * wanted[gram] for gram, weight in said.items() if gram in wanted
        )
        norms = math.hypot(*said.values()) * math.hypot(*wanted.values())
        return product / norms if norms else 0.0

    def _weighed(self, text: Words, order: int) -> dict[tuple[str, ...], float]:
        return {
            gram: count * (math.log(self.examples) - math.log(max(1, self.frequencies[gram])))
            for gram, count in _grams(text, order).items()
        }
