"""Prompts with responses as padded batches, and what a model says about each response token.

A row is [padding][prompt][response][padding] with all responses beginning at one column, so that a
model is asked for the logits of the response part alone. Rows of one length go together.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Text:
    """A prompt and a response as tokens; the response's end token is one of its tokens."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


@dataclass(frozen=True)
class Padded:
    """ids, mask and positions (B, T); targets and is_real (B, R), the last R of the T columns."""

    ids: Tensor
    mask: Tensor
    positions: Tensor
    targets: Tensor
    is_real: Tensor


def pad_texts(texts: Sequence[Text], device: torch.device) -> Padded:
    """Padding ids are 0: they are masked wherever they could matter."""
    left = max(len(text.prompt) for text in texts)
    right = max(1, *(len(text.response) for text in texts))
    ids = torch.zeros(len(texts), left + right, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        start, end = left - len(text.prompt), left + len(text.response)
        ids[row, start:end] = torch.tensor(text.prompt + text.response)
        mask[row, start:end] = 1
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return Padded(
        ids.to(device),
        mask.to(device),
        positions.to(device),
        ids[:, left:].to(device),
        mask[:, left:].bool().to(device),
    )


def by_length(texts: Sequence[Text], budget: int) -> Iterator[list[int]]:
    """Numbers of texts that fit into one pass of `budget` padded tokens, longest first."""
    batch: list[int] = []
    left = right = 0
    for at in sorted(range(len(texts)), key=lambda at: (-len(texts[at]), at)):
        text = texts[at]
        wide = max(left, len(text.prompt)), max(right, len(text.response))
        if batch and sum(wide) * (len(batch) + 1) > budget:
            yield batch
            batch, wide = [], (len(text.prompt), len(text.response))
        batch.append(at)
        left, right = wide
    if batch:
        yield batch


def response_logits(model: PreTrainedModel, batch: Padded) -> Tensor:
    """Logits (B, R, V) in fp32 that each response token was, or is to be, drawn from."""
    wanted = batch.targets.shape[1] + 1  # the last prompt token's are those of the first token
    accepted = inspect.signature(model.forward).parameters
    extra: dict[str, Any] = {"logits_to_keep": wanted} if "logits_to_keep" in accepted else {}
    if "position_ids" in accepted:
        extra["position_ids"] = batch.positions
    output = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, **extra)
    return output.logits[:, -wanted:-1].float()


def token_logps(logits: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probability of each target and entropy of each distribution, both (B, R), in nats."""
    logps = torch.log_softmax(logits / temperature, dim=-1)  # (B, R, V)
    entropy = -(logps.detach().exp() * logps.detach()).sum(dim=-1)
    return logps.gather(-1, targets[..., None])[..., 0], entropy


def token_values(model: PreTrainedModel, batch: Padded) -> Tensor:
    """Values (B, R) in fp32 of the states in which each response token is chosen.

    `model` is a sequence classifier on a causal trunk with the one-output layer `score`.
    """
    trunk = model.base_model(
        input_ids=batch.ids,
        attention_mask=batch.mask,
        position_ids=batch.positions,
        use_cache=False,
    )
    wanted = batch.targets.shape[1] + 1
    hidden = trunk.last_hidden_state[:, -wanted:-1]  # (B, R, D)
    head = model.score
    with torch.autocast(hidden.device.type, enabled=False):
        return nn.functional.linear(hidden.float(), head.weight.float(), head.bias)[..., 0]
