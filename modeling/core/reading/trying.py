"""Trying a model out on made-up texts, before anything is read with it.

What a model's attention does, and what padding does to it, is not to be known from its config: a
window may exist in the mask alone, a convolution may see the padding, a classifier may read
whatever token comes last. It is measured here, in a few short forward passes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from modeling.core.reading.shared_attention import UnsupportedAttentionError, mask_functions
from modeling.core.texts.text import Encoded

# Measured: packed rows longer than any window of these give what their plain forward gives, and
# their masks are made by the functions of transformers alone. All others are tried out at length.
WELL_KNOWN = frozenset({
    "biogpt", "gemma", "gpt2", "gpt_neox", "llama", "mistral", "mixtral", "olmo", "olmo2", "opt",
    "phi", "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "smollm3", "stablelm", "starcoder2",
})  # fmt: skip


def trial_tokens(model: PreTrainedModel, count: int) -> list[int]:
    """Make up tokens, the same each time, none of them the padding."""
    config = model.config.get_text_config()
    generator = torch.Generator().manual_seed(0)
    pad = getattr(config, "pad_token_id", None)
    low = 1 if pad == 0 else 0
    words = getattr(config, "vocab_size", None) or 100
    tokens = torch.randint(low, words, (count,), generator=generator).tolist()
    return [low if token == pad else token for token in tokens]


def trial_groups(model: PreTrainedModel) -> list[list[Encoded]]:
    """Make up two groups: three short responses to a prompt, and a text that stands alone."""
    tokens = trial_tokens(model, 30)
    prompt, rests = tokens[:6], (tokens[6:9], tokens[9:16], tokens[16:17])
    return [[Encoded(prompt + rest, 6, False) for rest in rests], [Encoded(tokens[17:], 0, False)]]


def long_groups(model: PreTrainedModel, length: int) -> list[list[Encoded]]:
    """Make up a group of two texts of `length` tokens, which begin alike, behind a short text."""
    half, ending = length // 2, length - length // 2
    tokens = trial_tokens(model, length + ending)
    prompt, rests = tokens[:half], (tokens[half:length], tokens[length:])
    texts = [Encoded(prompt + rest, half, False) for rest in rests]
    return [[Encoded(tokens[:5], 0, False)], texts]


def ended_texts(model: PreTrainedModel) -> list[Encoded]:
    """Make up texts of several lengths that end in the end token; one has that token inside too."""
    tokens = trial_tokens(model, 30)
    end = getattr(model.config.get_text_config(), "eos_token_id", None)
    end = end[0] if isinstance(end, list) else end
    end = end if isinstance(end, int) else tokens[0]
    endings = ((tokens[:4], 2), (tokens[4:12], 3), ([*tokens[12:18], end, *tokens[18:25]], 7))
    return [Encoded([*ids, end], prompt, False) for ids, prompt in endings]


@torch.no_grad()
def check_masks(model: PreTrainedModel, max_length: int) -> None:
    """Raises UnsupportedAttentionError where a mask, as the model asks transformers for it, hides
    from the last token of a text of `max_length` tokens anything that comes before it."""
    ids = torch.tensor([trial_tokens(model, 8)], device=model.device)
    with mask_functions() as functions:
        model.base_model(input_ids=ids, use_cache=False)
    keys = torch.arange(max_length)
    for function in functions:
        try:
            sees = _evaluate(function, max_length - 1, keys)
        except Exception as error:  # a foreign function of any kind
            raise UnsupportedAttentionError("its mask cannot be looked into") from error
        if not bool(sees.all()):
            seen = int(sees.sum())
            raise UnsupportedAttentionError(
                f"its attention has a sliding window or chunks: the last of {max_length} tokens "
                f"sees only {seen}"
            )


def _evaluate(function: Any, query: int, keys: Tensor) -> Tensor:
    """Ask a mask function of transformers which of the keys (T,) a query sees. Returns (T,)."""
    nothing = torch.zeros((), dtype=torch.long)
    sees: Tensor = function(nothing, nothing, torch.tensor(query), keys)
    return sees.expand(len(keys))


def apart(values: Tensor, expected: Tensor) -> float:
    """The largest difference as a share of the largest expected value; infinite for NaN, and for
    another shape."""
    if values.shape != expected.shape:
        return float("inf")
    difference = ((values - expected).abs().max() / expected.abs().max().clamp(min=1e-6)).item()
    return difference if difference == difference else float("inf")


def reason_of(error: Exception) -> str:
    """The first line of what a foreign model raised."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def rows_of(texts: Sequence[Encoded]) -> list[list[list[Encoded]]]:
    """Put each text into a batch of its own."""
    return [[[text]] for text in texts]
