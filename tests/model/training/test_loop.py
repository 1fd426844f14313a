"""A whole training, small: it learns, stops and goes on bit for bit, and leaves what can be opened."""

import csv
import json
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file, save_file

from model.checkpoints import fingerprint, read_card
from model.errors import RecordsUnusable, TrainingUnusable
from model.loading import load_model
from model.processing_dragonfly import DragonflyProcessor
from model.training.keeping import newest, written_whole
from model.training.loop import Run, train
from model.training.results import merge
from model.training.stages import Training, peft_quiet
from tests.model.training.conftest import kept, same

SIX = {"batch": 4, "micro_batch": 2, "steps": 6, "rate": 1e-3, "save_every": 3}


@pytest.fixture
def run(tiny_folder, drawn_records, tmp_path):
    """The tiny model on the drawn records."""
    return Run(model=tiny_folder, records=drawn_records, out=tmp_path / "out")


def log_of(out):
    """Lines of a training's table."""
    return (out / "log.csv").read_text().splitlines()


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
    with pytest.raises(TrainingUnusable, match="there already"):
        merge(run.model, run.out / "adapter", merged)


def test_a_merged_model_scores_as_the_model_with_its_adapter(run, tmp_path):
    """Logits of every position, against PEFT's own way of running the adapter beside the weights.

    The adapter is given large weights, so that it changes the logits by far more than rounding does. In
    bfloat16 each weight is the one of float32, rounded once.
    """
    train(run, Training(stage="adapter", rank=4, **(SIX | {"steps": 1})))
    file = run.out / "adapter" / "adapter_model.safetensors"
    torch.manual_seed(2)
    save_file({name: 0.2 * torch.randn_like(one) for name, one in load_file(file).items()}, file)
    processor = DragonflyProcessor.from_pretrained(run.model)
    batch = processor(text=["What?"], images=[Image.effect_noise((24, 20), 90)], is_generate=True)
    plain = load_model(run.model, device="cpu", dtype="float32")
    with torch.no_grad():
        without = plain(**batch).logits
        with peft_quiet():
            beside = PeftModel.from_pretrained(plain, str(run.out / "adapter")).eval()(**batch).logits

        merge(run.model, run.out / "adapter", tmp_path / "merged")

        merged = load_model(tmp_path / "merged", device="cpu", dtype="auto")
        found = merged(**batch).logits
    scale = beside.abs().max()
    assert (found - beside).abs().max() < 1e-5 * scale
    assert (without - beside).abs().max() > 0.2 * scale

    load_model(run.model, device="cpu", dtype="bfloat16").save_pretrained(tmp_path / "rounded")
    DragonflyProcessor.from_pretrained(run.model).save_pretrained(tmp_path / "rounded")
    merge(tmp_path / "rounded", run.out / "adapter", tmp_path / "short")
    exact = load_model(tmp_path / "rounded", device="cpu", dtype="float32")
    parts = load_file(file)
    for name, one in load_model(tmp_path / "short", device="cpu", dtype="auto").named_parameters():
        expected = exact.get_parameter(name).data
        layer = f"base_model.model.{name.removesuffix('.weight')}"
        if f"{layer}.lora_A.weight" in parts:
            expected = expected + 32 / 4 * parts[f"{layer}.lora_B.weight"] @ parts[f"{layer}.lora_A.weight"]
        assert one.dtype == torch.bfloat16
        # One place of bfloat16 at most: the product may be added up in another order.
        torch.testing.assert_close(one.float(), expected.to(torch.bfloat16).float(), rtol=2**-7, atol=1e-6)


def test_an_adapter_of_another_model_is_refused(run, tmp_path):
    """Other shapes: a sentence, and nothing is written."""
    train(run, Training(stage="adapter", rank=4, **(SIX | {"steps": 1})))
    file = run.out / "adapter" / "adapter_model.safetensors"
    save_file({name: one[..., :-1].contiguous() for name, one in load_file(file).items()}, file)

    with pytest.raises(TrainingUnusable, match="not made for this model"):
        merge(run.model, run.out / "adapter", tmp_path / "merged")

    assert not (tmp_path / "merged").exists()


def test_what_descends_from_the_demonstration_says_so(run, tmp_path):
    """Licence and watermark of the model it began from go with the weights; its measured figures do not."""
    facts = {"name": "Drawn", "demonstration": True, "licence": "X", "accuracy": {"pooled": 0.9}}
    card = run.model / "card.json"
    card.write_text(json.dumps(facts | {"fingerprint": fingerprint(run.model)}))

    train(run, Training(stage="projector", **(SIX | {"steps": 1})))

    said = read_card(run.out / "model")
    assert (said.name, said.demonstration, said.licence) == ("Drawn, trained further", True, "X")
    assert said.fingerprint != fingerprint(run.model)
    assert "accuracy" not in json.loads((run.out / "model" / "card.json").read_text())


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
