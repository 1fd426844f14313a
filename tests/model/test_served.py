"""A model server in the engine's place: the same answers, the same protocol, and a sentence for all that breaks."""

import base64
import io
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.settings import Settings
from app.wiring import open_answerer
from app.wording import catalogue
from model import errors
from model.answers import Completion, Delta, Sampling
from model.engine import open_engine
from model.processing_dragonfly import DragonflyProcessor
from model.served import ServedEngine, open_served, read_served_card
from model.wire import LINE_BYTES, Server
from tests.model.backend import Backend
from tests.model.serving import chunk, count, entry, house, speaking, words

ROOT = Path(__file__).parents[2]


def picture(seed, size=(90, 70)):
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def served(exported):
    """A real model behind a server, asked through the engine's protocol; beside it the engine itself."""
    made = {}

    def of(name):
        if name not in made:
            folder = exported(name)
            engine = open_engine(folder)
            backend = Backend(folder, DragonflyProcessor.from_pretrained(folder))
            made[name] = folder, engine, backend
        return made[name]

    yield of
    for _, engine, _ in made.values():
        engine.close()


@pytest.fixture
def demo(exported):
    """The demonstration model's card; a server says what a test wants."""
    return exported("demo"), read_served_card(exported("demo")).served_name


def run(answerer, pictures, prompt, sampling, **options):
    *deltas, done = answerer.answer(pictures, prompt, sampling, **options)
    assert isinstance(done, Completion) and all(isinstance(one, Delta) for one in deltas)
    return deltas, done


ASKED = [
    ([picture(1)], "Is there an effusion?", Sampling(max_new_tokens=9)),
    ([picture(2), picture(3, (40, 130))], "What changed?", Sampling(max_new_tokens=5)),
    ([picture(4)], "a<|eot_id|><|reserved_special_token_0|> b", Sampling(max_new_tokens=6)),
    ([picture(5, (200, 60))], "Which imaging modality is this?", Sampling(max_new_tokens=30, stop=("e",))),
]


@pytest.mark.parametrize("name", ["small-v1", "small-v2", "demo"])
def test_answers_equal_the_engines(served, name):
    """Text, pieces, tokens, counts, log-probabilities and the reason of the end."""
    folder, engine, backend = served(name)
    with house(read_served_card(folder).served_name, speaking(backend, engine._ends)) as server:
        answerer = open_served(folder, server.url)

        for pictures, prompt, sampling in ASKED:
            deltas, found = run(answerer, pictures, prompt, sampling)
            own, expected = run(engine, pictures, prompt, sampling)

            assert found.text == expected.text == "".join(one.text for one in deltas)
            for what in ("stop_reason", "prompt_tokens", "visual_positions", "generated_tokens"):
                assert getattr(found, what) == getattr(expected, what), what
            assert found.log_probabilities == pytest.approx(expected.log_probabilities, abs=1e-4)
            tokens = [token for one in own for token in one.token_ids]
            assert [token for one in deltas for token in one.token_ids][: len(tokens)] == tokens
            assert 0 < found.seconds_to_first <= found.seconds
        assert answerer.card == engine.card


@pytest.mark.parametrize("name", ["small-v1", "small-v2"])
def test_boxes_are_the_engines_but_for_what_nobody_told(served, name):
    """The same crops in the same order; v2 keeps all, v1's choice stays on the server and is not invented."""
    folder, engine, backend = served(name)
    shown = [picture(1), picture(3, (40, 130))]
    with house(read_served_card(folder).served_name, speaking(backend, engine._ends)) as server:
        _, found = run(open_served(folder, server.url), shown, "x", Sampling(max_new_tokens=1))
    _, expected = run(engine, shown, "x", Sampling(max_new_tokens=1))

    assert len(found.boxes) == len(expected.boxes) > 0
    for one, other in zip(found.boxes, expected.boxes, strict=True):
        assert replace(one, kept=other.kept) == other
        assert one.kept is (None if name == "small-v1" and one.level == "high" else True)
    json.dumps([asdict(box) for box in found.boxes])  # as the answer is kept


def test_many_may_ask_at_once(served):
    """From many threads; each gets what it gets alone."""
    folder, engine, backend = served("small-v2")
    asked = [([picture(seed)], f"question {seed}", Sampling(max_new_tokens=6)) for seed in range(6)]
    with house(read_served_card(folder).served_name, speaking(backend, engine._ends)) as server:
        answerer = open_served(folder, server.url)

        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(lambda one: run(answerer, *one)[1].text, asked))

    assert together == [run(engine, *one)[1].text for one in asked]


