"""How many labels does each way of choosing pairs save?

    python benchmarks/selection.py [--worlds demo alpaca] [--seeds 10] [--quick]

A Bayesian logistic head on frozen features learns from a pool of pairs in batches of 50, at most
one pair of a prompt in a batch. The first batch is random for everyone; then each strategy chooses
from its head's beliefs, 20 % of every batch still at random. After each batch the head is fitted
anew and ordered on pairs of other prompts. `label_fraction` is the share of 1,600 labels after
which a strategy has reached what random selection has with all 1,600, the mean of the last three
batches on both sides; 1 where it never does. A curve of chance may cross by luck: the row "random
again", the same with other draws, says how early. Features: benchmarks/parts/selection_data.py; in
the demo world one label in ten is wrong. The last line is JSON, of the strategy that is best there.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import json
import sys
import time
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.parts.selection_data import World, load_world
from modeling.measures.logistic import Posterior, fit
from modeling.selection.strategies import RANDOM, first_of_each, order_of, worth_of

BATCH, BUDGET, RANDOM_SHARE = 50, 1600, 0.2
COMPONENTS = 64
PRIORS = (0.01, 0.03, 0.1, 0.3)
SMOOTH = 3
# Prompts to learn from and to be tested on, and labels that are wrong.
SETTINGS = {"demo": (800, 400, 0.1), "alpaca": (400, 100, 0.0)}
ARMS = {
    "random": (RANDOM, False),
    "random again": (RANDOM, False),
    "uncertainty": ("uncertainty", False),
    "uncertainty, spread out": ("uncertainty", True),
    "disagreement": ("disagreement", False),
    "disagreement, spread out": ("disagreement", True),
    "thompson": ("thompson", False),
    "thompson, spread out": ("thompson", True),
    "max-min": ("max_min", False),
}


@dataclass(frozen=True)
class Pool:
    """Pairs to learn from, x (N, D) with labels and prompts, and pairs to be tested on."""

    x: np.ndarray
    label: np.ndarray
    prompt: np.ndarray
    test_x: np.ndarray
    test_sign: np.ndarray


def make_pool(world: World, seed: int) -> Pool:
    """The same for every strategy: prompts, features and wrong labels follow from the seed."""
    train, test, noise = SETTINGS[world.name]
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.unique(world.prompt))
    features = components(world, np.isin(world.prompt, order[:train]))
    pairs = pairs_of(world, order[:train])
    gap = world.gold[pairs[:, 0]] - world.gold[pairs[:, 1]]
    pairs, gap = pairs[gap != 0], gap[gap != 0]
    label = ((gap > 0) != (rng.random(len(gap)) < noise)).astype(float)
    others = pairs_of(world, order[train : train + test])
    difference = world.gold[others[:, 0]] - world.gold[others[:, 1]]
    others, difference = others[difference != 0], difference[difference != 0]
    return Pool(
        features[pairs[:, 0]] - features[pairs[:, 1]],
        label,
        world.prompt[pairs[:, 0]],
        features[others[:, 0]] - features[others[:, 1]],
        np.sign(difference),
    )


def components(world: World, known: np.ndarray) -> np.ndarray:
    """(R, COMPONENTS + 1): principal components in one unit, and the standardised log-length; both
    fitted on the responses that may be learnt from."""
    centred = world.features - world.features[known].mean(0)
    directions = np.linalg.svd(centred[known], full_matrices=False)[2][:COMPONENTS]
    coordinates = centred @ directions.T
    coordinates /= coordinates[known].std(0).mean()
    length = world.log_length - world.log_length[known].mean()
    return np.column_stack([coordinates, length / length[known].std()])


def pairs_of(world: World, prompts: np.ndarray) -> np.ndarray:
    by_prompt: dict[int, list[int]] = {}
    for at, prompt in enumerate(world.prompt.tolist()):
        by_prompt.setdefault(prompt, []).append(at)
    return np.array([pair for p in prompts.tolist() for pair in combinations(by_prompt[p], 2)])


def learn(pool: Pool, strategy: str, spread: bool, rng: np.random.Generator) -> np.ndarray:
    """Accuracy on the test pairs after each batch."""
    free, known = np.ones(len(pool.x), dtype=bool), np.empty(0, dtype=int)
    posterior: Posterior | None = None
    accuracy = []
    while len(known) < BUDGET:
        batch = choose(pool, np.flatnonzero(free), posterior, strategy, spread, rng)
        known, free[batch] = np.append(known, batch), False
        fits = (fit(pool.x[known], pool.label[known], prior) for prior in PRIORS)
        posterior = max(fits, key=lambda fitted: fitted.evidence)
        right = np.sign(pool.test_x @ posterior.mean) == pool.test_sign
        accuracy.append(right.mean())
    return np.array(accuracy)


def choose(
    pool: Pool,
    free: np.ndarray,
    posterior: Posterior | None,
    strategy: str,
    spread: bool,
    rng: np.random.Generator,
) -> np.ndarray:
    """Fifty pairs of different prompts, a fifth of them (of the first batch all) at random."""
    by_chance = BATCH if posterior is None else round(RANDOM_SHARE * BATCH)
    shuffled = rng.permutation(free)
    drawn = shuffled[first_of_each(pool.prompt[shuffled], by_chance)]
    if posterior is None:
        return drawn
    rest = shuffled[~np.isin(pool.prompt[shuffled], pool.prompt[drawn])]
    worth = worth_of(strategy, posterior.beliefs(pool.x[rest]), rng)
    size = BATCH - by_chance
    vectors = pool.x[rest] if spread else None
    order = order_of(worth, pool.prompt[rest], vectors, batch=size, places=size)
    return np.append(drawn, rest[order[:size]])


def fraction(curve: np.ndarray, target: float) -> float:
    """The share of the budget after which the smoothed curve is first at the target."""
    smooth = np.convolve(curve, np.ones(SMOOTH) / SMOOTH, "valid")
    reached = np.flatnonzero(smooth >= target)
    return (reached[0] + SMOOTH) / len(curve) if len(reached) else 1.0


def measure(name: str, seeds: int, arms: list[str]) -> dict[str, dict[str, float]]:
    world = load_world(name)
    curves: dict[str, list[np.ndarray]] = {arm: [] for arm in arms}
    for seed in range(seeds):
        pool = make_pool(world, seed)
        for arm in arms:
            # Every arm has draws of its own: what it saves is not the luck of shared ones.
            rng = np.random.default_rng([seed, list(ARMS).index(arm)])
            curves[arm].append(learn(pool, *ARMS[arm], rng))
        print(f"{name}: seed {seed + 1} of {seeds}", file=sys.stderr, flush=True)
    targets = [curve[-SMOOTH:].mean() for curve in curves["random"]]
    return {
        arm: row(accuracies, [fraction(c, t) for c, t in zip(accuracies, targets, strict=True)])
        for arm, accuracies in curves.items()
    }


def row(curves: list[np.ndarray], fractions: list[float]) -> dict[str, float]:
    half = 1.96 * float(np.std(fractions, ddof=1)) / len(fractions) ** 0.5
    mean = np.mean(curves, axis=0)
    return {
        "at_400": round(float(mean[400 // BATCH - 1]), 4),
        "at_800": round(float(mean[800 // BATCH - 1]), 4),
        "at_1600": round(float(mean[-SMOOTH:].mean()), 4),
        "label_fraction": round(float(np.mean(fractions)), 3),
        "low": round(float(np.mean(fractions)) - half, 3),
        "high": round(min(1.0, float(np.mean(fractions)) + half), 3),
        "never": int(sum(value == 1.0 for value in fractions)),
    }


def show(name: str, results: dict[str, dict[str, float]]) -> None:
    train, test, noise = SETTINGS[name]
    print(f"\n{name}: {train} prompts to learn from, {test} to be tested on, {noise:.0%} noise\n")
    print("| strategy | 400 labels | 800 | 1,600 | label fraction [95 %] | never |")
    print("|---|--:|--:|--:|---|--:|")
    for arm, figures in results.items():
        print(
            f"| {arm} | {figures['at_400']:.1%} | {figures['at_800']:.1%} "
            f"| {figures['at_1600']:.1%} | {figures['label_fraction']:.2f} "
            f"[{figures['low']:.2f}, {figures['high']:.2f}] "
            f"| {figures['never']} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--quick", action="store_true", help="three seeds")
    given = parser.parse_args()
    started = time.process_time()
    seeds = 3 if given.quick else given.seeds
    summary: dict[str, object] = {"seeds": seeds}
    for name in given.worlds:
        results = measure(name, seeds, given.arms)
        show(name, results)
        chosen = {arm: figures for arm, figures in results.items() if not arm.startswith("random")}
        best = min(chosen, key=lambda arm: chosen[arm]["label_fraction"])
        summary[name] = {"best": best} | chosen[best]
    print(f"\n{time.process_time() - started:.0f} CPU-seconds")
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
