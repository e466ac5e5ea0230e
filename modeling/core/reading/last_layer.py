"""Compute the last layer only where a reward is read.

Its keys and values are needed for every token, its queries, output projection and MLP only for the
last token of each text. General for layers that take hidden states (1, T, D) and whose attention
is `shared_attention`: the layer starts on all tokens, the attention takes the keys and values out
of it, and the layer runs again on the chosen tokens alone, attending to what was taken.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from modeling.core.reading.shared_attention import KeysReady, UnsupportedAttentionError, current


def find_layers(model: PreTrainedModel) -> nn.ModuleList | None:
    """Find the list of the model's layers: the one list with as many modules as the config has
    layers. None where there is none, or more than one."""
    count = model.config.get_text_config().num_hidden_layers
    lists = [
        part
        for part in model.base_model.modules()
        if isinstance(part, nn.ModuleList) and len(part) == count
    ]
    return lists[0] if len(lists) == 1 else None


def find_last_layer(model: PreTrainedModel) -> nn.Module | None:
    layers = find_layers(model)
    return None if layers is None else layers[-1]


def prune(layer: nn.Module) -> None:
    """Patch the layer's forward so that a packed row may compute it only where rewards are read.
    Nothing changes unless a row asks for it."""
    whole = layer.forward

    def forward(*arguments: Any, **options: Any) -> Any:
        one = current()
        if one is None or not one.prune:
            return whole(*arguments, **options)
        one.stage = "keys"
        try:
            whole(*arguments, **options)
        except KeysReady as ready:
            one.last_keys_and_values = (ready.keys, ready.values)
        else:
            raise UnsupportedAttentionError("its last layer has no attention that can be shared")
        one.stage = "reads"
        length = one.row.ids.shape[1]
        try:
            return whole(
                *pick(arguments, one.row.reads, length), **pick(options, one.row.reads, length)
            )
        finally:
            one.stage, one.last_keys_and_values = "all", None

    layer.forward = forward


def pick(value: Any, reads: Tensor, length: int) -> Any:
    """Choose the tokens `reads` of every tensor (1, T, ...) in a layer's arguments, which may be
    nested (position embeddings are a tuple). All else is left as it is."""
    if isinstance(value, Tensor):
        per_token = value.dim() >= 2 and value.shape[:2] == (1, length)
        return torch.index_select(value, 1, reads) if per_token else value
    if isinstance(value, dict):
        return {key: pick(part, reads, length) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(pick(part, reads, length) for part in value)
    return value
