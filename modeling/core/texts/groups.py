"""Preferences as prompt groups: a prompt, its distinct responses, the comparisons among them.

The group is the unit of batching, splitting and bootstrap: however many comparisons a response is
in, a batch encodes its text once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from modeling.core.messages import OPTION_NAMES, Prompt, PromptResponse, Response
from modeling.core.program.files import (
    bad_line,
    read_jsonl,
    require_messages,
    require_response,
    require_unique_id,
)
from modeling.core.texts.packing import first_fit, packed_tokens
from modeling.core.texts.text import Encoded

SPLITS = ("train", "calibration", "dev", "test")
ARMS = ("imported", "random", "active")
FIELDS = {"id", "prompt", "chosen", "rejected", "target", "weight", "strength", "split", "arm"} | {
    "round",
    *OPTION_NAMES,
}
WINDOW = 16  # batches filled, or sorted by length, together: few enough to stay random


@dataclass(frozen=True)
class LabeledPair:
    """Response i against response j of one group. `target` 1 = i was preferred, 0.5 = a tie."""

    id: str
    i: int
    j: int
    target: float
    weight: float
    margin: float


@dataclass(frozen=True)
class PromptGroup:
    """A prompt of one split, its distinct responses, and the comparisons among these."""

    prompt: Prompt
    split: str
    responses: list[Response] = field(default_factory=list)
    comparisons: list[LabeledPair] = field(default_factory=list)

    def texts(self) -> list[PromptResponse]:
        """The prompt with each response, in the order of `responses`."""
        return [(self.prompt, response) for response in self.responses]

    def index_of(self, response: Response) -> int:
        """The response's place, added at the end when it is new."""
        if response not in self.responses:
            self.responses.append(response)
        return self.responses.index(response)


@dataclass(frozen=True)
class Unit:
    """Some comparisons of one group that stay together in a batch."""

    group: int
    comparisons: tuple[LabeledPair, ...]

    def responses(self) -> list[int]:
        """The distinct responses, ascending: each is encoded once."""
        return sorted({side for c in self.comparisons for side in (c.i, c.j)})

    def texts(self, encoded: list[list[Encoded]]) -> list[Encoded]:
        """Of the distinct responses; `encoded` is [group][response]."""
        return [encoded[self.group][response] for response in self.responses()]

    def ranking(self) -> list[int] | None:
        """The responses best first, when the comparisons say so of every two of them."""
        wins = dict.fromkeys(self.responses(), 0)
        pairs = set()
        for c in self.comparisons:
            if c.target not in (0.0, 1.0):
                return None
            wins[c.i if c.target == 1.0 else c.j] += 1
            pairs.add(frozenset((c.i, c.j)))
        count = len(wins)
        whole = len(pairs) == len(self.comparisons) == count * (count - 1) // 2
        # With every pair judged once, the numbers of wins are K-1, ..., 0 just when there is no
        # circle among them.
        if not whole or sorted(wins.values()) != list(range(count)):
            return None
        return sorted(wins, key=lambda response: -wins[response])


def read_groups(path: Path, strength_margin: float) -> tuple[list[PromptGroup], list[str]]:
    """Groups in the order of first appearance, and warnings about rows that teach nothing."""
    groups: dict[tuple[Prompt, str], PromptGroup] = {}
    seen: set[str] = set()
    skipped = 0
    for number, row in read_jsonl(path):
        for key in row.keys() - FIELDS:
            raise bad_line(path, number, f"has the unknown field {key!r}")
        identifier = require_unique_id(row, seen, path, number)
        prompt = require_messages(row, path, number)
        chosen = require_response(row, "chosen", path, number)
        rejected = require_response(row, "rejected", path, number)
        split = _one_of(row, "split", SPLITS, path, number)
        _one_of(row, "arm", ARMS, path, number)
        target = _number(row, "target", path, number, low=0, high=1)
        weight = _number(row, "weight", path, number, low=0, high=1)
        strength = row.get("strength")
        if strength is not None:
            strength = abs(_number(row, "strength", path, number, low=-3, high=3))
        if chosen == rejected or weight == 0:
            skipped += 1
            continue
        # By split too: a prompt that leaked into two splits must not join what it should separate.
        group = groups.setdefault((prompt, split), PromptGroup(prompt, split))
        i, j = group.index_of(chosen), group.index_of(rejected)
        margin = strength_margin * (strength or 0.0)
        group.comparisons.append(LabeledPair(identifier, i, j, target, weight, margin))
    return list(groups.values()), _warnings(list(groups.values()), skipped)


def _warnings(groups: list[PromptGroup], skipped: int) -> list[str]:
    warnings = []
    if skipped:
        warnings.append(
            f"{skipped} comparisons were left out: weight 0, or both responses are the same text."
        )
    leaks = len(groups) - len({group.prompt for group in groups})
    if leaks:
        warnings.append(
            f"{leaks} prompts are in more than one split: the held-out accuracy is too kind."
        )
    return warnings + _contradictions(groups)


