import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_rec.data.dataset import Sequences
from distill_rec.data.ragged import Ragged
from distill_rec.training.batches import SequenceBatches


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=40), min_size=1, max_size=6), st.integers(1, 9))
def test_every_click_is_a_target_once_and_sees_earlier_seconds_only(times, max_history):
    times = [sorted(row) for row in times]
    # The item names user and place, so that what a target sees can be looked up.
    items = [[100 * user + place for place in range(len(row))] for user, row in enumerate(times)]
    sequences = Sequences(
        np.arange(len(times), dtype=np.int32),
        Ragged.from_rows(items),
        Ragged.from_rows(times, np.int64),
        Ragged.from_rows([np.ones(len(row)) for row in times], np.float32),
    )
    batches = SequenceBatches(sequences, max_history, batch_size=4, seed=0)
    seen = []
    for samples in batches.epoch(0):
        batch = batches.make(samples)
        for row, position, target in zip(batch.row, batch.position, batch.target, strict=True):
            seen.append(int(target))
            user, place = divmod(int(target), 100)
            visible = batch.history[row][:position]
            earlier = [item for item, time in zip(items[user], times[user], strict=True) if time < times[user][place]]
            assert list(visible) == earlier[len(earlier) - len(visible) :]
            assert len(visible) >= min(len(earlier), (max_history + 1) // 2)
            assert len(visible) <= max_history
    assert sorted(seen) == sorted(item for row in items for item in row)


def test_an_epoch_is_a_function_of_seed_and_number():
    sequences = Sequences(
        np.arange(50, dtype=np.int32),
        Ragged.from_rows([range(3)] * 50),
        Ragged.from_rows([range(3)] * 50, np.int64),
        Ragged.from_rows([np.ones(3)] * 50, np.float32),
    )
    one, two = (SequenceBatches(sequences, 5, 8, seed=3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.epoch(4), two.epoch(4), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one.epoch(4), two.epoch(5), strict=True))
