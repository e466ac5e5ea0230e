"""How many ids and positions a model has rows for."""

import sys
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


def count_rows(model: PreTrainedModel) -> int:
    """Count the token ids that the model has an embedding for. Models that read characters (CANINE)
    have no table and take any id."""
    try:
        embeddings: Any = model.get_input_embeddings()
    except NotImplementedError:
        return sys.maxsize
    return int(embeddings.weight.shape[0])


def count_positions(model: nn.Module) -> int | None:
    """The longest text that the model's tables of positions hold, where this is less than they have
    rows: RoBERTa and its kin count from behind the padding's row. None for all others."""
    limits = []
    for name, layer in model.named_modules():
        padding = getattr(layer, "padding_idx", None)
        weight = getattr(layer, "weight", None)
        is_table = "position" in name.rpartition(".")[2] and isinstance(weight, torch.Tensor)
        if is_table and isinstance(padding, int) and weight is not None and weight.dim() == 2:
            limits.append(weight.shape[0] - padding - 1)
    return min(limits, default=None)
