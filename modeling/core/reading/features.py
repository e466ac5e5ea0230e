"""Vectors of texts from chosen layers of a trunk, read over the response: mean and last token.

Layer 0 is the embeddings, layer l what leaves the l-th block, the last layer what the trunk gives
(after its final norm, if it has one). The forward ends at the deepest layer that is asked for, so
that a head in the middle of the trunk costs half of one at its end.
"""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.program.errors import ProgramError
from modeling.core.reading.last_layer import find_layers
from modeling.core.reading.pooling import (
    last_of_padded,
    mean_weights_packed,
    mean_weights_padded,
    pool_packed,
    pool_padded,
)
from modeling.core.reading.shared_attention import Pass, packed
from modeling.core.texts.packing import pack, pad_batch
from modeling.core.texts.tables import count_rows
from modeling.core.texts.text import Encoded

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


def width_of(model: PreTrainedModel, readout: Readout) -> int:
    """Measure how many numbers a head with this readout sees, by reading a made-up text. OPT-350m's
    last layer is narrower than its config says, and others name the width otherwise."""
    text = Encoded([1, 2, 3] * 6, 1, False)
    with torch.no_grad():
        return read_features(model, "alone", [[text]], readout).flatten(1).shape[1]


@torch.no_grad()
def can_read_layers(model: PreTrainedModel) -> bool:
    """Whether what enters each block is one vector per token. It is not in XLNet (tokens come
    first), Funnel (fewer tokens in later layers) and Gemma 3n (several streams)."""
    if find_layers(model) is None:
        return False
    ids = torch.tensor([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]], device=model.device)
    try:
        named = {"input_ids": ids} | no_cache(model.base_model)
        states = hidden_states(model, range(count_layers(model) + 1), **named)
    except Exception:  # a foreign model, tried out
        return False
    return all(state.dim() == 3 and state.shape[:2] == ids.shape for state in states)


def choose_layers(model: PreTrainedModel, asked: int | str) -> tuple[int, ...]:
    """Choose candidate layers, ascending: the one asked for, or for "auto" SPREAD evenly spaced
    ones. Raises ProgramError for a layer that the model does not have, or that cannot be
    reached."""
    last = count_layers(model)
    if isinstance(asked, int) and asked > last:
        raise ProgramError(
            f"There is no layer {asked}: the base model has {last}.",
            where="config.json: layer",
            hint=f'Use "auto", or a number from 0 (the embeddings) to {last}.',
        )
    apart = can_read_layers(model)
    if not apart and asked not in ("auto", last):
        raise ProgramError(
            f"The layers of {type(model).__name__} cannot be told apart.",
            where="config.json: layer",
            hint=f'Use "auto" or {last}, the last one.',
        )
    if isinstance(asked, int):
        return (asked,)
    if not apart:
        return (last,)
    spread = min(SPREAD, last)
    return tuple(sorted({round(last * step / spread) for step in range(1, spread + 1)}))


def read_features(
    model: PreTrainedModel, way: str, groups: Sequence[Sequence[Encoded]], readout: Readout
) -> Tensor:
    """Read (R, layers, reads * D) in fp32, text after text; `way` as in reader.py. Layers that are
    narrower than the widest are filled up with zeros, from which no head learns anything."""
    if way == "alone":
        texts = [text for group in groups for text in group]
        return torch.cat([read_features(model, "padded", [[one]], readout) for one in texts])
    if way == "padded":
        texts = [text for group in groups for text in group]
        pad = padding_id(model)
        ids, mask, _ = pad_batch(texts, pad, model.device)
        alone = {} if len(texts) == 1 else {"attention_mask": mask}
        states = hidden_states(
            model, readout.layers, input_ids=ids, **alone, **no_cache(model.base_model)
        )
        weights = mean_weights_padded(texts, ids.shape[1], model.device)
        read = {
            "mean": lambda h: pool_padded(h, weights),
            "last": lambda h: last_of_padded(h, texts),
        }
    else:
        row = pack(groups, model.device)
        # Not pruned: the mean over a response reads every token of it, also of the last layer.
        with packed(Pass(row, way == "flex", prune=False)):
            named = {"input_ids": row.ids, "position_ids": row.positions, "use_cache": False}
            states = [state[0] for state in hidden_states(model, readout.layers, **named)]
        weights = mean_weights_packed(row, groups)
        read = {"mean": lambda h: pool_packed(h, weights), "last": lambda h: h[row.reads].float()}
    each = [torch.cat([read[name](state) for name in readout.reads], 1) for state in states]
    widest = max(part.shape[1] for part in each)
    return torch.stack([nn.functional.pad(part, (0, widest - part.shape[1])) for part in each], 1)


def padding_id(model: PreTrainedModel) -> int:
    """Choose the token that padding is written with: the model's own, else 0, for which every model
    has a row. What is padded is masked, and no reward is read there."""
    pad = getattr(model.config.get_text_config(), "pad_token_id", None)
    return pad if isinstance(pad, int) and 0 <= pad < count_rows(model) else 0


def no_cache(model: nn.Module) -> dict[str, bool]:
    """The argument that keeps a model from storing keys and values, where its forward takes it.
    RWKV would also change its state in place and have no gradient."""
    takes = inspect.signature(model.forward).parameters
    return {"use_cache": False} if "use_cache" in takes else {}


def apply_readout(
    model: PreTrainedModel, way: str, groups: Sequence[Sequence[Encoded]], readout: Readout
) -> Tensor:
    """Rewards (R, M) of a head with M rows on the features, in fp32."""
    features = read_features(model, way, groups, readout).flatten(1)  # (R, F)
    head: Any = model.get_submodule(readout.head)
    # Out of autocast: rewards that differ in the fourth digit are told apart by these.
    with torch.autocast(features.device.type, enabled=False):
        return nn.functional.linear(features, head.weight.float(), head.bias)


def hidden_states(model: PreTrainedModel, layers: Sequence[int], **inputs: Any) -> list[Tensor]:
    """Run the trunk as far as the deepest of `layers`. Returns the state (B, T, D) at each of
    them."""
    with _catching(model, layers) as states, suppress(DeepEnough):
        states[count_layers(model)] = model.base_model(**inputs).last_hidden_state
    return [states[layer] for layer in layers]


@contextmanager
def _catching(model: PreTrainedModel, layers: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    """Collect, while this is open, what enters the blocks: that is what the layers below them
    give."""
    states: dict[int, Tensor] = {}
    blocks = find_layers(model)

    def catch(layer: int) -> Any:
        def hook(_block: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
            states[layer] = arguments[0] if arguments else named["hidden_states"]
            if layer == max(layers):
                raise DeepEnough  # nothing above it is read: the rest of the forward is saved

        return hook

    hooks = [
        blocks[layer].register_forward_pre_hook(catch(layer), with_kwargs=True)
        for layer in layers
        if blocks is not None and layer < len(blocks)
    ]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()
