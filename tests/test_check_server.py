"""The check for machines with a model server finds what is equal and what is not; here against small servers."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model.demo import DEMO_MODEL
from model.engine import open_engine
from model.export import export
from model.processing_dragonfly import DragonflyProcessor
from model.served import read_served_card
from tests.model.backend import Backend
from tests.model.serving import house, speaking, words

FILE = Path(__file__).parent.parent / "deploy" / "check-server.py"


@pytest.fixture(scope="module")
def check():
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("check_server", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The demonstration model, exported."""
    target = tmp_path_factory.mktemp("served") / "demo"
    export(DEMO_MODEL, target)
    return target


def test_a_server_that_answers_as_the_engine_passes(check, folder, capsys):
    """Every golden question, alone and in company."""
    engine = open_engine(folder)
    backend = Backend(folder, DragonflyProcessor.from_pretrained(folder))
    with house(read_served_card(folder).served_name, speaking(backend, engine._ends)) as server:
        status = check.main([str(folder), "--url", server.url, "--tokens", "8"])

    said = capsys.readouterr().out
    assert status == 0, said
    assert said.count("equal") == 2 * len(check.golden(8)) and "as the engine does" in said


def test_a_server_that_says_something_else_fails(check, folder, capsys):
    """With both texts, so that one sees what differs."""
    with house(read_served_card(folder).served_name, words("No.")) as server:
        status = check.main([str(folder), "--url", server.url, "--tokens", "4"])

    said = capsys.readouterr().out
    assert status == 1 and said.count("DIFFERENT") == 2 * len(check.golden(4))
    assert "'No.'" in said and "prompt_tokens" in said


def test_one_token_and_one_likelihood_are_noticed(check, folder):
    """Equal words by other tokens, and equal tokens that were less likely."""
    engine = open_engine(folder)
    ids, done = check.say(engine, check.golden(4)[2])
    less = replace(done, log_probabilities=tuple(one - 0.5 for one in done.log_probabilities))

    other = check.differences((ids, done), ([*ids[:-1], ids[-1] + 1], done), 0.01)

    assert len(other) == 1 and other[0].startswith(f"token {len(ids)}:")
    assert check.differences((ids, done), (ids, less), 0.01) == ["log-probabilities: 0.5000 apart"]
    assert check.differences((ids, done), (ids, done), 0.0) == []


def test_a_server_that_does_not_start_is_not_found_out(check, folder, capsys):
    """Its end is noticed at once, and is neither equal nor different."""
    status = check.main([str(folder), "--vllm", f"{sys.executable} -c raise(SystemExit(3))"])

    assert status == 2 and "status 3" in capsys.readouterr().out


def test_it_is_started_as_the_contract_wants(check):
    """Remote code, the Transformers backend, the name of the card, this machine only."""
    line = " ".join(check.command("vllm", Path("/srv/m"), "dragonfly-med-v1-0", 8000, "float32"))

    assert line == (
        "vllm serve /srv/m --trust-remote-code --model-impl transformers --served-model-name "
        "dragonfly-med-v1-0 --host 127.0.0.1 --port 8000 --dtype float32"
    )
