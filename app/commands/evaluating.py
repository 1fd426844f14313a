"""Measuring a model on a benchmark from the command line, and comparing two runs."""

import signal
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from app.commands.progress import progress
from app.settings import Settings
from app.wiring import open_answerer

PATH: dict[str, Any] = {"type": Path}
ARGUMENTS: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("--task",), {"default": "", "help": "benchmark; without one all are listed"}),
    (("--data",), {**PATH, "help": "folder of the data set as it is published"}),
    (
        ("--model",),
        {**PATH, "help": "checkpoint folder (default: DRAGONFLY_MODEL_PATH, else the demonstration)"},
    ),
    (
        ("--out",),
        {
            **PATH,
            "help": "folder of this run: answers and scorecard; the same command goes on where it stopped",
        },
    ),
    (("--split",), {"default": "", "help": "split as the data set names it (default: the usual one)"}),
    (
        ("--limit",),
        {"type": int, "default": 0, "help": "how many examples, drawn by the seed (default: all)"},
    ),
    (("--seed",), {"type": int, "default": 0, "help": "seed of the draw, and of words above temperature 0"}),
    (("--prompt",), {"default": "", "help": "a prompt of the product in place of the task's own"}),
    (("--max-new-tokens",), {"type": int, "default": 0, "help": "longest answer (default: the task's)"}),
    (
        ("--temperature",),
        {"type": float, "default": 0.0, "help": "how words are chosen; 0 takes the likeliest"},
    ),
    (
        ("--compare",),
        {
            **PATH,
            "nargs": 2,
            "metavar": ("RUN_A", "RUN_B"),
            "help": "folders of two finished runs over the same examples: B minus A, in pairs",
        },
    ),
    (
        ("--review",),
        {**PATH, "help": "score an export of the application instead: its pairs.jsonl or export.jsonl"},
    ),
    (
        ("--clinical",),
        {**PATH, "help": "folder with radeval's weights: its scores too, for reports (extra clinical)"},
    ),
    (("--judge",), {"default": "", "help": "address of an OpenAI-compatible judge, for MM-Vet only"}),
    (("--judge-model",), {"default": "", "help": "the judge's model"}),
    (("--judge-prompt",), {**PATH, "help": "file with the benchmark's own few-shot prompt"}),
    (("--judge-key",), {**PATH, "help": "file with the key of the judge's endpoint, where it wants one"}),
    (("--readers",), {"type": int, "default": 4, "help": "questions asked at the same time"}),
]
HELP = (
    "Measure a model on a benchmark: answers, scorecard (JSON, Markdown, SVG) with intervals beside the papers' figures. "
    "A stop (Ctrl-C) leaves a run to go on with. Exit status: 0 done, 3 stopped before the end."
)
EXAMPLE = (
    "Device and precision are those of the settings.\n\n"
    "  dragonfly-med evaluate\n"
    "  dragonfly-med evaluate --task path-vqa --data ~/PathVQA --model /srv/med --out runs/path-vqa\n"
    "  dragonfly-med evaluate --compare runs/path-vqa runs/path-vqa-tuned --out runs/compared\n"
    "  dragonfly-med evaluate --review pairs.jsonl --out runs/review"
)
STOPPED = 3


def evaluate(settings: Settings, options: Namespace) -> int:
    """Run a task, compare two runs, score an export, or list the tasks."""
    if options.compare:
        return _compare(options)
    if options.review:
        return _review(options)
    if not options.task:
        return _list()
    if options.data is None or options.out is None:
        raise ValueError(
            "An evaluation needs --data, the folder of the data set, and --out, a folder of its own."
        )
    return _run(settings, options)


class _Signals:
    """Whether SIGINT or SIGTERM came meanwhile; afterwards they do what they did before."""

    def __init__(self) -> None:
        self._came = False
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        return self._came

    def __enter__(self) -> "_Signals":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._come)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _come(self, _number: int, _frame: object) -> None:
        self._came = True


