"""Of a prompt's new responses, the two that join the queue."""

import random
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

import numpy as np

from labeling.material.adding import responses_key
from modeling.measures.logistic import Array
from modeling.selection.learner import Follower
from modeling.selection.queue_arrays import Opinions, opinions_of, with_spread
from modeling.selection.strategies import double_thompson, worth_of
from modeling.settings.choices import Selection

Pair = tuple[int, int]
DRAWS = 64


def choose_pairs(
    by_prompt: Mapping[int, Sequence[int]],
    taken: Collection[tuple[int, str]],
    *,
    follower: Follower | None,
    strategy: Selection,
    random_share: float,
    seed: int,
) -> dict[int, Pair]:
    """Prompt -> a pair of its responses that is not `taken` (prompt, key of the responses).

    In a share of prompts any pair: what is handed out at random would else be drawn from pairs
    that were chosen. Without a reward model all pairs are random."""
    free = {
        prompt: [pair for pair in combinations(sorted(set(responses)), 2)
                 if (prompt, responses_key(pair)) not in taken]
        for prompt, responses in by_prompt.items()
    }  # fmt: skip
    responses = {pk for several in by_prompt.values() for pk in several}
    opinions = opinions_of(follower.model, responses, follower.space) if follower else None
    chosen: dict[int, Pair] = {}
    for prompt, pairs in free.items():
        if not pairs:
            continue
        rng = random.Random(f"{seed}/{prompt}")
        by_chance = rng.random() < random_share or strategy == Selection.RANDOM
        known = [pair for pair in pairs if opinions and set(pair) <= opinions.rewards.keys()]
        if by_chance or not known or follower is None or opinions is None:
            chosen[prompt] = rng.choice(pairs)
        else:
            chosen[prompt] = best_pair(known, opinions, follower, strategy, rng.getrandbits(32))
    return chosen


def best_pair(
    pairs: Sequence[Pair], opinions: Opinions, follower: Follower, strategy: Selection, seed: int
) -> Pair:
    rng = np.random.default_rng(seed)
    if strategy == Selection.THOMPSON:
        responses = sorted({pk for pair in pairs for pk in pair})
        places = double_thompson(draws_of(responses, opinions, follower, rng), rng)
        favourites = places and (responses[places[0]], responses[places[1]])
        if favourites and (pair := (min(favourites), max(favourites))) in pairs:
            return pair
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    beliefs = follower.head.beliefs(opinions.inputs(first, second))
    beliefs = with_spread(beliefs, opinions.spread(first, second))
    return pairs[int(np.argmax(worth_of(strategy, beliefs, rng)))]


def draws_of(
    responses: Sequence[int], opinions: Opinions, follower: Follower, rng: np.random.Generator
) -> Array:
    """(S, R) rewards over the first response's, by models drawn from what the head believes, each
    with the deviation of one member where there are several."""
    others = [responses[0]] * len(responses)
    draws = follower.head.draw(DRAWS, rng) @ opinions.inputs(list(responses), others).T
    several = [opinions.members.get(pk) or [opinions.rewards[pk]] for pk in responses]
    if len({len(members) for members in several}) == 1:
        members = np.array(several).T / opinions.temperature  # (M, R)
        draws += (members - members.mean(axis=0))[rng.integers(len(members), size=DRAWS)]
    return draws
