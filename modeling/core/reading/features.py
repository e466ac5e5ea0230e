"""Vectors of texts from chosen layers of a trunk, read over the response: mean and last token.

Layer 0 is the embeddings, layer l what leaves the l-th block, the last layer what the trunk gives
(after its final norm, if it has one). The forward ends at the deepest layer that is asked for, so
that a head in the middle of the trunk costs half of one at its end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.errors import ProgramError
from modeling.core.last_layer import find_layers
from modeling.core.packing import pack, pad_batch
from modeling.core.pooling import (
    last_of_padded,
    mean_weights_packed,
    mean_weights_padded,
    pool_packed,
    pool_padded,
)
from modeling.core.shared_attention import Pass, packed
from modeling.core.text import Encoded

READS = ("mean", "last")
SPREAD = 6  # candidates for "auto": more would be more vectors to keep


@dataclass(frozen=True)
class Readout:
    """What a head reads: for every layer in turn, each of `reads`. `head` names the submodule."""

    layers: tuple[int, ...]
    reads: tuple[str, ...] = ("mean",)
    head: str = "score"


class DeepEnough(Exception):
    """Not an error: the forward has come to the deepest layer that is read."""


def count_layers(model: PreTrainedModel) -> int:
    return int(model.config.get_text_config().num_hidden_layers)


def choose_layers(model: PreTrainedModel, asked: int | str) -> tuple[int, ...]:
    """Candidates, ascending: the layer asked for, or for "auto" evenly spaced ones."""
    last = count_layers(model)
    if isinstance(asked, int) and asked > last:
        raise ProgramError(
            f"There is no layer {asked}: the base model has {last}.",
            where="config.json: layer",
            hint=f'Use "auto", or a number from 0 (the embeddings) to {last}.',
        )
    if find_layers(model) is None and asked not in ("auto", last):
        raise ProgramError(
            f"The layers of {type(model).__name__} cannot be told apart.",
            where="config.json: layer",
            hint=f'Use "auto" or {last}, the last one.',
        )
    if isinstance(asked, int):
        return (asked,)
    if find_layers(model) is None:
        return (last,)
    spread = min(SPREAD, last)
    return tuple(sorted({round(last * step / spread) for step in range(1, spread + 1)}))


def read_features(
    model: PreTrainedModel, way: str, groups: Sequence[Sequence[Encoded]], readout: Readout
) -> Tensor:
    """(R, layers, reads * D) in fp32, text after text; `way` as in reading.py."""
    if way == "padded":
        texts = [text for group in groups for text in group]
        pad = model.config.get_text_config().pad_token_id
        ids, mask, _ = pad_batch(texts, pad, model.device)
        states = hidden_states(model, readout.layers, input_ids=ids, attention_mask=mask)
        weights = mean_weights_padded(texts, ids.shape[1], model.device)
        read = {
            "mean": lambda h: pool_padded(h, weights),
            "last": lambda h: last_of_padded(h, texts),
        }
    else:
        row = pack(groups, model.device)
        with packed(Pass(row, way == "flex", prune=False)):
            named = {"input_ids": row.ids, "position_ids": row.positions, "use_cache": False}
            states = [state[0] for state in hidden_states(model, readout.layers, **named)]
        weights = mean_weights_packed(row, groups)
        read = {"mean": lambda h: pool_packed(h, weights), "last": lambda h: h[row.reads].float()}
    each = [torch.cat([read[name](state) for name in readout.reads], 1) for state in states]
    return torch.stack(each, 1)


def apply_readout(
    model: PreTrainedModel, way: str, groups: Sequence[Sequence[Encoded]], readout: Readout
) -> Tensor:
    """Rewards (R, M) of a head with M rows on the features, in fp32."""
    features = read_features(model, way, groups, readout).flatten(1)  # (R, F)
    head: Any = model.get_submodule(readout.head)
    with torch.autocast(features.device.type, enabled=False):
        return nn.functional.linear(features, head.weight.float(), head.bias)


def hidden_states(model: PreTrainedModel, layers: Sequence[int], **inputs: Any) -> list[Tensor]:
    """(B, T, D) at each layer."""
    with _catching(model, layers) as found, suppress(DeepEnough):
        found[count_layers(model)] = model.base_model(**inputs).last_hidden_state
    return [found[layer] for layer in layers]


@contextmanager
def _catching(model: PreTrainedModel, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """While this is open, a forward leaves the inputs of blocks here: the layers below them."""
    found: dict[int, Tensor] = {}
    blocks = find_layers(model)

    def catch(layer: int) -> Any:
        def hook(_block: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            found[layer] = arguments[0] if arguments else named["hidden_states"]
            if layer == max(layers):
                raise DeepEnough

        return hook

    hooks = [
        blocks[layer].register_forward_pre_hook(catch(layer), with_kwargs=True)
        for layer in layers
        if blocks is not None and layer < len(blocks)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
