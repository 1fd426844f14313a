"""The order of the data: from seed and step alone, every sequence once an epoch, shared without loss."""

import pytest

from model.errors import TrainingUnusable
from model.training.order import chosen, share, steps_of


def test_every_sequence_comes_once_an_epoch_in_another_order():
    """Seven sequences in batches of three: batches reach over the seam, epochs do not mix."""
    flat = [number for step in range(7) for number in chosen(step, 3, 7, seed=4)]

    epochs = [flat[:7], flat[7:14], flat[14:21]]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert flat == [number for step in range(7) for number in chosen(step, 3, 7, seed=4)]
    assert flat != [number for step in range(7) for number in chosen(step, 3, 7, seed=5)]


def test_processes_and_pieces_share_a_step_without_loss():
    """Whoever works, the step is the same."""
    whole = chosen(2, 8, 20, seed=1)

    for processes, micro in ((1, 8), (1, 3), (2, 2), (4, 1)):
        parts = [
            number
            for rank in range(processes)
            for piece in share(2, 8, 20, 1, micro=micro, rank=rank, processes=processes)
            for number in piece
        ]
        assert parts == whole
    assert [len(p) for p in share(0, 8, 20, 1, micro=3, rank=0, processes=1)] == [3, 3, 2]


def test_a_batch_that_cannot_be_shared_is_refused():
    """Uneven shares would weigh nothing differently and wait for each other for ever."""
    with pytest.raises(TrainingUnusable, match="batch of 8 cannot be shared evenly by 3"):
        share(0, 8, 20, 1, micro=1, rank=0, processes=3)


def test_steps_follow_from_epochs():
    """The last batch is filled from the next epoch."""
    assert [steps_of(7, 3, 1.0), steps_of(6, 3, 1.0), steps_of(6, 3, 0.5), steps_of(1, 32, 1.0)] == [
        3,
        2,
        1,
        1,
    ]
