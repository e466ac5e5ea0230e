"""Which layers can be read, and with what tokens a model is tried out."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from modeling.core.program.errors import ProgramError
from modeling.core.reading import features
from modeling.core.reading.compiling import compile_layers, parts_of
from modeling.core.reading.features import SPREAD, choose_layers, no_cache, padding_id
from modeling.core.reading.last_layer import find_last_layer, find_layers
from modeling.core.reading.trying import ended_texts, long_groups, trial_groups, trial_tokens
from modeling.core.texts.tables import count_rows


class Model(nn.Module):
    """A stack of layers with a config, as far as it is looked at."""

    def __init__(self, layers: int = 3, rows: int = 20, **config: Any) -> None:
        super().__init__()
        common = {"num_hidden_layers": layers, "vocab_size": rows, "pad_token_id": None}
        text = SimpleNamespace(**common | {"eos_token_id": 2} | config)
        self.config: Any = SimpleNamespace(get_text_config=lambda: text)
        self.embeddings = nn.Embedding(rows, 2)
        self.layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(layers))
        self.device = torch.device("cpu")
        self.get_input_embeddings = lambda: self.embeddings

    @property
    def base_model(self) -> nn.Module:
        return self


@pytest.fixture
def told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "can_read_layers", lambda _model: True)


@pytest.mark.usefixtures("told_apart")
@pytest.mark.parametrize("layers", range(1, 40))
def test_candidates_are_few_ascending_and_end_at_the_last_layer(layers: int) -> None:
    model: Any = Model(layers)
    candidates = choose_layers(model, "auto")
    assert list(candidates) == sorted(set(candidates))
    assert candidates[0] >= 1
    assert candidates[-1] == layers
    assert len(candidates) == min(SPREAD, layers)


@pytest.mark.usefixtures("told_apart")
def test_a_layer_may_be_any_from_the_embeddings_on_that_there_is() -> None:
    model: Any = Model(3)
    assert [choose_layers(model, layer) for layer in (0, 2, 3)] == [(0,), (2,), (3,)]
    with pytest.raises(ProgramError, match="There is no layer 4: the base model has 3") as caught:
        choose_layers(model, 4)
    assert caught.value.hint == 'Use "auto", or a number from 0 (the embeddings) to 3.'


def test_layers_that_cannot_be_told_apart_leave_the_last_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(features, "can_read_layers", lambda _model: False)
    model: Any = Model(3)
    assert choose_layers(model, "auto") == choose_layers(model, 3) == (3,)
    with pytest.raises(ProgramError, match="The layers of Model cannot be told apart") as caught:
        choose_layers(model, 1)
    assert caught.value.hint == 'Use "auto" or 3, the last one.'


def test_the_layers_are_the_one_list_that_is_as_long_as_the_config_says() -> None:
    model: Any = Model(3)
    assert find_layers(model) is model.layers
    assert find_last_layer(model) is model.layers[2]
    model.experts = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert find_layers(model) is None, "which of both lists is meant cannot be said"
    assert find_last_layer(model) is None
    assert not features.can_read_layers(model)
    assert compile_layers(model) == 0
    other: Any = Model(3)
    other.layers = other.layers[:2]
    assert find_layers(other) is None


def test_a_forward_that_fails_is_read_at_its_end_alone() -> None:
    """Model has no forward at all: whatever goes wrong in a trial, nothing is read there."""
    model: Any = Model(3)
    assert not features.can_read_layers(model)


def test_norms_and_mlp_are_compiled_and_attention_is_not() -> None:
    class SelfAttention(nn.Module):
        pass

    layer = nn.Module()
    layer.attn, layer.mlp, layer.norm = SelfAttention(), nn.Linear(1, 1), nn.LayerNorm(1)
    assert parts_of(layer) == [layer.mlp, layer.norm]


@pytest.mark.parametrize(
    ("pad", "expected"), [(None, 0), (5, 5), (19, 19), (20, 0), (-1, 0), ([5], 0), ("5", 0)]
)
def test_padding_is_written_with_a_token_that_has_a_row(pad: Any, expected: int) -> None:
    model: Any = Model(rows=20, pad_token_id=pad)
    assert padding_id(model) == expected


def test_a_model_that_reads_characters_takes_any_id() -> None:
    def none() -> Any:
        raise NotImplementedError

    model: Any = SimpleNamespace(get_input_embeddings=none)
    assert count_rows(model) == sys.maxsize


def test_a_cache_is_switched_off_where_there_is_one() -> None:
    class With(nn.Module):
        def forward(self, input_ids: Any, use_cache: bool = True) -> None: ...

    class Without(nn.Module):
        def forward(self, input_ids: Any) -> None: ...

    assert no_cache(With()) == {"use_cache": False}
    assert no_cache(Without()) == {}


@given(rows=st.integers(2, 50), pad=st.none() | st.integers(0, 49), count=st.integers(1, 60))
def test_made_up_tokens_have_rows_and_are_no_padding(
    rows: int, pad: int | None, count: int
) -> None:
    pad = None if pad is None or pad >= rows else pad
    model: Any = Model(1, rows, pad_token_id=pad)
    tokens = trial_tokens(model, count)
    assert len(tokens) == count
    assert all(0 <= token < rows and token != pad for token in tokens)
    assert tokens == trial_tokens(model, count), "the same each time"


@given(length=st.integers(8, 300))
def test_long_trials_are_as_long_as_texts_may_be(length: int) -> None:
    model: Any = Model(rows=1000)
    (short,), (one, other) = long_groups(model, length)
    assert len(short.ids) == 5
    assert len(one.ids) == len(other.ids) == length
    half = length // 2
    assert one.ids[:half] == other.ids[:half]
    assert one.prompt_length == other.prompt_length == half


@pytest.mark.parametrize("end", [2, [2, 5], None, "2"])
def test_made_up_texts_end_in_the_end_token_and_one_has_it_inside(end: Any) -> None:
    model: Any = Model(rows=1000, eos_token_id=end)
    texts = ended_texts(model)
    last = {text.ids[-1] for text in texts}
    assert len(last) == 1
    if isinstance(end, int | list):
        assert last == {2}
    assert len({len(text.ids) for text in texts}) == 3
    assert texts[2].ids.count(texts[2].ids[-1]) == 2
    assert [len(group) for group in trial_groups(model)] == [3, 1]
