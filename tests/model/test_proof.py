"""The proof for GPUs, as far as a CPU can show it: it measures what it says, and it can fail."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch

from app.cli import main
from model.demo import DEMO_MODEL
from model.engine import open_engine
from model.errors import DeviceAbsent
from model.proof import LOGITS_TOLERANCE, TOWER_TOLERANCE, drawn, parity, record, recovers


def test_bfloat16_is_within_its_tolerance_and_float32_is_far_closer():
    """The same measure on this CPU; that float32 beside itself is exact shows that nothing else is measured."""
    narrow = parity(DEMO_MODEL, device="cpu", dtype="bfloat16", pictures=2)
    same = parity(DEMO_MODEL, device="cpu", dtype="float32", pictures=1)

    assert narrow.holds and narrow.tower > 1e-4 and narrow.logits > 1e-4
    assert same.tower == same.logits == 0.0 and same.same_word == 1


def test_a_model_that_is_off_is_no_parity():
    """Errors just over a tolerance are called so."""
    found = parity(DEMO_MODEL, device="cpu", dtype="float32", pictures=1)

    for name, limit in (("tower", TOWER_TOLERANCE), ("logits", LOGITS_TOLERANCE)):
        facts = {part: getattr(found, part) for part in ("pictures", "tower", "logits", "same_word")}
        assert type(found)(**facts | {name: limit}).holds
        assert not type(found)(**facts | {name: limit * 1.01}).holds


@pytest.fixture(scope="module")
def engine():
    opened = open_engine(DEMO_MODEL)
    yield opened
    opened.close()


def test_an_engine_whose_memory_ran_out_goes_on(engine, monkeypatch):
    """Here the allocator is made to say so; on a GPU the memory is really taken."""

    @contextmanager
    def squeeze():
        def fails(*_arguments):
            raise torch.OutOfMemoryError("none left")

        with monkeypatch.context() as patched:
            patched.setattr(engine.model.model, "encode_crops", fails)
            yield

    assert recovers(engine, squeeze) is None


def test_a_squeeze_that_takes_nothing_proves_nothing(engine):
    """The check cannot pass by not happening."""
    assert "nothing was proven" in (recovers(engine, nullcontext) or "")


def test_drawings_are_the_same_each_time():
    """What was measured once can be measured again."""
    assert all(np.array_equal(one, other) for one, other in zip(drawn(3), drawn(3), strict=True))


def test_the_record_is_a_table_with_its_day():
    """What is kept in the repository of a run."""
    text = record("2030-01-02", "Some GPU", iter([("parity", "  0.004 ")]))

    assert text.startswith("# Some GPU, 2030-01-02\n")
    assert text.endswith("| parity | 0.004 |\n")


def test_without_a_gpu_the_proof_fails_and_says_so(tmp_path, capsys):
    """Status 2, the reason in words, and no record."""
    if torch.cuda.is_available():
        pytest.fail("This machine has a GPU: run make gpu instead.")

    status = main(["prove-gpu", str(tmp_path)])

    assert status == 2
    assert capsys.readouterr().err.startswith(DeviceAbsent.__doc__)
    assert not list(tmp_path.iterdir())
