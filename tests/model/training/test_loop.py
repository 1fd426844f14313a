"""A whole training, small: it learns, stops and goes on bit for bit, and leaves what can be opened."""

import csv
import json
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from model.engine import load_model
from model.errors import RecordsUnusable, TrainingUnusable
from model.training.keeping import newest, written_whole
from model.training.loop import Run, train
from model.training.results import merge
from model.training.stages import Training

SIX = {"batch": 4, "micro_batch": 2, "steps": 6, "rate": 1e-3, "save_every": 3}


@pytest.fixture
def run(tiny_folder, drawn_records, tmp_path):
    """The tiny model on the drawn records."""
    return Run(model=tiny_folder, records=drawn_records, out=tmp_path / "out")


def kept(folder):
    """Weights and optimizer of a checkpoint."""
    return load_file(folder / "weights.safetensors"), torch.load(folder / "optimizer.pt", weights_only=True)


def log_of(out):
    """Lines of a training's table."""
    return (out / "log.csv").read_text().splitlines()


def same(one, other):
    """Equal bit for bit, tensors and all."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):  # AdamW takes its betas as either
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@pytest.mark.parametrize("stage", ["projector", "all", "adapter"])
def test_resumed_equals_unbroken_bit_for_bit(run, tmp_path, stage):
    """Six steps at once, or three, a stop, and three more: every weight and moment, and the result."""
    training = Training(stage=stage, **SIX)
    asked = iter(range(100))

    train(run, training)
    broken = replace(run, out=tmp_path / "broken")
    first = train(broken, training, stop=lambda: next(asked) >= 2)
    second = train(replace(broken, resume=True), training)

    assert (first.step, first.result, second.step) == (3, None, 6)
    unbroken, resumed = kept(newest(run.out)), kept(newest(broken.out))
    # All: 78 tensors less the 18 of the tower that no answer passes through.
    assert len(unbroken[0]) == {"projector": 2, "all": 78 - 18, "adapter": 28}[stage]
    assert unbroken[1]["state"].keys() == unbroken[0].keys()
    assert same(unbroken, resumed)
    begun = kept(run.out / "checkpoints" / "step-00000003")
    assert all(not torch.equal(begun[0][name], unbroken[0][name]) for name in begun[0])
    files = [
        sorted((out / ("adapter" if stage == "adapter" else "model")).glob("*.safetensors"))
        for out in (run.out, broken.out)
    ]
    assert [one.read_bytes() for one in files[0]] == [one.read_bytes() for one in files[1]]
    rows = [list(csv.reader(log_of(out))) for out in (run.out, broken.out)]
    assert [row[:-1] for row in rows[0]] == [row[:-1] for row in rows[1]]
    assert [row[0] for row in rows[0]] == ["step", "1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("stage", ["projector", "all"])
def test_the_result_opens_as_a_published_checkpoint(run, stage):
    """Published names, what was learned in it, what was frozen as it was."""
    train(run, Training(stage=stage, **SIX))

    names = set(load_file(run.out / "model" / "model.safetensors"))
    assert {name.split(".")[0] for name in names} == {
        "language_model",
        "image_encoder",
        "vision_embed_tokens",
    }
    assert {"language_model.lm_head.weight", "language_model.model.embed_tokens.weight"} <= names
    before = dict(load_model(run.model, device="cpu", dtype="float32").named_parameters())
    after = dict(load_model(run.out / "model", device="cpu", dtype="float32").named_parameters())
    learned = {name.removeprefix("dragonfly."): one for name, one in kept(newest(run.out))[0].items()}
    for name, one in after.items():
        assert torch.equal(one, learned.get(name, before[name])), name


def test_an_adapter_merges_into_the_model_it_was_made_for(run, tmp_path):
    """PEFT opens it; merged, each linear layer is its own weight plus what the two matrices make."""
    train(run, Training(stage="adapter", rank=4, scale=8.0, **SIX))

    merged = merge(run.model, run.out / "adapter", tmp_path / "merged")

    config = json.loads((run.out / "adapter" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"]) == ("LORA", 4)
    parts = load_file(run.out / "adapter" / "adapter_model.safetensors")
    before = dict(load_model(run.model, device="cpu", dtype="float32").named_parameters())
    after = dict(load_model(merged, device="cpu", dtype="float32").named_parameters())
    layer = "model.language_model.layers.1.mlp.up_proj"
    up, down = (parts[f"base_model.model.{layer}.lora_{side}.weight"] for side in "BA")
    expected = before[f"{layer}.weight"] + 8.0 / 4 * up @ down
    torch.testing.assert_close(after[f"{layer}.weight"], expected)
    assert not torch.equal(after[f"{layer}.weight"], before[f"{layer}.weight"])
    assert torch.equal(after["lm_head.weight"], before["lm_head.weight"])
    with pytest.raises(TrainingUnusable, match="adapter_config"):
        merge(run.model, run.model, tmp_path / "none")


def test_training_learns(run):
    """Forty steps over the same seven pictures: the answers are learned nearly by heart."""
    train(run, Training(stage="all", batch=7, micro_batch=7, steps=40, rate=1e-2))

    losses = [float(row["loss"]) for row in csv.DictReader(log_of(run.out))]
    assert losses[0] > 5
    assert losses[-1] < 0.35 * losses[0]


@pytest.mark.parametrize("loss", ["answers", "whole"])
def test_a_step_is_the_same_in_one_piece_or_in_many(run, tmp_path, loss):
    """Accumulated gradients weigh every token alike, within rounding."""
    found = []
    for micro in (4, 1):
        one = replace(run, out=tmp_path / f"out-{micro}")
        settings = SIX | {"steps": 2, "micro_batch": micro}
        train(one, Training(stage="all", loss=loss, **settings))
        found.append(list(csv.DictReader(log_of(one.out))))

    for together, apart in zip(*found, strict=True):
        assert together["tokens"] == apart["tokens"]
        assert float(together["loss"]) == pytest.approx(float(apart["loss"]), rel=1e-5)
        assert float(together["gradient_norm"]) == pytest.approx(float(apart["gradient_norm"]), rel=1e-4)


@pytest.mark.parametrize("stage", ["projector", "all", "adapter"])
def test_mixed_precision_keeps_what_trains_in_float32(run, stage):
    """Computed in bfloat16: the loss is near the one in float32, the checkpoint is float32."""
    train(run, Training(stage=stage, precision="bfloat16", **(SIX | {"steps": 2})))

    weights, moments = kept(newest(run.out))
    assert {one.dtype for one in weights.values()} == {torch.float32}
    assert {one["exp_avg"].dtype for one in moments["state"].values()} == {torch.float32}
    first = next(csv.DictReader(log_of(run.out)))
    plain = replace(run, out=run.out.parent / "plain")
    AcceleratorState._reset_state(reset_partial_state=True)
    train(plain, Training(stage=stage, **(SIX | {"steps": 2})))
    exact = next(csv.DictReader(log_of(plain.out)))
    assert float(first["loss"]) == pytest.approx(float(exact["loss"]), rel=0.03)
    assert first["loss"] != exact["loss"]


def test_another_training_is_not_taken_up(run, tiny_folder):
    """Other settings, records or weights under the same folder would be neither the one nor the other."""
    training = Training(stage="projector", **(SIX | {"steps": 1}))
    train(run, training)

    with pytest.raises(TrainingUnusable, match="resume it or name another"):
        train(run, training)
    again = replace(run, resume=True)
    with pytest.raises(TrainingUnusable, match="rate differ"):
        train(again, replace(training, rate=2e-3))
    with pytest.raises(TrainingUnusable, match="loss, steps differ"):
        train(again, replace(training, loss="whole", steps=9))
    with run.records.open("a") as file:
        file.write("\n")
    with pytest.raises(TrainingUnusable, match="records differ"):
        train(again, training)


def test_resuming_what_is_done_does_no_step_and_writes_the_result(run):
    """A crash between the last checkpoint and the result costs the result only."""
    training = Training(stage="projector", **(SIX | {"steps": 2}))
    outcome = train(run, training)
    before = (outcome.result / "model.safetensors").read_bytes()
    (outcome.result / "model.safetensors").unlink()

    train(replace(run, resume=True), training)

    assert (outcome.result / "model.safetensors").read_bytes() == before
    assert len((run.out / "log.csv").read_text().splitlines()) == 3


def test_only_the_newest_checkpoints_are_kept(run):
    """As many as asked for."""
    train(run, Training(stage="projector", **(SIX | {"save_every": 1, "keep": 2})))

    assert sorted(one.name for one in (run.out / "checkpoints").iterdir()) == [
        "step-00000005",
        "step-00000006",
    ]


def test_a_checkpoint_that_was_not_finished_does_not_count(run):
    """A process killed while it writes leaves a part that the next one clears."""
    training = Training(stage="projector", **(SIX | {"steps": 4}))
    with pytest.raises(RuntimeError):
        with written_whole(run.out / "checkpoints" / "step-00000002") as part:
            (part / "weights.safetensors").write_bytes(b"half")
            raise RuntimeError
    assert newest(run.out) is None

    outcome = train(replace(run, resume=True), training)

    assert outcome.step == 4
    assert not list((run.out / "checkpoints").glob(".*"))


def test_a_step_that_is_not_finite_ends_the_training_before_it_is_taken(run):
    """The newest checkpoint stays one that can be used."""
    training = Training(stage="all", **(SIX | {"rate": 1e30, "clip": 1e30, "decay": 0.0, "save_every": 1}))

    with pytest.raises(TrainingUnusable, match="not finite"):
        train(run, training)

    assert newest(run.out) is not None


def test_a_record_that_does_not_fit_is_refused_before_the_first_step(run):
    """Not hours later."""
    line = {
        "image": ["0.png"] * 6,
        "conversations": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    }
    with run.records.open("a") as file:
        file.write(json.dumps(line) + "\n")

    with pytest.raises(RecordsUnusable, match=r"Line 8: .* the model has 512"):
        train(run, Training(stage="projector"))

    assert not run.out.exists()
