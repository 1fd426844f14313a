"""The command line: help for a stranger, and the verbs of operator and auditor."""

import io
import sqlite3
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app import commands
from app.cli import main
from tests.samples import ct_series, photo


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A fresh installation in a folder of its own."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "data"))
    assert main(["migrate"]) == 0
    return tmp_path / "data"


@pytest.mark.parametrize("verb", commands.VERBS)
def test_every_verb_explains_itself(verb, capsys):
    """A sentence, every argument in words, and an example that names the command."""
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])

    text = capsys.readouterr().out
    _, arguments, _ = commands.VERBS[verb]
    assert left.value.code == 0
    assert f"dragonfly-med {verb}" in text.split("\n\n", 1)[1]
    assert all(options.get("help") for _, options in arguments)


def test_render_writes_what_the_reader_is_shown(tmp_path):
    """Without a window the file's own, with one the reader's: the value 100 is 64 and 128 of 255."""
    (tmp_path / "slice").write_bytes(ct_series(1)[0])

    assert main(["render", str(tmp_path / "slice"), str(tmp_path / "own.png")]) == 0
    assert main(["render", str(tmp_path / "slice"), str(tmp_path / "set.png"), "--window", "100", "400"]) == 0

    shown = [np.unique(np.asarray(Image.open(tmp_path / name))).tolist() for name in ("own.png", "set.png")]
    assert shown == [[64], [128]]


def test_render_says_what_is_wrong_with_a_file(tmp_path, capsys):
    """A sentence and a status, and no traceback."""
    (tmp_path / "empty").write_bytes(b"")

    assert main(["render", str(tmp_path / "empty"), str(tmp_path / "out.png")]) == 2
    assert capsys.readouterr().err == "The file is empty.\n"
    assert main(["render", str(tmp_path / "absent"), str(tmp_path / "out.png")]) == 2


def test_a_fresh_installation_is_clean(installation, capsys):
    """`verify` finds keys and record of this installation by itself."""
    capsys.readouterr()

    assert main(["verify"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "clean"


def test_a_changed_entry_is_named(installation, capsys):
    """One character of one entry, changed behind the application's back: status 1, and which entry it is."""
    connection = sqlite3.connect(installation / "dragonfly.db")
    triggers = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_event'"
    ).fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    body = connection.execute("SELECT body FROM audit_event WHERE seq = 0").fetchone()[0]
    connection.execute(
        "UPDATE audit_event SET body = ? WHERE seq = 0", (body.replace(b"success", b"Success"),)
    )
    connection.commit()
    connection.close()
    capsys.readouterr()

    assert main(["verify"]) == 1
    assert "entry 0" in capsys.readouterr().out


def test_nothing_to_verify_is_not_clean(tmp_path, monkeypatch, capsys):
    """Where there is no record or no key, the answer is that nobody can tell, and nothing is made."""
    monkeypatch.setenv("DRAGONFLY_DATA_DIR", str(tmp_path / "none"))

    assert main(["verify"]) == 2
    assert main(["verify", str(tmp_path / "absent.jsonl"), "--public", str(tmp_path / "absent.pem")]) == 2
    assert not (tmp_path / "none").exists()


def test_a_database_without_its_tables_cannot_be_judged(installation, capsys):
    """An empty file in the place of the database is no clean record."""
    for file in installation.glob("dragonfly.db*"):
        file.unlink()
    (installation / "dragonfly.db").touch()

    assert main(["verify"]) == 2


def test_people_are_added_listed_and_given_a_password(installation, monkeypatch, capsys):
    """The password comes on standard input and never stands in a list of running programs."""
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert main(["user", "add", "Dr.Kim", "--name", "김하늘", "--role", "clinician"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("another long password\n"))
    assert main(["user", "password", "dr.kim"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["user", "add", "dr.lee"]) == 2
    capsys.readouterr()

    assert main(["user", "list"]) == 0
    assert capsys.readouterr().out == "dr.kim\tclinician\tactive\n"


def test_a_setting_that_cannot_be_is_said(monkeypatch, capsys):
    """A typing error in the environment ends in a sentence that names the setting."""
    monkeypatch.setenv("DRAGONFLY_PORT", "seventy")

    assert main(["doctor"]) == 2
    assert "port" in capsys.readouterr().err


def test_the_model_answers_on_the_terminal(tmp_path, capsys):
    """`ask` needs no database: a file, a question, an answer, and a word about the demonstration."""
    (tmp_path / "picture").write_bytes(photo(size=(384, 384)))

    assert main(["ask", str(tmp_path / "picture"), "Which imaging modality is this?"]) == 0

    said = capsys.readouterr()
    assert len(said.out.strip()) > 3
    assert "nothing about patients" in said.err


def test_progress_in_a_log_is_a_line_for_each_tenth(capsys):
    """A thousand steps leave eleven lines, none painted over another."""
    from app.commands.progress import Progress

    progress = Progress()
    for step in range(1001):
        progress("drawings", step / 1000)

    said = capsys.readouterr().err
    assert "\r" not in said
    assert said.splitlines()[::5] == ["  0% drawings", " 50% drawings", "100% drawings"]


def test_every_setting_of_a_training_has_an_option(monkeypatch, tmp_path):
    """What Python offers, the command line does; each option reaches the setting it names."""
    from model.training import loop
    from model.training.stages import Training

    given = {
        "--stage": "adapter", "--loss": "whole", "--epochs": "2.5", "--steps": "9", "--batch": "6",
        "--rate": "0.5", "--warmup": "0.2", "--decay": "0.3", "--clip": "0.7", "--words": "99", "--seed": "4",
        "--precision": "bfloat16", "--rank": "3", "--alpha": "5", "--dropout": "0.1", "--micro-batch": "2",
        "--save-every": "8", "--keep": "7", "--data": "r", "--model": "m", "--out": "o", "--images": "i",
        "--device": "cpu", "--result-dtype": "float16", "--readers": "1",
    }  # fmt: skip
    flags = ["--no-join", "--gradient-checkpointing", "--resume", "--tensorboard", "--shard"]
    seen = []
    monkeypatch.setattr(loop, "train", lambda *them, **_: seen.append(them[:2]) or loop.Outcome(9, 9, None))

    assert main(["train", *(word for pair in given.items() for word in pair), *flags]) == 0

    run, training = seen[0]
    assert asdict(training) == {
        "stage": "adapter", "loss": "whole", "epochs": 2.5, "steps": 9, "batch": 6, "rate": 0.5, "warmup": 0.2,
        "decay": 0.3, "clip": 0.7, "words": 99, "join": False, "seed": 4, "precision": "bfloat16", "rank": 3,
        "scale": 5.0, "dropout": 0.1, "micro_batch": 2, "gradient_checkpointing": True, "save_every": 8, "keep": 7,
    }  # fmt: skip
    assert asdict(run) == {
        "model": Path("m"), "records": Path("r"), "out": Path("o"), "images": Path("i"), "resume": True,
        "device": "cpu", "tensorboard": True, "dtype": "float16", "shard": True, "readers": 1,
    }  # fmt: skip

    assert main(["train", "--stage", "all", "--data", "r", "--model", "m", "--out", "o"]) == 0

    run, training = seen[1]
    assert training == Training(stage="all")
    assert run == loop.Run(model=Path("m"), records=Path("r"), out=Path("o"), device="auto")