@pytest.mark.parametrize("by", ["stop", "leaving"])
def test_whoever_stops_stops_the_server(served, by):
    """The stream is closed, so that the server does not go on for nobody."""
    folder, _, backend = served("small-v1")
    sampling = Sampling(max_new_tokens=200)
    with house(read_served_card(folder).served_name, speaking(backend, ())) as server:
        answerer = open_served(folder, server.url)

        if by == "stop":
            said = []
            pieces = answerer.answer([picture(1)], "x", sampling, stop=lambda: len(said) >= 2)
            for piece in pieces:
                said.append(piece)
            assert said[-1].stop_reason == "stopped"
            assert said[-1].text == "".join(one.text for one in said[:-1])
            assert 0 < said[-1].generated_tokens == len(said[-1].log_probabilities)
        else:
            pieces = answerer.answer([picture(1)], "x", sampling)
            next(pieces)
            pieces.close()
        assert server.gone.wait(20)

    assert server.said < 200


def test_stop_is_heard_while_the_server_is_silent(demo):
    """Before its first word, too: nobody waits for a server to be polite."""
    folder, name = demo
    silent = threading.Event()
    with house(name, lambda handler, body: silent.wait(30)) as server:
        started = time.monotonic()

        _, done = run(
            open_served(folder, server.url),
            [picture(1)],
            "x",
            Sampling(),
            stop=lambda: time.monotonic() > started + 0.3,
        )
        waited = time.monotonic() - started
        silent.set()

    assert (done.stop_reason, done.text, done.generated_tokens, done.boxes) == ("stopped", "", 0, ())
    assert waited < 5


