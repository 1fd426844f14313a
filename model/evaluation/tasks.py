"""The benchmarks: what each reads, asks and is scored by, and on what terms its data may be used.

The evaluation prompts of the papers were never released. Where their words for a kind of data set are known from
somewhere, those are asked (WORDING says from where); the others are ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model.errors import EvaluationUnusable
from model.evaluation import choices, reports, scoring
from model.evaluation.examples import Example, Kind
from model.evaluation.loaders import captions, general, medical_vqa, pictured
from model.prompts import Prompt, prompt, prompt_names

WORDING = {
    "question": "the bare question, as an early test script of the original asks it",
    "caption": "the original's test script for captions",
    "evaluate_report": "Together's launch article, for MIMIC-CXR",
    "evaluate_gross": "Together's launch article, for PEIR Gross",
    "evaluate_choice": "ours; the papers' wording is not known",
    "evaluate_short": "ours; the papers' wording is not known",
}
"""Where the words of a prompt come from; a prompt that is not listed is the product's own."""
AS_STATED = "as its publisher states"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One benchmark. `splits`: those it has, the usual one for reporting first; empty where any name may be."""

    name: str
    title: str
    load: Callable[[Path, str], list[Example]]
    splits: tuple[str, ...]
    score: Callable[[Sequence[scoring.Answered]], list[scoring.Line]] | None
    """None for what only another model can judge: answers are written, and no score."""
    prompts: Mapping[Kind, str]
    max_new_tokens: int
    terms: str
    notes: tuple[str, ...] = field(default=())

    def prompt_for(self, example: Example, named: str = "") -> Prompt:
        """The prompt that asks this example, or the one named instead; raises EvaluationUnusable for no prompt."""
        if named and named not in prompt_names():
            raise EvaluationUnusable(f"There is no prompt {named}; there are {', '.join(prompt_names())}.")
        return prompt(named or self.prompts[example.kind])


def asked(example: Example, words: Prompt) -> str:
    """The filled prompt. Choices stand as "(A) first (B) second"; a report's indication only where it is asked for."""
    letters = choices.letters(example.choices)
    values = {
        "question": example.question,
        "choices": " ".join(f"({a}) {b}" for a, b in zip(letters, example.choices, strict=True)),
        "indication": example.indication,
    }
    return words.fill(**{name: values.get(name, "") for name in words.fields})


_VQA: Mapping[Kind, str] = {"open": "question", "closed": "question"}
_REPORT: Mapping[Kind, str] = {"findings": "evaluate_report", "caption": "evaluate_report"}
_RANDOM_SPLIT = (
    "Papers split this set at random, each for itself: figures of two papers are not on the same pictures."
)

