"""Does weighing labelers by their estimated reliability settle more preferences rightly?

    python benchmarks/reliability_weights.py [--seeds 40]

A simulation with known answers: 20 labelers, three judgments for each of 400 pairs. Of the
labelers some are careful, some guess, some always take one side, one says the opposite. The same
judgments are settled twice by the product's own rule (labeling/preferences/settling.py): every vote
with weight 1, and with the weights that labeling/quality/measures/dawid_skene.py finds without
knowing the answers. A tie counts half. The last line is JSON; the interval is over seeds, paired.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings_test")

import django

django.setup()

from labeling.preferences.settling import Vote, weigh  # noqa: E402
from labeling.quality.measures.dawid_skene import Choices, estimate_reliabilities  # noqa: E402

LABELERS, PAIRS, OVERLAP = 20, 400, 3
# A pair that is hard for one is hard for all: the log-odds of every skill are scaled by it.
EASY_TO_HARD = (0.4, 1.6)
MIXES = {
    "all careful": (20, 0, 0, 0),
    "3 guess": (17, 3, 0, 0),
    "4 guess, 2 one side": (14, 4, 2, 0),
    "4 guess, 3 one side, 1 opposite": (12, 4, 3, 1),
}
HEADLINE = "4 guess, 3 one side, 1 opposite"


@dataclass(frozen=True)
class SharesRight:
    majority: float
    weighted: float


def skills_of(rng: np.random.Generator, mix: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds to be right, and the pull to the left side."""
    careful, guess, sided, opposite = mix
    skill = np.concatenate(
        [rng.uniform(0.8, 2.0, careful), np.zeros(guess + sided), np.full(opposite, -1.2)]
    )
    pull = np.concatenate([np.zeros(careful + guess), np.full(sided, 4.0), np.zeros(opposite)])
    return skill, pull


def simulate(seed: int, mix: tuple[int, ...]) -> tuple[Choices, np.ndarray]:
    rng = np.random.default_rng(seed)
    skill, pull = skills_of(rng, mix)
    truth = rng.random(PAIRS) < 0.5
    ease = rng.uniform(*EASY_TO_HARD, PAIRS)
    who = np.concatenate([rng.choice(LABELERS, OVERLAP, replace=False) for _ in range(PAIRS)])
    pair = np.repeat(np.arange(PAIRS), OVERLAP)
    on_left = rng.random(len(pair)) < 0.5
    side = np.where(truth[pair] == on_left, 1, -1)
    odds = skill[who] * ease[pair] + pull[who] * side
    right = rng.random(len(pair)) < 1 / (1 + np.exp(-odds))
    return Choices(pair, who, np.where(right, truth[pair], ~truth[pair]), on_left), truth


def accuracy(choices: Choices, truth: np.ndarray, weights: np.ndarray) -> float:
    """The share of pairs settled rightly; `choices` lists each pair's votes one after another."""
    directions = np.where(choices.chose_first, 1, -1).reshape(PAIRS, OVERLAP)
    weight = weights[choices.labeler].reshape(PAIRS, OVERLAP)
    points = 0.0
    for pair in range(PAIRS):
        votes = [
            Vote(int(direction), None, float(value))
            for direction, value in zip(directions[pair], weight[pair], strict=True)
        ]
        verdict = weigh(votes)
        points += 0.5 if verdict.direction == 0 else (verdict.direction > 0) == truth[pair]
    return points / PAIRS


def run(seed: int, mix: tuple[int, ...]) -> SharesRight:
    choices, truth = simulate(seed, mix)
    labelers = estimate_reliabilities(choices, LABELERS, PAIRS).labelers
    weights = np.array([labeler.weight for labeler in labelers])
    return SharesRight(
        accuracy(choices, truth, np.ones(LABELERS)), accuracy(choices, truth, weights)
    )


def summary(outcomes: list[SharesRight]) -> dict[str, float]:
    difference = np.array([outcome.weighted - outcome.majority for outcome in outcomes])
    half = 1.96 * difference.std(ddof=1) / len(difference) ** 0.5
    return {
        "accuracy_majority": round(float(np.mean([o.majority for o in outcomes])), 4),
        "accuracy_weighted": round(float(np.mean([o.weighted for o in outcomes])), 4),
        "difference_low": round(float(difference.mean() - half), 4),
        "difference_high": round(float(difference.mean() + half), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=40)
    seeds = parser.parse_args().seeds
    started = time.monotonic()
    print(f"{LABELERS} labelers, {PAIRS} pairs, {OVERLAP} judgments each, {seeds} seeds\n")
    print("| labelers | majority | weighted | difference [95 %] |")
    print("|---|---|---|---|")
    results = {}
    for name, mix in MIXES.items():
        figures = results[name] = summary([run(seed, mix) for seed in range(seeds)])
        low, high = 100 * figures["difference_low"], 100 * figures["difference_high"]
        print(
            f"| {name} | {figures['accuracy_majority']:.1%} | {figures['accuracy_weighted']:.1%} "
            f"| {low:+.1f} to {high:+.1f} points |"
        )
    print(f"\n{time.monotonic() - started:.0f} s; the JSON line is of “{HEADLINE}”.")
    print(json.dumps({**results[HEADLINE], "seeds": seeds, "mix": HEADLINE}))


if __name__ == "__main__":
    main()
