"""Rows of prompt groups: every token once, positions that restart, bins that fit."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.texts.packing import Span, first_fit, pack, packed_tokens, shared_prefix
from modeling.core.texts.text import Encoded

CPU = torch.device("cpu")


def text(*ids: int) -> Encoded:
    return Encoded(list(ids), 0, False)


def test_a_row_holds_the_prefix_once_and_restarts_positions() -> None:
    row = pack([[text(1, 2, 3, 9), text(1, 2, 4, 5, 9)], [text(7, 9)]], CPU)
    assert row.ids.tolist() == [[1, 2, 3, 9, 4, 5, 9, 7, 9]]
    assert row.positions.tolist() == [[0, 1, 2, 3, 2, 3, 4, 0, 1]]
    assert row.reads.tolist() == [3, 6, 8]
    assert row.spans == (Span(0, 2, (2, 3)), Span(7, 0, (2,)))


def test_every_text_keeps_its_last_token() -> None:
    """Two equal texts share all but their end; a text alone shares nothing."""
    assert shared_prefix([text(1, 2, 9), text(1, 2, 9)]) == 2
    assert shared_prefix([text(1, 9), text(1, 9, 3)]) == 1
    assert shared_prefix([text(1, 2, 9)]) == 0
    assert shared_prefix([text(1, 2), text(3, 2)]) == 0


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=5))
def test_every_text_can_be_read_back_from_the_row(lists: list[list[int]]) -> None:
    texts = [text(*ids) for ids in lists]
    row = pack([[text(5)], texts], CPU)
    span, ids = row.spans[1], row.ids[0].tolist()
    for ids_alone, (low, high) in zip(lists, span.bounds(), strict=True):
        prefix = ids[span.start : span.start + span.prefix]
        assert prefix + ids[low:high] == ids_alone
    assert len(ids) == 1 + packed_tokens(texts)


def test_first_fit_fills_gaps_in_order() -> None:
    """5 and 4 open two bins of 8; 3 goes to the first, another 4 to the second."""
    assert first_fit([5, 4, 3, 4, 1], lambda n: n, 8, window=4) == [[5, 3], [4, 4], [1]]


def test_a_window_of_one_looks_at_one_open_bin() -> None:
    """After 4 opens the second bin the fuller one (room 3) is closed; 3 no longer fits it."""
    assert first_fit([5, 4, 3], lambda n: n, 8, window=1) == [[5], [4, 3]]


def test_an_item_beyond_the_capacity_goes_alone() -> None:
    assert first_fit([9, 1, 2], lambda n: n, 8, window=4) == [[9], [1, 2]]
