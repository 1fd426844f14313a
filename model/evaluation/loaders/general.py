"""General benchmarks as published: POPE, ScienceQA, AI2D, TextVQA, ChartQA."""

import json
from pathlib import Path
from typing import Any

from model.evaluation.errors import EvaluationUnusable
from model.evaluation.examples import Example
from model.evaluation.loaders.files import first_of, need, picture_in, read_json, read_objects, text_of

POPE_SPLITS = ("random", "popular", "adversarial")


def pope(folder: Path, split: str) -> list[Example]:
    """coco_pope_SPLIT.json: an object in each line, whatever its ending says; pictures under val2014."""
    if split not in POPE_SPLITS:
        raise EvaluationUnusable(f"POPE has the splits {', '.join(POPE_SPLITS)}.")
    path = first_of(folder, (f"coco_pope_{split}.json",))
    try:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except ValueError as error:
        raise EvaluationUnusable(f"{path.name} is not one JSON object in each line.") from error
    return [
        Example(
            id=f"{split}-{text_of(need(one, 'question_id', path.name))}",
            pictures=(picture_in(folder / "val2014", need(one, "image", path.name)),),
            question=text_of(need(one, "text", path.name)),
            answers=(text_of(need(one, "label", path.name)).lower(),),
            kind="closed",
            split=split,
        )
        for one in records
    ]


def science_qa(folder: Path, split: str) -> list[Example]:
    """problems.json and pid_splits.json; only the questions that have a picture (images/SPLIT/ID/NAME)."""
    problems: Any = read_json(first_of(folder, ("problems.json",)))
    splits: Any = read_json(first_of(folder, ("pid_splits.json",)))
    if split not in splits:
        raise EvaluationUnusable(f"pid_splits.json has no split {split}.")
    found = []
    for number in splits[split]:
        one = problems[str(number)]
        if one.get("image"):
            question = f"{text_of(one.get('hint'))} {text_of(need(one, 'question', 'problems.json'))}".strip()
            picture = picture_in(folder / "images" / split / str(number), one["image"])
            found.append(_choice(str(number), picture, question, one["choices"], int(one["answer"]), split))
    return found


def ai2d(folder: Path, split: str) -> list[Example]:
    """questions/NAME.json of each diagram; the test set is named by ai2d_test_ids.csv."""
    listed = first_of(folder, ("ai2d_test_ids.csv",))
    tested = {line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()}
    if split not in ("train", "test"):
        raise EvaluationUnusable("AI2D has the splits train and test.")
    found = []
    for path in sorted((folder / "questions").glob("*.json")):
        name = path.name.removesuffix(".json")
        if (name.removesuffix(".png") in tested) != (split == "test"):
            continue
        for text, one in read_json(path)["questions"].items():
            found.append(
                _choice(
                    text_of(one["questionId"]),
                    picture_in(folder / "images", name),
                    text_of(text),
                    one["answerTexts"],
                    int(one["correctAnswer"]),
                    split,
                )
            )
    return found


def _choice(id: str, picture: Path, question: str, choices: list[Any], right: int, split: str) -> Example:
    named = tuple(text_of(one) for one in choices)
    if not 0 <= right < len(named):
        raise EvaluationUnusable(f"Question {id} names a right choice that it does not have.")
    return Example(
        id=id,
        pictures=(picture,),
        question=question,
        answers=(chr(ord("A") + right),),
        kind="choice",
        split=split,
        choices=named,
    )


def text_vqa(folder: Path, split: str) -> list[Example]:
    """TextVQA_0.5.1_SPLIT.json with ten answers a question; pictures under train_images (val) or test_images."""
    path = first_of(folder, (f"TextVQA_0.5.1_{split}.json",))
    images = folder / ("test_images" if split == "test" else "train_images")
    return [
        Example(
            id=text_of(need(one, "question_id", path.name)),
            pictures=(picture_in(images, f"{need(one, 'image_id', path.name)}.jpg"),),
            question=text_of(need(one, "question", path.name)),
            answers=tuple(text_of(answer) for answer in need(one, "answers", path.name)),
            kind="soft",
            split=split,
        )
        for one in need(read_json(path), "data", path.name)
    ]


def chart_qa(folder: Path, split: str) -> list[Example]:
    """SPLIT/SPLIT_human.json and SPLIT/SPLIT_augmented.json, pictures under SPLIT/png."""
    found = []
    for part in ("human", "augmented"):
        path = first_of(folder / split, (f"{split}_{part}.json",))
        found += [
            Example(
                id=f"{part}-{number}",
                pictures=(picture_in(folder / split / "png", need(one, "imgname", path.name)),),
                question=text_of(need(one, "query", path.name)),
                answers=(text_of(need(one, "label", path.name)),),
                kind="chart",
                split=split,
            )
            for number, one in enumerate(read_objects(path))
        ]
    return found
