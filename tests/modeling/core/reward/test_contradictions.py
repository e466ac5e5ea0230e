"""Which judgments the members doubt, and who may judge."""

from pathlib import Path
from typing import Any

import pytest
import torch

from modeling.core.reward.bootstrap import bootstrap_weight
from modeling.core.reward.contradictions import judges, temperature_of, write_contradictions
from modeling.core.texts.groups import LabeledPair, PromptGroup
from tests.modeling.core.factories import lines


def group(number: int, split: str = "test", target: float = 1.0) -> PromptGroup:
    comparison = LabeledPair(f"c{number}", 0, 1, target, 1.0, 0.0)
    return PromptGroup((("user", f"Question {number}?"),), split, ["a", "b"], [comparison])


def written(
    tmp_path: Path, groups: list[PromptGroup], members: list[torch.Tensor], **how: Any
) -> dict[str, Any]:
    path = tmp_path / "contradictions.jsonl"
    write_contradictions(path, groups, members, **{"seed": 0} | how)
    return {row["id"]: row for row in lines(path)}


def test_the_doubt_is_one_minus_the_mean_probability_of_the_judgment(tmp_path: Path) -> None:
    """Margins -2 and 0: (sigmoid(-2) + sigmoid(0)) / 2 = (0.119203 + 0.5) / 2 = 0.309601, so
    0.690399; the mean margin is -1, its deviation 1."""
    rewards = torch.tensor([[0.0, 1.0], [2.0, 1.0]])  # two responses by two members
    row = written(tmp_path, [group(1)], [rewards])["c1"]
    assert row["probability_label_wrong"] == pytest.approx(0.690399, abs=1e-6)
    assert (row["margin"], row["std"], row["members"], row["against"]) == (-1.0, 1.0, 2, 1)
    assert row["in_sample"] is False


def test_the_winner_of_the_judgment_counts_whichever_side_it_is_on(tmp_path: Path) -> None:
    rewards = torch.tensor([[0.0], [2.0]])
    rows = written(tmp_path, [group(1), group(2, target=0.0)], [rewards, rewards])
    assert list(rows) == ["c1", "c2"], "the most doubtful first"
    assert rows["c2"]["margin"] == 2.0
    assert rows["c1"]["probability_label_wrong"] == pytest.approx(
        1 - rows["c2"]["probability_label_wrong"]
    )


def test_a_tie_is_contradicted_by_no_order(tmp_path: Path) -> None:
    assert written(tmp_path, [group(1, target=0.5)], [torch.tensor([[0.0], [2.0]])]) == {}


def test_train_comparisons_are_judged_by_the_members_that_never_saw_them(tmp_path: Path) -> None:
    seen: dict[int, list[int]] = {1: [], 2: []}
    for number in range(60):
        one = group(number, "train")
        which, fair = judges(one, 3, seed=4)
        unseen = [m for m in (1, 2) if bootstrap_weight(4, m, one.prompt) == 0]
        assert which == (unseen or [0, 1, 2])
        assert fair == bool(unseen)
        for member in unseen:
            seen[member].append(number)
    assert all(len(numbers) > 10 for numbers in seen.values())
    number = seen[1][0]
    rewards = torch.tensor([[9.0, 0.0, 9.0], [0.0, 5.0, 0.0]])
    groups = [group(n, "train") for n in (number, *range(60, 70))]
    row = written(tmp_path, groups, [rewards] * 11, seed=4)[f"c{number}"]
    if number not in seen[2]:
        assert (row["margin"], row["members"], row["in_sample"]) == (-5.0, 1, False)


def test_heads_that_never_saw_a_prompt_may_share_a_trunk_that_did(tmp_path: Path) -> None:
    """Fairer judges than the others, but no strangers to it; on a frozen trunk they are."""
    one = group(3, "train")
    which, fair = judges(one, 8, seed=0, are_heads=True)
    assert which == [m for m in range(8) if bootstrap_weight(0, m, one.prompt) == 0]
    assert fair
    for learned in (True, False):
        groups, rewards = (
            [one, *(group(n, "train") for n in range(4, 14))],
            [torch.randn(2, 8)] * 11,
        )
        row = written(tmp_path, groups, rewards, are_heads=True, trunk_learned=learned)["c3"]
        assert row["members"] == len(which)
        assert row["in_sample"] is learned


def test_a_head_whose_bootstrap_drew_nothing_has_seen_everything(tmp_path: Path) -> None:
    """It was trained on the whole in its place, so it is no fairer a judge than the others."""
    one = group(3, "train")
    assert 0 in [bootstrap_weight(0, head, one.prompt) for head in range(8)]
    row = written(tmp_path, [one], [torch.randn(2, 8)], are_heads=True)["c3"]
    assert (row["members"], row["in_sample"]) == (8, True)


def test_a_single_model_judges_what_it_learned_from_and_says_so(tmp_path: Path) -> None:
    rewards = torch.tensor([[1.0], [0.0]])
    rows = written(tmp_path, [group(1, "train"), group(2, "dev")], [rewards, rewards])
    assert rows["c1"]["in_sample"] is True
    assert rows["c2"]["in_sample"] is False


def test_the_temperature_comes_from_judgments_nobody_learned_from() -> None:
    """80 margins of 4 that hold three times in four, the prior's spread 0.5: with z = 4 / T the
    slope over log T, 80 z (sigmoid(-z) - 1/4) + 4 log T, is zero at T = 3.0019. Thousands of them
    come to sigmoid(4 / T) = 3/4: T = 4 / log 3 = 3.641."""
    groups = [group(n, "dev", 1.0 if n % 4 else 0.0) for n in range(80)]
    members = [torch.tensor([[4.0], [0.0]])] * 80
    assert temperature_of(groups, members) == pytest.approx(3.0019, abs=0.001)
    assert temperature_of(groups * 200, members * 200) == pytest.approx(3.641, abs=0.01)
    assert temperature_of(groups[:20], members[:20]) == 1.0
    assert temperature_of([group(n, "train") for n in range(80)], members) == 1.0
