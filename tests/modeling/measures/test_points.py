"""Whether an order was right is one rule, whoever counts: a row, a split, or a log by tensors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modeling.core.reward.evaluation import longer_wins, points_by_prompt
from modeling.core.reward.objective import sums_for_log
from modeling.core.texts.groups import LabeledPair, PromptGroup
from modeling.measures.points import point_of
from modeling.measures.predictions import Prediction, accuracy_of, longer_point

# Halves are exact in both 32 and 64 bits, so no comparison turns into a tie on the way.
rewards_of_three = st.lists(st.sampled_from([-1.5, -0.5, 0.0, 0.5, 2.0]), min_size=3, max_size=3)
targets = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])
pairs = st.lists(st.tuples(st.permutations(range(3)), targets), min_size=1, max_size=8)
RESPONSES = ["a", "bb", "cc"]


def group_of(pairs: list[tuple[list[int], float]]) -> PromptGroup:
    comparisons = [
        LabeledPair(f"{at}", i, j, target, 1.0, 0.0) for at, ((i, j, _), target) in enumerate(pairs)
    ]
    return PromptGroup((("user", "q"),), "test", [*RESPONSES], comparisons)


def predictions_of(group: PromptGroup, rewards: list[float]) -> list[Prediction]:
    return [
        Prediction(
            id=c.id, split="test", prompt="q", target=c.target,
            reward_chosen=rewards[c.i], reward_rejected=rewards[c.j],
            chosen_length=len(RESPONSES[c.i]), rejected_length=len(RESPONSES[c.j]),
        )
        for c in group.comparisons
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("difference", "target", "point"),
    [
        (0.3, 1.0, 1.0),
        (-0.3, 1.0, 0.0),
        (0.0, 1.0, 0.5),
        (-0.3, 0.2, 1.0),
        (0.3, 0.49, 0.0),
        (0.3, 0.5, None),
        (0.0, 0.5, None),
    ],
)
def test_equal_sides_count_half_and_a_judged_tie_not_at_all(
    difference: float, target: float, point: float | None
) -> None:
    assert point_of(difference, target) == point


@given(rewards_of_three, pairs)
def test_rows_splits_and_the_log_count_the_same_points(
    rewards: list[float], pairs: list[tuple[list[int], float]]
) -> None:
    group = group_of(pairs)
    of_rows = [p for row in predictions_of(group, rewards) if (p := row.point) is not None]
    of_split = [p for prompt in points_by_prompt([group], [rewards]) for p in prompt]
    i, j = (torch.tensor([getattr(c, side) for c in group.comparisons]) for side in "ij")
    target = torch.tensor([c.target for c in group.comparisons])
    sums = sums_for_log(torch.tensor(rewards), i, j, target)
    assert of_rows == of_split
    assert (sums["points"], sums["decided"]) == (sum(of_rows), len(of_rows))


@given(pairs)
def test_the_program_and_the_report_say_the_same_of_the_longer_one(
    pairs: list[tuple[list[int], float]],
) -> None:
    group = group_of(pairs)
    figure = accuracy_of(predictions_of(group, [0.0, 0.0, 0.0]), longer_point)
    by_program = longer_wins([group])
    assert by_program == (None if figure is None else pytest.approx(figure["value"]))
