"""The instant head: learns from every judgment in milliseconds, between two trainings. Pure numpy.

The reward model in service stays as it is. On its frozen features f the head corrects what it says
of a pair:

    logit(a over b) = c (reward_a - reward_b) / temperature + w . (f_a - f_b)

with beliefs c ~ N(1, 0.5^2) and w ~ N(0, scale^2), so that it begins as the model and learns a new
calibration (c) and a new direction (w). Several scales run side by side and are weighed by how
well each foretold the judgments so far; one of them is 0, so that where features teach nothing the
head stays the model. `Line` keeps the beliefs about all queued pairs up with the head.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modeling.measures.calibration import log_loss, probability
from modeling.measures.logistic import Array, Beliefs, moderated, moderated_logit

Fast = NDArray[np.float32]

# Of a typical pair's logit, the deviation of the correction that is expected beforehand.
SCALES = (0.0, 0.3, 1.0, 3.0)
MARGIN_DEVIATION = 0.5
MOST_STEPS = 50


@dataclass(frozen=True)
class HeadStep:
    """What one judgment changed: along directions (K, D) the means moved by `move` (K,) and the
    covariances lost `shrink` (K,)."""

    directions: Array
    move: Array
    shrink: Array


@dataclass(frozen=True)
class Guess:
    """What the head said of a judgment before it learnt from it: the probability of the first."""

    probability: float
    step: HeadStep


class InstantHead:
    """K logistic heads over x (D,) = [reward difference / temperature, feature difference], the
    features in units of a typical pair's difference."""

    def __init__(self, features: int, scales: tuple[float, ...] = SCALES) -> None:
        size = features + 1
        prior = np.zeros((len(scales), size))
        prior[:, 0] = MARGIN_DEVIATION**2
        prior[:, 1:] = np.square(scales)[:, None]
        self.mean = np.zeros((len(scales), size))
        self.mean[:, 0] = 1.0
        self.covariance = np.stack([np.diag(variance) for variance in prior])
        self.log_weight = np.zeros(len(scales))

    @property
    def weights(self) -> Array:
        """How much each scale counts, (K,), summing to 1."""
        likely = np.exp(self.log_weight - self.log_weight.max())
        shares: Array = likely / likely.sum()
        return shares

    def each(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance (N, K) of the logits of x (N, D), by each head."""
        mean = x @ self.mean.T
        variance = np.stack([((x @ c) * x).sum(axis=1) for c in self.covariance], axis=1)
        return mean, variance

    def foretell(self, x: Array) -> float:
        """The probability of the first of a pair x (D,)."""
        mean, variance = self.each(x[None])
        return float(self.weights @ moderated(mean[0], variance[0]))

    def beliefs(self, x: Array) -> Beliefs:
        return mix(self.weights, *self.each(x))

    def draw(self, count: int, rng: np.random.Generator) -> Array:
        """Weights (count, D) drawn from the beliefs, for Thompson sampling."""
        heads = rng.choice(len(self.mean), size=count, p=self.weights)
        drawn = np.empty((count, self.mean.shape[1]))
        for head in np.unique(heads).tolist():
            values, directions = np.linalg.eigh(self.covariance[head])
            root = directions * np.sqrt(np.maximum(values, 0.0))
            which = heads == head
            normal = rng.standard_normal((int(which.sum()), len(values)))
            drawn[which] = self.mean[head] + normal @ root.T
        return drawn

    def learn(self, x: Array, target: float, weight: float = 1.0) -> Guess:
        """Foretells the judgment, then learns from it: x (D,), target 1 where the first was
        preferred, 0 the second, a half for a tie.

        Laplace's approximation judgment by judgment (D. Spiegelhalter and S. Lauritzen, 1990). The
        new mode lies at mean + a S x, S the covariance, where a solves one equation in one
        unknown; the Hessian gains a rank-one term, so its inverse costs O(D^2)."""
        directions = self.covariance @ x  # (K, D)
        mean, variance = self.mean @ x, directions @ x  # (K,)
        guess = float(self.weights @ moderated(mean, variance))
        logit = moderated_logit(mean, variance)
        self.log_weight -= weight * log_loss(logit, np.full_like(logit, target))
        move = solve_move(mean, variance, target, weight)
        p = probability(mean + move * variance)
        curvature = weight * p * (1.0 - p)
        shrink = curvature / (1.0 + curvature * variance)
        self.mean += move[:, None] * directions
        for head, direction in enumerate(directions):
            self.covariance[head] -= shrink[head] * np.outer(direction, direction)
        return Guess(guess, HeadStep(directions, move, shrink))


def solve_move(mean: Array, variance: Array, target: float, weight: float) -> Array:
    """The a (K,) with a = weight (target - sigmoid(mean + a variance)).

    The difference of the two sides rises in a, and the root lies between weight (target - 1) and
    weight target: Newton's method, kept between bounds that close in."""
    low = np.full_like(mean, weight * (target - 1.0))
    high = np.full_like(mean, weight * target)
    at = (low + high) / 2.0
    for _ in range(MOST_STEPS):
        p = probability(mean + at * variance)
        excess = at - weight * (target - p)
        low, high = np.where(excess < 0, at, low), np.where(excess > 0, at, high)
        following = at - excess / (1.0 + weight * p * (1.0 - p) * variance)
        inside = (following >= low) & (following <= high)
        following = np.where(inside, following, (low + high) / 2.0)
        if np.abs(following - at).max() < 1e-12:
            return following
        at = following
    return at


def mix(weights: Array, mean: Array, variance: Array) -> Beliefs:
    """One Gaussian with the mean and variance of the mixture; mean and variance are (N, K)."""
    middle = mean @ weights
    spread = (variance + mean**2) @ weights - middle**2
    return Beliefs(middle, np.maximum(spread, 0.0))


class Line:
    """What the head believes of N queued pairs, kept up with it at O(N D) a judgment."""

    def __init__(self, head: InstantHead, x: Array) -> None:
        self.head = head
        self.x: Fast = x.astype(np.float32)
        self.mean, self.variance = head.each(x)

    def follow(self, step: HeadStep) -> None:
        along = (self.x @ step.directions.T.astype(np.float32)).astype(float)  # (N, K)
        self.mean += along * step.move
        self.variance = np.maximum(self.variance - along**2 * step.shrink, 0.0)

    def beliefs(self) -> Beliefs:
        return mix(self.head.weights, self.mean, self.variance)
