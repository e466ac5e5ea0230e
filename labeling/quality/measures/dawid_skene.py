"""How reliable each labeler is, from their choices alone: who is right is not known.

A Dawid–Skene model for choices between two responses, with a position term:

    P(labeler k chooses the truly better response) = sigmoid(skill_k + bias_k · side)

where side is +1 when the better response was on the left and −1 when it was on the right. Which
response is better is a hidden coin for every pair, fixed where a gold answer is known. EM finds
the most probable skills under a normal prior whose centre is learnt from everybody, so that a
newcomer starts as an average labeler and moves with the evidence. Ties and both-bad name no
better response and are not used.

The log-odds of independent votes add up, so `skill` is the best weight of a vote; weights are
given relative to the most skilled labeler, in (0, 1].
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The prior: a typical person chooses as the others would in three of four pairs, most lie
# between 0.53 and 0.89, and few are drawn to a side.
PRIOR_SKILL = 1.1
PRIOR_SPREAD = 0.7
PRIOR_BIAS_SPREAD = 0.5
# Centre and spread are learnt within what people can be. The prior is worth two more people:
# where all are alike, weights stay close, and noise does not make one outvote two.
PRIOR_PEOPLE = 2
SKILL_RANGE = (0.3, 3.0)
SPREAD_RANGE = (0.1, 2.0)
# Someone whose votes say nothing, or the opposite, counts for next to nothing, but not below:
# a preference that only they judged keeps a weight that a loss can carry.
LEAST_WEIGHT = 0.05
MAX_STEPS = 200
TOLERANCE = 1e-3
# Shared pairs below which a labeler's own evidence is too thin to name a number for it.
NEEDED_SHARED = 20
DRAWS = 2000


@dataclass(frozen=True)
class Choices:
    """Choices between two responses, one per entry. `pair` and `labeler` number from 0."""

    pair: Ints
    labeler: Ints
    chose_first: NDArray[np.bool_]
    first_on_left: NDArray[np.bool_]

    def __post_init__(self) -> None:
        lengths = {len(self.pair), len(self.labeler), len(self.chose_first)}
        if lengths != {len(self.first_on_left)}:
            raise ValueError(f"choices: columns of different lengths {sorted(lengths)}")


@dataclass(frozen=True)
class LabelerReliability:
    """The posterior of one labeler: the chance to choose the better response, and the share of
    coin-flip pairs in which they would choose the left one."""

    accuracy: float
    low: float
    high: float
    left: float
    left_low: float
    left_high: float
    skill: float
    weight: float
    shared: int

    @property
    def is_known(self) -> bool:
        """Enough pairs that others judged too, to speak of this person and not of the prior."""
        return self.shared >= NEEDED_SHARED


@dataclass(frozen=True)
class Reliabilities:
    labelers: list[LabelerReliability]
    first_is_better: Floats  # (pairs,) posterior


@dataclass(frozen=True)
class Prior:
    """What is believed of a labeler before any of their choices: log-odds, normal."""

    skill: float
    spread: float

    @property
    def precision(self) -> Floats:
        """Of (left, right) log-odds, from skill = (l + r) / 2 and bias = (l − r) / 2."""
        skill, bias = 1 / self.spread**2 / 4, 1 / PRIOR_BIAS_SPREAD**2 / 4
        return np.array([[skill + bias, skill - bias], [skill - bias, skill + bias]])


def estimate_reliabilities(
    choices: Choices, labelers: int, pairs: int, gold: dict[int, bool] | None = None, seed: int = 0
) -> Reliabilities:
    """Estimates each labeler's reliability, and for each pair how probably its first response is
    better.

    `gold` has pairs whose answer is known: pair -> whether the first is better.
    """
    known = np.full(pairs, np.nan)
    for pair, first in (gold or {}).items():
        known[pair] = float(first)
    better = _majority(choices, pairs, known)
    theta = np.full((labelers, 2), PRIOR_SKILL)  # log-odds to be right: better left, better right
    prior = Prior(PRIOR_SKILL, PRIOR_SPREAD)
    for _ in range(MAX_STEPS):
        counts = _expected_counts(choices, better, labelers)
        theta = _most_probable(theta, counts, prior)
        prior = _learn(theta, _covariance(choices, theta, better, labelers, prior), counts)
        before, better = better, _posterior(choices, theta, known)
        if len(better) == 0 or np.abs(better - before).max() < TOLERANCE:
            break
    covariance = _covariance(choices, theta, better, labelers, prior)
    shared = _shared(choices, labelers, pairs, known)
    # Judging alone tells of sides, not of skill.
    skills = np.where(shared > 0, theta.mean(axis=1), prior.skill)
    return Reliabilities(_describe(theta, covariance, skills, shared, seed), better)


def weights(skills: Floats) -> Floats:
    """Votes' weights from log-odds, relative to the best."""
    best = skills.max(initial=0.0)
    if best <= 0:
        return np.ones(len(skills))  # nobody tells better from worse: nobody is preferred
    return np.asarray(np.clip(skills / best, LEAST_WEIGHT, 1.0))


def posterior_of_pair(directions: Floats, skills: Floats) -> float:
    """The chance that the first response is better, given votes (+1 first, −1 second, 0 none)
    of labelers with these log-odds."""
    return float(_sigmoid(np.asarray(float(np.dot(directions, skills)))))


def _majority(choices: Choices, pairs: int, known: Floats) -> Floats:
    """The starting point: the share of votes for the first, drawn to one half."""
    votes = np.bincount(choices.pair, minlength=pairs)
    first = np.bincount(choices.pair, weights=choices.chose_first, minlength=pairs)
    share = (first + 0.5) / (votes + 1.0)
    return np.where(np.isnan(known), share, known)


