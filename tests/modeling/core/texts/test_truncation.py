"""Cutting texts to a length: what must stay stays, over random texts."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from modeling.core.program.errors import ProgramError
from modeling.core.texts.tables import count_positions
from modeling.core.texts.text import (
    DEFAULT_MAX_LENGTH,
    Encoded,
    choose_max_length,
    common_prefix,
    cut_prompt,
    truncate,
    truncation_warning,
)

BOS, EOS = 1, 2
WORD = st.integers(10, 99)


@st.composite
def texts(draw: st.DrawFn) -> tuple[list[int], int]:
    """Ids that end in the EOS, and the prompt's length; some begin with a BOS."""
    prompt = [BOS] * draw(st.booleans()) + draw(st.lists(WORD, max_size=40))
    response = [*draw(st.lists(WORD, max_size=40)), EOS]
    return prompt + response, len(prompt)


@given(text=texts(), max_length=st.integers(8, 90))
def test_a_cut_text_fits_ends_in_the_eos_and_loses_the_oldest_part(
    text: tuple[list[int], int], max_length: int
) -> None:
    ids, prompt_length = text
    cut = truncate(ids, prompt_length, max_length, eos=EOS, keep_first={BOS})
    assert len(cut.ids) == min(len(ids), max_length)
    assert cut.ids[-1] == EOS
    assert cut.truncated == (len(ids) > max_length)
    assert cut.truncated == (cut.lost_prompt or cut.lost_end)
    prompt, response = cut.ids[: cut.prompt_length], cut.ids[cut.prompt_length :]
    if prompt_length and ids[0] == BOS:
        assert prompt[0] == BOS
        prompt = prompt[1:]
    assert prompt == ids[prompt_length - len(prompt) : prompt_length], "the prompt's end stays"
    assert response[:-1] == ids[prompt_length : prompt_length + len(response) - 1]
    assert cut.lost_end == (len(response) < len(ids) - prompt_length)


@given(text=texts(), max_length=st.integers(8, 90))
def test_a_prompt_keeps_a_quarter_of_the_room_if_it_is_that_long(
    text: tuple[list[int], int], max_length: int
) -> None:
    ids, prompt_length = text
    cut = truncate(ids, prompt_length, max_length, eos=EOS, keep_first=set())
    assert cut.prompt_length >= min(prompt_length, max_length // 4)


@given(ids=st.lists(WORD, min_size=1, max_size=40), first=st.booleans(), room=st.integers(1, 50))
def test_a_cut_prompt_is_its_end_behind_its_first_token(
    ids: list[int], first: bool, room: int
) -> None:
    ids = [BOS] * first + ids
    cut = cut_prompt(ids, room, {BOS})
    assert len(cut.ids) == cut.prompt_length == min(room, len(ids))
    assert cut.truncated == cut.lost_prompt == (len(ids) > room)
    if cut.truncated and first:
        assert cut.ids == [BOS, *ids[len(ids) - room + 1 :]]
    else:
        assert cut.ids == ids[len(ids) - len(cut.ids) :]


@given(left=st.lists(st.integers(0, 1), max_size=8), right=st.lists(st.integers(0, 1), max_size=8))
def test_the_common_prefix_is_the_longest_one(left: list[int], right: list[int]) -> None:
    length = common_prefix(left, right)
    assert left[:length] == right[:length]
    assert length == min(len(left), len(right)) or left[length] != right[length]


def test_the_warning_counts_each_end_on_its_own() -> None:
    def text(**lost: bool) -> Encoded:
        return Encoded([EOS], 0, any(lost.values()), **lost)

    assert truncation_warning([text(), text()], 8) is None
    sentence = truncation_warning(
        [text(), text(lost_prompt=True), text(lost_prompt=True, lost_end=True)], 8
    )
    assert sentence is not None
    assert sentence.startswith(
        "Of 3 texts (prompt and response), 2 lost the beginning of their prompt and 1 the end of "
        "their response, because only 8 tokens are read."
    )


class Model(nn.Module):
    """Says how many positions it has, in its config and in a table."""

    def __init__(self, rows: int | None = None, padding: int | None = None, **config: Any) -> None:
        super().__init__()
        self.config: Any = SimpleNamespace(get_text_config=lambda: SimpleNamespace(**config))
        if rows is not None:
            self.position_embeddings = nn.Embedding(rows, 2, padding)


TOKENIZER: Any = SimpleNamespace(model_max_length=10**30)


@pytest.mark.parametrize(
    ("asked", "model", "length"),
    [
        (None, Model(), DEFAULT_MAX_LENGTH),
        (None, Model(max_position_embeddings=512), 512),
        (None, Model(max_position_embeddings=131072), DEFAULT_MAX_LENGTH),
        (4096, Model(max_position_embeddings=131072), 4096),
        (4096, Model(max_seq_len=600), 600),
        (8, Model(max_position_embeddings=-1), 8),
        (None, Model(rows=514, padding=1, max_position_embeddings=514), 512),
    ],
)
def test_a_length_is_what_is_asked_for_within_what_the_model_takes(
    asked: int | None, model: Any, length: int
) -> None:
    assert choose_max_length(asked, TOKENIZER, model) == length


def test_the_tokenizers_own_limit_counts_too() -> None:
    limited: Any = SimpleNamespace(model_max_length=100)
    assert choose_max_length(None, limited, Model(max_position_embeddings=512)) == 100


@pytest.mark.parametrize("asked", [7, 0, -1, 8.0, "100"])
def test_a_length_below_8_is_refused_in_words(asked: Any) -> None:
    with pytest.raises(ProgramError, match="a whole number of at least 8 tokens, not") as caught:
        choose_max_length(asked, TOKENIZER, Model())
    assert caught.value.where == "config.json: max_length"


def test_positions_are_counted_from_behind_the_paddings_row_where_there_is_one() -> None:
    assert count_positions(Model(rows=514, padding=1)) == 512
    assert count_positions(Model(rows=512)) is None, "all rows are positions"
    assert count_positions(nn.Linear(2, 2)) is None
    words = nn.Module()
    words.embed_tokens = nn.Embedding(50, 2, 0)
    assert count_positions(words) is None, "a table of words has padding too"
    assert torch.is_tensor(words.embed_tokens.weight)
