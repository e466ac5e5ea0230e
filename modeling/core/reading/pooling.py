"""Reading a text by its response: the mean over the response's tokens, beside the last token.

The mean is a product with a (texts, tokens) matrix whose rows sum to 1, the same for packed rows,
where the beginning of a response may lie in the shared prefix, and for padded ones. Small encoders
know more of a response in the mean of its tokens than in any single one (docs/benchmarks.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from modeling.core.texts.packing import PackedRow
from modeling.core.texts.text import Encoded


def response_start(text: Encoded) -> int:
    """The place of the response's first token. The end token is part of it in any case, so that no
    response is empty and no mean is of nothing."""
    return min(text.prompt_length, len(text.ids) - 1)


def mean_weights_packed(row: PackedRow, groups: Sequence[Sequence[Encoded]]) -> Tensor:
    """(R, T): the mean over each text's response in a packed row of T tokens and R texts."""
    texts = [text for group in groups for text in group]
    weights = torch.zeros(len(texts), row.ids.shape[1])
    place = 0
    for span, group in zip(row.spans, groups, strict=True):
        for text, (low, high) in zip(group, span.bounds(), strict=True):
            start = response_start(text)
            share = 1.0 / (len(text.ids) - start)
            # What the responses of a group begin with alike stands in their prefix.
            weights[place, span.start + min(start, span.prefix) : span.start + span.prefix] = share
            weights[place, low + max(0, start - span.prefix) : high] = share
            place += 1
    return weights.to(row.ids.device)


def mean_weights_padded(texts: Sequence[Encoded], length: int, device: torch.device) -> Tensor:
    """(B, T): the mean over each row's response in a right-padded batch of T tokens."""
    weights = torch.zeros(len(texts), length)
    for row, text in enumerate(texts):
        start, end = response_start(text), len(text.ids)
        weights[row, start:end] = 1.0 / (end - start)
    return weights.to(device)


def pool_packed(hidden: Tensor, weights: Tensor) -> Tensor:
    """(T, D) and (R, T) to (R, D), in fp32 whatever the trunk computes in."""
    # A mean over hundreds of tokens in bf16 would lose its last tokens to rounding.
    with torch.autocast(hidden.device.type, enabled=False):
        return weights @ hidden.float()


def pool_padded(hidden: Tensor, weights: Tensor) -> Tensor:
    """(B, T, D) and (B, T) to (B, D), in fp32."""
    with torch.autocast(hidden.device.type, enabled=False):
        return torch.bmm(weights.unsqueeze(1), hidden.float())[:, 0]


def last_of_padded(hidden: Tensor, texts: Sequence[Encoded]) -> Tensor:
    """(B, T, D) to (B, D): each row's last real token, in fp32."""
    last = torch.tensor([len(text.ids) - 1 for text in texts], device=hidden.device)
    return hidden[torch.arange(len(texts), device=hidden.device), last].float()
