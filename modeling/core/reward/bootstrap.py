"""Bootstrap weights by prompt: how often each member of an ensemble sees a prompt.

The Poisson bootstrap (Chamandy et al. 2012, "Estimating uncertainty for massive data streams"):
each member counts each prompt Poisson(1) times, which is what drawing with replacement comes to
when prompts are many. The number is a function of seed, member and prompt alone: neither the order
of the data nor new data changes it, and a resumed run goes on with the same ones.
"""

import hashlib
from functools import cache
from math import exp

from modeling.core.texts.text import Prompt
from modeling.measures.predictions import prompt_key

MOST = 12  # a Poisson(1) is beyond it once in ten billion draws


@cache
def cumulative() -> tuple[float, ...]:
    """P(X <= k) of Poisson(1), k = 0, 1, ..."""
    sums: list[float] = []
    term = exp(-1.0)
    for k in range(MOST + 1):
        sums.append((sums[-1] if sums else 0.0) + term)
        term /= k + 1
    return tuple(sums)


def bootstrap_weight(seed: int, member: int, prompt: Prompt) -> int:
    """Draw how often a member sees a prompt: 0 (37 %), 1 (37 %), 2 (18 %), ..."""
    text = f"bootstrap:{seed}:{member}:{prompt_key(prompt)}"
    draw = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
    return next((k for k, below in enumerate(cumulative()) if draw < below), MOST)


def rank_of(seed: int, prompt: Prompt) -> str:
    """The key by which prompts are sorted into a shuffle that new prompts do not change. Subsets
    that take the first of the sorted prompts are nested."""
    return hashlib.sha256(f"subset:{seed}:{prompt_key(prompt)}".encode()).hexdigest()
