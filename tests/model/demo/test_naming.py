"""What a single crop shows, in words."""

import numpy as np

from model.demo import texts
from model.demo.drawn import TINY_PLACES, keep
from model.demo.naming import QUESTION, crop_pairs, name_of
from model.demo.phantoms import CLASSES, draw_phantom
from model.demo.shape import new_processor


def shown(*names):
    return np.array([name in names for name in CLASSES])


def test_tiny_things_are_named_first_and_three_at_most():
    """Then the large ones in the order of the classes; nothing has a word too."""
    assert name_of(shown("lung", "heart", "solid")) == "Solid nodule, lung, heart."
    assert name_of(shown("nucleus", "gland", "mitotic", "lookalike")) == "Mitotic figure, nucleus, gland."
    assert name_of(shown()) == "Nothing."


def test_a_crop_is_asked_about_itself_and_not_about_its_drawing():
    """Of a drawing with a nodule, a crop without it holds no nodule."""
    phantom = next(
        one for one in (draw_phantom("chest", n) for n in range(20)) if one.facts["nodule"] != "none"
    )
    drawn = keep(phantom, new_processor().zoom_plan)
    with_it = next(n for n in range(5, 41) if drawn.shown()[n, TINY_PLACES].any())
    without = next(n for n in range(5, 41) if drawn.targets[n][..., TINY_PLACES].max() == 0)
    chance = np.random.default_rng(0)

    for crop, there in ((with_it, True), (without, False)):
        pairs = [crop_pairs(drawn, crop, chance) for _ in range(40)]
        names = {pair.answer for pair in pairs if pair.turn == texts.question(QUESTION)}
        others = {pair.answer for pair in pairs if pair.name == "nodule_type"}
        assert names == {name_of(drawn.shown()[crop])}
        assert others == {f"A {phantom.facts['nodule']} nodule." if there else "No lung nodule."}
