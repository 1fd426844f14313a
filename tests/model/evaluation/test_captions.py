"""Scores of captions equal what is worked out by hand and what independent libraries say."""

import math
import random

import numpy as np
import pytest
import sacrebleu
from nltk.stem.porter import PorterStemmer
from nltk.translate.meteor_score import single_meteor_score
from rouge_score import rouge_scorer

from model.evaluation.captions import CiderD, bleu, bleu_counts, meteor, rouge_l, words
from model.evaluation.stemming import stem

PAIRS = [
    ("the heart is enlarged", "the heart is mildly enlarged"),
    ("no pleural effusion or pneumothorax is seen", "there is no pneumothorax and no pleural effusion"),
    ("lungs are clear", "the lungs are clear bilaterally without consolidation"),
    (
        "stable cardiomegaly with interstitial edema",
        "cardiomegaly is stable , interstitial edema has worsened",
    ),
    ("the the the", "the cat sat on the mat"),
]


def drawn_texts(count: int) -> list[tuple[list[str], list[str]]]:
    """Pairs of random sentences over a small vocabulary, so that repeated words and runs occur."""
    chance = random.Random(3)
    known = [
        "the",
        "lung",
        "is",
        "clear",
        "of",
        "nodule",
        "nodules",
        "opacity",
        "opacities",
        "enlarged",
        "enlarging",
        "heart",
        "left",
        "right",
    ]
    return [
        (chance.choices(known, k=chance.randint(4, 20)), chance.choices(known, k=chance.randint(4, 20)))
        for _ in range(count)
    ]


def test_texts_are_cut_into_words_the_same_way():
    """Marks go, also the ones for removed text."""
    assert words("The XXXX heart-size (2 cm) is ___ normal.") == [
        "the",
        "heart",
        "size",
        "2",
        "cm",
        "is",
        "normal",
    ]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_is_sacrebleu(order):
    """Corpus BLEU of every order, without smoothing, on real sentences and drawn ones."""
    cut = [(words(a), words(b)) for a, b in PAIRS] + drawn_texts(40)
    theirs = sacrebleu.BLEU(tokenize="none", smooth_method="none", max_ngram_order=order).corpus_score(
        [" ".join(a) for a, _ in cut], [[" ".join(b) for _, b in cut]]
    )

    ours = bleu(np.sum([bleu_counts(a, [b]) for a, b in cut], axis=0), order)

    assert 100 * ours == pytest.approx(theirs.score, abs=1e-9)


def test_bleu_by_hand():
    """3 of 4 words, 1 of 3 pairs, one word too short: sqrt(3/4 * 1/3) * exp(1 - 5/4)."""
    counts = bleu_counts(["a", "b", "x", "c"], [["a", "b", "c", "d", "e"]])

    assert counts.tolist() == [3, 1, 0, 0, 4, 3, 2, 1, 4, 5]
    assert bleu(counts, 2) == pytest.approx(0.5 * math.exp(-0.25))
    assert bleu(counts, 4) == 0


def test_rouge_l_is_rouge_score():
    """F with equal weights is Google's, on every pair."""
    scorer = rouge_scorer.RougeScorer(["rougeL"])
    for said, wanted in [(words(a), words(b)) for a, b in PAIRS] + drawn_texts(40):
        theirs = scorer.score(" ".join(wanted), " ".join(said))["rougeL"].fmeasure

        assert rouge_l(said, [wanted]) == pytest.approx(theirs)


def test_rouge_l_with_the_weight_of_coco_by_hand():
    """Two of three words, two of four: (1 + 1.44) * 2/3 * 1/2 / (1/2 + 1.44 * 2/3)."""
    assert rouge_l(["a", "x", "b"], [["a", "b", "c", "d"]], beta=1.2) == pytest.approx(
        2.44 / 3 / (0.5 + 0.96)
    )
    assert rouge_l([], [["a"]]) == 0


