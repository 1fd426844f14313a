"""Loading takes the memory of the weights and hardly more, and says what is wrong before it reads any."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.answers import Completion, Sampling
from model.bench_load import opened
from model.engine import looked_through, open_engine
from model.errors import DeviceAbsent, NotEnoughMemory, QuantizationUnusable, WeightsMismatch
from model.linear import EightBitLinear, FusedLinear
from model.loading import Checkpoint, load_model
from model.modeling_dragonfly import DragonflyForCausalLM
from model.random_weights import SHAPES, Shape, configuration, write_random

ROOT = Path(__file__).parent.parent.parent
REFERENCE = Path(__file__).parent / "reference"
SMALL = Shape("openai/clip-vit-base-patch32", 32, 48, 2, 4, 2)
MIDDLE = Shape("openai/clip-vit-base-patch32", 768, 2048, 6, 12, 4, 32000)
"""Large enough that what else a process does hardly counts."""
LINEAR = 6 * (2 * 768 * 768 + 2 * 768 * 256 + 3 * 768 * 2048) + 32000 * 768
OUTPUTS = 6 * (768 + 2 * 256 + 768 + 2 * 2048 + 768) + 32000
COUNT = LINEAR + 32000 * 768 + 13 * 768 + 768 * 768 + 768 + 87_456_000
"""175 million: linear layers and head, embeddings, norms, projector, tower."""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A checkpoint of a few shards, pickled as the published ones are."""
    folder = tmp_path_factory.mktemp("small")
    write_random(folder, configuration(SMALL), dtype=torch.bfloat16, layout="pickled", shard_bytes=50 << 20)
    return folder


@pytest.fixture(scope="module")
def middle(tmp_path_factory):
    """`MIDDLE` in bfloat16, in both layouts."""
    folders = {}
    for layout in ("pickled", "safetensors"):
        folders[layout] = tmp_path_factory.mktemp(layout)
        config = configuration(MIDDLE)
        write_random(folders[layout], config, dtype=torch.bfloat16, layout=layout, shard_bytes=150 << 20)
    return folders


@pytest.mark.parametrize(
    ("layout", "dtype", "size"),
    [("pickled", "bfloat16", 2), ("pickled", "float32", 4), ("safetensors", "float32", 4)],
)
def test_opening_takes_the_weights_and_at_most_15_percent(middle, layout, dtype, size):
    """Until the engine is open, its own fused layers included; mapped files would be counted too."""
    took = opened(middle[layout], device="cpu", dtype=dtype, ask=False)

    assert took.weights == COUNT * size
    assert 1.0 <= took.ratio < 1.15


def test_eight_bits_never_lie_there_wider(middle):
    """Weights are rounded as they are read: what opening takes is measured against their size in eight bits."""
    took = opened(middle["pickled"], device="cpu", dtype="float32", quantization="int8", ask=False)

    assert took.weights == COUNT * 4 - LINEAR * 3 + OUTPUTS * 2
    assert 1.0 <= took.ratio < 1.15


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["pickled", "safetensors"])
def test_a_thousand_million_parameters_load_and_answer(tmp_path, layout):
    """The exact published layout, bfloat16; as bfloat16 and as float32, and it answers in float32."""
    count = write_random(tmp_path, configuration(SHAPES["v1-1b"]), dtype=torch.bfloat16, layout=layout)

    narrow = opened(tmp_path, device="cpu", dtype="bfloat16", ask=False)
    wide = opened(tmp_path, device="cpu", dtype="float32")

    assert count > 1e9
    assert narrow.ratio < 1.15 and wide.ratio < 1.15
    assert wide.first_seconds > 0


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_every_weight_and_table_is_what_the_library_loads(version, dtype):
    """Bit for bit, with the same configuration; the model's own tables (buffers) included."""
    folder = REFERENCE / version / "checkpoint"
    theirs = DragonflyForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))

    ours = load_model(folder, dtype=dtype)

    for mine, other in (
        (dict(ours.named_parameters()), dict(theirs.named_parameters())),
        (dict(ours.named_buffers()), dict(theirs.named_buffers())),
    ):
        assert mine.keys() == other.keys()
        assert all(torch.equal(one, other[name]) for name, one in mine.items())
        assert all(one.dtype == other[name].dtype for name, one in mine.items())
    assert not ours.training
    assert ours.config._attn_implementation == theirs.config._attn_implementation
    assert ours.generation_config.to_dict() == theirs.generation_config.to_dict()
    assert ours.config.to_dict() == theirs.config.to_dict()


