"""Cached rows that come and go: every row keeps the states of its own tokens."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import DynamicCache

from modeling.core.generating.row_cache import ROOM, RoomyLayer, Rows, merged, widened

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=4)


def states_of(row: int, length: int) -> Tensor:
    """(H, length, D): numbers that say which row and which token they are of."""
    places = torch.arange(1, length + 1).float()
    return (100 * row + places)[None, :, None].expand(2, length, 3).clone()


def rows_of(lengths: list[int], first: int, room: int = 0) -> Rows:
    """Rows that end together at the last used column, as `read_prefix` leaves them."""
    width = max(lengths)
    keys = torch.zeros(len(lengths), 2, width + room, 3)
    for number, length in enumerate(lengths):
        keys[number, :, width - length : width] = states_of(first + number, length)
    cache = DynamicCache()
    cache.layers = [RoomyLayer(keys, -keys, width)]
    ends = torch.tensor(lengths)
    columns = torch.arange(width + room)
    mask = (columns >= width - ends[:, None]) & (columns < width)
    return Rows(cache, mask.long(), ends, width)


def own_states(rows: Rows, number: int) -> Tensor:
    mask = rows.mask[number, : rows.width].bool()
    return rows.layers[0].keys[number][:, mask]


@given(one=LENGTHS, other=LENGTHS, data=st.data())
def test_chosen_rows_of_several_parts_keep_their_own_states(
    one: list[int], other: list[int], data: st.DataObject
) -> None:
    """A row may be taken several times, as a prompt is for its responses."""
    parts, expected = [], []
    for first, lengths in ((1, one), (50, other)):
        chosen = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1, max_size=4))
        parts.append((rows_of(lengths, first, room=2), torch.tensor(chosen)))
        expected += [(first + at, lengths[at]) for at in chosen]
    new = merged(parts, 3)
    assert new.width == max(length for _, length in expected), "unused columns are gone"
    assert new.lengths.tolist() == [length for _, length in expected]
    assert new.mask.shape[1] == new.width + 3
    for number, (row, length) in enumerate(expected):
        assert torch.equal(own_states(new, number), states_of(row, length))
        assert torch.equal(new.layers[0].values[number], -new.layers[0].keys[number])


def test_a_step_writes_one_column_for_all_rows() -> None:
    rows = rows_of([2, 3], 1, room=1)
    mask = rows.open_column()
    assert mask.tolist() == [[0, 1, 1, 1], [1, 1, 1, 1]]
    assert rows.lengths.tolist() == [3, 4]
    new = torch.full((2, 2, 1, 3), 9.0)
    keys, values = rows.layers[0].update(new, -new)
    assert keys.shape[2] == values.shape[2] == rows.width == 4
    assert (keys[:, :, -1] == 9).all()
    assert torch.equal(keys[1][:, :3], states_of(2, 3))


def test_full_buffers_are_made_longer_and_lose_nothing() -> None:
    rows = rows_of([2], 1)
    for step in range(ROOM + 3):
        rows.open_column()
        rows.layers[0].update(torch.full((1, 2, 1, 3), float(step)), torch.zeros(1, 2, 1, 3))
    assert rows.mask.shape[1] >= rows.width == ROOM + 5
    states = own_states(rows, 0)[0, :, 0].tolist()
    assert states == [101.0, 102.0, *map(float, range(ROOM + 3))]


def test_a_buffer_is_widened_on_its_right() -> None:
    buffer = torch.ones(1, 2, 3, 4)
    wider = widened(buffer, 5)
    assert wider.shape == (1, 2, 5, 4)
    assert torch.equal(wider[:, :, :3], buffer)
    assert not wider[:, :, 3:].any()