def test_stems_are_porters():
    """Every ending of the published algorithm, against another implementation of it."""
    theirs = PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
    listed = [
        "caresses",
        "ponies",
        "ties",
        "caress",
        "cats",
        "feed",
        "agreed",
        "plastered",
        "bled",
        "motoring",
        "sing",
        "conflated",
        "troubled",
        "sized",
        "hopping",
        "tanned",
        "falling",
        "hissing",
        "fizzed",
        "failing",
        "filing",
        "happy",
        "sky",
        "relational",
        "conditional",
        "rational",
        "valenci",
        "hesitanci",
        "digitizer",
        "conformabli",
        "radicalli",
        "differentli",
        "vileli",
        "analogousli",
        "vietnamization",
        "predication",
        "operator",
        "feudalism",
        "decisiveness",
        "hopefulness",
        "callousness",
        "formaliti",
        "sensitiviti",
        "sensibiliti",
        "triplicate",
        "formative",
        "formalize",
        "electriciti",
        "electrical",
        "hopeful",
        "goodness",
        "revival",
        "allowance",
        "inference",
        "airliner",
        "gyroscopic",
        "adjustable",
        "defensible",
        "irritant",
        "replacement",
        "adjustment",
        "dependent",
        "adoption",
        "homologou",
        "communism",
        "activate",
        "angulariti",
        "homologous",
        "effective",
        "bowdlerize",
        "probate",
        "rate",
        "cease",
        "controll",
        "roll",
        "opacities",
        "effusions",
        "cardiomegaly",
        "atelectatic",
        "consolidation",
        "pneumothoraces",
        "interstitial",
        "enlarged",
        "enlarging",
        "bilaterally",
        "syzygy",
        "yes",
        "as",
        "is",
        "by",
        "a",
    ]

    assert {word: stem(word) for word in listed} == {word: theirs.stem(word) for word in listed}


class NoSynonyms:
    """WordNet with nothing in it."""

    def synsets(self, word: str) -> list[str]:
        return []


def test_meteor_is_nltks_without_synonyms():
    """The same matches, chunks and weights on every pair."""
    theirs = PorterStemmer(mode=PorterStemmer.ORIGINAL_ALGORITHM)
    for said, wanted in [(words(a), words(b)) for a, b in PAIRS] + drawn_texts(60):
        expected = single_meteor_score(wanted, said, stemmer=theirs, wordnet=NoSynonyms())

        assert meteor(said, [wanted]) == pytest.approx(expected), (said, wanted)


def test_meteor_by_hand():
    """Two of two words match in one run of two: 2/3 recall, one chunk of two matches."""
    mean = 1 * (2 / 3) / (0.9 * 1 + 0.1 * (2 / 3))

    assert meteor(["lungs", "clear"], [["lung", "clear", "now"]]) == pytest.approx(mean * (1 - 0.5 / 8))


def test_cider_by_hand():
    """Two examples of one word each: its own word weighs log 2, a word of both weighs nothing."""
    references = [[["heart"]], [["lung"]]]
    scores = CiderD.over(references)

    assert scores.score(["heart"], references[0]) == pytest.approx(10 / 4)  # one order of four
    assert scores.score(["lung"], references[0]) == 0
    assert CiderD.over([[["heart"]], [["heart"]]]).score(["heart"], [["heart"]]) == 0


def test_cider_of_the_reference_is_ten_and_length_is_paid_for():
    """Repeating the answer three times leaves the direction alone; clipping and length take from it."""
    references = [[text] for _, text in drawn_texts(12)]
    scores = CiderD.over(references)
    own = references[0][0]

    assert scores.score(own, [own]) == pytest.approx(10)
    assert scores.score(own * 3, [own]) < 2


def test_cider_equals_a_slower_way():
    """Vectors over all grams written out and multiplied, as the paper's formula reads."""
    pairs = drawn_texts(15)
    references = [[b] for _, b in pairs]
    scores = CiderD.over(references)

    def grams(text, n):
        return [" ".join(text[i : i + n]) for i in range(len(text) - n + 1)]

    for said, wanted in pairs:
        expected = 0.0
        for n in range(1, 5):
            known = sorted({g for one in references for g in grams(one[0], n)} | set(grams(said, n)))
            spread = [sum(g in grams(one[0], n) for one in references) for g in known]
            idf = np.log(len(references) / np.maximum(spread, 1))
            s = np.array([grams(said, n).count(g) for g in known]) * idf
            w = np.array([grams(wanted, n).count(g) for g in known]) * idf
            norm = np.linalg.norm(s) * np.linalg.norm(w)
            expected += np.minimum(s, w) @ w / norm if norm else 0
        expected *= 10 / 4 * math.exp(-((len(said) - len(wanted)) ** 2) / 72)

        assert scores.score(said, [wanted]) == pytest.approx(expected)
