"""Which pairs of a prompt's responses are compared."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def pick_pairs(items: Sequence[T], count: int, *, seed: str) -> list[tuple[T, T]]:
    """`count` different pairs, or all there are. They follow from the seed alone, and no item
    has its second pair before every other has had its first (an odd one out excepted)."""
    shuffled: list[T | None] = list(items)
    random.Random(seed).shuffle(shuffled)
    if len(shuffled) % 2:
        shuffled.append(None)
    pairs: list[tuple[T, T]] = []
    # A round-robin tournament by the circle method: the first stays, the others move on by one.
    for _ in range(len(shuffled) - 1):
        for left, right in zip(shuffled, reversed(shuffled[len(shuffled) // 2 :]), strict=False):
            if left is not None and right is not None and len(pairs) < count:
                pairs.append((left, right))
        shuffled[1:] = [shuffled[-1], *shuffled[1:-1]]
    return pairs
