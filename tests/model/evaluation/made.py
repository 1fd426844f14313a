"""Tiny data sets in the shapes they are published in, with drawn pictures; and a model whose answers are known."""

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from model.answers import Completion, Delta
from model.scripted import CARD


def put(path: Path, value: object) -> Path:
    """Write text, or JSON, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (40, 32)) -> Path:
    """A small picture of noise that the seed tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def vqa_rad(folder: Path, count: int = 6) -> list[str]:
    """Closed and open questions in turn; the gold answers."""
    rows, golds = [], []
    for number in range(count):
        picture(folder / "images" / f"synpic{number // 2}.jpg", number // 2)
        golds.append(("yes", "left lung", "no", "2")[number % 4])
        rows.append(
            {
                "qid": number,
                "image_name": f"synpic{number // 2}.jpg",
                "question": f"Is finding {number} there?",
                "answer": 2 if golds[-1] == "2" else golds[-1],
                "answer_type": "CLOSED " if number % 2 == 0 else "OPEN",
            }
        )
    put(folder / "testset.json", rows)
    return golds


def slake(folder: Path) -> list[str]:
    """Two English questions about one picture, and a Chinese one."""
    picture(folder / "imgs" / "xmlab1" / "source.jpg", 1)
    row = {"img_name": "xmlab1/source.jpg", "question": "Where?", "answer_type": "CLOSED", "q_lang": "en"}
    put(
        folder / "test.json",
        [
            {**row, "qid": 1, "answer": "Left"},
            {**row, "qid": 2, "answer": "Yes"},
            {**row, "qid": 3, "answer": "左", "q_lang": "zh"},
        ],
    )
    return ["Left", "Yes"]


def path_vqa(folder: Path) -> list[str]:
    """One closed question, one open."""
    picture(folder / "images" / "test" / "test_1.jpg", 2)
    row = {"image": "test_1", "question": "What is this?"}
    put(folder / "test.json", [{**row, "answer": "yes"}, {**row, "answer": "a gland"}])
    return ["yes", "a gland"]


def iu_xray(folder: Path, count: int = 3) -> list[str]:
    """R2Gen's file, two views each."""
    reports = [
        "the heart is normal . no pleural effusion .",
        "there is a right pleural effusion .",
        "lungs are clear .",
    ]
    rows = []
    for number in range(count):
        names = [f"C{number}/0.png", f"C{number}/1.png"]
        for place, name in enumerate(names):
            picture(folder / "images" / name, 10 * number + place)
        rows.append({"id": f"C{number}", "report": reports[number % 3], "image_path": names, "split": "test"})
    put(folder / "annotation.json", {"train": [], "val": [], "test": rows})
    return [row["report"] for row in rows]


def peir_gross(folder: Path) -> list[str]:
    """bioCaption's table."""
    picture(folder / "images" / "x.png", 4)
    put(folder / "test_images.tsv", "x.png\tgross natural color heart with infarct\n")
    return ["gross natural color heart with infarct"]


def roco(folder: Path, count: int = 4) -> list[str]:
    """The first edition, captions with their leading blank."""
    texts = [f"Axial CT number {number} shows a mass in the liver." for number in range(count)]
    under = folder / "data" / "test" / "radiology"
    for number in range(count):
        picture(under / "images" / f"ROCO_{number:05}.jpg", number)
    put(under / "captions.txt", "".join(f"ROCO_{n:05}\t {text}\n" for n, text in enumerate(texts)))
    return texts


def roco_v2(folder: Path) -> list[str]:
    """The second edition's table."""
    picture(folder / "test" / "ROCOv2_2023_test_000001.jpg", 5)
    put(folder / "test_captions.csv", 'ID,Caption\nROCOv2_2023_test_000001,"Chest x-ray, ""normal""."\n')
    return ['Chest x-ray, "normal".']


def mimic_cxr(folder: Path) -> list[str]:
    """One study of two pictures beside its report."""
    table = "dicom_id,study_id,subject_id,split\na,50,10000032,test\nb,50,10000032,test\n"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mimic-cxr-2.0.0-split.csv.gz").write_bytes(gzip.compress(table.encode()))
    under = folder / "files" / "p10" / "p10000032"
    for number, name in enumerate("ab"):
        picture(under / "s50" / f"{name}.jpg", number)
    put(
        under / "s50.txt",
        " FINAL REPORT\n INDICATION: ___F.\n\n FINDINGS:\n Lungs are\n clear.\n\n IMPRESSION: ok\n",
    )
    return ["Lungs are clear."]


def pope(folder: Path) -> list[str]:
    """Lines of JSON in a file that says .json."""
    picture(folder / "val2014" / "C.jpg", 6)
    golds = ["yes", "no", "yes", "no"]
    put(
        folder / "coco_pope_random.json",
        "".join(
            json.dumps({"question_id": n, "image": "C.jpg", "text": f"Is there a thing {n}?", "label": label})
            + "\n"
            for n, label in enumerate(golds)
        ),
    )
    return golds


def science_qa(folder: Path) -> list[str]:
    """Two questions with a picture, one without."""
    for number in (3, 5):
        picture(folder / "images" / "test" / str(number) / "image.png", number)
    row = {"question": "Which?", "choices": ["the heart", "the lung"], "hint": "Look.", "image": "image.png"}
    put(
        folder / "problems.json",
        {
            "3": {**row, "answer": 1},
            "4": {**row, "answer": 0, "image": None},
            "5": {**row, "answer": 0, "hint": ""},
        },
    )
    put(folder / "pid_splits.json", {"test": ["3", "4", "5"]})
    return ["B", "A"]


def chart_qa(folder: Path) -> list[str]:
    """A question of each half."""
    picture(folder / "test" / "png" / "1.png", 7)
    put(folder / "test" / "test_human.json", [{"imgname": "1.png", "query": "How much?", "label": "14"}])
    put(folder / "test" / "test_augmented.json", [{"imgname": "1.png", "query": "Who?", "label": "Korea"}])
    return ["14", "Korea"]


def ai2d(folder: Path) -> list[str]:
    """A picture of the test set with a plain question and one about letters, and a picture of the training set."""
    for number in (0, 12):
        picture(folder / "images" / f"{number}.png", number, size=(120, 90))
        questions = {
            "What is shown?": {
                "abcLabel": False,
                "answerTexts": ["ears", "nose"],
                "correctAnswer": 1,
                "questionId": f"{number}.png-0",
            },
            "What is A?": {
                "abcLabel": True,
                "answerTexts": ["nose", "ears"],
                "correctAnswer": 0,
                "questionId": f"{number}.png-1",
            },
        }
        put(
            folder / "questions" / f"{number}.png.json",
            {"imageName": f"{number}.png", "questions": questions},
        )
        text = {"T0": {"rectangle": [[10, 20], [50, 40]], "replacementText": "A", "value": "nose"}}
        put(folder / "annotations" / f"{number}.png.json", {"text": text, "blobs": {}})
    put(folder / "ai2d_test_ids.csv", "12\n")
    return ["B", "A"]


def text_vqa(folder: Path) -> list[str]:
    """Ten answers to each question; val pictures lie with those of train."""
    picture(folder / "train_images" / "0054c91397f2fe05.jpg", 8)
    row = {"image_id": "0054c91397f2fe05", "image_classes": ["Sign"], "question": "what does it say?"}
    put(
        folder / "TextVQA_0.5.1_val.json",
        {"dataset_type": "val", "data": [{**row, "question_id": 34602, "answers": ["stop"] * 10}]},
    )
    return ["stop"]


def mmmu(folder: Path) -> list[str]:
    """Options as the text of a list, two pictures, and an open question."""
    for number in (1, 2):
        picture(folder / "images" / f"validation_Art_1_{number}.png", number)
    names = {f"image_{number}": None for number in range(1, 8)}
    put(
        folder / "validation.json",
        [
            {
                **names, "id": "validation_Art_1", "question": "Which, <image 1> or <image 2>?", "answer": "B",
                "options": "['the first', 'the second']", "question_type": "multiple-choice",
                "image_1": "validation_Art_1_1.png", "image_2": "validation_Art_1_2.png",
            },
            {
                **names, "id": "validation_Math_2", "question": "How much? <image 1>", "answer": "3.14", "options": "[]",
                "question_type": "open", "image_1": "validation_Art_1_1.png",
            },
        ],
    )  # fmt: skip
    return ["B", "3.14"]


def mm_vet(folder: Path) -> list[str]:
    """Questions by their ids, answers with their joints."""
    picture(folder / "images" / "v1_0.png", 9)
    row = {"imagename": "v1_0.png", "capability": ["ocr", "math"]}
    put(
        folder / "mm-vet.json",
        {
            "v1_0": {**row, "question": "What is x?", "answer": "-1<AND>-5"},
            "v1_1": {**row, "question": "What is d?", "answer": "1.25<OR>5/4"},
        },
    )
    return ["x = -1", "5/4"]


MADE: dict[str, Callable[[Path], list[str]]] = {
    "vqa-rad": vqa_rad,
    "slake": slake,
    "path-vqa": path_vqa,
    "iu-xray": iu_xray,
    "peir-gross": peir_gross,
    "roco": roco,
    "roco-v2": roco_v2,
    "mimic-cxr": mimic_cxr,
    "pope": pope,
    "science-qa": science_qa,
    "chart-qa": chart_qa,
    "ai2d": ai2d,
    "text-vqa": text_vqa,
    "mmmu": mmmu,
    "mm-vet": mm_vet,
}
"""Each task's maker: it fills a folder and returns the gold answers in the order of the examples."""


class Knowing:
    """Says what a function of pictures and prompt says; may break or wait at a question."""

    def __init__(self, say: Callable[[list[np.ndarray], str], str], fingerprint: str = "0" * 64):
        self.card = replace(CARD, fingerprint=fingerprint)
        self.say, self.asked, self.lock = say, [], threading.Lock()

    def answer(self, pictures, prompt, sampling, *, stop=lambda: False, urgent=False):
        with self.lock:
            self.asked.append((prompt, sampling))
        stopped = stop()
        text = "" if stopped else self.say(list(pictures), prompt)
        if text:
            yield Delta(text=text, token_ids=(1,), log_probabilities=(-0.25,))
        yield Completion(
            text=text,
            stop_reason="stopped" if stopped else "end",
            prompt_tokens=1,
            visual_positions=1,
            generated_tokens=1,
            boxes=(),
            log_probabilities=(-0.25,) if text else (),
            seconds_to_first=0.0,
            seconds=0.0,
        )

    def memory(self):
        return {"weights": 0, "device_used": 0, "device_total": 0}


def in_turn(texts: list[str]) -> Callable[[list[np.ndarray], str], str]:
    """Say these one after the other: for runs of one reader."""
    left = iter(texts)
    return lambda _pictures, _prompt: next(left)
