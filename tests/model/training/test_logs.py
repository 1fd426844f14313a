"""Logs: a row a step, none twice after a resumption, curves only where they can be written."""

import pytest

from model.errors import TrainingUnusable
from model.training.logs import CsvLog, Step, TensorBoardLog, logs


def step(number: int) -> Step:
    return Step(number, 0.5 * number, 2.5 / number, 1e-4, 1.25, 30, 0.1)


def test_rows_after_the_checkpoint_are_dropped_and_so_is_half_a_row(tmp_path):
    """Steps 3 and 4 are done again; the process died while it wrote the last row."""
    log = CsvLog(tmp_path / "log.csv", 0)
    for number in (1, 2, 3):
        log.add(step(number))
    log.close()
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,2.0,0.6")

    log = CsvLog(tmp_path / "log.csv", 2)
    log.add(step(3))
    log.close()

    assert (tmp_path / "log.csv").read_text() == (
        "step,epoch,loss,rate,gradient_norm,tokens,seconds\n"
        "1,0.5,2.5,0.0001,1.25,30,0.1\n"
        "2,1.0,1.25,0.0001,1.25,30,0.1\n"
        "3,1.5,0.8333333333333334,0.0001,1.25,30,0.1\n"
    )


def test_curves_hold_what_was_said(tmp_path):
    """Read back from the event file, record by record."""
    from tensorboardX.proto.event_pb2 import Event

    with logs(tmp_path, 0, tensorboard=True, writes=True) as told:
        for one in told:
            one.add(step(1))
            one.add(step(2))

    found = {}
    (file,) = (tmp_path / "tensorboard").iterdir()
    data, place = file.read_bytes(), 0
    while place < len(data):
        # A record is its length (8 bytes), a check (4), the event, and a check (4).
        length = int.from_bytes(data[place : place + 8], "little")
        event = Event.FromString(data[place + 12 : place + 12 + length])
        for value in event.summary.value:
            found[value.tag, event.step] = value.simple_value
        place += length + 16
    assert found["loss", 1] == 2.5 and found["loss", 2] == 1.25
    assert found["gradient_norm", 2] == 1.25
    assert len(found) == 10


def test_curves_are_refused_where_their_package_is_absent(tmp_path, monkeypatch):
    """Only where they are asked for."""
    monkeypatch.setattr("model.training.logs.find_spec", lambda _name: None)

    with pytest.raises(TrainingUnusable, match="tensorboardX"):
        TensorBoardLog(tmp_path, 0)
    with logs(tmp_path / "out", 0, tensorboard=False, writes=True) as told:
        assert len(told) == 1


def test_only_one_process_writes(tmp_path):
    """The others say nothing."""
    with logs(tmp_path / "out", 0, tensorboard=True, writes=False) as told:
        assert told == []
    assert not (tmp_path / "out").exists()
