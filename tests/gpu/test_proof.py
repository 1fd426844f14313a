"""On a GPU: bfloat16 beside float32, and going on after memory ran out. `make gpu` runs these; they skip nothing."""

import pytest
import torch

from model.demo import DEMO_MODEL
from model.devices import device_named
from model.engine import open_engine
from model.proof import parity, recovers, squeezed

pytestmark = pytest.mark.gpu


@pytest.fixture(scope="module")
def cuda():
    """The first GPU; without one this is an error that says so."""
    return device_named("cuda")


def test_bfloat16_says_what_float32_says(cuda):
    """Within the stated tolerances of the CPU's float32, which is held to the original."""
    found = parity(DEMO_MODEL, device=str(cuda), dtype="bfloat16", pictures=20)

    assert found.holds, found


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_engine_goes_on_after_memory_ran_out(cuda, dtype):
    """One answer fails with its reason; what was read before, and what is new, is answered afterwards."""
    engine = open_engine(DEMO_MODEL, device=str(cuda), dtype=dtype)

    assert recovers(engine, lambda: squeezed(torch.device("cuda", 0))) is None
    engine.close()
