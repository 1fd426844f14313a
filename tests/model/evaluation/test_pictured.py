"""AI2D, TextVQA, MMMU and MM-Vet are read in the shapes their official code reads."""

import json

import numpy as np
import pytest

from model.errors import EvaluationUnusable
from model.evaluation.examples import Cover, covered, pictures_of, read_picture
from model.evaluation.loaders import pictured
from tests.model.evaluation import made


def test_ai2d_splits_by_its_list_and_covers_texts_with_letters(tmp_path):
    """The plain question sees the picture as it is; the one about letters sees a white box with black on it."""
    made.ai2d(tmp_path)

    plain, lettered = pictured.ai2d(tmp_path, "test")

    assert [one.id for one in pictured.ai2d(tmp_path, "train")] == ["0.png-0", "0.png-1"]
    assert (plain.id, plain.answers, plain.choices) == ("12.png-0", ("B",), ("ears", "nose"))
    assert lettered.covers == (Cover(10, 20, 50, 40, "A"),)
    (seen,), (drawn,) = pictures_of(plain), pictures_of(lettered)
    assert np.array_equal(seen, read_picture(tmp_path / "images" / "12.png"))
    box = drawn[20:41, 10:51]
    assert (box == 255).mean() > 0.6 and (box == 0).any()
    outside = np.ones(drawn.shape[:2], bool)
    outside[20:41, 10:51] = False
    assert np.array_equal(drawn[outside], seen[outside])


def test_a_rectangle_of_any_two_corners_is_covered():
    """Corners in the other order, and boxes over the edge, as some annotations have them."""
    gray = np.full((30, 40, 3), 128, np.uint8)

    assert (covered(gray, [Cover(20, 15, 5, 5, "B")])[5:16, 5:21] != 128).all()
    assert covered(gray, [Cover(35, 25, 60, 50, "C")]).shape == gray.shape
    assert covered(gray, [Cover(3, 3, 3, 3, "D")]).shape == gray.shape
    assert (gray == 128).all()


def test_text_vqa_has_ten_answers_and_no_test_split(tmp_path):
    """The answers to the test split are not published."""
    made.text_vqa(tmp_path)

    (one,) = pictured.text_vqa(tmp_path, "val")

    assert (one.id, len(one.answers), one.pictures[0].parent.name) == ("34602", 10, "train_images")
    with pytest.raises(EvaluationUnusable, match="without answers"):
        pictured.text_vqa(tmp_path, "test")


def test_mmmu_reads_options_in_both_forms(tmp_path):
    """The text of a list, as published, or a list; several pictures; an open question has no options."""
    made.mmmu(tmp_path)
    first, second = pictured.mmmu(tmp_path, "validation")
    assert (first.kind, first.choices, len(first.pictures)) == ("choice", ("the first", "the second"), 2)
    assert (second.kind, second.answers, second.choices) == ("open", ("3.14",), ())

    row = {"id": "a", "question": "?", "answer": "A", "options": ["x", "y"], "image_1": "p.png"}
    made.put(tmp_path / "dev.jsonl", json.dumps(row) + "\n")
    assert pictured.mmmu(tmp_path, "dev")[0].choices == ("x", "y")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"options": "__import__('os')"}, "no list"),
        ({"options": "['x'"}, "no list"),
        ({"options": "7"}, "no list"),
        ({"answer": "C"}, "does not have"),
        ({"answer": "?"}, "keeps those"),
        ({"image_1": None}, "without a picture"),
        ({"image_1": "../p.png"}, "outside"),
    ],
)
def test_what_mmmu_cannot_mean_is_said(change, told, tmp_path):
    """Nothing of a file is run; a hidden answer is not guessed at."""
    row = {"id": "a", "question": "?", "answer": "A", "options": "['x', 'y']", "image_1": "p.png"} | change
    made.put(tmp_path / "test.json", [row])

    with pytest.raises(EvaluationUnusable, match=told):
        pictured.mmmu(tmp_path, "test")


def test_published_parquet_is_refused_with_the_way_out(tmp_path):
    """MMMU is published packed; the sentence says what to convert it to."""
    (tmp_path / "validation-00000-of-00001.parquet").write_bytes(b"PAR1")

    with pytest.raises(EvaluationUnusable, match=r"parquet.*Convert it.*validation.json"):
        pictured.mmmu(tmp_path, "validation")


def test_mm_vet_keeps_the_ids_its_evaluator_asks_for(tmp_path):
    """One split; the joints of its answers stay."""
    made.mm_vet(tmp_path)

    assert [(one.id, one.answers) for one in pictured.mm_vet(tmp_path, "all")] == [
        ("v1_0", ("-1<AND>-5",)),
        ("v1_1", ("1.25<OR>5/4",)),
    ]


@pytest.mark.parametrize("damage", ["[]", '{"imageName": "0.png", "questions": []}', "{"])
def test_damaged_files_of_ai2d_are_said(damage, tmp_path):
    """With the kind of file, not with its words."""
    made.ai2d(tmp_path)
    (tmp_path / "questions" / "12.png.json").write_text(damage)

    with pytest.raises(EvaluationUnusable):
        pictured.ai2d(tmp_path, "test")
