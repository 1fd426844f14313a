"""Many flipped bits of one exported log, each judged by `verify`, without reading the same beginning many times.

    python -m tests.storage.flips LOG PUBLIC FIRST_KEY COUNT SEED

The verifier reads the log line by line. Before each line that a bit is to be flipped in, this process makes a
copy of itself, and the copy goes on with the flipped rest while the first goes on with the log as it is: what
came before the flip has been read already, by the same verifier and from the same bytes. Prints for each flip
a line of JSON: the bit, and status, entries and first sentence of the verdict.
"""

import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from storage.verifier import read_first_key, verify


class Forking:
    """A log, as `verify` opens it; iterating over it makes the copies."""

    def __init__(self, path: Path, count: int, seed: int):
        self.data, self.bit, self.at = path.read_bytes(), -1, 0
        chance = random.Random(seed)
        self.flips: dict[int, list[int]] = defaultdict(list)
        for _ in range(count):
            bit = chance.randrange(len(self.data) * 8)
            self.flips[self.data.rfind(b"\n", 0, bit // 8) + 1].append(bit)

    def open(self, _mode: str) -> "Forking":
        return self

    def __enter__(self) -> "Forking":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        return self.data[:size]

    def seek(self, place: int) -> None:
        assert place == 0

    def __iter__(self) -> Iterator[bytes]:
        start = 0
        for line in BytesIO(self.data):
            for bit in self.flips.get(start, ()):
                if child := os.fork():
                    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                    continue
                self.bit, rest = bit, bytearray(memoryview(self.data)[start:])
                rest[bit // 8 - start] ^= 1 << bit % 8
                # Not as lines of before: the flip may have made or removed a line's end.
                yield from BytesIO(rest)
                return
            yield line
            start += len(line)


def main(log: str, public: str, first_key: str, count: str, seed: str) -> None:
    """Judge them all; the last line is the verdict about the log as it is, with the bit -1."""
    forking = Forking(Path(log), int(count), int(seed))
    verdict = verify(forking, Path(public).read_bytes(), read_first_key(Path(first_key)))  # type: ignore[arg-type]
    told = {
        "bit": forking.bit,
        "status": verdict.status,
        "entries": verdict.entries,
        "said": verdict.lines[0],
    }
    os.write(1, json.dumps(told).encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