MMMU_READS = "as MMMU's evaluation reads, without its random choice where nothing can be read"

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="vqa-rad",
            title="VQA-RAD",
            load=medical_vqa.vqa_rad,
            splits=("test", "train"),
            score=scoring.short_answers,
            prompts=_VQA,
            max_new_tokens=64,
            terms="CC0 1.0",
            notes=("Every test picture of the official split also occurs in its training part.",),
        ),
        Task(
            name="slake",
            title="SLAKE, English questions",
            load=medical_vqa.slake,
            splits=("test", "validate", "train"),
            score=scoring.short_answers,
            prompts=_VQA,
            max_new_tokens=64,
            terms="CC BY 4.0",
        ),
        Task(
            name="path-vqa",
            title="Path-VQA",
            load=medical_vqa.path_vqa,
            splits=("test", "val", "train"),
            score=scoring.short_answers,
            prompts=_VQA,
            max_new_tokens=64,
            terms=AS_STATED,
            notes=("Closed are the questions whose answer is yes or no; the data have no other mark.",),
        ),
        Task(
            name="iu-xray",
            title="IU X-Ray",
            load=captions.iu_xray,
            splits=(),
            score=reports.reports,
            prompts=_REPORT,
            max_new_tokens=256,
            terms="CC BY-NC-ND 4.0 (Open-i, U.S. National Library of Medicine)",
            notes=(_RANDOM_SPLIT,),
        ),
        Task(
            name="peir-gross",
            title="PEIR Gross",
            load=captions.tabbed,
            splits=("test", "train"),
            score=scoring.texts,
            prompts={"caption": "evaluate_gross"},
            max_new_tokens=128,
            terms=AS_STATED,
            notes=(_RANDOM_SPLIT,),
        ),
        Task(
            name="roco",
            title="ROCO (first edition), radiology",
            load=captions.roco_v1,
            splits=("test", "validation", "train"),
            score=scoring.texts,
            prompts={"caption": "caption"},
            max_new_tokens=128,
            terms="pictures from PubMed Central, each under the licence that licences.txt names",
        ),
        Task(
            name="roco-v2",
            title="ROCO v2",
            load=captions.roco_v2,
            splits=("test", "valid", "train"),
            score=scoring.texts,
            prompts={"caption": "caption"},
            max_new_tokens=128,
            terms="pictures from PubMed Central, each under its own licence",
        ),
        Task(
            name="mimic-cxr",
            title="MIMIC-CXR",
            load=captions.mimic_cxr,
            splits=("test", "validate", "val", "train"),
            score=reports.reports,
            prompts=_REPORT,
            max_new_tokens=256,
            terms="PhysioNet credentialed data use agreement: answers and scores per report stay with who signed it",
            notes=("Studies without a findings section are left out.",),
        ),
        Task(
            name="pope",
            title="POPE",
            load=general.pope,
            splits=general.POPE_SPLITS,
            score=scoring.pope,
            prompts={"closed": "evaluate_short"},
            max_new_tokens=32,
            terms="MS COCO pictures, under their Flickr terms",
            notes=("Often quoted as the mean over its three splits: run each.",),
        ),
        Task(
            name="science-qa",
            title="ScienceQA, questions with a picture",
            load=general.science_qa,
            splits=("test", "val", "minival", "minitest", "train"),
            score=scoring.lettered(
                choices.parse_choice_llava, 'LLaVA: the letter alone, "B. ..." or one "The answer is B."'
            ),
            prompts={"choice": "evaluate_choice"},
            max_new_tokens=64,
            terms="CC BY-NC-SA 4.0",
        ),
        Task(
            name="ai2d",
            title="AI2D",
            load=pictured.ai2d,
            splits=("test", "train"),
            score=scoring.lettered(choices.parse_choice_mmmu, MMMU_READS),
            prompts={"choice": "evaluate_choice"},
            max_new_tokens=64,
            terms="the Allen Institute's own, in the set's license.txt; not to be passed on",
            notes=(
                "Questions about letters are asked of the picture with each text covered by its letter. In which face "
                "and size the letters were drawn for others' figures is not known.",
            ),
        ),
        Task(
            name="text-vqa",
            title="TextVQA",
            load=pictured.text_vqa,
            splits=("val", "train"),
            score=scoring.ten_answers,
            prompts={"people": "evaluate_short"},
            max_new_tokens=32,
            terms=AS_STATED,
            notes=(
                "Asked without the words that an OCR program found, which some figures of others are given.",
            ),
        ),
        Task(
            name="mmmu",
            title="MMMU",
            load=pictured.mmmu,
            splits=("validation", "dev", "test"),
            score=scoring.mmmu,
            prompts={"choice": "evaluate_choice", "open": "evaluate_short"},
            max_new_tokens=64,
            terms=AS_STATED,
            notes=("Its authors draw a letter at random for what they cannot read; here that is wrong.",),
        ),
        Task(
            name="mm-vet",
            title="MM-Vet",
            load=pictured.mm_vet,
            splits=("all",),
            score=None,
            prompts={"judged": "question"},
            max_new_tokens=256,
            terms="non-commercial research and education only (its LICENSE_DATASET)",
        ),
        Task(
            name="chart-qa",
            title="ChartQA",
            load=general.chart_qa,
            splits=("test", "val", "train"),
            score=scoring.charts,
            prompts={"chart": "evaluate_short"},
            max_new_tokens=64,
            terms=AS_STATED,
        ),
    )
}


def task(name: str) -> Task:
    """A task by its name; raises EvaluationUnusable naming all."""
    if name not in TASKS:
        raise EvaluationUnusable(f"There is no task {name}; there are {', '.join(TASKS)}.")
    return TASKS[name]
