"""Whether a reward difference means what it says: temperature, ECE, Brier score, log-loss.

`delta` is the reward of chosen less that of rejected, `target` the share of judgments for chosen
(1; a tie is 0.5). A model's claim is p = sigmoid(delta / temperature). Pure numpy.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BINS = 15
FEWEST_TO_FIT = 50  # comparisons: on fewer a temperature is mostly luck
COLDEST, HOTTEST = 0.02, 50.0
SPREAD = 0.5  # of the logarithm of a temperature, before anything was judged
SIMULATIONS = 200


def probability(delta: Array, temperature: float = 1.0) -> Array:
    """sigmoid(delta / temperature), without overflow."""
    half: Array = 0.5 * (1.0 + np.tanh(0.5 * delta / temperature))
    return half


def log_loss(delta: Array, target: Array, temperature: float = 1.0) -> Array:
    """-t log p - (1 - t) log(1 - p) of each comparison, from the logits so that it stays finite."""
    logit = delta / temperature
    loss: Array = np.logaddexp(0.0, -logit) + (1.0 - target) * logit
    return loss


def brier(delta: Array, target: Array, temperature: float = 1.0) -> float:
    """Mean squared distance of p from the target."""
    return float(np.mean((probability(delta, temperature) - target) ** 2))


def fit_temperature(delta: Array, target: Array) -> float:
    """The likeliest temperature, if before it was log-normal around 1 with SPREAD; by golden
    section over its logarithm. That is the lowest sum of log-losses plus (log T / SPREAD)² / 2.

    A sum of losses alone (C. Guo et al. 2017, arXiv:1706.04599) is nearly flat on the few dozen
    comparisons there are at first: on 54 of them it was lowest at 11, which took every claim of
    that model away and doubled its ECE. Hundreds of comparisons outweigh the prior.
    """
    low, high = float(np.log(COLDEST)), float(np.log(HOTTEST))
    ratio = (np.sqrt(5.0) - 1.0) / 2.0

    def loss(at: float) -> float:
        return float(log_loss(delta, target, float(np.exp(at))).sum()) + (at / SPREAD) ** 2 / 2.0

    while high - low > 1e-5:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2.0))


def claims(delta: Array, target: Array, temperature: float = 1.0) -> tuple[Array, Array]:
    """(confidence, outcome) of each comparison, seen from the response the model prefers.

    Seen from chosen, every outcome would be 1 and any model would look too timid. Outcome: the
    share of judgments on the model's side; a half where the rewards are equal.
    """
    side = np.sign(delta)
    outcome = 0.5 + side * (target - 0.5)
    return probability(np.abs(delta), temperature), outcome


def reliability(confidence: Array, outcome: Array, bins: int = BINS) -> list[dict[str, float]]:
    """Bins of equal mass, by rising confidence: mean confidence, mean outcome, comparisons."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        {
            "confidence": float(confidence[part].mean()),
            "accuracy": float(outcome[part].mean()),
            "n": len(part),
        }
        for part in parts
    ]


def expected_error(confidence: Array, outcome: Array, bins: int = BINS) -> float:
    """ECE: the mean distance between confidence and outcome over bins of equal mass."""
    parts = reliability(confidence, outcome, bins)
    distance = sum(abs(part["confidence"] - part["accuracy"]) * part["n"] for part in parts)
    return distance / len(confidence)


def error_by_chance(confidence: Array, seed: int = 0, bins: int = BINS) -> float:
    """The ECE that a perfectly calibrated model exceeds one time in twenty on so few rows.

    ECE is never 0 on a finite sample: with seven comparisons in a bin it is around 0.15 for a
    perfect model. Outcomes are drawn from the confidences themselves.
    """
    random = np.random.default_rng(seed)
    drawn = [
        expected_error(confidence, (random.random(len(confidence)) < confidence).astype(float))
        for _ in range(SIMULATIONS)
    ]
    return float(np.quantile(drawn, 0.95)) if drawn else 0.0


def figures(delta: Array, target: Array, temperature: float = 1.0) -> dict[str, float]:
    """ECE, Brier score and mean log-loss under one temperature."""
    return {
        "ece": expected_error(*claims(delta, target, temperature)),
        "brier": brier(delta, target, temperature),
        "nll": float(log_loss(delta, target, temperature).mean()),
    }


def calibrate(
    held_out: Sequence[tuple[str, Array, Array]], delta: Array, target: Array
) -> dict[str, Any]:
    """The report: a temperature from the first of `held_out` (name, delta, target) that has enough
    comparisons, and what it does to `delta`, `target`, which must be others."""
    report: dict[str, Any] = {"before": figures(delta, target)}
    usable = next((part for part in held_out if len(part[1]) >= FEWEST_TO_FIT), None)
    if usable is None:
        there = ", ".join(f"{len(part[1])} {part[0]}" for part in held_out)
        report["refused"] = (
            f"A temperature needs {FEWEST_TO_FIT} comparisons that the model has not learned "
            f"from; there are {there}."
        )
        temperature = 1.0
    else:
        name, fit_delta, fit_target = usable
        temperature = fit_temperature(fit_delta, fit_target)
        report |= {"temperature": temperature, "fitted_on": name, "fitted_n": len(fit_delta)}
        report["after"] = figures(delta, target, temperature)
    confidence, outcome = claims(delta, target, temperature)
    report["reliability"] = reliability(confidence, outcome)
    report["ece_by_chance"] = error_by_chance(confidence)
    return report