def test_a_transposed_tensor_in_a_pickle_is_read_as_it_is(small, tmp_path):
    """torch keeps strides; where values lie in a file is not always their order."""
    tensors = _whole(small)
    name = "language_model.model.layers.0.mlp.up_proj.weight"
    expected = tensors[name].clone()
    tensors[name] = tensors[name].t().contiguous().t()
    _write(tmp_path, small, tensors)

    loaded = load_model(tmp_path, dtype="auto")

    assert torch.equal(loaded.model.language_model.layers[0].mlp.up_proj.weight, expected)


def _whole(folder):
    shards = sorted(folder.glob("*.bin"))
    return {name: one for file in shards for name, one in torch.load(file, weights_only=True).items()}


def _write(folder, like, tensors):
    """One pickle of these tensors, with the other files of a checkpoint beside it."""
    for file in like.glob("*.json"):
        if "index" not in file.name:
            (folder / file.name).write_bytes(file.read_bytes())
    torch.save(tensors, folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("language_model.model.layers.2.mlp.up_proj.weight", (48, 32), "unknown=1"),
        ("language_model.model.norm.weight", (33,), "mismatched=1"),
        ("image_encoder.vision_model.embeddings.position_ids", (1, 50), None),
        ("language_model.model.layers.0.self_attn.rotary_emb.inv_freq", (4,), None),
    ],
)
def test_tensors_that_are_none_of_the_model_are_refused_unless_they_are_known_to_be_dead(
    small, tmp_path, name, shape, says
):
    """A layer more than the configuration has means another model; old libraries' tables mean nothing."""
    _write(tmp_path, small, _whole(small) | {name: torch.zeros(shape)})

    if says is None:
        load_model(tmp_path, dtype="float32")
        return
    with pytest.raises(WeightsMismatch, match=says):
        load_model(tmp_path, dtype="float32")


def test_whole_numbers_are_no_weights(small, tmp_path):
    """Weights that were packed by another program would be read as something they are not."""
    name = "language_model.model.norm.weight"
    _write(tmp_path, small, _whole(small) | {name: torch.ones(32, dtype=torch.int8)})

    with pytest.raises(WeightsMismatch, match="mismatched=1"):
        load_model(tmp_path, dtype="float32")


def test_a_tensor_in_two_shards_is_refused(small, tmp_path):
    """Nobody could say which of them counts."""
    _write(tmp_path, small, _whole(small))
    torch.save({"language_model.model.norm.weight": torch.ones(32)}, tmp_path / "pytorch_model-2.bin")

    with pytest.raises(WeightsMismatch, match="twice"):
        load_model(tmp_path, dtype="float32")


@pytest.mark.parametrize("how", ["cut", "compressed", "old", "list"])
def test_files_that_are_not_what_they_say_are_refused(small, tmp_path, how):
    """A download that broke off, an archive that was packed again, a pickle from before archives, a bare list."""
    tensors = _whole(small)
    _write(tmp_path, small, tensors)
    file = tmp_path / "pytorch_model.bin"
    if how == "cut":
        file.write_bytes(file.read_bytes()[:-100_000])
    elif how == "old":
        torch.save(tensors, file, _use_new_zipfile_serialization=False)
    elif how == "list":
        torch.save(list(tensors.values()), file)
    else:
        with zipfile.ZipFile(file) as whole:
            parts = [(one.filename, whole.read(one)) for one in whole.infolist()]
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in parts:
                packed.writestr(name, content)

    with pytest.raises(WeightsMismatch):
        load_model(tmp_path, dtype="float32")


def test_a_safetensors_file_that_ends_too_early_is_refused(tmp_path, small):
    """Its header names bytes that are not there."""
    _write(tmp_path, small, {})
    (tmp_path / "pytorch_model.bin").unlink()
    file = tmp_path / "model.safetensors"
    save_file(
        {name: one.contiguous() for name, one in _whole(small).items()}, file, metadata={"format": "pt"}
    )
    load_model(tmp_path, dtype="float32")
    file.write_bytes(file.read_bytes()[:-10])

    with pytest.raises(WeightsMismatch):
        load_model(tmp_path, dtype="float32")


