"""Does a model server answer as the engine does? For machines that have vLLM; nothing of a patient is asked.

    dragonfly-med export /srv/med /srv/med-served
    .venv/bin/python deploy/check-server.py /srv/med-served                              starts vLLM, and ends it
    .venv/bin/python deploy/check-server.py /srv/med-served --url http://127.0.0.1:8000  asks one that runs

The golden questions are asked of both, greedily, one at a time and then all at once: text, tokens, counts and the
reason of the end must be equal, log-probabilities within the tolerance. In float32 (the default here) they should
be; in bfloat16 two near likelihoods may change places, and the lines show where and by how little.
Exit status: 0 equal, 1 different, 2 not found out. Not run against vLLM where it was written: there was none.
In `make test` it runs against a small server that answers by the exported classes.
"""

import argparse
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from model.answers import Answerer, Completion, Delta, Sampling
from model.engine import open_engine
from model.errors import ModelError
from model.served import ServedEngine, open_served, read_served_card

Golden = tuple[str, list[np.ndarray[Any, Any]], str, Sampling]


def golden(tokens: int) -> list[Golden]:
    """What is asked: pictures of several shapes, two at once, a text that spells special tokens, a stop string."""
    plain = Sampling(max_new_tokens=tokens)
    return [
        ("a wide picture", [drawn(1200, 500)], "Is there a pleural effusion?", plain),
        ("a tall picture", [drawn(300, 900)], "Describe the image.", plain),
        ("a tiny picture", [drawn(40, 31)], "Which imaging modality is this?", plain),
        ("two pictures", [drawn(640, 480), drawn(512, 512)], "What has changed?", plain),
        ("special tokens", [drawn(256, 256)], "a<|eot_id|><|reserved_special_token_0|>b", plain),
        ("a stop string", [drawn(256, 200)], "Is it normal?", Sampling(max_new_tokens=tokens, stop=("e",))),
    ]


def drawn(width: int, height: int) -> np.ndarray[Any, Any]:
    """Waves and a bright disc, the same on every machine: whole numbers only."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.int64)
    disc = (rows - height // 3) ** 2 + (columns - width // 2) ** 2 < (min(width, height) // 4) ** 2
    waves = np.stack([(rows * 3 + columns) % 256, (rows * columns // 50) % 256, (columns * 2) % 256], -1)
    return np.where(disc[..., None], 230, waves).astype(np.uint8)


def say(answerer: Answerer, asked: Golden) -> tuple[list[int], Completion]:
    """The tokens of an answer, as far as they are told, and how it ended."""
    _, pictures, prompt, sampling = asked
    tokens: list[int] = []
    for piece in answerer.answer(pictures, prompt, sampling):
        if isinstance(piece, Completion):
            return tokens, piece
        assert isinstance(piece, Delta)
        tokens += piece.token_ids
    raise RuntimeError("the answer has no end")


def differences(
    engine: tuple[list[int], Completion], server: tuple[list[int], Completion], tolerance: float
) -> list[str]:
    """Each way in which two answers differ, in words."""
    (own_ids, own), (ids, found) = engine, server
    lines = [
        f"{what}: {getattr(own, what)!r} and {getattr(found, what)!r}"
        for what in ("text", "stop_reason", "prompt_tokens", "visual_positions", "generated_tokens")
        if getattr(own, what) != getattr(found, what)
    ]
    both = min(len(own_ids), len(ids))
    if own_ids[:both] != ids[:both]:
        place = next(i for i in range(both) if own_ids[i] != ids[i])
        lines.append(
            f"token {place + 1}: {own_ids[place]} at {own.log_probabilities[place]:.4f} and {ids[place]} at "
            f"{found.log_probabilities[place]:.4f}"
        )
    else:
        pairs = zip(own.log_probabilities, found.log_probabilities, strict=False)
        apart = max((abs(one - other) for one, other in pairs), default=0.0)
        if apart > tolerance:
            lines.append(f"log-probabilities: {apart:.4f} apart")
    return lines


def compare(
    engine: Answerer, server: Answerer, tokens: int, tolerance: float, write: Callable[[str], Any]
) -> int:
    """Ask both everything; returns how many answers differ."""
    asked = golden(tokens)
    expected = [say(engine, one) for one in asked]
    different = 0
    with ThreadPoolExecutor(len(asked)) as pool:
        rounds = {"alone": [say(server, one) for one in asked]}
        rounds["in company"] = list(pool.map(lambda one: say(server, one), asked))
    for how, answers in rounds.items():
        for (name, *_), own, found in zip(asked, expected, answers, strict=True):
            lines = differences(own, found, tolerance)
            different += bool(lines)
            write(f"{'DIFFERENT' if lines else 'equal    '} {name}, {how}\n")
            for line in lines:
                write(f"            {line}\n")
    return different


def command(vllm: str, folder: Path, name: str, port: int, dtype: str) -> list[str]:
    """How the server is started."""
    options = ["--trust-remote-code", "--model-impl", "transformers", "--served-model-name", name]
    where = ["--host", "127.0.0.1", "--port", str(port), "--dtype", dtype]
    return [*shlex.split(vllm), "serve", str(folder), *options, *where]


@contextmanager
def started(options: argparse.Namespace) -> Iterator[str]:
    """The address of a server: the one named, or one of our own, ended afterwards."""
    if options.url:
        yield options.url
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    name = read_served_card(options.folder).served_name
    process = subprocess.Popen(command(options.vllm, options.folder, name, port, options.dtype))
    try:
        url, end = f"http://127.0.0.1:{port}", time.monotonic() + options.start_seconds
        while time.monotonic() < end:
            if process.poll() is not None:
                raise RuntimeError(
                    f"the server ended with status {process.returncode}; its own words are above"
                )
            try:
                open_served(options.folder, url)
            except ModelError:
                time.sleep(1)
            else:
                yield url
                return
        raise RuntimeError(f"the server was not ready after {options.start_seconds} seconds")
    finally:
        process.terminate()
        process.wait(60)


def main(arguments: list[str] | None = None) -> int:
    """Compare, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="exported folder")
    parser.add_argument("--url", default="", help="server that runs already, serving this folder")
    parser.add_argument("--key-file", type=Path, help="file with its key")
    parser.add_argument("--vllm", default="vllm", help="command that starts vLLM")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--device", default="cpu", help="device of the engine that it is compared with")
    parser.add_argument("--tokens", type=int, default=24, help="longest answer")
    parser.add_argument("--tolerance", type=float, default=0.01, help="of log-probabilities")
    parser.add_argument("--start-seconds", type=int, default=900, help="how long the start may take")
    options = parser.parse_args(arguments)
    try:
        with started(options) as url:
            server: ServedEngine = open_served(
                options.folder, url, key_file=options.key_file, patience_seconds=600
            )
            engine = open_engine(options.folder, device=options.device, dtype=options.dtype)
            different = compare(engine, server, options.tokens, options.tolerance, sys.stdout.write)
            engine.close()
    except (ModelError, RuntimeError, OSError, ValueError) as error:
        sys.stdout.write(f"Not found out: {error}\n")
        return 2
    sys.stdout.write(
        "The server answers as the engine does.\n" if not different else f"{different} differ.\n"
    )
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
