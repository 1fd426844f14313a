"""Two processes train what one trains, each with a copy or each with a share: real ones, started as operators do."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from safetensors.torch import load_file

from model.errors import TrainingUnusable
from model.loading import load_model
from model.training.learner import Learner
from model.training.loop import Run, train
from model.training.spread import spread
from tests.model.training.conftest import kept, same, tiny_model, write_model, write_records
from tests.model.training.sharing import CASES

ROOT = Path(__file__).parents[3]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
LAST = "checkpoints/step-00000004"
LIKE_ONE = [one for one in CASES if one.ends and not one.stops]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Every case of `sharing.py` by two processes, and what one process comes to with the same settings."""
    root = tmp_path_factory.mktemp("sharing")
    model, records = write_model(root / "model"), write_records(root / "data")
    (root / "out").mkdir()
    started(*TWO, "tests.model.training.sharing", model, records, root / "out")
    for case in LIKE_ONE:
        if not (root / alone(case)).exists():
            AcceleratorState._reset_state(reset_partial_state=True)
            train(Run(model=model, records=records, out=root / alone(case)), case.training)
    return root


def alone(case) -> str:
    """The folder of the training by one process that a case is to equal."""
    return f"one-{case.stage}-{case.precision}"


def started(*command) -> None:
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "log.csv").open() as file:
        return list(csv.DictReader(file))


def assert_alike(one: Path, other: Path, *, loss=1e-5, norm=1e-4, weights=2e-5) -> None:
    """Equal within rounding: each step of the log, and every weight of the last checkpoint."""
    rows, others = rows_of(one), rows_of(other)
    assert [row["tokens"] for row in rows] == [row["tokens"] for row in others] and len(rows) == 4
    for row, beside in zip(rows, others, strict=True):
        assert float(row["loss"]) == pytest.approx(float(beside["loss"]), rel=loss)
        assert float(row["gradient_norm"]) == pytest.approx(float(beside["gradient_norm"]), rel=norm)
    learned, beside = (load_file(out / LAST / "weights.safetensors") for out in (one, other))
    assert learned.keys() == beside.keys()
    for name, weight in learned.items():
        # The gradient of the keys' bias is zero but for rounding, and Adam takes a full step in its direction.
        near = 1e-2 if "k_proj.bias" in name else weights
        torch.testing.assert_close(beside[name], weight, rtol=0, atol=near)


def test_two_processes_equal_one_within_rounding(tiny_folder, drawn_records, tmp_path):
    """From the command line, each with a copy of everything: the same losses and weights after four steps."""
    options = ["train", "--stage", "all", "--data", drawn_records, "--model", tiny_folder, "--device", "cpu"]
    options += ["--batch", "4", "--steps", "4", "--rate", "1e-3"]

    started(sys.executable, "-m", "app", *options, "--out", tmp_path / "one")
    started(*TWO, "app", *options, "--out", tmp_path / "two")

    assert_alike(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize("case", LIKE_ONE, ids=lambda case: case.name)
def test_every_stage_is_the_same_by_copies_and_by_shares(shared, case):
    """Projector, everything and adapter; layers kept or computed again; computed in float32 or bfloat16."""
    # Products in bfloat16 are rounded to three digits, and two processes add their gradients in another order.
    near = {"loss": 1e-3, "norm": 1e-2, "weights": 2e-4} if case.precision == "bfloat16" else {}

    assert_alike(shared / alone(case), shared / "out" / case.name, **near)


def test_sharded_training_leaves_whole_checkpoints_in_the_published_names(shared):
    """Nothing of the shares is left in checkpoint, result or adapter: shapes, names and types are one process's."""
    for stage, kind in (("all", "model/model"), ("adapter", "adapter/adapter_model")):
        one, two = (
            load_file(shared / out / f"{kind}.safetensors")
            for out in (f"one-{stage}-float32", f"out/shares-{stage}")
        )
        assert {name: (w.shape, w.dtype) for name, w in one.items()} == {
            name: (w.shape, w.dtype) for name, w in two.items()
        }
    load_model(shared / "out" / "shares-all" / "model", device="cpu", dtype="float32")
    moments = torch.load(shared / "out" / "shares-all" / LAST / "optimizer.pt", weights_only=True)["state"]
    weights = load_file(shared / "out" / "shares-all" / LAST / "weights.safetensors")
    assert {name: one["exp_avg"].shape for name, one in moments.items()} == {
        name: one.shape for name, one in weights.items()
    }


@pytest.mark.parametrize("stage", ["all", "adapter"])
def test_sharded_training_resumes_bit_for_bit(shared, stage):
    """Stopped after two of four steps and taken up by two processes: no bit differs from the unbroken one."""
    unbroken, resumed = (shared / "out" / f"shares-{stage}{end}" / LAST for end in ("", "-resumed"))

    assert same(kept(unbroken), kept(resumed))
    plain, broken = (
        [{k: v for k, v in row.items() if k != "seconds"} for row in rows_of(one.parents[1])]
        for one in (unbroken, resumed)
    )
    assert plain == broken


def test_what_two_processes_left_one_can_take_up(shared):
    """A checkpoint is whole, so the number of processes may change, and their way of sharing too."""
    case = next(one for one in CASES if one.name == "shares-all-left")
    left = Run(
        model=shared / "model", records=shared / "data" / "records.jsonl", out=shared / "out" / case.name
    )
    assert not (left.out / LAST).exists()

    train(replace(left, resume=True), case.training)

    assert_alike(shared / "one-all-float32", left.out)


def test_each_process_holds_its_share_and_no_more(shared):
    """Half of all weights and half of all moments, give or take a row of each of 78 tensors."""
    held = json.loads((shared / "out" / "held.json").read_text())["held"]
    whole, trained = held[0]["whole"], held[0]["trained"]

    assert sum(one["weights"] for one in held) == whole
    assert sum(one["moments"] for one in held) == 2 * trained
    for one in held:
        assert one["weights"] == pytest.approx(whole / 2, rel=0.05)
        assert one["moments"] == pytest.approx(trained, rel=0.05)


def test_one_process_has_nobody_to_share_with(tiny_folder, drawn_records, tmp_path):
    """Said before anything is trained, not passed over."""
    case = next(one for one in CASES if one.name == "shares-all")
    run = Run(model=tiny_folder, records=drawn_records, out=tmp_path / "out", shard=True)

    with pytest.raises(TrainingUnusable, match="only one; start several"):
        train(run, case.training)


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED])
def test_accelerates_own_way_of_sharing_is_refused(kind):
    """Its wrapped weights have other names, which would come to light in the first checkpoint, hours later."""
    accelerator = SimpleNamespace(distributed_type=kind, num_processes=2)

    with pytest.raises(TrainingUnusable, match="ask this training to shard"):
        spread(Learner(tiny_model()[0]), accelerator, shard=True)
