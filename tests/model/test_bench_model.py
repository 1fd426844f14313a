"""What is measured is the same work on both sides, and checkpoints to measure with are as the published ones."""

import torch

from app.commands import VERBS
from model.bench_model import measure
from model.loading import load_model
from model.random_weights import SHAPES, Shape, configuration, write_random

SMALL = Shape("openai/clip-vit-base-patch32", 32, 48, 2, 4, 2)


def test_every_comparison_is_printed_with_its_ratio(tmp_path):
    """Preprocessing, first answer, second question, token, readers, memory: each a line, none asserted."""
    write_random(tmp_path, configuration(SMALL))

    lines = dict(measure(tmp_path, device="cpu", dtype="float32", threads=1, repeats=1))

    compared = [what for what, figure in lines.items() if "ratio" in figure and "12 layers" not in what]
    assert [what.split(",")[0] for what in compared] == [
        "preprocessing of 2300 x 1700",
        "of it",
        "first answer",
        "second question on the same picture",
        "token",
        "token",
    ]
    assert "8 readers of one picture" in lines and "memory of weights, int8" in lines


def test_random_checkpoints_have_the_published_layout(tmp_path):
    """Pickled shards under the published names, loaded again to the last bit, in the dtype asked for."""
    config = configuration(SMALL)
    count = write_random(tmp_path, config, dtype=torch.bfloat16, layout="pickled", shard_bytes=50 << 20)

    shards = sorted(tmp_path.glob("pytorch_model-*.bin"))
    names = {name for file in shards for name in torch.load(file, weights_only=True)}
    model = load_model(tmp_path, device="cpu", dtype="bfloat16")

    assert len(shards) > 1 and (tmp_path / "pytorch_model.bin.index.json").is_file()
    assert {name.split(".")[0] for name in names} == {
        "language_model",
        "image_encoder",
        "vision_embed_tokens",
    }
    assert sum(one.numel() for one in model.parameters()) == count
    first = torch.load(shards[0], weights_only=True)
    name = "language_model.model.embed_tokens.weight"
    assert torch.equal(model.model.language_model.embed_tokens.weight, first[name])


def test_every_shape_is_named_in_the_help():
    """Who asks for help finds all of them."""
    words = next(said["help"] for names, said in VERBS["random-checkpoint"][1] if names == ("--shape",))

    assert all(name in words for name in SHAPES)
