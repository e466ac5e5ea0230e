"""Bayesian logistic regression by Laplace's approximation, and what its beliefs say of a pair.

A logit has the belief N(mean, variance): the variance is what the model does not know (more labels
would tell), the coin that is left at variance 0 is what nobody can know. Pure numpy, no torch: the
workers use it between two trainings.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modeling.measures.calibration import log_loss, probability

Array = NDArray[np.float64]

LN2 = float(np.log(2.0))
MOST_STEPS = 50
TOLERANCE = 1e-8
# Gauss-Hermite nodes and weights for a standard normal.
NODES, _mass = np.polynomial.hermite_e.hermegauss(15)
WEIGHTS = _mass / _mass.sum()


@dataclass(frozen=True)
class Posterior:
    """N(mean (D,), covariance (D, D)) over the weights, and the log of the model's evidence."""

    mean: Array
    covariance: Array
    evidence: float

    def beliefs(self, x: Array) -> "Beliefs":
        """The mean and variance of the logits of x (N, D)."""
        variance = ((x @ self.covariance) * x).sum(axis=1)
        return Beliefs(x @ self.mean, variance)


@dataclass(frozen=True)
class Beliefs:
    """Of logits: the mean and the variance of each, both (N,)."""

    mean: Array
    variance: Array

    @property
    def probability(self) -> Array:
        return moderated(self.mean, self.variance)


def fit(
    x: Array,
    target: Array,
    prior_variance: Array | float,
    *,
    prior_mean: Array | None = None,
    weight: Array | None = None,
) -> Posterior:
    """The posterior of logistic regression without an intercept: x (N, D), target (N,) in 0..1.

    Newton's method on the log-posterior, each step halved until it improves; the covariance is the
    inverse Hessian at the mode, the evidence Laplace's (D. MacKay, 1992, "The evidence framework
    applied to classification networks"). For a pair, x is the difference of two feature vectors,
    which makes it the Bradley-Terry model: no intercept, and sides may be swapped.
    """
    size = x.shape[1]
    precision = np.broadcast_to(1.0 / np.asarray(prior_variance, dtype=float), (size,))
    centre = np.zeros(size) if prior_mean is None else prior_mean
    weights = np.ones(len(x)) if weight is None else weight
    at = centre.copy()

    def objective(w: Array) -> float:
        loss = float(weights @ log_loss(x @ w, target))
        return loss + 0.5 * float(precision @ (w - centre) ** 2)

    def hessian(w: Array) -> Array:
        p = probability(x @ w)
        curvature: Array = (x.T * (weights * p * (1.0 - p))) @ x + np.diag(precision)
        return curvature

    value = objective(at)
    for _ in range(MOST_STEPS):
        gradient = x.T @ (weights * (probability(x @ at) - target)) + precision * (at - centre)
        step = np.linalg.solve(hessian(at), gradient)
        size_of_step = 1.0
        while objective(at - size_of_step * step) > value and size_of_step > 1e-4:
            size_of_step /= 2.0
        at = at - size_of_step * step
        before, value = value, objective(at)
        if before - value < TOLERANCE * (1.0 + abs(value)):
            break
    curvature = hessian(at)
    evidence = -value + 0.5 * float(np.log(precision).sum() - np.linalg.slogdet(curvature)[1])
    covariance: Array = np.linalg.inv(curvature).astype(np.float64)
    return Posterior(at, covariance, evidence)


def moderated(mean: Array, variance: Array) -> Array:
    """The mean of sigmoid(f) over f ~ N(mean, variance), by MacKay's approximation
    sigmoid(mean / sqrt(1 + pi variance / 8)): doubt about the logit moves it towards a half."""
    return probability(moderated_logit(mean, variance))


def moderated_logit(mean: Array, variance: Array) -> Array:
    logit: Array = mean / np.sqrt(1.0 + np.pi * variance / 8.0)
    return logit


def entropy(logit: Array) -> Array:
    """Of a coin with probability sigmoid(logit), in nats: at most ln 2.

    ln(1 + e^-d) + d / (1 + e^d) with d = |logit|: neither overflows nor takes the log of zero."""
    size = np.minimum(np.abs(logit), 700.0)
    nats: Array = np.log1p(np.exp(-size)) + size / (1.0 + np.exp(size))
    return np.minimum(nats, LN2)


def entropy_of(p: Array) -> Array:
    """The same entropy, from the probability itself."""
    inside = np.clip(p, 1e-300, 1.0 - 1e-16)
    return entropy(np.log(inside) - np.log1p(-inside))


def mutual_information(beliefs: Beliefs) -> Array:
    """How much a label of each pair would tell about the model, in nats: the entropy of the
    predicted preference less the entropy that would be left if the model knew its weights (BALD:
    N. Houlsby et al., 2011, arXiv:1112.5745). By Gauss-Hermite quadrature; both terms at the same
    nodes, so that it is never negative."""
    f = (
        beliefs.mean[:, None] + np.sqrt(np.maximum(beliefs.variance, 0.0))[:, None] * NODES
    )  # (N, Q)
    predicted = probability(f) @ WEIGHTS
    nats: Array = entropy_of(predicted) - entropy(f) @ WEIGHTS
    return np.maximum(nats, 0.0)
