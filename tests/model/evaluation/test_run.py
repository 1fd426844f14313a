"""A benchmark is asked to its end, whatever comes in between, and only ever of one model in one folder."""

import json
import threading

import numpy as np
import pytest

from model.errors import EvaluationUnusable, NotEnoughMemory, PromptTooLong
from model.evaluation.record import ANSWERS, RUN
from model.evaluation.run import Order, drawn, evaluate, own_seed
from model.evaluation.scorecard import write_scorecard
from model.evaluation.tasks import TASKS, task
from tests.model.evaluation import made

CARDS = ("scorecard.json", "scorecard.md", "scorecard.svg", "rows.json")


SCORED = [name for name, one in TASKS.items() if one.score is not None]


@pytest.mark.parametrize("name", SCORED)
def test_every_task_runs_from_its_files_to_its_scorecard(name, tmp_path):
    """Who says the gold answers gets full marks by our definitions, and every example is asked once."""
    golds = made.MADE[name](tmp_path / "data")
    model = made.Knowing(made.in_turn(golds))

    outcome = evaluate(Order(task=name, data=tmp_path / "data", readers=1), model, tmp_path / "out")
    card = write_scorecard(outcome, tmp_path / "out")

    assert [one.text for one in outcome.answered] == golds
    assert len(model.asked) == outcome.binding.examples == len(golds)
    assert card["failed"] == {"picture": 0, "too_long": 0}
    full = {
        one["metric"]: one["ours"]["value"]
        for one in card["scores"]
        if one["ours"]
        and any(word in one["metric"] for word in ("accuracy", "micro F1-14", "token F1", "ROUGE", "exact"))
    }
    assert full and all(value == 1 for value in full.values()), full
    assert all((tmp_path / "out" / name).stat().st_size for name in CARDS)


def say(pictures, prompt):
    """An answer that only pictures and prompt tell."""
    return f"{'Yes' if pictures[0].sum() % 2 else 'No'}, {len(prompt)} left lung."


