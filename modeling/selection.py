"""Which prompts get new responses, and which pairs are worth a label."""

import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import combinations

from django.db.models import Count

from labeling.material import responses_key
from labeling.models import Comparison, ComparisonResponse, Project, Prompt, Response
from modeling.models import Policy

Pair = tuple[int, int]


def predictive_entropy(difference: float) -> float:
    """How open the outcome is when one reward is higher by `difference`, in nats (at most ln 2).

    The entropy of Bradley-Terry's probability 1 / (1 + exp(-difference))."""
    size = min(abs(difference), 700.0)
    # H = ln(1 + e^-d) + d / (1 + e^d), which neither overflows nor takes the log of zero.
    # Rounding may lift it above its bound by one unit in the last place.
    return min(math.log(2), math.log1p(math.exp(-size)) + size / (1.0 + math.exp(size)))


def worth_of(rewards: Sequence[float]) -> float:
    """The priority of a comparison: the mean entropy over its pairs."""
    pairs = list(combinations(rewards, 2))
    return sum(predictive_entropy(a - b) for a, b in pairs) / len(pairs)


def most_uncertain_pair(
    response_ids: Sequence[int], rewards: Mapping[int, float], taken: Collection[str]
) -> tuple[Pair, float] | None:
    """The pair whose outcome is most open, with its priority; None when all are taken."""
    return _best_pair(response_ids, taken, lambda a, b: predictive_entropy(rewards[a] - rewards[b]))


def random_pair(
    response_ids: Sequence[int], rng: random.Random, taken: Collection[str]
) -> tuple[Pair, float] | None:
    """Any pair, with a random priority below that of complete uncertainty: what there is to go by
    without a reward model."""
    return _best_pair(response_ids, taken, lambda _a, _b: rng.random() * math.log(2))


def _best_pair(
    response_ids: Sequence[int], taken: Collection[str], worth: Callable[[int, int], float]
) -> tuple[Pair, float] | None:
    free = [
        ((a, b), worth(a, b))
        for a, b in combinations(sorted(set(response_ids)), 2)
        if responses_key((a, b)) not in taken
    ]
    return max(free, key=lambda pair: pair[1], default=None)


def prompts_to_sample(project: Project, policy: Policy, count: int, seed: int) -> list[int]:
    """Prompts that need responses by this policy: those it was compared on least come first, then
    those with the fewest comparisons still to be judged, then at random."""
    ids = list(Prompt.objects.filter(project=project).order_by("pk").values_list("pk", flat=True))
    random.Random(seed).shuffle(ids)
    by_policy = _comparisons_by_policy(project, policy)
    waiting = dict(
        Comparison.objects.filter(project=project, slots_left__gt=0)
        .values_list("prompt")
        .annotate(Count("pk"))
        .order_by()
    )
    ids.sort(key=lambda pk: (by_policy.get(pk, 0), waiting.get(pk, 0)))
    return ids[:count]


def _comparisons_by_policy(project: Project, policy: Policy) -> dict[int, int]:
    """Prompt -> number of comparisons that show a response by this policy."""
    return dict(
        ComparisonResponse.objects.filter(
            response__prompt__project=project,
            response__origin=Response.Origin.POLICY,
            response__policy_version=policy.version,
        )
        .values_list("response__prompt")
        .annotate(Count("comparison", distinct=True))
        .order_by()
    )
