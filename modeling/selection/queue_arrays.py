"""The queue as arrays: who is compared with whom, and what the model in service says of them."""

import math
from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from django.db.models import QuerySet
from numpy.typing import NDArray

from labeling.models import Comparison, ComparisonResponse, Project
from labeling.preferences import counts
from modeling.measures.logistic import Array, Beliefs
from modeling.models import RewardModel, Round, Score
from modeling.reward_models.drift import temperature_of
from modeling.selection.features import Space, space_of, vectors_of

BATCH = 500
# How many comparisons, the ones due soonest, have their responses scored after a training and are
# put in order. One number for both: what has no reward by the model in service has no place in its
# order.
MOST_RANKED = 5000
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Opinions:
    """What one reward model says of responses, by response: the reward, the rewards by each member,
    and the vector of `features` numbers, in units of `unit`. `temperature` makes rewards logits."""

    temperature: float
    features: int
    unit: float
    rewards: dict[int, float]
    members: dict[int, list[float]]
    vectors: dict[int, NDArray[np.float32]]

    def inputs(self, first: list[int], second: list[int]) -> Array:
        """x (P, 1 + features) of pairs, as the instant head takes them."""
        margin = [(self.rewards[a] - self.rewards[b]) / self.temperature
                  for a, b in zip(first, second, strict=True)]  # fmt: skip
        gap = np.zeros((len(margin), self.features), dtype=float)
        for at, (a, b) in enumerate(zip(first, second, strict=True)):
            if a in self.vectors and b in self.vectors:
                gap[at] = self.vectors[a] - self.vectors[b]
        return np.column_stack([np.array(margin, dtype=float), gap / self.unit])

    def spread(self, first: list[int], second: list[int]) -> Array:
        """(P,) the variance of the members' opinions of each pair; 0 for one member alone."""
        variance = np.zeros(len(first))
        for at, (a, b) in enumerate(zip(first, second, strict=True)):
            gaps = np.subtract(self.members.get(a) or [0.0], self.members.get(b) or [0.0])
            variance[at] = gaps.var() / self.temperature**2
        return variance


def opinions_of(model: RewardModel, responses: set[int], space: Space) -> Opinions:
    """What the model says of these responses. `space`: the one that the caller's earlier vectors
    were read in, since two spaces do not compare."""
    rewards: dict[int, float] = {}
    members: dict[int, list[float]] = {}
    ids = sorted(responses)
    for start in range(0, len(ids), BATCH):
        rows = Score.objects.filter(reward_model=model, response__in=ids[start : start + BATCH])
        for pk, value, several in rows.values_list("response_id", "value", "members"):
            if not math.isfinite(value):
                continue  # as if it had not been scored
            rewards[pk] = value
            if len(several) > 1:
                members[pk] = several
    vectors = vectors_of(model, responses, space.features)
    return Opinions(temperature_of(model), space.features, space.unit, rewards, members, vectors)


@dataclass(frozen=True)
class QueueArrays:
    """C comparisons that nobody has seen yet and whose responses all have a reward: ids, prompts
    (C,); and their P pairs: the comparison's place (P,), x (P, D), the members' variance (P,).
    `space`: what x was read in."""

    ids: Ids
    prompts: Ids
    owner: Ids
    x: Array
    spread: Array
    space: Space

    def mean(self, of_pairs: Array) -> Array:
        """(C,) of values of pairs (P,): a ranking is worth the mean over its pairs."""
        count = np.bincount(self.owner, minlength=len(self.ids))
        means: Array = np.bincount(self.owner, of_pairs, minlength=len(self.ids)) / count
        return means

    def vectors(self) -> Array:
        """(C, F) of each comparison the difference of features of its first pair."""
        return self.x[np.unique(self.owner, return_index=True)[1], 1:]


def load_queue(project: Project, model: RewardModel, most: int = MOST_RANKED) -> QueueArrays:
    """At most `most` comparisons, those due soonest first. One with a response that has no reward
    by this model is left out: it could not be put beside the others."""
    rows = list(rankable(project).order_by("-priority", "pk").values_list("pk", "prompt_id")[:most])
    places = responses_of([pk for pk, _ in rows])
    space = space_of(model)
    opinions = opinions_of(model, {pk for responses in places.values() for pk in responses}, space)
    rewarded = [row for row in rows if all(pk in opinions.rewards for pk in places[row[0]])]
    pairs = [
        (at, a, b) for at, (pk, _) in enumerate(rewarded) for a, b in combinations(places[pk], 2)
    ]
    first, second = [a for _, a, _ in pairs], [b for _, _, b in pairs]
    return QueueArrays(
        np.array([pk for pk, _ in rewarded], dtype=np.int64),
        np.array([prompt for _, prompt in rewarded], dtype=np.int64),
        np.array([at for at, _, _ in pairs], dtype=np.int64),
        opinions.inputs(first, second),
        opinions.spread(first, second),
        space,
    )


def empty_queue(model: RewardModel) -> QueueArrays:
    none = np.array([], dtype=np.int64)
    space = space_of(model)
    return QueueArrays(none, none, none, np.empty((0, space.features + 1)), np.empty(0), space)


def rankable(project: Project) -> QuerySet[Comparison]:
    """Fresh comparisons, less the blind ones of a round that is under way: those keep their place
    in line (modeling/policies/blind.py)."""
    return counts.fresh(project).exclude(blind_pair__round__state__in=Round.OPEN)


def responses_of(comparisons: list[int]) -> dict[int, list[int]]:
    """Comparison -> its responses, ids ascending."""
    by_comparison: dict[int, list[int]] = defaultdict(list)
    for start in range(0, len(comparisons), BATCH):
        rows = ComparisonResponse.objects.filter(
            comparison__in=comparisons[start : start + BATCH]
        ).order_by("response_id")
        for comparison, response in rows.values_list("comparison_id", "response_id"):
            by_comparison[comparison].append(response)
    return by_comparison


def with_spread(beliefs: Beliefs, spread: Array) -> Beliefs:
    """What the head does not know, and what the members do not agree on."""
    return Beliefs(beliefs.mean, beliefs.variance + spread)
