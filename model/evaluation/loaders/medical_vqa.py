"""VQA-RAD, SLAKE and Path-VQA as published, quirks included."""

from pathlib import Path
from typing import Any

from model.errors import EvaluationUnusable
from model.evaluation.examples import Example, Kind
from model.evaluation.loaders.files import first_of, need, picture_in, read_objects, text_of

VQA_RAD_ORIGINAL = "VQA_RAD Dataset Public.json"


def vqa_rad(folder: Path, split: str) -> list[Example]:
    """The research cut (trainset.json, testset.json) or the original single file, whose phrase types make the test set.

    Answers may be numbers, types end in blanks, and strings hold tabs.
    """
    names = {"train": "trainset.json", "test": "testset.json"}
    if split not in names:
        raise EvaluationUnusable("VQA-RAD has the splits train and test.")
    path = first_of(folder, (names[split], VQA_RAD_ORIGINAL))
    records = read_objects(path)
    if path.name == VQA_RAD_ORIGINAL:
        records = [one for one in records if _is_test(one) == (split == "test")]
    images = next(
        (folder / name for name in ("images", "VQA_RAD Image Folder") if (folder / name).is_dir()), folder
    )
    return [
        Example(
            id=text_of(one.get("qid", number)),
            pictures=(picture_in(images, need(one, "image_name", path.name)),),
            question=text_of(need(one, "question", path.name)),
            answers=(text_of(need(one, "answer", path.name)),),
            kind=_kind(need(one, "answer_type", path.name), path),
            split=split,
        )
        for number, one in enumerate(records)
    ]


def _is_test(record: dict[str, Any]) -> bool:
    return text_of(record.get("phrase_type")).lower().startswith("test")


def _kind(value: Any, path: Path) -> Kind:
    found = text_of(value).upper()
    if found not in ("OPEN", "CLOSED"):
        raise EvaluationUnusable(f"{path.name} has an answer_type that is neither OPEN nor CLOSED.")
    return "closed" if found == "CLOSED" else "open"


def slake(folder: Path, split: str) -> list[Example]:
    """The English questions of SLAKE; some copies call the second split validation."""
    names = {
        "train": ("train.json",),
        "validate": ("validate.json", "validation.json"),
        "test": ("test.json",),
    }
    if split not in names:
        raise EvaluationUnusable("SLAKE has the splits train, validate and test.")
    path = first_of(folder, names[split])
    return [
        Example(
            id=text_of(one.get("qid", number)),
            pictures=(picture_in(folder / "imgs", need(one, "img_name", path.name)),),
            question=text_of(need(one, "question", path.name)),
            answers=(text_of(need(one, "answer", path.name)),),
            kind=_kind(need(one, "answer_type", path.name), path),
            split=split,
        )
        for number, one in enumerate(read_objects(path))
        if text_of(one.get("q_lang", "en")).lower() == "en"
    ]


def path_vqa(folder: Path, split: str) -> list[Example]:
    """Path-VQA from SPLIT.json or SPLIT.jsonl: objects of image, question, answer; pictures under images/SPLIT.

    The published pickles are refused. A question is closed where its answer is yes or no, as there is no other mark.
    """
    if split not in ("train", "val", "test"):
        raise EvaluationUnusable("Path-VQA has the splits train, val and test.")
    path = first_of(folder, (f"{split}.json", f"{split}.jsonl"))
    found = []
    for number, one in enumerate(read_objects(path)):
        answer = text_of(need(one, "answer", path.name))
        name = text_of(need(one, "image", path.name))
        found.append(
            Example(
                id=text_of(one.get("question_id", number)),
                pictures=(picture_in(folder / "images" / split, name if "." in name else f"{name}.jpg"),),
                question=text_of(need(one, "question", path.name)),
                answers=(answer,),
                kind="closed" if answer.lower() in ("yes", "no") else "open",
                split=split,
            )
        )
    return found
