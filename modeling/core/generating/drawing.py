"""The chance in sampling: which token follows, decided by numbers that belong to one response.

Each response has its own seed, and each of its tokens its own uniform number in [0, 1). A token is
the place where that number falls in the cumulative probabilities. So a response does not depend on
which others share its batch, on the order of work, or on how often a program was restarted (up to
floating-point noise: a draw that falls on the very edge between two tokens).
Left out: top-k, penalties, beam search.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modeling.core.program.seeds import derive_seed as derive_seed


@dataclass(frozen=True)
class Sampling:
    """How to draw. `stop_ids` end a response; `batch_tokens` are held in the cache at once."""

    stop_ids: frozenset[int]
    max_new_tokens: int
    temperature: float = 1.0  # 0: the likeliest token each time
    top_p: float = 1.0
    batch_tokens: int = 16384

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.batch_tokens < 1:
            raise ValueError("max_new_tokens and batch_tokens must be at least 1")
        if not self.temperature >= 0 or not 0 < self.top_p <= 1:  # NaN fails both
            raise ValueError("temperature must be at least 0 and top_p in (0, 1]")


def uniforms(seed: int, count: int) -> Tensor:
    """Draw a response's numbers in [0, 1), one per token to come. Shape: (count,), float64, on the
    CPU: a GPU's generator would give other numbers.

    The first draws are the same for every count."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pick(
    logits: Tensor, draws: Tensor, temperature: float = 1.0, top_p: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Choose one token per row by its draw, and give its log-probability.
    Shape: logits (R, V), draws (R,) -> tokens (R,) int64, log_probs (R,) float32

    The log-probability is that of softmax(logits / temperature), at temperature 0 of
    softmax(logits). top_p narrows the choice and leaves the log-probability as it is: this is the
    convention of policy-gradient code, which takes ratios of the whole distribution.

    The cumulative sum runs in vocabulary order, not in order of probability: two tokens that are
    almost equally likely then cannot change places through rounding. It is in float64, for in
    float32 the last tokens of a large vocabulary would be lost.
    """
    logits = logits.float()
    if temperature not in (0.0, 1.0):
        logits = logits / temperature
    if temperature == 0:
        chosen = logits.argmax(dim=-1, keepdim=True)  # (R, 1)
    else:
        probabilities = torch.softmax(logits, dim=-1)  # (R, V)
        if top_p < 1:
            probabilities = _nucleus(probabilities, top_p)
        cumulative = probabilities.cumsum(dim=-1, dtype=torch.float64)  # (R, V)
        at = draws[:, None] * cumulative[:, -1:]  # scaled instead of normalising
        chosen = torch.searchsorted(cumulative, at, right=True)  # first token beyond the draw
        chosen = chosen.clamp(max=logits.shape[-1] - 1)
    log_probs = logits.gather(1, chosen)[:, 0] - logits.logsumexp(dim=-1)
    return chosen[:, 0], log_probs


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Set all tokens to 0 but the likeliest that together have `top_p`. Shape: (R, V) -> (R, V)

    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration."""
    ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(dim=-1) - ordered  # probability of all likelier tokens
    dropped = torch.zeros_like(before, dtype=torch.bool)
    dropped.scatter_(1, order, before >= top_p)  # the likeliest always stays
    return probabilities.masked_fill(dropped, 0.0)