def _computed(settings: Settings) -> dict[str, str]:
    """What has a say in the bits of an answer; of a model server only that it is one."""
    if settings.model_server:
        return {"answered by": "a model server"}
    return {"device": settings.device, "dtype": settings.dtype}


def _lines(outcome: Any, options: Namespace, stop: _Signals) -> Any:
    """The task's scores, and those that were asked for beside them."""
    from model.evaluation.clinical import clinical
    from model.evaluation.tasks import task

    score = task(options.task).score
    if score is None:
        return _judged(outcome, options, stop)
    lines = score(outcome.answered)
    if options.clinical:
        if any(one.example.kind != "findings" for one in outcome.answered):
            raise ValueError("Clinical scores are for reports: --task mimic-cxr or iu-xray.")
        lines = [*lines, *clinical(outcome.answered, options.clinical)]
    return lines


def _judged(outcome: Any, options: Namespace, stop: _Signals) -> Any:
    """Write the answers for the benchmark's own evaluator, and let a stated judge score them."""
    from model.errors import EvaluationUnusable
    from model.evaluation.judging import REFUSED, Judge, export, judged

    export(outcome, options.out)
    if not (options.judge and options.judge_model and options.judge_prompt):
        raise EvaluationUnusable(REFUSED)
    judge = Judge(
        url=options.judge,
        model=options.judge_model,
        prompt=options.judge_prompt.read_text(encoding="utf-8").rstrip("\n"),
        key=options.judge_key.read_text(encoding="utf-8").strip() if options.judge_key else "",
    )
    return judged(outcome, judge, options.out, progress=progress, stop=stop)


def _compare(options: Namespace) -> int:
    from model.evaluation.comparison import compare_runs, markdown, write_comparison

    found = compare_runs(*options.compare)
    page = write_comparison(found, options.out) if options.out else markdown(found)
    sys.stdout.write(page)
    return 0


def _review(options: Namespace) -> int:
    from model.evaluation.exports import write_review

    if options.out is None:
        raise ValueError("Scoring an export needs --out, a folder for the scores.")
    sys.stdout.write(write_review(options.review, options.out))
    return 0


def _list() -> int:
    from model.evaluation.tasks import TASKS

    for one in TASKS.values():
        splits = ", ".join(one.splits) or "any split, as the files name it"
        sys.stdout.write(f"{one.name:<12}{one.title} ({splits})\n")
    return 0


def _run(settings: Settings, options: Namespace) -> int:
    from model.evaluation.run import Order
    from model.evaluation.run import evaluate as run
    from model.evaluation.scorecard import TABLE, table, write_scorecard
    from model.evaluation.tasks import task

    order = Order(
        task=task(options.task).name,
        data=options.data,
        split=options.split,
        limit=options.limit,
        seed=options.seed,
        prompt=options.prompt,
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        readers=options.readers,
    )
    update: dict[str, Any] = {"worker_concurrency": max(1, options.readers)}
    if options.model:
        update["model_path"] = options.model
    answerer = open_answerer(settings.model_copy(update=update))
    if answerer.card.demonstration:
        sys.stderr.write("Demonstration model: it knows drawings and nothing about patients.\n")
    with _Signals() as asked:
        outcome = run(
            order,
            answerer,
            options.out,
            computed=_computed(settings),
            progress=progress,
            stop=asked,
        )
        if not outcome.whole:
            why = f"{outcome.out_of_memory} did not fit into memory; " if outcome.out_of_memory else ""
            sys.stderr.write(
                f"\n{why}{outcome.open} of {outcome.binding.examples} examples have no answer yet; "
                "the same command goes on.\n"
            )
            return STOPPED
        lines = _lines(outcome, options, asked)
    card = write_scorecard(outcome, options.out, lines)
    sys.stdout.write(f"\n{table(card)}\n\n{options.out / TABLE}\n")
    return 0
