"""What a training says of its steps: a table that survives being resumed, and TensorBoard where it is asked for."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from model.errors import TrainingUnusable


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the optimizer."""

    step: int
    """Counted from 1."""
    epoch: float
    loss: float
    """Mean over the learned tokens of the whole step, before it."""
    rate: float
    gradient_norm: float
    """Before clipping."""
    tokens: int
    """Learned in this step, over all processes."""
    seconds: float


class Log(Protocol):
    """Whoever is told of each step."""

    def add(self, step: Step) -> None: ...

    def close(self) -> None: ...


class CsvLog:
    """`log.csv`: a row for each step, on disk before the next."""

    def __init__(self, file: Path, resumed_at: int):
        # Steps after the checkpoint are done again: their rows would stand twice.
        kept = [row for row in _rows(file) if int(row["step"]) <= resumed_at]
        names = [one.name for one in fields(Step)]
        part = file.with_suffix(".part")
        with part.open("w", newline="", encoding="utf-8") as written:
            table = csv.DictWriter(written, names, lineterminator="\n")
            table.writeheader()
            table.writerows(kept)
        part.replace(file)
        self._file = file.open("a", newline="", encoding="utf-8")
        self._table = csv.DictWriter(self._file, names, lineterminator="\n")

    def add(self, step: Step) -> None:
        """Write one row."""
        self._table.writerow(asdict(step))
        self._file.flush()

    def close(self) -> None:
        """No row comes after this."""
        self._file.close()


class TensorBoardLog:
    """Curves for TensorBoard; raises TrainingUnusable where the package that writes them is absent."""

    def __init__(self, folder: Path, resumed_at: int):
        if find_spec("tensorboardX") is None:
            raise TrainingUnusable("A TensorBoard log needs the package tensorboardX (extra: train).")
        from tensorboardX import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=resumed_at + 1)

    def add(self, step: Step) -> None:
        """One point on each curve."""
        for name in ("loss", "rate", "gradient_norm", "tokens", "seconds"):
            self._writer.add_scalar(name, getattr(step, name), step.step)

    def close(self) -> None:
        """Write what is still held."""
        self._writer.close()


@contextmanager
def logs(out: Path, resumed_at: int, *, tensorboard: bool, writes: bool) -> Iterator[list[Log]]:
    """The logs of a training; of several processes only one writes any."""
    opened: list[Log] = []
    try:
        if writes:
            out.mkdir(parents=True, exist_ok=True)
            if tensorboard:
                opened.append(TensorBoardLog(out / "tensorboard", resumed_at))
            opened.append(CsvLog(out / "log.csv", resumed_at))
        yield opened
    finally:
        for log in opened:
            log.close()


def _rows(file: Path) -> list[dict[str, str]]:
    """Whole rows of a log; the last one may have been cut off with its process."""
    if not file.is_file():
        return []
    names = [one.name for one in fields(Step)]
    with file.open(newline="", encoding="utf-8") as source:
        lines = [line for line in source if line.endswith("\n")]
    return [row for row in csv.DictReader(lines) if list(row) == names and None not in row.values()]
