"""Means over responses are the same from packed and padded rows, at any layer."""

import copy
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig

from modeling.core.program.errors import ProgramError
from modeling.core.reading.features import (
    READS,
    Readout,
    choose_layers,
    hidden_states,
    read_features,
)
from modeling.core.reading.reader import choose_reader
from modeling.core.texts.text import Encoded
from tests.modeling.core.reading.test_reading import CAUSAL, LLAMA, make_model, ragged_groups


def by_hand(model: Any, text: Encoded, layer: int, read: str) -> torch.Tensor:
    """(D,) from the model's own hidden states of the text alone."""
    trunk = model.base_model(input_ids=torch.tensor([text.ids]), output_hidden_states=True)
    states = trunk.hidden_states[layer][0]  # (T, D)
    start = min(text.prompt_length, len(text.ids) - 1)
    return states[start:].mean(0) if read == "mean" else states[-1]


def bert() -> Any:
    torch.manual_seed(0)
    config = BertConfig(**LLAMA, num_labels=1)
    return AutoModelForSequenceClassification.from_config(config).eval()


@pytest.mark.parametrize("name", CAUSAL)
@torch.no_grad()
def test_packed_features_equal_the_plain_forward(name: str) -> None:
    model = make_model(CAUSAL[name]())
    plain = copy.deepcopy(model)
    reader = choose_reader(model, "auto", 200)
    assert reader.way == "shared"
    readout = Readout((0, 1, 2), READS)
    states = read_features(model, "shared", ragged_groups(), readout)
    texts = [text for group in ragged_groups() for text in group]
    assert states.shape == (len(texts), 3, 2 * 32)
    for row, text in zip(states, texts, strict=True):
        for layer in readout.layers:
            expected = torch.cat([by_hand(plain, text, layer, read) for read in READS])
            assert (row[layer] - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.no_grad()
def test_an_encoder_is_read_padded() -> None:
    model = bert()
    states = read_features(model, "padded", ragged_groups(), Readout((1, 2), READS))
    texts = [text for group in ragged_groups() for text in group]
    for row, text in zip(states, texts, strict=True):
        for place, layer in enumerate((1, 2)):
            expected = torch.cat([by_hand(model, text, layer, read) for read in READS])
            assert (row[place] - expected).abs().max() < 1e-4


def test_the_forward_ends_at_the_deepest_layer_read() -> None:
    model = make_model(CAUSAL["llama"]())
    seen: list[int] = []
    for number, block in enumerate(model.base_model.layers):
        block.register_forward_hook(lambda *_, number=number: seen.append(number))
    hidden_states(model, (0, 1), input_ids=torch.tensor([[3, 4, 5]]))
    assert seen == [0]
    hidden_states(model, (2,), input_ids=torch.tensor([[3, 4, 5]]))
    assert seen == [0, 0, 1], "and no hook is left behind"


def test_layers_are_spread_evenly_and_end_at_the_last() -> None:
    small = make_model(CAUSAL["llama"]())
    assert choose_layers(small, "auto") == (1, 2)
    assert choose_layers(small, 0) == (0,)
    config = CAUSAL["llama"]()
    config.num_hidden_layers = 24
    assert choose_layers(make_model(config), "auto") == (4, 8, 12, 16, 20, 24)
    with pytest.raises(ProgramError, match="There is no layer 3: the base model has 2"):
        choose_layers(small, 3)
