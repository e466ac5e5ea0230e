"""Prompt groups, batches and micro-batches."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modeling.core.texts.groups import (
    LabeledPair,
    PromptGroup,
    Unit,
    micro_batches,
    plan_epoch,
    read_groups,
)
from modeling.core.texts.packing import packed_tokens
from modeling.core.texts.text import Encoded
from tests.modeling.core.factories import messages, preference, write_lines


def test_comparisons_of_one_prompt_share_their_responses(tmp_path: Path) -> None:
    same = messages("Same?")
    rows = [
        preference(0, prompt=same, chosen="a", rejected="b"),
        preference(1, prompt=same, chosen="c", rejected="a", strength=-2, weight=0.5, target=0.7),
        preference(2),
    ]
    write_lines(tmp_path / "preferences.jsonl", rows)
    groups, warnings = read_groups(tmp_path / "preferences.jsonl", strength_margin=0.5)
    assert groups[0].responses == ["a", "b", "c"]
    assert groups[0].comparisons == [
        LabeledPair("p0", 0, 1, 1.0, 1.0, 0.0),
        LabeledPair("p1", 2, 0, 0.7, 0.5, 1.0),
    ]
    assert len(groups) == 2
    assert warnings == []


def make_groups(sizes: list[int]) -> tuple[list[PromptGroup], list[list[Encoded]]]:
    """Groups with so many comparisons each; response k of group g is g + k + 1 tokens long."""
    groups = [
        PromptGroup(
            (("user", str(g)),),
            "train",
            [str(k) for k in range(size + 1)],
            [LabeledPair(f"{g}-{k}", k, k + 1, 1.0, 1.0, 0.0) for k in range(size)],
        )
        for g, size in enumerate(sizes)
    ]
    encoded = [
        [Encoded([0] * (g + k + 1), 1, False) for k in range(size + 1)]
        for g, size in enumerate(sizes)
    ]
    return groups, encoded


@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=60),
    batch_size=st.integers(1, 8),
    budget=st.integers(1, 200),
    by_length=st.booleans(),
)
def test_an_epoch_holds_every_comparison_once_within_the_limits(
    sizes: list[int], batch_size: int, budget: int, by_length: bool
) -> None:
    groups, encoded = make_groups(sizes)
    plan = plan_epoch(groups, encoded, batch_size=batch_size, seed=3, epoch=1, by_length=by_length)
    everything = sorted(c.id for group in groups for c in group.comparisons)
    assert sorted(c.id for batch in plan for unit in batch for c in unit.comparisons) == everything
    for batch in plan:
        assert 1 <= sum(len(unit.comparisons) for unit in batch) <= batch_size
        for padded, cost in ((True, padded_cost), (False, packed_cost)):
            parts = micro_batches(batch, encoded, budget, padded=padded)
            units = [unit for part in parts for unit in part]
            assert sorted(units, key=repr) == sorted(batch, key=repr)
            assert all(len(part) == 1 or cost(part, encoded) <= budget for part in parts)


def packed_cost(units: list[Unit], encoded: list[list[Encoded]]) -> int:
    return sum(packed_tokens(unit.texts(encoded)) for unit in units)


def padded_cost(units: list[Unit], encoded: list[list[Encoded]]) -> int:
    lengths = [len(encoded[unit.group][r].ids) for unit in units for r in unit.responses()]
    return len(lengths) * max(lengths)


def test_epochs_differ_and_each_can_be_planned_again() -> None:
    groups, encoded = make_groups([1] * 40)
    first, again, second = (
        plan_epoch(groups, encoded, batch_size=4, seed=0, epoch=epoch, by_length=False)
        for epoch in (0, 0, 1)
    )
    assert first == again
    assert first != second


def test_batches_hold_texts_of_similar_length() -> None:
    """64 groups of rising length in batches of 4: sorted within windows of 64, little padding."""
    groups, encoded = make_groups([1] * 64)
    plan = plan_epoch(groups, encoded, batch_size=4, seed=0, epoch=0, by_length=True)
    for batch in plan:
        lengths = [len(encoded[unit.group][0].ids) for unit in batch]
        assert max(lengths) - min(lengths) == 3


def unit(*pairs: tuple[int, int, float]) -> Unit:
    comparisons = (
        LabeledPair(str(at), i, j, target, 1.0, 0.0) for at, (i, j, target) in enumerate(pairs)
    )
    return Unit(0, tuple(comparisons))


def test_a_whole_strict_order_is_a_ranking() -> None:
    assert unit((0, 1, 1.0), (2, 1, 0.0), (0, 2, 1.0)).ranking() == [0, 1, 2]
    assert unit((4, 2, 0.0)).ranking() == [2, 4]


def test_circles_gaps_ties_and_repeats_are_no_ranking() -> None:
    assert unit((0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)).ranking() is None
    assert unit((0, 1, 1.0), (1, 2, 1.0)).ranking() is None
    assert unit((0, 1, 1.0), (1, 2, 0.5), (0, 2, 1.0)).ranking() is None
    assert unit((0, 1, 1.0), (1, 2, 1.0), (1, 2, 1.0)).ranking() is None


def test_pairs_judged_both_ways_are_counted(tmp_path: Path) -> None:
    same = messages("Same?")
    rows = [
        preference(0, prompt=same, chosen="a", rejected="b"),
        preference(1, prompt=same, chosen="b", rejected="a"),
        preference(2, prompt=same, chosen="a", rejected="c"),
        preference(3, prompt=same, chosen="a", rejected="c"),
    ]
    write_lines(tmp_path / "preferences.jsonl", rows)
    _, warnings = read_groups(tmp_path / "preferences.jsonl", strength_margin=0.0)
    assert len(warnings) == 1
    assert warnings[0].startswith("2 comparisons repeat the pair of another one, 1 of them with")


def test_a_ranking_stays_whole_however_many_pairs_it_has() -> None:
    """Four responses have six pairs; in batches of four they would be cut, and be no ranking."""
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    comparisons = [LabeledPair(f"{i}{j}", i, j, 1.0, 1.0, 0.0) for i, j in pairs]
    group = PromptGroup((("user", "Q"),), "train", list("abcd"), comparisons)
    encoded = [[Encoded([0] * 5, 1, False)] * 4]
    common: dict[str, Any] = {"batch_size": 4, "seed": 0, "epoch": 0, "by_length": False}
    cut = plan_epoch([group], encoded, **common)
    whole = plan_epoch([group], encoded, **common, whole_rankings=True)
    assert sorted(len(unit.comparisons) for batch in cut for unit in batch) == [2, 4]
    assert [unit.ranking() for batch in whole for unit in batch] == [[0, 1, 2, 3]]
    tied = PromptGroup(group.prompt, "train", list("abcd"), [*comparisons[:5], comparisons[0]])
    parts = plan_epoch([tied], encoded, **common, whole_rankings=True)
    assert sorted(len(unit.comparisons) for batch in parts for unit in batch) == [2, 4]
