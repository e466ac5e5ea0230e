"""Which of a prompt's responses are compared with each other."""

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
            if len(pairs) == count:
                return pairs
            if left is not None and right is not None:
                pairs.append((left, right))
        shuffled[1:] = [shuffled[-1], *shuffled[1:-1]]
    return pairs


def pick_groups(items: Sequence[T], count: int, size: int, *, seed: str) -> list[tuple[T, ...]]:
    """`count` different groups of `size` items to rank, or as many as there are. They follow
    from the seed alone, and no item is in a second group before every other is in one. Fewer
    items than `size` are one group."""
    if size == 2:
        return [*pick_pairs(items, count, seed=seed)]
    if len(items) <= size:
        return [tuple(items)] if len(items) > 1 and count else []
    draw = random.Random(seed)
    groups: dict[frozenset[T], tuple[T, ...]] = {}
    waiting: list[T] = []
    # Enough rounds that a group drawn twice costs none of the wanted ones.
    for _ in range(10 * count):
        if len(groups) == count:
            break
        group = waiting[:size]
        if len(group) < size:
            fresh = [item for item in items if item not in group]
            draw.shuffle(fresh)
            group, waiting = [*group, *fresh[: size - len(group)]], fresh[size - len(group) :]
        else:
            waiting = waiting[size:]
        groups.setdefault(frozenset(group), tuple(group))
    return list(groups.values())