@pytest.mark.parametrize("name", ["vqa-rad", "roco", "pope"])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_stopped_run_goes_on_to_the_same_scorecard(name, after, tmp_path):
    """Stopped after some answers, gone on with by more readers: every byte of the scorecard is the unbroken run's."""
    made.MADE[name](tmp_path / "data")
    order = Order(task=name, data=tmp_path / "data", readers=1)
    write_scorecard(evaluate(order, made.Knowing(say), tmp_path / "whole"), tmp_path / "whole")

    halted = made.Knowing(say)
    part = evaluate(order, halted, tmp_path / "part", stop=lambda: len(halted.asked) > after)
    with pytest.raises(EvaluationUnusable, match="no answer yet"):
        write_scorecard(part, tmp_path / "part")
    again = made.Knowing(say)
    rest = evaluate(Order(task=name, data=tmp_path / "data", readers=3), again, tmp_path / "part")
    write_scorecard(rest, tmp_path / "part")

    assert len(part.given) == after and len(again.asked) == part.binding.examples - after
    for file in CARDS:
        assert (tmp_path / "part" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_the_order_of_answers_does_not_matter(tmp_path):
    """Several readers, the first of whom waits for the others: the lines of the file are shuffled, the card is not."""
    made.vqa_rad(tmp_path / "data", count=8)
    late = threading.Event()

    def hesitating(pictures, prompt):
        if "finding 0" in prompt:
            late.wait(10)
        elif "finding 7" in prompt:
            late.set()
        return say(pictures, prompt)

    one = evaluate(
        Order(task="vqa-rad", data=tmp_path / "data", readers=1), made.Knowing(say), tmp_path / "one"
    )
    many = evaluate(
        Order(task="vqa-rad", data=tmp_path / "data", readers=4), made.Knowing(hesitating), tmp_path / "many"
    )

    lines = [json.loads(line)["place"] for line in (tmp_path / "many" / ANSWERS).read_text().splitlines()]
    assert lines != sorted(lines) and sorted(lines) == list(range(8))
    assert write_scorecard(one, tmp_path / "one") == write_scorecard(many, tmp_path / "many")


def test_a_torn_last_line_is_asked_again(tmp_path):
    """A process killed while it wrote leaves half a line; what stands before it is kept."""
    made.vqa_rad(tmp_path / "data")
    order = Order(task="vqa-rad", data=tmp_path / "data", readers=1)
    whole = evaluate(order, made.Knowing(say), tmp_path / "out")
    path = tmp_path / "out" / ANSWERS
    path.write_bytes(path.read_bytes()[:-20])

    model = made.Knowing(say)
    again = evaluate(order, model, tmp_path / "out")

    assert len(model.asked) == 1
    assert again.given == whole.given
    assert len(path.read_text().splitlines()) == 6


@pytest.mark.parametrize(
    "line", ['{"place": 0}', "[1]", '{"place": 99, "id": "x"}', '{"plaice": 1, "id": "x"}']
)
def test_a_damaged_file_is_said_with_its_line(line, tmp_path):
    """A whole line that is no answer of this run was not written by it."""
    made.vqa_rad(tmp_path / "data")
    order = Order(task="vqa-rad", data=tmp_path / "data", readers=1)
    evaluate(order, made.Knowing(say), tmp_path / "out", stop=lambda: True)
    (tmp_path / "out" / ANSWERS).write_text(line + "\n")

    with pytest.raises(EvaluationUnusable, match="Line 1"):
        evaluate(order, made.Knowing(say), tmp_path / "out")


def test_another_run_is_refused(tmp_path):
    """Other weights, other words, other data, another draw: the folder says what differs, and is left as it is."""
    data = tmp_path / "data"
    made.vqa_rad(data)
    order = Order(task="vqa-rad", data=data)
    evaluate(order, made.Knowing(say), tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    others = {
        "model": lambda: (order, made.Knowing(say, fingerprint="1" * 64), {}),
        "wording": lambda: (Order(task="vqa-rad", data=data, prompt="evaluate_short"), made.Knowing(say), {}),
        "sampling": lambda: (Order(task="vqa-rad", data=data, temperature=1.0), made.Knowing(say), {}),
        "limit, examples, data_sha256": lambda: (
            Order(task="vqa-rad", data=data, limit=2),
            made.Knowing(say),
            {},
        ),
        "computed": lambda: (order, made.Knowing(say), {"dtype": "bfloat16"}),
    }
    for differing, other in others.items():
        asked, model, computed = other()
        with pytest.raises(EvaluationUnusable, match=f"another run: {differing} differ"):
            evaluate(asked, model, tmp_path / "out", computed=computed)
    made.picture(data / "images" / "synpic0.jpg", seed=9, size=(50, 32))
    with pytest.raises(EvaluationUnusable, match="data_sha256 differ"):
        evaluate(order, made.Knowing(say), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_answers_that_nothing_binds_are_refused(tmp_path):
    """A file of answers without run.json could be anyone's."""
    made.vqa_rad(tmp_path / "data")
    order = Order(task="vqa-rad", data=tmp_path / "data")
    evaluate(order, made.Knowing(say), tmp_path / "out")
    (tmp_path / "out" / RUN).unlink()

    with pytest.raises(EvaluationUnusable, match="nothing tells"):
        evaluate(order, made.Knowing(say), tmp_path / "out")


def test_two_processes_do_not_share_a_folder(tmp_path):
    """The second is told; it would ask everything twice."""
    made.vqa_rad(tmp_path / "data")
    order = Order(task="vqa-rad", data=tmp_path / "data", readers=1)

    def ask_again(pictures, prompt):
        with pytest.raises(EvaluationUnusable, match="Another process"):
            evaluate(order, made.Knowing(say), tmp_path / "out")
        return say(pictures, prompt)

    assert evaluate(order, made.Knowing(ask_again), tmp_path / "out").whole


def test_a_bad_picture_is_one_failed_example(tmp_path):
    """So is a question that is too long; both count as wrong, and asking again does not change them."""
    made.vqa_rad(tmp_path / "data")
    (tmp_path / "data" / "images" / "synpic0.jpg").write_bytes(b"no picture")

    def refusing(pictures, prompt):
        if "finding 2" in prompt:
            raise PromptTooLong(9, 1023)
        return "yes"

    order = Order(task="vqa-rad", data=tmp_path / "data")
    outcome = evaluate(order, made.Knowing(refusing), tmp_path / "out")
    card = write_scorecard(outcome, tmp_path / "out")

    assert [one.failed for one in outcome.given] == ["picture", "picture", "too_long", "", "", ""]
    assert card["failed"] == {"picture": 2, "too_long": 1}
    closed = next(one["ours"] for one in card["scores"] if one["metric"] == "closed accuracy")
    assert (closed["value"], closed["n"]) == (round(1 / 3, 4), 3)
    again = made.Knowing(refusing)
    assert evaluate(order, again, tmp_path / "out").whole and again.asked == []


def test_memory_that_was_too_small_leaves_the_example_open(tmp_path):
    """A larger machine can answer it; until then there is no scorecard."""
    made.vqa_rad(tmp_path / "data")

    def small(pictures, prompt):
        if "finding 1" in prompt:
            raise NotEnoughMemory(device="cpu")
        return "yes"

    order = Order(task="vqa-rad", data=tmp_path / "data")
    outcome = evaluate(order, made.Knowing(small), tmp_path / "out")

    assert (outcome.open, outcome.out_of_memory, outcome.whole) == (1, 1, False)
    assert evaluate(order, made.Knowing(say), tmp_path / "out").whole


def test_what_stands_in_the_way_of_every_question_ends_the_run(tmp_path):
    """The error is told, the answers before it are kept."""
    made.vqa_rad(tmp_path / "data")

    def breaking(pictures, prompt):
        if "finding 3" in prompt:
            raise RuntimeError("the device is gone")
        return "yes"

    order = Order(task="vqa-rad", data=tmp_path / "data", readers=1)
    with pytest.raises(RuntimeError, match="gone"):
        evaluate(order, made.Knowing(breaking), tmp_path / "out")
    assert len((tmp_path / "out" / ANSWERS).read_text().splitlines()) == 3


def test_a_draw_is_the_same_for_the_same_seed():
    """In the order of the data, without repetition."""
    examples = list(range(100))

    assert drawn(examples, 10, 1) == drawn(examples, 10, 1) == sorted(set(drawn(examples, 10, 1)))
    assert drawn(examples, 10, 1) != drawn(examples, 10, 2)
    assert drawn(examples, 0, 1) == drawn(examples, 200, 1) == examples


def test_each_question_has_its_own_seed(tmp_path):
    """So a word drawn by chance does not change with the order; the same question always has the same."""
    made.vqa_rad(tmp_path / "data")
    model = made.Knowing(say)
    evaluate(Order(task="vqa-rad", data=tmp_path / "data", temperature=0.7, seed=5), model, tmp_path / "out")

    assert len({sampling.seed for _, sampling in model.asked}) == 6
    assert own_seed(5, "3") in {sampling.seed for _, sampling in model.asked}
    assert all(0 <= own_seed(seed, "x") < 2**31 for seed in range(50))


def test_a_task_or_prompt_or_split_that_is_not_there_is_said(tmp_path):
    """With those that are."""
    made.vqa_rad(tmp_path / "data")
    with pytest.raises(EvaluationUnusable, match="no task mnist; there are vqa-rad"):
        task("mnist")
    with pytest.raises(EvaluationUnusable, match="no prompt nonsense; there are caption"):
        evaluate(
            Order(task="vqa-rad", data=tmp_path / "data", prompt="nonsense"),
            made.Knowing(say),
            tmp_path / "a",
        )
    with pytest.raises(EvaluationUnusable, match="splits train and test"):
        evaluate(
            Order(task="vqa-rad", data=tmp_path / "data", split="dev"), made.Knowing(say), tmp_path / "b"
        )


def test_the_engine_answers_alone_as_in_company(tmp_path):
    """A random model in double precision, stopped and resumed with more readers: equal answers, equal scorecard."""
    from model.engine import Engine
    from model.scripted import CARD
    from tests.model.small import small_model

    made.vqa_rad(tmp_path / "data", count=8)

    def engine():
        network, processor = small_model()
        return Engine(network, processor, CARD, threads=1)

    def order(readers):
        return Order(task="vqa-rad", data=tmp_path / "data", readers=readers, max_new_tokens=5)

    first, second = engine(), engine()
    whole = evaluate(order(1), first, tmp_path / "whole")
    heard: list[float] = []
    part = evaluate(
        order(3),
        second,
        tmp_path / "part",
        progress=lambda _stage, share: heard.append(share),
        stop=lambda: len(heard) >= 2,
    )
    rest = evaluate(order(4), second, tmp_path / "part")
    first.close(), second.close()

    assert 2 <= len(part.given) < 8
    assert rest.given == whole.given
    assert len({one.text for one in whole.given}) > 2
    assert write_scorecard(rest, tmp_path / "part") == write_scorecard(whole, tmp_path / "whole")
    assert np.isfinite([one.confidence for one in whole.given]).all()