@pytest.mark.parametrize("device", ["cuda:7", "mps", "tpu", "cuda:-1"])
def test_a_device_that_is_not_there_is_an_error_of_its_own(small, device):
    """It is no fault of the weights, and whoever set it must be told which it was."""
    with pytest.raises(DeviceAbsent, match=device):
        open_engine(small, device=device)


def test_weights_that_cannot_fit_are_refused_before_any_is_read(small, monkeypatch):
    """With what is needed and what is free."""
    monkeypatch.setattr("model.loading.free_bytes", lambda _device: 100_000_000)
    count = sum(one.numel() for one in empty_model(small).parameters())

    with pytest.raises(NotEnoughMemory) as caught:
        load_model(small, dtype="float32")

    assert caught.value.facts["needed_bytes"] == count * 4
    assert caught.value.facts["free_bytes"] == 100_000_000


def empty_model(folder):
    """The empty model of a folder: it takes no memory."""
    return Checkpoint(folder, device="cpu", dtype="float32").model


def test_eight_bits_need_less_room(small, monkeypatch):
    """The language model's linear layers count one byte each."""
    model = empty_model(small)
    linear = sum(
        one.numel() for name, one in model.named_parameters() if "proj" in name and "language_model" in name
    )
    linear += model.lm_head.weight.numel()
    wide = sum(one.numel() for one in model.parameters()) * 4
    monkeypatch.setattr("model.loading.free_bytes", lambda _device: wide - 3 * linear)

    looked_through(small, device="cpu", dtype="float32", quantization="int8")
    monkeypatch.setattr("model.loading.free_bytes", lambda _device: wide - 3 * linear - 1)
    with pytest.raises(NotEnoughMemory):
        looked_through(small, device="cpu", dtype="float32", quantization="int8")


def test_eight_bits_elsewhere_than_on_the_cpu_are_refused(small, monkeypatch):
    """There is no such product in this engine, and the weights are not quietly left wide."""
    monkeypatch.setattr("model.loading.device_named", lambda _name: torch.device("meta"))

    with pytest.raises(QuantizationUnusable):
        looked_through(small, device="cuda", dtype="float32", quantization="int8")


LIMITED = """
import resource, sys
from pathlib import Path
from model.engine import open_engine
from model.errors import NotEnoughMemory
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 200_000_000,) * 2)
try:
    open_engine(Path(sys.argv[1]))
except NotEnoughMemory as error:
    print(error)
"""


def test_memory_that_runs_out_while_loading_says_so(small):
    """A limit that nobody told the process of: 88 million weights of 4 bytes do not fit into 200 MB."""
    ended = subprocess.run(
        [sys.executable, "-c", LIMITED, str(small)], cwd=ROOT, capture_output=True, text=True
    )

    assert ended.stdout == f"{NotEnoughMemory.__doc__} device=cpu.\n", ended.stderr[-500:]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_every_precision_opens_and_answers(small, dtype):
    """On this machine's CPU; the text is noise, its length is not."""
    engine = open_engine(small, dtype=dtype)
    engine.never_ends()
    picture = np.full((40, 40, 3), 90, np.uint8)

    *_, done = engine.answer([picture], "Is the heart enlarged?", Sampling(max_new_tokens=3))
    engine.close()

    assert isinstance(done, Completion) and done.generated_tokens == 3
    assert {one.dtype for one in engine.model.parameters()} == {getattr(torch, dtype)}


@pytest.mark.parametrize("kind", [FusedLinear, EightBitLinear])
def test_weights_read_later_are_those_read_at_once(small, kind):
    """Fused and rounded layers are the same whether their parts lay there before or are read to their places."""
    checkpoint = Checkpoint(small, device="cpu", dtype="float32")
    later, there = (
        one.model.language_model.layers[1].mlp
        for one in (checkpoint.model, load_model(small, dtype="float32"))
    )

    read = kind(later.gate_proj, later.up_proj, read=checkpoint.read, device=torch.device("cpu"))
    same = kind(there.gate_proj, there.up_proj)

    rows = torch.randn(3, 32, generator=torch.Generator().manual_seed(1))
    assert torch.equal(read.weight, same.weight)
    assert torch.equal(read(rows), same(rows))


def test_a_configuration_that_cannot_be_is_refused(small, tmp_path):
    """What the library raises for it is no sentence."""
    _write(tmp_path, small, {})
    (tmp_path / "config.json").write_text('{"model_type": "dragonfly", "text_config": 7}')

    with pytest.raises(WeightsMismatch):
        load_model(tmp_path, dtype="float32")
