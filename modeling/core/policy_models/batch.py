"""Prompts with responses as padded batches, and what a model says about each response token.

A row is [padding][prompt][response][padding] with all responses beginning at one column, so that a
model is asked for the logits of the response part alone. Rows of one length go together. Packed
rows (packed.py) cost less; this is for models that cannot read those.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modeling.core.reading.reader import apply_head


@dataclass(frozen=True)
class TokenText:
    """A prompt and a response as tokens; the response's end token is one of its tokens."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


class Batch(Protocol):
    """Texts that are read in one forward pass. R: tokens of the longest response."""

    @property
    def is_real(self) -> Tensor:
        """(B, R), which of the places are response tokens."""

    def logps(self, model: PreTrainedModel, temperature: float) -> tuple[Tensor, Tensor]:
        """Log-probability of each response token and entropy of the distribution it is drawn from,
        softmax(logits / temperature); both (B, R), fp32, in nats."""

    def values(self, model: PreTrainedModel) -> Tensor:
        """Values (B, R) in fp32 of the states in which each response token is chosen.

        `model` is a sequence classifier on a causal trunk with the one-output layer `score`.
        """


@dataclass(frozen=True)
class Padded:
    """A padded batch: ids, mask and positions (B, T); targets and is_real (B, R), which are the
    last R of the T columns."""

    ids: Tensor
    mask: Tensor
    positions: Tensor
    targets: Tensor
    is_real: Tensor

    def logps(self, model: PreTrainedModel, temperature: float) -> tuple[Tensor, Tensor]:
        """See `Batch.logps`."""
        # The logits of a token are those of the place before it: one more place than tokens.
        wanted = self.targets.shape[1] + 1
        output = model(
            input_ids=self.ids,
            attention_mask=self.mask,
            use_cache=False,
            **accepted(model, logits_to_keep=wanted, position_ids=self.positions),
        )
        # In fp32: ratios of probabilities are exponentials of differences of these.
        return token_logps(output.logits[:, -wanted:-1].float(), self.targets, temperature)

    def values(self, model: PreTrainedModel) -> Tensor:
        """See `Batch.values`."""
        trunk = model.base_model(
            input_ids=self.ids,
            attention_mask=self.mask,
            position_ids=self.positions,
            use_cache=False,
        )
        wanted = self.targets.shape[1] + 1
        return apply_head(model, trunk.last_hidden_state[:, -wanted:-1])[..., 0]


def pad_texts(texts: Sequence[TokenText], device: torch.device) -> Padded:
    """Pad texts left and right. Padding ids are 0: they are masked wherever they could matter."""
    left = max(len(text.prompt) for text in texts)
    right = max(1, *(len(text.response) for text in texts))
    ids = torch.zeros(len(texts), left + right, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        start, end = left - len(text.prompt), left + len(text.response)
        ids[row, start:end] = torch.tensor(text.prompt + text.response)
        mask[row, start:end] = 1
    # Counted from the text's own first token, behind the padding on its left.
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return Padded(
        ids.to(device),
        mask.to(device),
        positions.to(device),
        ids[:, left:].to(device),
        mask[:, left:].bool().to(device),
    )


def by_length(texts: Sequence[TokenText], budget: int) -> Iterator[list[int]]:
    """Divide texts into passes of `budget` padded tokens, as lists of their numbers, longest first:
    a pass that is too large for the memory then fails at once."""
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


def accepted(model: PreTrainedModel, **wanted: Any) -> dict[str, Any]:
    """Choose those arguments that the model's forward takes."""
    takes = inspect.signature(model.forward).parameters
    return {name: value for name, value in wanted.items() if name in takes}


def token_logps(logits: Tensor, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """The log-probability of each target and the entropy of each distribution, in nats. The entropy
    is for the log and has no gradient.
    Shape: logits (..., V), targets (...) -> both (...)"""
    logps = torch.log_softmax(logits / temperature, dim=-1)  # (..., V)
    entropy = -(logps.detach().exp() * logps.detach()).sum(dim=-1)
    return logps.gather(-1, targets[..., None])[..., 0], entropy