def _right(choices: Choices, first_better: bool) -> NDArray[np.bool_]:
    return choices.chose_first if first_better else ~choices.chose_first


def _side(choices: Choices, first_better: bool) -> Ints:
    """0 where the better response was on the left, 1 where it was on the right."""
    on_left = choices.first_on_left if first_better else ~choices.first_on_left
    return np.where(on_left, 0, 1)


def _expected_counts(choices: Choices, better: Floats, labelers: int) -> Floats:
    """(labelers, side of the better response, right or all) under the pairs' posterior."""
    right, all_ = np.zeros((labelers, 2)), np.zeros((labelers, 2))
    for first_better in (True, False):
        chance = better[choices.pair] if first_better else 1 - better[choices.pair]
        side = _side(choices, first_better)
        np.add.at(all_, (choices.labeler, side), chance)
        np.add.at(right, (choices.labeler, side), chance * _right(choices, first_better))
    return np.stack([right, all_], axis=2)


def _most_probable(theta: Floats, counts: Floats, prior: Prior) -> Floats:
    """Newton steps for every labeler at once: two numbers each, a concave problem."""
    precision = prior.precision
    for _ in range(20):
        chance = _sigmoid(theta)
        slope = counts[:, :, 0] - counts[:, :, 1] * chance - (theta - prior.skill) @ precision
        curve = precision + _diagonal(counts[:, :, 1] * chance * (1 - chance))
        step = np.linalg.solve(curve, slope[:, :, None])[:, :, 0]
        theta = theta + np.clip(step, -2, 2)
        if np.abs(step).max(initial=0.0) < 1e-6:
            break
    return theta


def _learn(theta: Floats, covariance: Floats, counts: Floats) -> Prior:
    """Centre and spread of the skills of those with evidence."""
    seen = counts[:, :, 1].sum(axis=1) > 0
    skills = theta.mean(axis=1)[seen]
    people = len(skills) + PRIOR_PEOPLE
    centre = float(np.clip((skills.sum() + PRIOR_PEOPLE * PRIOR_SKILL) / people, *SKILL_RANGE))
    unsure = covariance[seen].mean(axis=(1, 2))  # of (left + right) / 2
    squares = ((skills - centre) ** 2 + unsure).sum() + PRIOR_PEOPLE * PRIOR_SPREAD**2
    return Prior(centre, float(np.clip((squares / people) ** 0.5, *SPREAD_RANGE)))


def _posterior(choices: Choices, theta: Floats, known: Floats) -> Floats:
    """(pairs,) the chance that the first response is better."""
    chance = _sigmoid(theta)
    log_odds = np.zeros(len(known))
    for first_better, sign in ((True, 1.0), (False, -1.0)):
        right = chance[choices.labeler, _side(choices, first_better)]
        likely = np.where(_right(choices, first_better), right, 1 - right)
        np.add.at(log_odds, choices.pair, sign * np.log(np.maximum(likely, 1e-12)))
    return np.where(np.isnan(known), _sigmoid(log_odds), known)


def _covariance(
    choices: Choices, theta: Floats, better: Floats, labelers: int, prior: Prior
) -> Floats:
    """(labelers, 2, 2) from the observed scores: unlike the curvature of the completed data, they
    know that the better response was never seen."""
    scores = np.zeros((len(choices.pair), 2))
    chance = _sigmoid(theta)
    rows = np.arange(len(choices.pair))
    for first_better in (True, False):
        belief = better[choices.pair] if first_better else 1 - better[choices.pair]
        side = _side(choices, first_better)
        miss = _right(choices, first_better) - chance[choices.labeler, side]
        scores[rows, side] += belief * miss
    information = np.zeros((labelers, 2, 2))
    np.add.at(information, choices.labeler, scores[:, :, None] * scores[:, None, :])
    return np.asarray(np.linalg.inv(information + prior.precision))


def _shared(choices: Choices, labelers: int, pairs: int, known: Floats) -> Ints:
    """How many of each labeler's pairs tell something: those judged by others too, or gold."""
    votes = np.bincount(choices.pair, minlength=pairs)
    tells = (votes[choices.pair] >= 2) | ~np.isnan(known[choices.pair])
    return np.bincount(choices.labeler[tells], minlength=labelers)


def _describe(
    theta: Floats, covariance: Floats, skills: Floats, shared: Ints, seed: int
) -> list[LabelerReliability]:
    weight = weights(skills)
    rng = np.random.default_rng(seed)
    reliabilities = []
    for k in range(len(theta)):
        drawn = rng.multivariate_normal(theta[k], covariance[k], size=DRAWS)
        chance = _sigmoid(drawn)
        accuracy = chance.mean(axis=1)
        left = (chance[:, 0] + 1 - chance[:, 1]) / 2
        low, high = np.percentile(accuracy, [2.5, 97.5])
        left_low, left_high = np.percentile(left, [2.5, 97.5])
        reliabilities.append(
            LabelerReliability(
                accuracy=float(accuracy.mean()),
                low=float(low),
                high=float(high),
                left=float(left.mean()),
                left_low=float(left_low),
                left_high=float(left_high),
                skill=float(skills[k]),
                weight=float(weight[k]),
                shared=int(shared[k]),
            )
        )
    return reliabilities


def _diagonal(values: Floats) -> Floats:
    return values[:, :, None] * np.eye(values.shape[1])


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -35, 35))))
