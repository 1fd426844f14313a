"""Figures of the engine beside the plain loop: one run, the same weights, the same picture, in turns.

Lines to measure against are taken in the same run: how fast this machine multiplies matrices, and how fast
it reads memory. A token for one reader cannot come faster than the weights are read.
"""

import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from model.answers import Completion, Sampling
from model.configuration_dragonfly import DragonflyConfig
from model.crops import cut_crops, plan_crops
from model.engine import Engine, open_engine
from model.linear import EightBitLinear, FusedLinear, Linear
from model.plain import PlainLoop
from model.random_weights import load_facts

PROMPTS = [
    "Is the heart enlarged?",
    "Is there an effusion?",
    "Which side is it on?",
    "How many nodules are there?",
    "Is the mediastinum wide?",
    "What is the modality?",
    "Are the lungs clear?",
    "Is there a stone?",
]
TOKENS = 48
Line = tuple[str, str]
T = TypeVar("T")


def measure(path: Path, *, device: str, dtype: str, threads: int, repeats: int = 3) -> Iterator[Line]:
    """What was measured, and the figure with its ratio to the plain loop's, as they come."""
    torch.set_num_threads(threads)
    facts = load_facts(path)
    yield "parameters", f"{facts['text'] / 1e6:.0f} M text + {facts['vision'] / 1e6:.0f} M vision"
    yield from _apart(lambda: list(_roofline(device, dtype, facts)))
    if device == "cpu" and dtype == "float32":
        yield from _apart(lambda: list(_few_rows(path)))
    picture = np.random.default_rng(0).integers(0, 256, (1700, 2300, 3), dtype=np.uint8)
    plain = _apart(lambda: PlainLoop(path, device=device, dtype=dtype))
    engine = _engine(path, device, dtype, threads)
    yield from _preprocessing(plain, engine, picture, repeats)
    pace = yield from _one_reader(plain, engine, picture, repeats)
    yield from _many_readers(engine, picture, pace)
    kept = engine.memory()
    yield "memory of weights", f"{kept['weights'] / 1e6:.0f} MB"
    yield "memory kept for pictures and rows", f"{kept['kept'] / 1e6:.0f} MB"
    engine.close()
    del plain
    if device == "cpu":
        eight = _engine(path, device, dtype, threads, quantization="int8")
        _ask(eight, picture, PROMPTS[0])
        yield _ratio(
            "token, int8 weights",
            [_token(_ask(eight, picture, PROMPTS[1])) for _ in range(repeats)],
            pace,
            "ms",
        )
        yield "memory of weights, int8", f"{eight.memory()['weights'] / 1e6:.0f} MB"
    yield "most memory of the process", f"{_peak() / 1e6:.0f} MB"


def _engine(path: Path, device: str, dtype: str, threads: int, **options: Any) -> Engine:
    engine = open_engine(path, device=device, dtype=dtype, threads=threads, **options)
    engine.never_ends()
    return engine


def _roofline(device: str, dtype: str, facts: dict[str, Any]) -> Iterator[Line]:
    kind = getattr(torch, dtype)
    one = torch.randn(2048, 2048, device=device).to(kind)
    seconds = statistics.median(_seconds(lambda: _done(one @ one, device)) for _ in range(7))
    yield "matrix product, 2048 x 2048", f"{2 * 2048**3 / seconds / 1e9:.0f} GFLOP/s"
    many = torch.zeros(1 << 27, device=device, dtype=torch.float32)
    seconds = statistics.median(_seconds(lambda: _done(many.sum(), device)) for _ in range(7))
    speed = many.numel() * 4 / seconds
    yield "memory, read in one sweep", f"{speed / 1e9:.1f} GB/s"
    weights = facts["text"] * torch.empty(0, dtype=kind).element_size()
    yield "least time a token can take (weights read once)", f"{weights / speed * 1000:.1f} ms"


def _few_rows(path: Path) -> Iterator[Line]:
    """The gate and up layers of this model: blocks of outputs, and eight bits, beside one product."""
    text = DragonflyConfig.from_pretrained(path).text_config

    def pair() -> list[torch.nn.Linear]:
        return [torch.nn.Linear(text.hidden_size, text.intermediate_size, bias=False) for _ in range(2)]

    # Twelve layers in turn, as in a model, so that the weights come from memory.
    layers = [FusedLinear(*pair()) for _ in range(12)]
    eights = [EightBitLinear(*pair()) for _ in range(12)]
    ways: list[list[Linear]] = [
        [partial(F.linear, weight=one.weight) for one in layers],
        [*layers],
        [*eights],
    ]
    for rows in (1, 4, 8, 16, 64):
        given = torch.randn(rows, text.hidden_size)
        whole, blocks, eight = (_each(way, given) for way in ways)
        what = f"12 layers, {rows} row{'s' if rows > 1 else ''}"
        yield _ratio(f"{what}, in blocks", blocks, statistics.median(whole), "ms")
        yield _ratio(f"{what}, int8", eight, statistics.median(whole), "ms")