def _contradictions(groups: list[PromptGroup]) -> list[str]:
    """Say how many comparisons repeat a pair, and how many pairs were judged both ways."""
    again = both_ways = 0
    for group in groups:
        sides: dict[frozenset[int], set[bool]] = {}
        for c in group.comparisons:
            known = sides.get(frozenset((c.i, c.j)))
            again += known is not None
            known = sides.setdefault(frozenset((c.i, c.j)), set())
            if c.target != 0.5:
                known.add((c.target > 0.5) == (c.i < c.j))
        both_ways += sum(len(known) == 2 for known in sides.values())
    if not again:
        return []
    contradicted = f", {both_ways} of them with opposite answers" if both_ways else ""
    return [
        f"{again} comparisons repeat the pair of another one{contradicted}. All count: opposite "
        "answers pull the two rewards together."
    ]


def _one_of(row: dict[str, Any], key: str, allowed: Sequence[str], path: Path, number: int) -> str:
    value = row.get(key, allowed[0])
    if value not in allowed:
        raise bad_line(path, number, f"has the {key} {value!r}, not one of {', '.join(allowed)}")
    return str(value)


def _number(
    row: dict[str, Any], key: str, path: Path, number: int, *, low: float, high: float
) -> float:
    value = row.get(key, 1.0)
    good = isinstance(value, int | float) and not isinstance(value, bool)
    if not good or not low <= value <= high:  # NaN fails the comparison too
        raise bad_line(path, number, f"has the {key} {value!r}, not a number from {low} to {high}")
    return float(value)


def plan_epoch(
    groups: list[PromptGroup],
    encoded: list[list[Encoded]],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    by_length: bool,
    whole_rankings: bool = False,
) -> list[list[Unit]]:
    """Plan all batches of one epoch, of at most `batch_size` comparisons (or one unit).

    `whole_rankings`: a group that is one ranking stays one unit, however many pairs it has (36 of
    nine responses): cut up, its loss would be another one.

    Shuffled, then filled first-fit, so that groups of several comparisons leave no gaps. Padded
    rows want texts of one length together: with `by_length`, units are sorted by length within
    windows and the batches shuffled. A function of its arguments alone: a resumed run continues
    with the very same batches.
    """
    random = Random(f"{seed}:{epoch}")
    units = [
        unit
        for at, group in enumerate(groups)
        for unit in _units(at, group, batch_size, whole_rankings)
    ]
    random.shuffle(units)
    if not by_length:
        return first_fit(units, lambda unit: len(unit.comparisons), batch_size, WINDOW)
    batches = []
    for window in _fill(units, WINDOW * batch_size):
        window.sort(key=lambda unit: max(len(encoded[unit.group][r].ids) for r in unit.responses()))
        batches.extend(_fill(window, batch_size))
    # Or training would go from short texts to long ones within each window.
    random.shuffle(batches)
    return batches


def _units(at: int, group: PromptGroup, batch_size: int, whole_rankings: bool) -> list[Unit]:
    """Make the group one unit, or several where it has more comparisons than a batch."""
    comparisons = group.comparisons
    if whole_rankings and len(comparisons) > batch_size:
        whole = Unit(at, tuple(comparisons))
        if whole.ranking() is not None:
            return [whole]
    return [
        Unit(at, tuple(comparisons[start : start + batch_size]))
        for start in range(0, len(comparisons), batch_size)
    ]


def _fill(units: list[Unit], size: int) -> list[list[Unit]]:
    """Cut the list into runs of at most `size` comparisons."""
    runs: list[list[Unit]] = [[]]
    room = size
    for unit in units:
        if runs[-1] and len(unit.comparisons) > room:
            runs.append([])
            room = size
        runs[-1].append(unit)
        room -= len(unit.comparisons)
    return runs


def micro_batches(
    batch: list[Unit], encoded: list[list[Encoded]], batch_tokens: int, *, padded: bool
) -> list[list[Unit]]:
    """Cut one batch into parts of at most `batch_tokens` tokens (one unit at least)."""
    if not padded:
        return first_fit(
            batch, lambda unit: packed_tokens(unit.texts(encoded)), batch_tokens, len(batch)
        )
    # A padded pass costs rows times the longest: a long text makes all others of it dearer.
    parts: list[list[Unit]] = [[]]
    rows = longest = 0
    for unit in batch:
        texts = unit.texts(encoded)
        own = max(len(text.ids) for text in texts)
        length = max(longest, own)
        if parts[-1] and length * (rows + len(texts)) > batch_tokens:
            parts.append([])
            rows, length = 0, own
        parts[-1].append(unit)
        rows, longest = rows + len(texts), length
    return parts
