"""The distance of two texts is the one everybody means."""

import random

from model.evaluation.edits import distance


def slow_distance(before, after):
    """The whole table."""
    row = list(range(len(after) + 1))
    for i, a in enumerate(before, start=1):
        last, row[0] = row[0], i
        for j, b in enumerate(after, start=1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def test_the_distance_is_levenshteins():
    """Against the whole table, on random texts of few letters."""
    chance = random.Random(4)
    for _ in range(300):
        before = "".join(chance.choices("abc ", k=chance.randint(0, 30)))
        after = "".join(chance.choices("abc ", k=chance.randint(0, 30)))
        assert distance(before, after) == slow_distance(before, after)