def _each(layers: Sequence[Linear], rows: torch.Tensor) -> list[float]:
    """Seconds of nine rounds through these layers."""
    return [_seconds(lambda: [one(rows) for one in layers]) for _ in range(9)]


def _preprocessing(plain: PlainLoop, engine: Engine, picture: Any, repeats: int) -> Iterator[Line]:
    engine.close()
    ours, theirs = engine.processor.image_processor.crops_of, plain.crops
    if not _apart(lambda: torch.equal(ours(picture), theirs(picture))):
        raise RuntimeError("The crops differ from those of the plain loop; nothing else is worth measuring.")
    image, plan = Image.fromarray(picture), engine.processor.zoom_plan
    threads = torch.get_num_threads()
    chosen = plan_crops(image.width, image.height, plan)
    sizes = [(c * plan.crop_px, r * plan.crop_px) for c, r in ((1, 1), chosen.middle, chosen.high)]
    mine, cuts, plains, resizes = [], [], [], []
    for _ in range(repeats * 3):
        plains.append(_apart(lambda: _seconds(lambda: theirs(picture))))
        resizes.append(_seconds(lambda: [image.resize(size) for size in sizes]))
        mine.append(_seconds(lambda: ours(picture)))
        cuts.append(_seconds(lambda: cut_crops(image, plan, threads)))
    whole = statistics.median(plains)
    yield _ratio("preprocessing of 2300 x 1700", mine, whole, "ms")
    rest = max(statistics.median(mine) - statistics.median(cuts), 0.0)
    yield _ratio("of it, everything but the resizing", [rest], whole - statistics.median(resizes), "ms")


def _one_reader(plain: PlainLoop, engine: Engine, picture: Any, repeats: int) -> Any:
    """First answer, second question, pace; returns the plain loop's seconds a token."""
    firsts, seconds, paces, plain_firsts, plain_paces = [], [], [], [], []
    for turn in range(repeats):
        other = picture.copy()
        other[0, 0, 0] = turn
        engine.close()
        alone = _apart(partial(plain.answer, other, PROMPTS[turn % len(PROMPTS)], TOKENS))
        plain_firsts.append(alone.first)
        plain_paces.append((alone.last - alone.first) / (alone.tokens - 1))
        first = _ask(engine, other, PROMPTS[turn % len(PROMPTS)])
        firsts.append(first.seconds_to_first)
        paces.append(_token(first))
        seconds.append(_ask(engine, other, PROMPTS[(turn + 1) % len(PROMPTS)]).seconds_to_first)
    first_plain, pace_plain = statistics.median(plain_firsts), statistics.median(plain_paces)
    yield _ratio("first answer, to its first piece", firsts, first_plain, "ms")
    yield _ratio("second question on the same picture, to its first piece", seconds, first_plain, "ms")
    yield _ratio("token", paces, pace_plain, "ms")
    return pace_plain


def _many_readers(engine: Engine, picture: Any, pace: float) -> Iterator[Line]:
    """All ask at once about a picture that was read before; the time includes reading their words."""
    _ask(engine, picture, PROMPTS[0])
    for readers in (1, 2, 4, 8):
        started = time.perf_counter()
        with ThreadPoolExecutor(readers) as asking:
            answered = list(asking.map(lambda words: _ask(engine, picture, words), PROMPTS[:readers]))
        rate = sum(one.generated_tokens for one in answered) / (time.perf_counter() - started)
        what = f"{readers} reader{'s' if readers > 1 else ''} of one picture"
        yield what, f"{rate:8.1f} pieces/s, {rate * pace:.2f} times the plain loop's one"


def _apart(work: Callable[[], T]) -> T:
    """In a thread that ends, so that no idle helper threads of one side slow the other down."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _ask(engine: Engine, picture: Any, words: str) -> Completion:
    *_, done = engine.answer([picture], words, Sampling(max_new_tokens=TOKENS))
    assert isinstance(done, Completion)
    return done


def _token(done: Completion) -> float:
    return (done.seconds - done.seconds_to_first) / (done.generated_tokens - 1)


def _ratio(what: str, ours: list[float], plain: float, unit: str) -> Line:
    mine = statistics.median(ours)
    return what, f"{mine * 1000:8.1f} {unit}, plain {plain * 1000:8.1f} {unit}, ratio {mine / plain:.3f}"


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _done(value: torch.Tensor, device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
