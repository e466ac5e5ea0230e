"""How long does one judgment take to reorder the queue?

    python benchmarks/instant_head.py [--queue 10000] [--features 384] [--judgments 30]

One judgment: the instant head learns it (four scales), the beliefs about every queued comparison
follow, each strategy gives its worth, and the line is put in order with its batches spread out.
Processor time of one thread; numpy alone, no database. The last line is JSON: `instant_ms` is the
median of the slowest strategy.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from modeling.selection.instant_head import InstantHead, Line
from modeling.selection.strategies import RANDOM, WORTH, order_of, worth_of

PARTS = ("learn", "follow", "worth", "order")


def make_queue(count: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs [margin, feature differences] of two thirds as many prompts."""
    rng = np.random.default_rng(0)
    gaps = rng.normal(size=(count, features)) / features**0.5
    return np.column_stack([rng.normal(size=count), gaps]), rng.integers(0, count * 2 // 3, count)


def time_strategy(
    strategy: str, x: np.ndarray, prompts: np.ndarray, judgments: int
) -> dict[str, float]:
    """Milliseconds, medians over the judgments, by part and in all."""
    head = InstantHead(x.shape[1] - 1)
    line = Line(head, x)
    rng = np.random.default_rng(1)
    rows = []
    for at in range(judgments):
        marks = [time.process_time()]
        guess = head.learn(x[at], float(rng.random() < 0.7))
        marks.append(time.process_time())
        line.follow(guess.step)
        marks.append(time.process_time())
        worth = worth_of(strategy, line.beliefs(), rng)
        marks.append(time.process_time())
        order_of(worth, prompts, line.x[:, 1:].astype(np.float64))
        marks.append(time.process_time())
        rows.append(np.diff(marks))
    taken = 1000.0 * np.array(rows)
    medians = dict(zip(PARTS, np.median(taken, axis=0).tolist(), strict=True))
    return medians | {"all": float(np.median(taken.sum(axis=1)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue", type=int, default=10_000)
    parser.add_argument("--features", type=int, default=384)
    parser.add_argument("--judgments", type=int, default=30)
    given = parser.parse_args()
    x, prompts = make_queue(given.queue, given.features)
    print(f"{given.queue} comparisons, {given.features} features, {given.judgments} judgments\n")
    print("| strategy | learn | follow | worth | order | all, ms |")
    print("|---|--:|--:|--:|--:|--:|")
    slowest = 0.0
    for strategy in (RANDOM, *WORTH):
        times = time_strategy(strategy, x, prompts, given.judgments)
        slowest = max(slowest, times["all"])
        parts = " | ".join(f"{times[part]:.1f}" for part in PARTS)
        print(f"| {strategy} | {parts} | {times['all']:.1f} |")
    print(json.dumps({"instant_ms": round(slowest, 1), "queue": given.queue,
                      "features": given.features}))  # fmt: skip


if __name__ == "__main__":
    main()