def test_what_is_asked(demo, tmp_path):
    """Pixels without loss, every choice of words, the key in its header only; priority where it is understood."""
    folder, name = demo
    (tmp_path / "key").write_text("s3cret\n")
    sampling = Sampling(max_new_tokens=7, temperature=0.5, top_p=0.9, seed=11, stop=("a", "b"))
    shown = [picture(1), picture(2, (33, 21))]
    with house(name, words("Yes.")) as server:
        plain = open_served(folder, server.url + "/v1/")
        run(plain, shown, "Is it?", sampling)
        ranked = open_served(folder, server.url, key_file=tmp_path / "key", ranks=True)
        run(ranked, shown, "Is it?", Sampling(), urgent=True)
        run(ranked, shown, "Is it?", Sampling())
        asked, headers = server.asked, server.headers_seen

    first = asked[0]
    expected = {"model": name, "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 11}
    assert {key: first[key] for key in expected} == expected
    assert first["stop"] == ["a", "b"] and first["stream"] is True and first["logprobs"] is True
    assert "priority" not in first and [one["priority"] for one in asked[1:]] == [0, 1]
    parts = first["messages"][0]["content"]
    for part, one in zip(parts, shown, strict=False):
        packed = base64.b64decode(part["image_url"]["url"].removeprefix("data:image/png;base64,"))
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(packed))), one)
    assert parts[2] == {"type": "text", "text": "Is it?"}
    assert "Authorization" not in headers[1] and headers[-1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(ranked._server)


def test_pictures_that_are_none_are_refused(demo):
    """Before anything is sent."""
    folder, name = demo
    with house(name, words("x")) as server:
        answerer = open_served(folder, server.url)
        for wrong in ([], [np.zeros((4, 4), np.uint8)], [np.zeros((4, 4, 3), np.float32)]):
            with pytest.raises(errors.PicturesUnusable):
                run(answerer, wrong, "x", Sampling())

        assert server.asked == []


# -- servers that misbehave ------------------------------------------------------------------------------------


def refuses(status, message="no"):
    return lambda handler, body: handler.send_json(status, {"error": {"message": message}})


def streams(*events):
    """A stream of these events, then the connection ends; a callable is given the server's name."""

    def reply(handler, body):
        handler.begin()
        for event in events:
            handler.event(event(handler.server.name) if callable(event) else event)
        handler.close_connection = True
        handler.connection.shutdown(2)

    return reply


def good(name):
    return chunk(name, "Yes", [entry("Yes", -0.5)], [7])


def drips(handler, body):
    """Bytes, but never a line."""
    handler.begin()
    for _ in range(200):
        handler.raw(b"d")
        time.sleep(0.05)


def hangs(handler, body):
    handler.begin()
    handler.event(good(handler.server.name))
    handler.server.gone.wait(20)


BROKEN = {
    "closes before it answers": (lambda handler, body: handler.connection.shutdown(2), errors.ServerBroke),
    "closes in the middle": (streams(good), errors.ServerBroke),
    "ends without a reason": (streams(good, b"[DONE]"), errors.ServerBroke),
    "500": (refuses(500), errors.ServerRefused),
    "401": (refuses(401), errors.ServerRefused),
    "400": (refuses(400, "something else"), errors.ServerRefused),
    "redirect": (refuses(302), errors.ServerRefused),
    "too long": (refuses(400, "This model's maximum context length is 4096"), errors.PromptTooLongForServer),
    "no such model": (refuses(404), errors.ServerServesAnother),
    "another model": (streams(lambda name: good("other")), errors.ServerServesAnother),
    "an error inside": (streams(good, {"error": {"message": "CUDA"}}), errors.ServerBroke),
    "garbage": (streams(b"{oops"), errors.ServerBroke),
    "not an object": (streams(b"[1]"), errors.ServerBroke),
    "not a number": (
        streams(lambda name: json.dumps(chunk(name, "x", [entry("x", float("nan"))])).encode()),
        errors.ServerBroke,
    ),
    "deep": (streams(b"[" * 100_000), errors.ServerBroke),
    "no pieces": (streams(lambda name: {"model": name}), errors.ServerBroke),
    "text without tokens": (streams(lambda name: chunk(name, "Yes")), errors.ServerBroke),
    "more than was asked": (streams(*[good] * 9), errors.ServerBroke),
    "gives up": (
        streams(
            lambda name: chunk(name, "", [entry("a", -1.0)], [1], "abort"), lambda name: count(name, 900)
        ),
        errors.ServerBroke,
    ),
    "fewer positions than the pictures": (
        streams(lambda name: chunk(name, "", [entry("a", -1.0)], [1], "stop"), lambda name: count(name, 9)),
        errors.ServerBroke,
    ),
    "a line of 10 MB": (streams(b"x" * 10_000_000), errors.ServerBroke),
    "a slow one": (hangs, errors.ServerSilent),
    "a dripping one": (drips, errors.ServerSilent),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_server_that_breaks_fails_the_answer_with_its_cause(demo, kind):
    """Never another answer in its place; each cause has its sentence, and none repeats the question."""
    (folder, name), (reply, expected) = demo, BROKEN[kind]
    with house(name, reply) as server:
        answerer = open_served(folder, server.url, patience_seconds=0.6)

        with pytest.raises(errors.ModelError) as caught:
            run(answerer, [picture(1)], "Mrs Secret?", Sampling(max_new_tokens=5))
        server.gone.set()

    assert type(caught.value) is expected
    assert set(catalogue()[caught.value.code]) == {"en", "ko"}
    assert "Secret" not in str(caught.value) and len(str(caught.value)) < 400


def test_a_list_of_models_without_end_is_not_read_to_the_end(demo):
    """The start is bounded too."""
    folder, name = demo
    with house(name * (LINE_BYTES // len(name) + 1), words("x")) as server:
        with pytest.raises(errors.ServerBroke):
            open_served(folder, server.url)


def test_nobody_there_is_said_at_the_start(demo):
    """A port where nothing listens."""
    folder, name = demo
    with house(name, words("x")) as server:
        url = server.url

    with pytest.raises(errors.ServerUnreachable):
        open_served(folder, url)


def test_a_server_with_another_model_is_refused_at_the_start(demo, exported):
    """The name holds the fingerprint: other weights have another name."""
    _, name = demo
    with house(name, words("x")) as server:
        with pytest.raises(errors.ServerServesAnother, match=name):
            open_served(exported("small-v2"), server.url)


def test_a_folder_that_was_not_exported_is_refused(tmp_path):
    """Without a card nobody knows what to expect of the server."""
    (tmp_path / "card.json").write_text('{"name": "x"}')

    with pytest.raises(errors.WeightsMismatch, match="export"):
        open_served(tmp_path, "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.7:8000",
        "http://models.example",
        "ftp://127.0.0.1",
        "127.0.0.1:8000",
        "https://a:b@host",
    ],
)
def test_pictures_never_go_to_another_machine_in_the_open(url):
    """Plain http is for this machine only; an address holds no password."""
    with pytest.raises(ValueError, match="model server"):
        Server(url=url)

    assert Server(url="https://models.example:8000").open().host == "models.example"


def test_a_key_cannot_carry_another_header():
    """A second line in the key's file is refused."""
    with pytest.raises(ValueError, match="one line"):
        Server(url="http://127.0.0.1", key="a\r\nX: y")


# -- in the application ----------------------------------------------------------------------------------------


def test_a_worker_with_a_server_needs_neither_torch_nor_transformers(demo):
    """Opened and asked in a process where both are missing, and where the environment names a proxy."""
    folder, name = demo
    with house(name, words("It ", "is.")) as server:
        script = f"""
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
import numpy as np
import app.worker
from app.settings import Settings
from app.wiring import open_answerer
from model.answers import Sampling
answerer = open_answerer(Settings(model_server={server.url!r}, model_path={str(folder)!r}))
*_, done = answerer.answer([np.zeros((8, 8, 3), np.uint8)], "x", Sampling())
print(done.text, answerer.card.demonstration, answerer.memory()["weights"])
"""
        ran = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={"PATH": "/usr/bin", "PYTHONPATH": str(ROOT), "http_proxy": "http://127.0.0.1:9"},
            capture_output=True,
            text=True,
        )

    assert ran.stdout == "It is. True 0\n", ran.stderr


def test_the_settings_open_the_server(demo):
    """Never the model in the folder instead, and never without saying whose model it is."""
    folder, name = demo
    with house(name, words("x")) as server:
        opened = open_answerer(Settings(model_server=server.url, model_path=folder))
        with pytest.raises(ValueError, match="DRAGONFLY_MODEL_PATH"):
            open_answerer(Settings(model_server=server.url))

    assert isinstance(opened, ServedEngine)
    with pytest.raises(errors.ServerUnreachable):
        open_answerer(Settings(model_server=server.url, model_path=folder))
