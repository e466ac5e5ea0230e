"""What best-of-n would bring, for every n at once, from one pool of samples per prompt.

numpy only: pages and benchmarks use it too.
"""

from math import log

import numpy as np

RESAMPLES = 1000


def best_weights(count: int, n: int) -> np.ndarray:
    """How likely each of `count` values, in ascending order, is the largest of n drawn from them.

    Drawn without putting back: C(i - 1, n - 1) / C(count, n) for the i-th smallest. The mean under
    these weights is an unbiased estimate of the expected maximum of n fresh draws, for every
    n <= count (the U-statistic of the maximum; Nakano et al. 2021, appendix I). Shape: (count,)
    """
    weights = np.zeros(count)
    weights[count - 1] = n / count
    for i in range(count - 1, n - 1, -1):  # C(i-1, n-1) / C(i, n-1) = (i - n + 1) / i
        weights[i - 1] = weights[i] * (i - n + 1) / i
    return weights


def expected_best(rewards: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Expected value, per prompt, of the response with the highest reward of n. Shape: (P,)

    rewards, values: (P, N). With values = rewards it is the reward of best-of-n itself; with other
    values (an oracle's, lengths) it is what choosing by the reward does to them. Responses with
    equal rewards are chosen with equal chances.
    """
    weights = best_weights(rewards.shape[1], n)
    expected = np.empty(len(rewards))
    for row, (reward, value) in enumerate(zip(rewards, values, strict=True)):
        chance = np.empty(len(reward))
        chance[np.argsort(reward, kind="stable")] = weights
        _, place, size = np.unique(reward, return_inverse=True, return_counts=True)
        shared = np.bincount(place, weights=chance) / size  # equal rewards, equal chances
        expected[row] = shared[place] @ value
    return expected


def best_of_n_kl(n: int) -> float:
    """Upper bound in nats of KL(best-of-n || the policy it draws from): log n - (n - 1) / n.

    Exact where all responses differ (Stiennon et al. 2020), a bound where some are alike (Beirami
    et al. 2024).
    """
    return log(n) - (n - 1) / n


def best_of_n_curve(rewards: np.ndarray, seed: int = 0) -> list[dict[str, float]]:
    """For every n from 1 to N: mean reward, its 95 % interval over prompts, and the KL bound.

    rewards: (P, N), one row per prompt. The interval is a bootstrap that draws whole prompts, the
    same ones for every n, so that the curve's edges are as smooth as the curve. It is none of
    intervals.py: those are of shares, which lie between 0 and 1, where few prompts leave room for
    what was not seen. A reward has no such bounds, and an estimate of few prompts is shown as what
    it is.
    """
    prompts, pool = rewards.shape
    drawn = np.random.default_rng(seed).integers(prompts, size=(RESAMPLES, prompts))
    curve = []
    for n in range(1, pool + 1):
        best = expected_best(rewards, rewards, n)  # (P,)
        low, high = np.quantile(best[drawn].mean(axis=1), (0.025, 0.975))
        curve.append(
            {
                "n": n,
                "reward": float(best.mean()),
                "low": float(low),
                "high": float(high),
                "kl": best_of_n_kl(n),
            }
        )
    return curve
