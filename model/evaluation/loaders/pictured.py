"""AI2D, TextVQA, MMMU and MM-Vet.

source: the shapes as their official code reads them: big_vision's ai2d and textvqa converters and AI2D's README, MMMU's
eval folder, MM-Vet's evaluator
"""

import ast
from pathlib import Path
from typing import Any

from model.errors import EvaluationUnusable
from model.evaluation.examples import Cover, Example
from model.evaluation.loaders.files import first_of, need, picture_in, read_json, read_objects, text_of

MOST_PICTURES = 7
"""MMMU's records have the fields image_1 to image_7."""


def ai2d(folder: Path, split: str) -> list[Example]:
    """questions/N.png.json, annotations/N.png.json, images/N.png; the test pictures are those of ai2d_test_ids.csv.

    A question about letters (abcLabel) is asked of the picture in which each text is covered by its letter, as the
    benchmark means it: see Example.covers.
    """
    if split not in ("test", "train"):
        raise EvaluationUnusable("AI2D has the splits test and train.")
    listed = first_of(folder, ("ai2d_test_ids.csv",)).read_text(encoding="utf-8-sig")
    tested = {line.strip() for line in listed.splitlines() if line.strip()}
    files = sorted((folder / "questions").glob("*.json"), key=lambda one: (len(one.name), one.name))
    if not files:
        raise EvaluationUnusable("The folder has none of: questions.")
    found = []
    for path in files:
        if (path.name.split(".")[0] in tested) == (split == "test"):
            found += _diagram(folder, path, split)
    return found


def _diagram(folder: Path, path: Path, split: str) -> list[Example]:
    about: Any = read_json(path)
    name = text_of(need(about, "imageName", "A file of questions"))
    questions = need(about, "questions", "A file of questions")
    if not isinstance(questions, dict):
        raise EvaluationUnusable("A file of questions has no questions by their text.")
    found = []
    for question, one in questions.items():
        choices = tuple(text_of(text) for text in need(one, "answerTexts", "A question"))
        right = int(need(one, "correctAnswer", "A question"))
        if not 0 <= right < len(choices):
            raise EvaluationUnusable("A question names a right answer that it does not have.")
        found.append(
            Example(
                id=text_of(need(one, "questionId", "A question")),
                pictures=(picture_in(folder / "images", name),),
                question=text_of(question),
                answers=(chr(ord("A") + right),),
                kind="choice",
                split=split,
                choices=choices,
                covers=_covers(folder / "annotations" / path.name) if one.get("abcLabel") else (),
            )
        )
    return found


def _covers(path: Path) -> tuple[Cover, ...]:
    """The rectangles of all texts of a diagram, and the letters that stand in their place."""
    texts = need(read_json(path), "text", "A file of annotations")
    if not isinstance(texts, dict):
        raise EvaluationUnusable("A file of annotations has no texts by their ids.")
    found = []
    for one in texts.values():
        try:
            (left, top), (right, bottom) = need(one, "rectangle", "A text of a diagram")
            corners = [int(value) for value in (left, top, right, bottom)]
        except (TypeError, ValueError) as error:
            raise EvaluationUnusable("A text of a diagram has no rectangle of two corners.") from error
        letter = text_of(need(one, "replacementText", "A text of a diagram"))
        found.append(Cover(corners[0], corners[1], corners[2], corners[3], letter))
    return tuple(found)


def text_vqa(folder: Path, split: str) -> list[Example]:
    """TextVQA_0.5.1_SPLIT.json with its list data; pictures by image_id under train_images (train and val alike).

    The test split is published without answers and cannot be scored here. Some pictures are turned on their sides, as
    Open Images' rotation lists say; they are asked as they lie on disk, which is how the line of work asks them.
    """
    if split not in ("val", "train"):
        raise EvaluationUnusable("TextVQA has the splits val and train; test is published without answers.")
    path = first_of(folder, (f"TextVQA_0.5.1_{split}.json",))
    records = need(read_json(path), "data", path.name)
    found = []
    for one in records:
        answers = tuple(text_of(answer) for answer in need(one, "answers", path.name))
        if not answers:
            raise EvaluationUnusable(f"{path.name} has a question without answers.")
        found.append(
            Example(
                id=text_of(need(one, "question_id", path.name)),
                pictures=(
                    picture_in(folder / "train_images", f"{text_of(need(one, 'image_id', path.name))}.jpg"),
                ),
                question=text_of(need(one, "question", path.name)),
                answers=answers,
                kind="people",
                split=split,
            )
        )
    return found


def mmmu(folder: Path, split: str) -> list[Example]:
    """SPLIT.json or SPLIT.jsonl: MMMU's records, published as parquet, with image_1 to image_7 as file names.

    `options` is a list, or the text of one as it is published; open questions have none. Pictures lie under images.
    The question names its pictures ("<image 1>"); the same ones are shown in that order.
    """
    if split not in ("validation", "dev", "test"):
        raise EvaluationUnusable("MMMU has the splits validation, dev and test.")
    path = first_of(folder, (f"{split}.json", f"{split}.jsonl"))
    return [_exam(one, folder, path.name, split) for one in read_objects(path)]


def _exam(one: dict[str, Any], folder: Path, where: str, split: str) -> Example:
    options = _options(one.get("options"), where)
    names = [one.get(f"image_{number}") for number in range(1, MOST_PICTURES + 1)]
    pictures = tuple(picture_in(folder / "images", name) for name in names if name)
    if not pictures:
        raise EvaluationUnusable(f"{where} has a question without a picture.")
    answer = need(one, "answer", where)
    answers = tuple(text_of(text) for text in (answer if isinstance(answer, list) else [answer]))
    if answers in ((), ("?",)):
        raise EvaluationUnusable(f"{where} has no answers: MMMU keeps those of its test split to itself.")
    if options and any(len(text) != 1 or not 0 <= ord(text) - ord("A") < len(options) for text in answers):
        raise EvaluationUnusable(f"{where} names a right option that its question does not have.")
    return Example(
        id=text_of(need(one, "id", where)),
        pictures=pictures,
        question=text_of(need(one, "question", where)),
        answers=answers,
        kind="choice" if options else "open",
        split=split,
        choices=options,
    )


def _options(value: Any, where: str) -> tuple[str, ...]:
    """A list of texts, or the text of such a list; literals only, nothing is run."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value) if value.strip() else []
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise EvaluationUnusable(f"{where} has options that are no list.") from error
    if value is not None and not isinstance(value, list | tuple):
        raise EvaluationUnusable(f"{where} has options that are no list.")
    return tuple(text_of(one) for one in value or ())


def mm_vet(folder: Path, split: str) -> list[Example]:
    """mm-vet.json: an object of questions by their id; pictures under images. Its one split is named all."""
    if split != "all":
        raise EvaluationUnusable("MM-Vet has one split, named all.")
    path = first_of(folder, ("mm-vet.json",))
    records: Any = read_json(path)
    if not isinstance(records, dict):
        raise EvaluationUnusable(f"{path.name} has no questions by their ids.")
    return [
        Example(
            id=text_of(name),
            pictures=(picture_in(folder / "images", need(one, "imagename", path.name)),),
            question=text_of(need(one, "question", path.name)),
            answers=(text_of(need(one, "answer", path.name)),),
            kind="judged",
            split=split,
        )
        for name, one in records.items()
    ]
