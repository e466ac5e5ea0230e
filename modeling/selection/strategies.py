"""Which pairs are worth a label. Pure numpy: beliefs in, worth and order out.

Every strategy gives each pair a worth between 0 and 1; the order of the queue follows from worth,
with no prompt twice in a batch and a batch spread over the space of features. A share of
hand-outs is drawn at random whatever the strategy says (labeling/queue/handout.py), so that its use
can be measured (lift.py).
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from modeling.measures.calibration import probability
from modeling.measures.logistic import LN2, Array, Beliefs, entropy_of, mutual_information

Order = NDArray[np.intp]
BATCH = 50
# How many places at the head of the line are spread out; those behind follow by worth alone.
PLACES = 200
# A batch is chosen for how different its pairs are, among the best pairs: this many times its size.
SHORTLIST = 2
# Draws for a second winner, then any other response is taken: models that agree would never end.
MOST_DRAWS = 30


def uncertainty(beliefs: Beliefs) -> Array:
    """Entropy of the predicted preference over ln 2: 1 for an even pair (uncertainty sampling: D.
    Lewis and W. Gale, 1994). What the model does not know of itself counts as uncertainty, too."""
    return entropy_of(beliefs.probability) / LN2


def disagreement(beliefs: Beliefs) -> Array:
    """How much a label would tell about the model, over ln 2 (`logistic.mutual_information`)."""
    return mutual_information(beliefs) / LN2


def thompson(beliefs: Beliefs) -> Array:
    """How often two models drawn from the beliefs would choose different winners, times two.

    Of a prompt's responses, double Thompson sampling (H. Wu and X. Liu, 2016, arXiv:1604.07101;
    for language models V. Dwaracherla et al., 2024, arXiv:2402.00396) compares the best by one
    draw with the best by another. With two responses that is 2 q (1 - q), q the share of draws
    that favour the first."""
    deviation = np.sqrt(np.maximum(beliefs.variance, 1e-18))
    q = normal_share(beliefs.mean / deviation)
    return 4.0 * q * (1.0 - q)


def max_min(beliefs: Beliefs) -> Array:
    """The larger the gap between the two rewards the more: 0 for none (the best against the worst
    response; H. Dong et al., 2024, arXiv:2405.07863). It teaches a policy a clear lesson, and a
    reward model little."""
    worth: Array = 2.0 * probability(np.abs(beliefs.mean)) - 1.0
    return worth


def normal_share(z: Array) -> Array:
    """The share of a standard normal below z."""
    flat = [0.5 * math.erfc(-value / math.sqrt(2.0)) for value in np.ravel(z).tolist()]
    return np.array(flat).reshape(np.shape(z))


# By the values of `modeling.settings.choices.Selection`, which is what a project can set.
RANDOM = "random"
WORTH: dict[str, Callable[[Beliefs], Array]] = {
    "uncertainty": uncertainty,
    "disagreement": disagreement,
    "thompson": thompson,
    "max_min": max_min,
}


def worth_of(strategy: str, beliefs: Beliefs, rng: np.random.Generator) -> Array:
    """(N,) between 0 and 1, higher is handed out sooner."""
    if strategy == RANDOM:
        return rng.random(len(beliefs.mean))
    return WORTH[strategy](beliefs)


def order_of(
    worth: Array,
    prompts: NDArray[np.int64],
    vectors: Array | None = None,
    *,
    batch: int = BATCH,
    places: int = PLACES,
) -> Order:
    """Pairs (N,) in the order in which they should be judged.

    The first `places` come in batches, each by worth. In a batch a prompt comes once at most: two
    pairs of one prompt tell much the same, and the model hardly learns in between. With `vectors`
    (N, D), a batch is spread out (`spread_out`) among the best of its prompts, which are never more
    than half of the queue: else a short one would be ordered by difference alone."""
    most = max(batch, min(SHORTLIST * batch, len(worth) // 2))
    by_worth = np.argsort(-worth, kind="stable")
    head: list[int] = []
    left = by_worth
    while len(head) < places and len(left):
        first = first_of_each(prompts[left], most)
        shortlist = left[first]
        size = min(batch, places - len(head))
        chosen = shortlist[:size]
        if vectors is not None and len(shortlist) > size:
            chosen = shortlist[np.sort(spread_out(vectors[shortlist], size))]
        head += chosen.tolist()
        left = left[~np.isin(left, chosen)]
    return np.array([*head, *left.tolist()], dtype=np.intp)


def first_of_each(values: NDArray[np.int64], most: int) -> Order:
    """Where each value comes for the first time, in that order; `most` of them."""
    window = values[: 8 * most]
    _, first = np.unique(window, return_index=True)
    if len(first) < most and len(values) > len(window):
        _, first = np.unique(values, return_index=True)
    return np.sort(first)[:most]


def spread_out(vectors: Array, size: int) -> Order:
    """Places of `size` of the vectors (N, D), each chosen farthest from those before it, beginning
    with the first: greedy k-center (O. Sener and S. Savarese, 2018, arXiv:1708.00489). Length and
    sign are left out: a pair seen from the other side is the same pair."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(length, 1e-12)
    chosen = [0]
    nearest = 1.0 - np.abs(unit @ unit[0])
    while len(chosen) < size:
        nearest[chosen[-1]] = -1.0
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, 1.0 - np.abs(unit @ unit[chosen[-1]]))
    return np.array(chosen, dtype=np.intp)


def double_thompson(draws: Array, rng: np.random.Generator) -> tuple[int, int] | None:
    """Two different responses, each the best by one of the drawn models; draws (S, R) are rewards
    of R responses by S models. When the draws agree on one winner, its rival is any other, at
    random, as in arXiv:2402.00396. None for fewer than two responses."""
    if draws.shape[1] < 2:
        return None
    first = int(np.argmax(draws[rng.integers(len(draws))]))
    for _ in range(MOST_DRAWS):
        second = int(np.argmax(draws[rng.integers(len(draws))]))
        if second != first:
            return first, second
    others = [at for at in range(draws.shape[1]) if at != first]
    return first, others[int(rng.integers(len(others)))]
