"""General benchmarks as published: POPE, ScienceQA, ChartQA."""

from pathlib import Path
from typing import Any

from model.errors import EvaluationUnusable
from model.evaluation.examples import Example
from model.evaluation.loaders.files import (
    first_of,
    need,
    picture_in,
    read_json,
    read_lines,
    read_objects,
    text_of,
)

POPE_SPLITS = ("random", "popular", "adversarial")


def pope(folder: Path, split: str) -> list[Example]:
    """coco_pope_SPLIT.json: an object in each line, whatever its ending says; pictures under val2014."""
    if split not in POPE_SPLITS:
        raise EvaluationUnusable(f"POPE has the splits {', '.join(POPE_SPLITS)}.")
    path = first_of(folder, (f"coco_pope_{split}.json",))
    return [
        Example(
            id=f"{split}-{text_of(need(one, 'question_id', path.name))}",
            pictures=(picture_in(folder / "val2014", need(one, "image", path.name)),),
            question=text_of(need(one, "text", path.name)),
            answers=(text_of(need(one, "label", path.name)).lower(),),
            kind="closed",
            split=split,
        )
        for one in read_lines(path)
    ]


def science_qa(folder: Path, split: str) -> list[Example]:
    """problems.json and pid_splits.json; only the questions that have a picture (images/SPLIT/ID/NAME).

    `answer` is the place of the right choice from 0, `hint` the text that stands before the question; empty for most.
    source: get_answer and get_context_text in the benchmark's models/base_prompt.py
    """
    problems: Any = read_json(first_of(folder, ("problems.json",)))
    splits: Any = read_json(first_of(folder, ("pid_splits.json",)))
    if split not in splits:
        raise EvaluationUnusable(f"pid_splits.json has no split {split}.")
    found = []
    for number in splits[split]:
        one = need(problems, str(number), "problems.json")
        if one.get("image"):
            question, choices, right = (
                need(one, name, "problems.json") for name in ("question", "choices", "answer")
            )
            hinted = f"{text_of(one.get('hint'))} {text_of(question)}".strip()
            picture = picture_in(folder / "images" / split / str(number), one["image"])
            found.append(_choice(str(number), picture, hinted, choices, int(right), split))
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
