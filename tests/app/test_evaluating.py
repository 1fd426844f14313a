"""Measuring from the command line, with the model that is shipped: to the end, or stopped and gone on with."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from PIL import Image

from app.cli import main
from model.demo import texts
from model.demo.evaluate import HELD_OUT_FIRST_SEED
from model.demo.phantoms import draw_phantom, kind_of
from model.prompts import presets
from tests.model.evaluation import made

ROOT = Path(__file__).parents[2]
CARDS = ("scorecard.json", "scorecard.md", "scorecard.svg")


def command(*arguments, **settings):
    """The real command in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **settings}
    return subprocess.Popen(
        [sys.executable, "-m", "app", "evaluate", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines(path):
    return path.read_text().count("\n") if path.is_file() else 0


def same_cards(first, second):
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in CARDS)


def test_an_evaluation_interrupted_and_resumed_gives_the_same_scorecard(tmp_path, capsys):
    """Stopped by Ctrl-C between two answers, gone on with by the same command: equal files, byte for byte."""
    made.vqa_rad(tmp_path / "data", count=5)
    told = ["--task", "vqa-rad", "--data", tmp_path / "data", "--max-new-tokens", "6"]
    assert main(["evaluate", *map(str, told), "--out", str(tmp_path / "whole")]) == 0
    shown = capsys.readouterr()

    # A pause before every token makes the moment of the signal certain: after the first answer, before the last.
    slow = command(*told, "--out", tmp_path / "part", "--readers", 1, DRAGONFLY_PACE_MS="100")
    answers = tmp_path / "part" / "answers.jsonl"
    until = time.monotonic() + 300
    while lines(answers) < 1 and slow.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    slow.send_signal(signal.SIGINT)
    _, said = slow.communicate(timeout=300)
    assert slow.returncode == 3, said
    assert 1 <= lines(answers) < 5
    assert "have no answer yet; the same command goes on" in said
    assert not (tmp_path / "part" / "scorecard.json").exists()

    assert main(["evaluate", *map(str, told), "--out", str(tmp_path / "part")]) == 0
    assert same_cards(tmp_path / "part", tmp_path / "whole")
    assert "| score | ours, 95 % interval | n |" in shown.out
    assert "nothing about patients" in shown.err


def test_a_stop_by_the_system_is_gone_on_with_too(tmp_path, monkeypatch):
    """Captions, stopped by SIGTERM; afterwards the process hears its signals as before."""
    made.roco(tmp_path / "data", count=5)
    told = ["evaluate", "--task", "roco", "--data", str(tmp_path / "data"), "--max-new-tokens", "6"]
    before = signal.getsignal(signal.SIGTERM)
    assert main([*told, "--out", str(tmp_path / "whole")]) == 0

    def stop_after_one():
        while lines(tmp_path / "part" / "answers.jsonl") < 1:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    watch = threading.Thread(target=stop_after_one)
    monkeypatch.setenv("DRAGONFLY_PACE_MS", "100")
    watch.start()
    assert main([*told, "--out", str(tmp_path / "part"), "--readers", "1"]) == 3
    watch.join()
    monkeypatch.delenv("DRAGONFLY_PACE_MS")

    assert 1 <= lines(tmp_path / "part" / "answers.jsonl") < 5
    assert signal.getsignal(signal.SIGTERM) is before
    assert main([*told, "--out", str(tmp_path / "part")]) == 0
    assert same_cards(tmp_path / "part", tmp_path / "whole")


def test_the_demonstration_model_is_measured_on_its_own_drawings(tmp_path, capsys):
    """Held-out drawings as a set of open questions: the shipped model gives at least eight of ten answers exactly."""
    words = {one.id: texts.question(one.text) for one in presets()}
    rows = []
    for seed in range(HELD_OUT_FIRST_SEED, HELD_OUT_FIRST_SEED + 10):
        phantom = draw_phantom(kind_of(seed), seed)
        Image.fromarray(phantom.pixels).save(tmp_path / f"{seed}.png")
        for name, answer in texts.facts_pairs(phantom.kind, phantom.facts).items():
            row = {"qid": len(rows), "image_name": f"{seed}.png", "question": words[name], "answer": answer}
            rows.append({**row, "answer_type": "OPEN"})
    made.put(tmp_path / "testset.json", rows)

    assert (
        main(["evaluate", "--task", "vqa-rad", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 0
    )

    card = json.loads((tmp_path / "run" / "scorecard.json").read_text())
    scores = {one["metric"]: one["ours"] for one in card["scores"] if one["ours"]}
    assert card["run"]["model"]["demonstration"] is True
    assert scores["exact match"]["n"] == len(rows) > 36  # more than one question for each drawing
    assert scores["exact match"]["value"] >= 0.8


def test_tasks_are_listed_and_what_is_missing_is_said(tmp_path, capsys):
    """Without a task the names; without a folder, or with a wrong name, a sentence and status 2."""
    assert main(["evaluate"]) == 0
    assert "path-vqa" in capsys.readouterr().out
    assert main(["evaluate", "--task", "vqa-rad"]) == 2
    assert "--data" in capsys.readouterr().err
    assert main(["evaluate", "--task", "x", "--data", str(tmp_path), "--out", str(tmp_path / "o")]) == 2
    assert "There is no task x; there are vqa-rad" in capsys.readouterr().err


def test_two_runs_are_compared_by_the_command(tmp_path, capsys):
    """Two ways of asking on the same examples; a folder that is no run is said."""
    made.vqa_rad(tmp_path / "data", count=4)
    told = ["evaluate", "--task", "vqa-rad", "--data", str(tmp_path / "data"), "--max-new-tokens", "4"]
    assert main([*told, "--out", str(tmp_path / "a")]) == 0
    assert main([*told, "--out", str(tmp_path / "b"), "--prompt", "evaluate_short"]) == 0
    capsys.readouterr()

    runs = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert main(["evaluate", "--compare", *runs, "--out", str(tmp_path / "c")]) == 0
    assert "They differ in: wording." in capsys.readouterr().out
    assert (tmp_path / "c" / "comparison.svg").is_file()
    assert main(["evaluate", "--compare", runs[0], str(tmp_path)]) == 2
    assert "not finished" in capsys.readouterr().err


def test_mm_vet_is_answered_and_its_score_refused_without_a_judge(tmp_path, capsys):
    """Status 2 with the sentence; the answers lie there for the benchmark's own evaluator."""
    made.mm_vet(tmp_path / "data")
    told = ["evaluate", "--task", "mm-vet", "--data", str(tmp_path / "data"), "--max-new-tokens", "4"]

    assert main([*told, "--out", str(tmp_path / "out")]) == 2

    assert "judged by another model, and none was stated" in capsys.readouterr().err
    assert set(json.loads((tmp_path / "out" / "for-judging.json").read_text())) == {"v1_0", "v1_1"}
    assert not (tmp_path / "out" / "scorecard.json").exists()


def test_an_export_of_the_application_is_scored_by_the_command(tmp_path, capsys):
    """Its rows go in as they came out."""
    row = {
        "report_id": "a",
        "modality": "DX",
        "section": "findings",
        "generated": "No effusion.",
        "signed": "Effusion.",
    }
    row |= {"withheld": 0, "model": "M", "model_fingerprint": "f" * 64, "demonstration": 0}
    made.put(tmp_path / "pairs.jsonl", json.dumps(row) + "\n")

    assert main(["evaluate", "--review", str(tmp_path / "pairs.jsonl"), "--out", str(tmp_path / "out")]) == 0
    assert "| signed as drafted | 0.0 (0.0 to 0.0) % | 1 |" in capsys.readouterr().out
    assert main(["evaluate", "--review", str(tmp_path / "pairs.jsonl")]) == 2


def test_clinical_scores_are_for_reports_and_their_package_is_named(tmp_path, capsys):
    """Answers are kept; the score is refused with a sentence, never left out in silence."""
    made.vqa_rad(tmp_path / "questions", count=2)
    made.iu_xray(tmp_path / "reports", count=1)
    for name, data, told in (
        ("vqa-rad", "questions", "are for reports"),
        ("iu-xray", "reports", "not installed"),
    ):
        arguments = ["--task", name, "--data", str(tmp_path / data), "--out", str(tmp_path / name)]
        assert main(["evaluate", *arguments, "--max-new-tokens", "2", "--clinical", str(tmp_path)]) == 2
        assert told in capsys.readouterr().err
        assert (tmp_path / name / "answers.jsonl").stat().st_size
