"""Answers for a judge are exported, judged by the endpoint that was stated, and by no other."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from model.errors import EvaluationUnusable
from model.evaluation.judging import Judge, export, judged
from model.evaluation.run import Order, evaluate
from model.evaluation.scorecard import write_scorecard
from tests.model.evaluation import made


class Server:
    """A judge that says what it is told to, and keeps what it was asked."""

    def __init__(self, says):
        self.asked, left = [], iter(says)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler):
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                self.asked.append((handler.path, handler.headers.get("Authorization"), body))
                said = next(left)
                handler.send_response(said if isinstance(said, int) else 200)
                handler.end_headers()
                handler.wfile.write(json.dumps({"choices": [{"message": {"content": said}}]}).encode())

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def judging(request):
    """Start a judge that says these; it is closed afterwards."""
    started = []

    def start(*says):
        started.append(Server(says))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture
def outcome(tmp_path):
    golds = made.mm_vet(tmp_path / "data")
    order = Order(task="mm-vet", data=tmp_path / "data", readers=1)
    return evaluate(order, made.Knowing(made.in_turn(golds)), tmp_path / "out")


def test_answers_are_written_as_the_evaluator_reads_them(outcome, tmp_path):
    """An object of answers by their questions' ids; without a judge there is no scorecard."""
    path = export(outcome, tmp_path / "out")

    assert json.loads(path.read_text()) == {"v1_0": "x = -1", "v1_1": "5/4"}
    with pytest.raises(EvaluationUnusable, match="judged by another model"):
        write_scorecard(outcome, tmp_path / "out")


def test_a_stated_judge_scores(outcome, judging, tmp_path):
    """Half and whole: 75 of 100. It is asked at temperature 0, with the prompt of the file and the joints apart."""
    server = judging("0.5", " 1.0")
    judge = Judge(url=server.url, model="j", prompt="Judge.", key="secret")

    lines = judged(outcome, judge, tmp_path / "out")
    card = write_scorecard(outcome, tmp_path / "out", lines)

    assert card["scores"][0]["ours"]["value"] == 0.75
    path, key, body = server.asked[0]
    assert (path, key, body["temperature"], body["model"]) == (
        "/v1/chat/completions",
        "Bearer secret",
        0,
        "j",
    )
    assert body["messages"][0]["content"] == "Judge.\nWhat is x? | -1 <AND> -5 | x = -1 | "
    assert "secret" not in (tmp_path / "out" / "judged.json").read_text() + json.dumps(card)


def test_judging_goes_on_where_it_broke(outcome, judging, tmp_path):
    """A refused request ends it with its number; the first judgement is not asked for again."""
    server = judging("0.5", 503, "1")
    judge = Judge(url=server.url, model="j", prompt="Judge.")
    with pytest.raises(EvaluationUnusable, match="HTTP 503"):
        judged(outcome, judge, tmp_path / "out")

    (line,) = judged(outcome, judge, tmp_path / "out")

    assert line.ours.value == 0.75 and len(server.asked) == 3
    with pytest.raises(EvaluationUnusable, match="another judge"):
        judged(outcome, Judge(url=server.url, model="k", prompt="Judge."), tmp_path / "out")


def test_a_judge_without_a_number_gives_nothing(outcome, judging, tmp_path):
    """Three tries, then 0, counted in the definition; 10 is no score."""
    server = judging("good", "10", "2", "1.0")

    (line,) = judged(outcome, Judge(url=server.url, model="j", prompt="P"), tmp_path / "out")

    assert line.ours.value == 0.5
    assert "(1 such)" in line.ours.definition


def test_an_address_that_cannot_be_is_said(outcome, tmp_path):
    """No file is read as a judge, and a closed port is a sentence."""
    for url, told in (("file:///etc", "no http"), ("http://127.0.0.1:9", "no answer")):
        with pytest.raises(EvaluationUnusable, match=told):
            judged(outcome, Judge(url=url, model="j", prompt="P"), tmp_path / "out")
